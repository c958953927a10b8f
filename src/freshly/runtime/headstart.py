"""A task whose first step is taken at once, in the middle of the caller's.

Most of what a task costs is waiting for its turn: two turns of the loop, a waker, a call back. A load
that never has to wait, because all it reads is cached, needs none of them, and a load that does wait
has begun to wait a turn earlier. From its first wait on it is a task like any other.

Python 3.12 can do so itself. On 3.11 the first step is caught on its way to the loop.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any


def begin(
    loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, None], name: str, context: Context
) -> asyncio.Task[None]:
    """Return a task of ``coro`` in ``context``, which has run up to its first wait, or to its end.

    Call it on the loop's thread. If the first step raises what a task lets through, as
    ``KeyboardInterrupt``, so does this.
    """
    if sys.version_info >= (3, 12):
        return asyncio.Task(coro, loop=loop, name=name, context=context, eager_start=True)
    steps: list[Callable[[], object]] = []
    call_soon: Any = loop.call_soon

    def catch(callback: Any, *args: Any, context: Context | None = None) -> Any:
        # The garbage collector may run here what has nothing to do with this task.
        if steps or context is not ours:
            return call_soon(callback, *args, context=context)
        steps.append(callback)
        return None

    ours = context
    mutable: Any = loop
    try:
        # Who watches a loop may have put a function of their own there; theirs is left as it is.
        if "call_soon" in vars(loop):
            return loop.create_task(coro, name=name, context=context)
        mutable.call_soon = catch
    except (AttributeError, TypeError):
        # A loop that is written in C: there it takes a turn.
        return loop.create_task(coro, name=name, context=context)
    try:
        task = asyncio.Task(coro, loop=loop, name=name, context=context)
    finally:
        del mutable.call_soon
    # What ``current_task`` returns, which is written in Python here.
    tasks: Any = asyncio.tasks
    me = tasks._current_tasks.get(loop)
    if me is not None:
        tasks._leave_task(loop, me)
    try:
        for step in steps:
            context.run(step)
    finally:
        if me is not None:
            tasks._enter_task(loop, me)
    return task
