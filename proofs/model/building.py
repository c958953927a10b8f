"""Short names for what scenarios are made of."""

from __future__ import annotations

from proofs.model.scenario import Client, Do, Function, Read, Tag, Task

ONE = (Client(),)
TWO = (Client(), Client())
NEAR = (Client(near=True), Client())


def reads(
    name: str,
    process: int = 0,
    mode: str = "strict",
    times: int = 1,
    function: int = 0,
    token: int = 0,
) -> Task:
    """Return a reader."""
    return Task(name, process, reads=(Read(function, mode, token),) * times)


def does(name: str, *steps: Do, process: int = 0) -> Task:
    """Return a writer."""
    return Task(name, process, does=steps)


def stamps(row: int | None, *tags: int, wait_all: bool = False) -> Do:
    """Return an invalidation after a change of a row."""
    return Do("invalidate", tags, row, wait_all)


T, U, K = Tag("t", 0), Tag("u", 1), Tag("k", 1)
PLAIN = Function("f", 2, 0, (0, 1), (), (0, 1))
SINGLE = (Tag("t", 0), Tag("k", 0))
F_SINGLE = (Function("f", 1, 0, (0,), (), (0,)),)
DYNAMIC = Function("f", 2, 0, (0,), (1,), (0, 1))
