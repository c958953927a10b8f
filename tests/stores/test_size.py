"""How much memory an entry takes beside its key and value, all tables included.

An allocator rounds up and a table has room to spare, so the process as a whole is what
``make bench`` measures, with a million entries. Here Python counts what it asked for, with as many
entries as fill tables to the same part.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc

from freshly import Cache
from freshly.core.entry import Entry

# As full as with a million entries, in a table of 2**21 places.
ENTRIES = 7_812


def test_an_entry_has_no_slot_for_what_only_few_entries_need() -> None:
    """Each slot is eight bytes in every entry. Put it into a subclass, or into ``_life``."""
    assert len(Entry.__slots__) <= 10


def test_what_stands_beside_a_key_and_a_value_is_small() -> None:
    cache = Cache()

    @cache("1h", key="k{number}", tags=["all", "group", "kind"])
    def get(number: int) -> int:
        return 0

    arguments = list(range(10**6, 10**6 + ENTRIES))
    gc.collect()
    tracemalloc.start()
    try:
        for number in arguments:
            get(number)
        gc.collect()
        used = tracemalloc.get_traced_memory()[0] / ENTRIES
    finally:
        tracemalloc.stop()

    assert cache.stats().entries == ENTRIES
    assert used - sys.getsizeof("k1000000") < 264
