"""How far one primary, and many, carry a cache with near entries.

What an invalidation, a message and a heartbeat cost a server is measured on a real one
(``measuring.py``) and kept in ``measured.json``; ``simulation.py`` has one primary serve the calls of
any number of processes at these costs; ``table.py`` says where that ends. docs/concepts/scale.md
shows it.
"""
