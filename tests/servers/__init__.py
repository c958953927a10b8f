"""Real servers for tests: Valkey and Redis in processes of their own, and what goes wrong with them.

- ``kinds``: which servers there are on this machine
- ``server``: one of them, started, restarted, killed, stopped for a while
- ``cluster``: three primaries and their replicas, failed over, migrated
- ``sentinel``: a primary, two replicas, and three sentinels that watch them
- ``proxy``: a way to it that freezes, cuts, delays and loses answers
- ``tls``: certificates, and TLS before a server built without it
- ``combinations``: server x protocol x parser x colour, in pairs
- ``fixtures``: all of it for pytest; a ``conftest.py`` imports what it needs
- ``waiting``: how a test waits for a process without sleeping
"""
