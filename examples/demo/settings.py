"""What the service reads from its environment: it runs in a process of its own (``process.py``)."""

from __future__ import annotations

import os
from pathlib import Path

# The SQLite file of this run: a copy, since the traffic writes to it.
DATABASE = Path(os.environ.get("DEMO_DATABASE", ".demo/cities.sqlite3"))

# The caches of ``caches.py``, in the order of the demo, and the one that the service uses.
CACHES = ("none", "naive", "freshly")
CACHE = os.environ.get("DEMO_CACHE", "freshly")

# Where freshly keeps its entries.
URL = os.environ.get("DEMO_URL", "mem://")
