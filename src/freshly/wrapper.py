"""Write the function that stands in for a decorated one.

It is a real function of the same colour with the same parameters, made once at decoration. A hit
runs none of our code but its own few lines:

    async def get_user(user_id: int, page=1):
        if (type(user_id) is int or type(user_id) in exact) and type(page) in exact:
            try:
                entry = rows[user_id, page]
            except KeyError:
                pass
            else:
                if entry.next_at > (at := now()):
                    if entry.seen != clock.gate:
                        if (
                            (gate := clock.gate) is not None
                            and clock.are_unmarked(entry.tags)
                            and entry.seen >= clock.floor
                        ):
                            entry.seen = gate
                        elif not holds(entry, at):
                            return await slow((user_id, page))
                    if flights.loads:
                        note(owner, entry, at)
                    entry.uses += 1
                    return entry.value
        return await slow((user_id, page))

Line by line: the raw arguments are the key only if they are of types for which equal means the
same (``1 == True == 1.0``, so only exact types pass); ``next_at`` is the next instant at which a
read has to think; ``seen == gate`` says that nothing at all was invalidated since this entry was
last looked at. If something was, but nothing that has one of its tags, the entry has seen that now.
What else there is to ask ``LogicalClock.holds`` asks; the order of the questions is told there.
Inside a running load the hit hands its tags on. All else is on the slow way.

An argument that is annotated with a flat class (``core/flat.py``) is its fields. ``source_of``
shows what was written.

The names that the code uses are globals of its own (``Wiring``), so ``setup`` can put another
store behind functions that are decorated already.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, update_wrapper
from inspect import Parameter, signature
from types import CodeType, FunctionType, NoneType
from typing import Any

from .core.flat import Flat

#: Types whose values may be a row of the hit path: of two that are equal, both have one type.
#: ``UUID`` joins them with the first that comes: its module takes long to import.
EXACT: set[type] = {int, str, bytes, NoneType}

#: What the written code uses of Python, also where a function has a parameter of that name.
BUILTINS = {"type": type, "id": id, "len": len, "KeyError": KeyError, "AttributeError": AttributeError}

#: Annotations by which the guard of an argument begins.
PROMISES = {"int": int, "str": str}

# Stands before each of our names in the written code, so that no parameter can hide one.
OURS = "_freshly_"

#: The row of a call that the hit path cannot find.
NO_ROW: Any = object()


class Plan:
    """What the hit path of one function may do.

    ``row`` are the parameters whose raw values find the entry, or ``None`` if no values can.
    ``receiver`` is the one among them that stands for an object; its rows are a table of their own.
    ``flat`` are those that stand for objects which are their fields. What ``annotations`` promise is
    asked for first. ``slides`` says that a hit has to write down when it was.
    """

    def __init__(
        self,
        *,
        is_async: bool,
        row: Sequence[str] | None,
        receiver: str | None,
        copies: bool,
        annotations: Mapping[str, Any],
        flat: Mapping[str, Flat],
        slides: bool,
    ) -> None:
        self.is_async = is_async
        self.annotations = annotations
        self.flat = flat
        self.row = None if row is None else tuple(name for name in row if name != receiver)
        self.receiver = receiver if row is not None and receiver in row else None
        self.copies = copies
        self.slides = slides
        self.is_one_value = self.row is not None and len(self.row) == 1 and self.row[0] not in self.flat

    def row_of(self, arguments: Mapping[str, Any]) -> Any:
        """Return the row of a call, or ``NO_ROW`` if its arguments are not exact."""
        if self.row is None:
            return NO_ROW
        if self.is_one_value:
            value = arguments[self.row[0]]
            return value if type(value) in EXACT or _is_uuid(type(value)) else NO_ROW
        values: list[Any] = []
        for name in self.row:
            flat = self.flat.get(name)
            values += (arguments[name],) if flat is None else _fields(arguments[name], flat)
        for value in values:
            if type(value) not in EXACT and not _is_uuid(type(value)):
                return NO_ROW
        return tuple(values)

    def row_reader(self, names: Sequence[str]) -> Callable[[tuple[Any, ...]], Any]:
        """Return what does ``row_of`` for the values of ``names``, where none of them is flat."""
        places = [names.index(name) for name in self.row or ()]
        exact = EXACT
        if len(places) == 1:
            (place,) = places

            def row(values: tuple[Any, ...]) -> Any:
                value = values[place]
                return value if type(value) in exact else NO_ROW

            return row

        def rows(values: tuple[Any, ...]) -> Any:
            found = tuple([values[place] for place in places])
            return found if exact.issuperset(map(type, found)) else NO_ROW

        return rows


def _is_uuid(cls: type) -> bool:
    if cls is not getattr(sys.modules.get("uuid"), "UUID", None):
        return False
    EXACT.add(cls)
    return True


def _fields(value: Any, flat: Flat) -> tuple[Any, ...]:
    if type(value) is not flat.cls or (flat.has_dict and len(vars(value)) != len(flat.fields)):
        return (NO_ROW,)
    return tuple([getattr(value, name, NO_ROW) for name in flat.fields])


def source_of(wrapper: Callable[..., Any]) -> str:
    """Return the text of a written function, to read."""
    lines = linecache.getlines(wrapper.__code__.co_filename)
    return "".join(lines).replace(OURS, "")


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
    exec(_compiled(source, file), wiring)
    wrapper: FunctionType = wiring[f"{OURS}wrapper"]
    # The interpreter notes in the code where it found what: each function has its own.
    wrapper.__code__ = wrapper.__code__.replace()
    update_wrapper(wrapper, function)
    _put_in_defaults(wrapper, parameters)
    return wrapper, wiring[f"{OURS}uncached"]


@lru_cache(maxsize=256)
def _compiled(source: str, file: str) -> CodeType:
    # A function that is decorated again and again, for each cache or in each call, is written once.
    return compile(source, file, "exec")


def _put_in_defaults(wrapper: FunctionType, parameters: Sequence[Parameter]) -> None:
    given = [p for p in parameters if p.default is not Parameter.empty]
    by_name = [p for p in given if p.kind is Parameter.KEYWORD_ONLY]
    wrapper.__defaults__ = tuple(p.default for p in given if p not in by_name) or None
    wrapper.__kwdefaults__ = {p.name: p.default for p in by_name}


def _source(parameters: Sequence[Parameter], plan: Plan) -> str:
    colour, wait = ("async ", "await ") if plan.is_async else ("", "")
    values = "".join(f"{parameter.name}, " for parameter in parameters)
    slow = f"return {wait}§slow(({values}))"
    lines = [
        f"{colour}def §wrapper({_declaration(parameters)}):",
        *_hit(plan, slow),
        f"    {slow}",
        "",
        "def §uncached(§values):",
        *([f"    ({values}) = §values"] if parameters else []),
        f"    return §function({_forwarding(parameters)})",
        "",
    ]
    return "\n".join(lines)


def _hit(plan: Plan, slow: str) -> list[str]:
    if plan.row is None:
        return []
    words = [word for name in plan.row for word in _words(name, plan)]
    row = words[0] if plan.is_one_value else f"({''.join(f'{word}, ' for word in words)})"
    guards = [guard for name in plan.row for guard in _guards(name, plan)]
    rows = "§rows" if plan.receiver is None else f"§instances[§id({plan.receiver})]"
    value = "§copy(§entry.value)" if plan.copies else "§entry.value"
    condition = " and ".join(guards) or "True"
    lines: list[str] = []
    if not all(flat.has_dict for flat in plan.flat.values()):
        # A slot may be empty: then the slow way says what that means.
        lines = [
            "    try:",
            f"        §is_exact = {condition}",
            "    except §AttributeError:",
            "        §is_exact = False",
        ]
        condition = "§is_exact"
    return [
        *lines,
        f"    if {condition}:",
        "        try:",
        f"            §entry = {rows}[{row}]",
        "        except §KeyError:",
        "            pass",
        "        else:",
        "            if §entry.next_at > (§at := §now()):",
        "                if §entry.seen != §clock.gate:",
        "                    if (",
        "                        (§gate := §clock.gate) is not None",
        "                        and §clock.are_unmarked(§entry.tags)",
        "                        and §entry.seen >= §clock.floor",
        "                    ):",
        "                        §entry.seen = §gate",
        "                    elif not §holds(§entry, §at):",
        f"                        {slow}",
        "                if §flights.loads:",
        "                    §note(§owner, §entry, §at)",
        "                §entry.uses += 1",
        *(["                §entry.read_at = §at"] if plan.slides else []),
        f"                return {value}",
    ]


def _words(name: str, plan: Plan) -> list[str]:
    """Return what stands in the row for one parameter."""
    flat = plan.flat.get(name)
    return [name] if flat is None else [f"§{name}_{field}" for field in flat.fields]


def _guards(name: str, plan: Plan) -> list[str]:
    flat = plan.flat.get(name)
    if flat is None:
        return [_is_exact(name, plan.annotations.get(name))]
    is_all = [f"§len({name}.__dict__) == {len(flat.fields)}"] if flat.has_dict else []
    fields = [f"§type(§{name}_{field} := {name}.{field}) in §exact" for field in flat.fields]
    return [f"§type({name}) is §class_{name}", *is_all, *fields]


def _is_exact(name: str, annotation: Any) -> str:
    """Ask first for the type that the annotation promises: one comparison rather than a look-up."""
    promised = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    among = f"§type({name}) in §exact"
    return f"(§type({name}) is §{promised} or {among})" if promised in PROMISES else among


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
