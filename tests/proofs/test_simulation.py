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
from proofs.simulation.profiles import FAULTS, PROFILES
from proofs.simulation.run import Outcome, run
from proofs.simulation.shrink import shrink
from proofs.simulation.table import command_for, said_of, table

SEEDS = 60
SEEDS_A_PROFILE = 2
#: Each mutant, with the seed of its profile that showed it first. What a seed does changes with the
#: code, so that others are tried after it.
NOTICED = {
    "stamp_after_load": 2,
    "no_nonce": 7,
    "no_stamps_of_what_is_recalled": 4,
    "no_tags_handed_on": 0,
    "no_tags_of_the_entry": 1,
    "no_patterns": 1,
    "no_patterns_since_the_stamp": 7,
    "delete_without_stamp": 1,
    "prune_without_floor": 0,
    "clear_without_nonce": 7,
    "join_without_stamp": 12,
    "join_not_judged_at_the_end": 25,
    "stand_in_without_look": 2,
    "no_fence": 4,
    "fence_of_run_only": 4,
    "fence_of_replid_only": 7,
    "no_proof": 3,
    "no_replay": 48,
    "undelivered_not_obeyed": 0,
    "failures_swallowed": 0,
    "replies_out_of_place": 2,
    "no_lease": 1,
    "lease_from_receipt": 23,
    "no_gap_check": 20,
    "renewed_whatever_was_heard": 0,
    "nonces_are_not_compared": 6,
    "resync_without_doubt": 2,
    "messages_mark_nothing": 0,
    "own_is_not_marked": 1,
    "own_moves_what_was_heard": 39,
    "kept_without_judging": 4,
    "outer_with_own_stamp": 39,
    "strict_without_asking": 0,
}
SEEDS_A_MUTANT = 400
#: What comes in another's place is of another shape most often, and taking it apart fails.
BY_ERRORS = {"replies_out_of_place"}


@pytest.fixture
def tokens() -> Iterator[Tokens]:
    with installed() as tokens:
        yield tokens


def told(outcomes: list[Outcome]) -> str:
    return "\n".join(line for outcome in outcomes for line in said_of(outcome))


def test_no_history_breaks_the_promise_and_they_are_no_trivial_ones() -> None:
    total = play(range(SEEDS), profile="all")

    assert not total.failed, told(total.failed)
    counts = total.counts
    assert counts["hits"] > 0.2 * counts["reads"]
    assert counts["waits"] > SEEDS
    assert counts["invalidations"] > 3 * SEEDS
    assert set(total.faults) == set(FAULTS)


@pytest.mark.parametrize("profile", [name for name in PROFILES if name != "all"])
def test_nor_does_one_that_has_much_of_a_few_things(profile: str) -> None:
    total = play(range(SEEDS_A_PROFILE), profile=profile)

    assert not total.failed, told(total.failed)
    assert total.counts["reads"]
    assert total.counts["invalidations"]


def test_what_once_broke_the_promise_does_so_no_more() -> None:
    text = (Path(__file__).parent / "seeds.txt").read_text()
    seeds = [int(line.split()[0]) for line in text.splitlines() if line[:1].isdigit()]

    assert seeds
    total = play(seeds)
    assert not total.failed, told(total.failed)


@pytest.mark.parametrize("profile", ["all", "near stream"])
def test_a_seed_says_everything(profile: str, tokens: Tokens) -> None:
    first, second = (run(plan_of(seed, profile), tokens) for seed in (7, 7))

    assert first == second
    assert first.digest != run(plan_of(8, profile), tokens).digest


def test_every_mutant_is_known_to_be_noticed() -> None:
    assert set(NOTICED) == set(MUTANTS) - {""}


@pytest.mark.parametrize(("name", "first"), NOTICED.items(), ids=list(NOTICED))
def test_a_missing_guard_is_noticed(name: str, first: int) -> None:
    mutant = MUTANTS[name]

    total = play(range(first, first + SEEDS_A_MUTANT), name, profile=mutant.profile, stops=True)

    (failed,) = total.failed
    assert failed.violations or name in BY_ERRORS, failed.errors


def test_a_failing_history_is_made_smaller_and_says_how_to_see_it_again() -> None:
    (failed,) = play(range(30), "stamp_after_load", profile="all", stops=True).failed
    plan = plan_of(failed.seed, failed.profile)

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
