"""What many histories came to, in lines to print."""

from __future__ import annotations

from collections.abc import Iterator

from .campaign import Sum
from .plan import Plan
from .run import Outcome

COMMAND = "python -m proofs.simulation"


def command_for(outcome: Outcome, mutant: str = "") -> str:
    command = f"{COMMAND} --seed {outcome.seed} --profile {outcome.profile}"
    return command + (f" --mutant {mutant}" if mutant else "")


def table(total: Sum) -> Iterator[str]:
    """Yield the table at the end of a campaign."""
    counts = total.counts
    asked = counts["hits"] + counts["misses"]
    rows = {
        "seeds": total.seeds,
        "reads judged": counts["reads"],
        "hits": f"{counts['hits']} ({100 * counts['hits'] / max(1, asked):.0f} %)",
        "joined loads": counts["waits"],
        "loads": counts["loads"],
        "invalidations": counts["invalidations"],
        "errors of loads": counts["load errors"],
        "errors of the store": counts["store errors"],
        "faults": sum(total.faults.values()),
        **{f"  {kind}": number for kind, number in sorted(total.faults.items())},
        "violations": sum(bool(outcome.violations) for outcome in total.failed),
        "other errors": sum(bool(outcome.errors) for outcome in total.failed),
        "seconds": f"{total.seconds:.0f}",
        "seeds a minute": f"{60 * total.seeds / max(total.seconds, 0.001):.0f}",
    }
    for name, value in rows.items():
        yield f"{name:22} {value:>14}"


def said_of(outcome: Outcome, mutant: str = "") -> Iterator[str]:
    """Yield what went wrong in one history, and how to see it again."""
    yield f"seed {outcome.seed}: {command_for(outcome, mutant)}"
    for violation in outcome.violations[:3]:
        late = f"{1000 * (violation.late or 0):.1f} ms"
        yield (
            f"  a read of {violation.subject} got version {violation.got} though {violation.at_least} "
            f"had been invalidated {late} before it began"
        )
    for error in outcome.errors[:3]:
        yield f"  {error}"


def story(plan: Plan) -> Iterator[str]:
    """Yield what a plan says."""
    yield (
        f"{len(plan.colours)} processes ({', '.join(plan.colours)}), server {plan.version}, "
        f"lease {plan.lease:g} s, hold {plan.max_hold:g} s, timeout {plan.timeout:g} s, {plan.speeds}"
    )
    for step in plan.steps:
        subjects = ", ".join(map(str, step.subjects))
        yield (
            f"  process {step.process}, caller {step.caller}: after {1000 * step.after:.1f} ms "
            f"{step.verb} {subjects} by {step.how}"
        )
    for fault in plan.faults:
        yield (
            f"  at {1000 * fault.at:.1f} ms: {fault.kind} (process {fault.process}, "
            f"{1000 * fault.seconds:.1f} ms)"
        )
