"""The demo: a service over 234,908 cities, with every read checked for staleness.

``make demo`` drives it three times under the same traffic: without a cache, with a dict of values
as many people write it (``naive.py``), and with freshly. Read ``loaders.py`` and ``service.py``
first: they are the service.
"""
