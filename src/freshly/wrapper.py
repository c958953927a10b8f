"""Write the function that stands in for a decorated one.

It is a real function of the same colour with the same parameters, made once at decoration. A hit
runs none of our code but its own few lines:

    async def get_user(user_id, page=1):
        if type(user_id) in exact and type(page) in exact:
            entry = rows.get((user_id, page))
            if entry is not None and entry.next_at > now() and (
                entry.seen == clock.gate or holds(entry, now())
            ):
                if flights.loads:
                    note(owner, entry, now())
                entry.uses += 1
                return entry.value
        return await slow((user_id, page))

Line by line: the raw arguments are the key only if they are of types for which equal means the
same (``1 == True == 1.0``, so only exact types pass); ``next_at`` is the next instant at which a
read has to think; ``seen == gate`` says that nothing at all was invalidated since this entry was
last looked at; inside a running load the hit hands its tags on. All else is on the slow way.

The names that the code uses are globals of its own (``Wiring``), so ``setup`` can put another
store behind functions that are decorated already.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Mapping, Sequence
from functools import update_wrapper
from inspect import Parameter, signature
from types import FunctionType, NoneType
from typing import Any
from uuid import UUID

#: Types whose values may be a row of the hit path: of two that are equal, both have one type.
EXACT = frozenset({int, str, bytes, UUID, NoneType})

# Stands before each of our names in the written code, so that no parameter can hide one.
OURS = "_freshly_"

#: The row of a call that the hit path cannot find.
NO_ROW: Any = object()


class Plan:
    """What the hit path of one function may do.

    ``row`` are the parameters whose raw values find the entry, or ``None`` if no values can.
    ``receiver`` is the one among them that stands for an object; its rows are a table of their own.
    """

    def __init__(
        self, *, is_async: bool, row: Sequence[str] | None, receiver: str | None, copies: bool
    ) -> None:
        self.is_async = is_async
        self.row = None if row is None else tuple(name for name in row if name != receiver)
        self.receiver = receiver if row is not None and receiver in row else None
        self.copies = copies

    def row_of(self, arguments: Mapping[str, Any]) -> Any:
        """Return the row of a call, or ``NO_ROW`` if its arguments are not exact."""
        if self.row is None:
            return NO_ROW
        values = tuple([arguments[name] for name in self.row])
        for value in values:
            if type(value) not in EXACT:
                return NO_ROW
        return values[0] if len(values) == 1 else values


def write(
    function: Callable[..., Any], plan: Plan, wiring: dict[str, Any]
) -> tuple[FunctionType, Callable[[tuple[Any, ...]], Any]]:
    """Return the wrapper of ``function``, and how to call ``function`` with what it passes on.

    ``wiring`` holds what the written code uses, by the names of the example above; it becomes the
    code's globals. ``slow`` gets the values of all parameters as one tuple in their order,
    ``*args`` as a tuple in it and ``**kwargs`` as a dict.
    """
    parameters = list(signature(function).parameters.values())
    source = _source(parameters, plan).replace("§", OURS)
    file = f"<freshly wrapper of {function.__module__}.{function.__qualname__}>"
    # So that tracebacks and debuggers show the lines.
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    wiring[f"{OURS}function"] = function
    exec(compile(source, file, "exec"), wiring)
    wrapper: FunctionType = wiring[f"{OURS}wrapper"]
    update_wrapper(wrapper, function)
    _put_in_defaults(wrapper, parameters)
    return wrapper, wiring[f"{OURS}uncached"]


def _put_in_defaults(wrapper: FunctionType, parameters: Sequence[Parameter]) -> None:
    given = [p for p in parameters if p.default is not Parameter.empty]
    by_name = [p for p in given if p.kind is Parameter.KEYWORD_ONLY]
    wrapper.__defaults__ = tuple(p.default for p in given if p not in by_name) or None
    wrapper.__kwdefaults__ = {p.name: p.default for p in by_name}


def _source(parameters: Sequence[Parameter], plan: Plan) -> str:
    colour, wait = ("async ", "await ") if plan.is_async else ("", "")
    values = "".join(f"{parameter.name}, " for parameter in parameters)
    lines = [
        f"{colour}def §wrapper({_declaration(parameters)}):",
        *_hit(plan),
        f"    return {wait}§slow(({values}))",
        "",
        "def §uncached(§values):",
        *([f"    ({values}) = §values"] if parameters else []),
        f"    return §function({_forwarding(parameters)})",
        "",
    ]
    return "\n".join(lines)


def _hit(plan: Plan) -> list[str]:
    if plan.row is None:
        return []
    names = plan.row
    row = names[0] if len(names) == 1 else f"({''.join(f'{name}, ' for name in names)})"
    guards = [f"§type({name}) in §exact" for name in names]
    lines: list[str] = []
    if plan.receiver is not None:
        lines.append(f"    §rows = §instances.get(§id({plan.receiver}))")
        guards.insert(0, "§rows is not None")
    value = "§copy(§entry.value)" if plan.copies else "§entry.value"
    return [
        *lines,
        f"    if {' and '.join(guards) or 'True'}:",
        f"        §entry = §rows.get({row})",
        "        if §entry is not None and §entry.next_at > §now() and (",
        "            §entry.seen == §clock.gate or §holds(§entry, §now())",
        "        ):",
        "            if §flights.loads:",
        "                §note(§owner, §entry, §now())",
        "            §entry.uses += 1",
        f"            return {value}",
    ]


def _declaration(parameters: Sequence[Parameter]) -> str:
    """Return the parameters as they stand in a ``def``; defaults are put in afterwards."""
    kinds = [parameter.kind for parameter in parameters]
    words: list[str] = []
    for place, parameter in enumerate(parameters):
        word = _stars(parameter) + parameter.name
        if parameter.default is not Parameter.empty:
            word += "=None"
        is_first_keyword = parameter.kind is Parameter.KEYWORD_ONLY and (
            Parameter.KEYWORD_ONLY not in kinds[:place] and Parameter.VAR_POSITIONAL not in kinds
        )
        words.extend(["*", word] if is_first_keyword else [word])
        if kinds[place : place + 1] == [Parameter.POSITIONAL_ONLY] and (
            kinds[place + 1 : place + 2] != [Parameter.POSITIONAL_ONLY]
        ):
            words.append("/")
    return ", ".join(words)


def _forwarding(parameters: Sequence[Parameter]) -> str:
    """Return the parameters as they are passed on in a call."""
    return ", ".join(
        f"{parameter.name}={parameter.name}"
        if parameter.kind is Parameter.KEYWORD_ONLY
        else _stars(parameter) + parameter.name
        for parameter in parameters
    )


def _stars(parameter: Parameter) -> str:
    if parameter.kind is Parameter.VAR_POSITIONAL:
        return "*"
    return "**" if parameter.kind is Parameter.VAR_KEYWORD else ""
