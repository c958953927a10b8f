"""The simulation: the promise holds in each history, a seed says all of it, and mutants are noticed.

Many more seeds: ``python -m proofs.simulation``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from proofs.simulation.campaign import play, play_plans
from proofs.simulation.installed import Tokens, installed
from proofs.simulation.mutants import MUTANTS
from proofs.simulation.plan import Plan, plan_of
from proofs.simulation.profiles import FAULTS
from proofs.simulation.run import Outcome, run
from proofs.simulation.shrink import shrink
from proofs.simulation.table import command_for, said_of, table

SEEDS = 100
#: Some mutants, each with a seed from which it is noticed soon. All of them: ``--mutants``.
NOTICED = {"stamp_after_load": 0, "no_nonce": 0, "join_without_stamp": 45}
SEEDS_A_MUTANT = 30


@pytest.fixture
def tokens() -> Iterator[Tokens]:
    with installed() as tokens:
        yield tokens


def told(outcomes: list[Outcome]) -> str:
    return "\n".join(line for outcome in outcomes for line in said_of(outcome))


def test_no_history_breaks_the_promise_and_they_are_no_trivial_ones() -> None:
    total = play(range(SEEDS))

    assert not total.failed, told(total.failed)
    counts = total.counts
    assert counts["hits"] > 0.2 * counts["reads"]
    assert counts["waits"] > SEEDS
    assert counts["invalidations"] > 3 * SEEDS
    assert set(total.faults) == set(FAULTS)


def test_what_once_broke_the_promise_does_so_no_more() -> None:
    text = (Path(__file__).parent / "seeds.txt").read_text()
    seeds = [int(line.split()[0]) for line in text.splitlines() if line[:1].isdigit()]

    assert seeds
    total = play(seeds)
    assert not total.failed, told(total.failed)


def test_a_seed_says_everything(tokens: Tokens) -> None:
    first, second = (run(plan_of(seed), tokens) for seed in (7, 7))

    assert first == second
    assert first.digest != run(plan_of(8), tokens).digest


@pytest.mark.parametrize(("name", "first"), NOTICED.items(), ids=list(NOTICED))
def test_a_missing_guard_is_noticed(name: str, first: int) -> None:
    total = play(range(first, first + SEEDS_A_MUTANT), name, stops=True)

    assert [bool(outcome.violations) for outcome in total.failed] == [True], MUTANTS[name].says


def test_a_failing_history_is_made_smaller_and_says_how_to_see_it_again() -> None:
    (failed,) = play(range(SEEDS_A_MUTANT), "stamp_after_load", stops=True).failed
    plan = plan_of(failed.seed)

    def fails(plan: Plan) -> bool:
        return bool(play_plans([plan], "stamp_after_load")[0].violations)

    smaller = shrink(plan, fails, most=60)

    assert fails(smaller)
    assert len(smaller.steps) < len(plan.steps) / 2
    assert command_for(failed, "stamp_after_load") in "\n".join(said_of(failed, "stamp_after_load"))


def test_the_table_counts_what_was_played() -> None:
    lines = list(table(play(range(3))))

    assert lines[0].split() == ["seeds", "3"]
    assert any(line.split() == ["violations", "0"] for line in lines)


def test_the_code_is_as_it_was_when_the_simulation_is_over() -> None:
    import threading

    import freshly.stores.delivery as delivery
    from freshly.stores.redis.store import RedisStore

    before = RedisStore.land_many

    play(range(1), "stamp_after_load")

    assert RedisStore.land_many is before
    assert delivery.Thread is threading.Thread
