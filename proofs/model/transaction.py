"""A transaction around a change: prepare, the database's commit, finalize or roll back."""

from __future__ import annotations

from collections.abc import Iterator

from proofs.model.frames import Step
from proofs.model.properties import promised
from proofs.model.scenario import Do, Model, Task
from proofs.model.server import hold, release
from proofs.model.world import World, Writer, put

__all__ = ["commit", "ended", "hold", "release"]


def commit(m: Model, w: World, i: int, do: Do, task: Task) -> Iterator[Step]:
    """Commit in the database, inside the transaction's time-out, which is no longer than the hold.

    The writer may die at any point: in the model it is then never run again. From the end of its
    hold its change must be seen all the same.
    """
    writer = w.actors[i]
    assert isinstance(writer, Writer)
    assert do.row is not None
    if w.now >= writer.since + m.sc.hold and m.g.commit_within_hold:
        return
    version = w.rows[do.row] + 1
    due = tuple(sorted({*w.due, (max(writer.deadline, w.now), do.row, version, True)}))
    w = w._replace(rows=put(w.rows, do.row, version), due=due)
    w = w._replace(actors=put(w.actors, i, writer._replace(turn=writer.turn + 1)))
    yield task.name, f"COMMIT: row {do.row} is v{version}", w, "committed"


def ended(m: Model, w: World, i: int, row: int | None) -> World:
    """Note that finalize has returned."""
    return promised(m, w, m.sc.tasks[i].process, row)
