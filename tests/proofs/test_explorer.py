"""The explorer, on machines small enough to count by hand."""

from collections.abc import Hashable, Iterator

from proofs.model.explorer import explore, numbered

Pair = tuple[int, int]


class Counters:
    """Two counters that each count to two; ``forbidden`` is what must not be reached."""

    def __init__(self, forbidden: tuple[Pair, ...] = (), symmetric: bool = False) -> None:
        self.forbidden = forbidden
        self.symmetric = symmetric

    def start(self) -> Pair:
        return (0, 0)

    def steps(self, state: Pair) -> Iterator[tuple[str, str, Pair, str]]:
        left, right = state
        if left < 2:
            yield "left", f"counts to {left + 1}", (left + 1, right), "left moved"
        if right < 2:
            yield "right", f"counts to {right + 1}", (left, right + 1), ""

    def broken(self, state: Pair) -> str:
        return "FORBIDDEN" if state in self.forbidden else ""

    def canonical(self, state: Pair) -> Hashable:
        return tuple(sorted(state)) if self.symmetric else state


def test_every_state_is_visited_once() -> None:
    found = explore(Counters())

    assert (found.states, found.steps, found.depth) == (9, 12, 4)
    assert found.complete
    assert not found.broken
    assert found.events == {"left moved"}


def test_a_violation_comes_with_a_shortest_path() -> None:
    found = explore(Counters(forbidden=((1, 2), (2, 0))))

    assert found.broken == "FORBIDDEN"
    assert [(line.who, line.text) for line in found.path] == [
        ("left", "counts to 1"),
        ("left", "counts to 2"),
    ]


def test_symmetry_visits_fewer_states() -> None:
    found = explore(Counters(symmetric=True))

    assert found.states == 6


def test_symmetry_loses_no_violation() -> None:
    for forbidden in (((2, 1), (1, 2)), ((2, 2),), ((0, 1), (1, 0))):
        plain, folded = explore(Counters(forbidden)), explore(Counters(forbidden, symmetric=True))

        assert folded.broken == plain.broken
        assert len(folded.path) == len(plain.path)


def test_a_limit_ends_the_search_and_says_so() -> None:
    assert not explore(Counters(), limit=3).complete


def test_a_path_is_told_in_numbered_lines() -> None:
    found = explore(Counters(forbidden=((0, 1),)))

    assert numbered(found.path) == "  1. right: counts to 1"
