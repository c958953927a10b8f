"""What is counted of one function, and what is set aside for a while."""

from __future__ import annotations

from freshly import Cache
from freshly.core.counts import Counts, FunctionStats


def test_all_begins_at_nothing() -> None:
    assert Counts("f").tally(0) == FunctionStats()
    assert Counts("f").tally(5) == FunctionStats(hits=5)


def test_what_is_set_aside_can_be_put_back() -> None:
    counts = Counts("f")
    counts.loads, counts.misses, counts.overtaken = 3, 2, 1

    aside = counts.set_aside()
    assert (counts.loads, counts.misses, counts.overtaken) == (0, 0, 0)

    counts.loads += 7
    counts.put_back(aside)
    assert (counts.name, counts.loads, counts.misses, counts.overtaken) == ("f", 3, 2, 1)


def test_a_load_counts_as_overtaken_if_it_was_and_else_not() -> None:
    cache = Cache()
    overtakes = [True]

    @cache("1h", tags=["t"])
    def get() -> int:
        if overtakes.pop():
            cache.blocking.delete_tags("t")
        return 1

    assert (get(), cache.stats().overtaken) == (1, 1)
    overtakes.append(False)
    assert (get(), cache.stats().overtaken) == (1, 1)
    assert (get(), cache.stats().hits) == (1, 1)
