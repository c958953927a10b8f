"""The key of a call: the name of its entry.

``key="user:{user_id}"`` is the key, as an f-string would render it. Without a template the key
names the function and each argument: ``app.get_user(user_id=7,page=1)``; text.py tells what stands
for a value. Arguments come by name with defaults applied, so every spelling of a call has one key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from inspect import Parameter
from typing import Any, NamedTuple, TypeVar

from ..errors import ConfigurationError, KeyTextError, did_you_mean
from .atoms import ATOMS
from .leftout import is_left_out, left_out_parameters
from .parameters import parameters
from .receiver import StandIn, has_own_text, lasting_text, receiver_text
from .template import Template
from .text import stable_text

__all__ = ["Key", "KeyMaker"]

T = TypeVar("T")

# Longer keys cost memory in every store and hide what they name in every list.
_MAX_CHARACTERS = 200
_DIGEST_BYTES = 16

# How the repr() of an object goes on that has no other.
_ADDRESS = " at 0x"


class Key(NamedTuple):
    """The name of an entry."""

    text: str
    is_local: bool
    """Whether it names an object of this process, so that it must not go to a shared store."""


class KeyMaker:
    """Makes the keys of one function.

    Args:
        function: The function as it was written.
        template: What ``key=`` said; the rendered text is the key.
        exclude: Parameters that do not count, beside those with ``NoKey`` and those whose
            annotation is a session, a request or the like.
        vary: Context variables whose values count as if they were arguments.
        receiver: The first parameter of a method, see receiver.py.
        number: Which of several functions of one name this is, see definition.py.

    Raises:
        ConfigurationError: for names that the function does not have, and for options that do not
            go together.
    """

    names: tuple[str, ...]
    """The parameters of the function, in order."""
    keyed: tuple[str, ...]
    """Those of them that are in the key."""
    template_names: frozenset[str]
    """Those that the template names; none without a template."""
    has_variadic: bool
    """Whether the function takes ``*args`` or ``**kwargs``."""
    varies: bool
    """Whether context variables count."""
    is_numbered: bool
    """Whether another function of the process has its name: its keys mean something in here only."""

    def __init__(
        self,
        function: Callable[..., object],
        *,
        template: str | None = None,
        exclude: Iterable[str] = (),
        vary: Iterable[ContextVar[Any]] = (),
        receiver: str | None = None,
        number: int = 1,
    ) -> None:
        found = parameters(function)
        self._name = _name(function) if number == 1 else f"{_name(function)}#{number}"
        self.is_numbered = number > 1
        self._receiver = receiver
        self.names = tuple(found)
        self.has_variadic = any(map(_stars, found.values()))
        self._template = None
        self.template_names = frozenset()
        excluded = self._excluded(exclude)
        if template is None:
            counting = set(self.names) - excluded - left_out_parameters(function)
        else:
            if excluded:
                raise _not_together(excluded, template)
            self._template = Template(template, option="key", names=self.names)
            counting = set(self._template.names)
            self.template_names = self._template.names
        self.keyed = tuple(name for name in self.names if name in counting)
        self._has_receiver = receiver in self.keyed
        self._labels = tuple(
            (name, f"{_stars(found[name])}{name}=") for name in self.keyed if name != receiver
        )
        self._vary = tuple((variable, f"~{variable.name}=") for variable in _variables(vary))
        self.varies = bool(self._vary)

    @property
    def vary(self) -> tuple[ContextVar[Any], ...]:
        """The context variables that count."""
        return tuple(variable for variable, _ in self._vary)

    def make(self, arguments: Mapping[str, Any]) -> Key:
        """Return the key of a call with ``arguments``: all parameters by name, defaults applied.

        Raises:
            KeyTextError: if an argument has no stable text. An error of an argument's own method
                (``__format__``, ``__cache_key__``) passes through.
        """
        return Key(*self.text_of(arguments))

    def text_of(self, arguments: Mapping[str, Any]) -> tuple[str, bool]:
        """Return what ``make`` does, for who takes it apart at once."""
        if self._template is not None:
            text, is_local = self._of_template(self._template, arguments)
            return text + self._of_context() if self._vary else text, is_local
        text, is_local = self._of_arguments(arguments)
        is_local = is_local or self.is_numbered
        if self._vary:
            text += self._of_context()
        return text if len(text) <= _MAX_CHARACTERS else _shortened(text), is_local

    def receiver_is_token(self, receiver: object) -> bool:
        """Return whether ``receiver`` enters the key by its token, known to this process only."""
        if not self._has_receiver or (self._template is not None and not self._is_bare(receiver)):
            return False
        return lasting_text(receiver) is None

    def _of_arguments(self, arguments: Mapping[str, Any]) -> tuple[str, bool]:
        parts: list[str] = []
        is_local = False
        if self._has_receiver and self._receiver is not None:
            text, is_local = receiver_text(arguments[self._receiver])
            parts.append(f"{self._receiver}={text}")
        for name, label in self._labels:
            value = arguments[name]
            atom = ATOMS.get(type(value))
            if atom is not None:
                parts.append(label + atom(value))
            elif not is_left_out(type(value)):
                counting = _counting(value) if label.startswith("*") else value
                parts.append(label + self._text(counting, f"its parameter {name!r}"))
        return f"{self._name}({','.join(parts)})", is_local

    def _of_template(self, template: Template, arguments: Mapping[str, Any]) -> tuple[str, bool]:
        is_local = False
        if self._has_receiver and self._receiver is not None:
            receiver = arguments[self._receiver]
            if self._is_bare(receiver):
                text, is_local = receiver_text(receiver)
                arguments = {**arguments, self._receiver: StandIn(receiver, text)}
        text = template.render(arguments)
        if _ADDRESS in text and any(_is_address(*part) for part in template.parts(arguments)):
            raise KeyTextError(
                f"{self._name}: key={template.text!r} gave {text!r}, which holds the address of an "
                f"object, and another object may get that address: name an attribute that tells "
                f"them apart, as in {{name.id}}"
            )
        return text, is_local

    def _is_bare(self, receiver: object) -> bool:
        """Return whether the template names a whole receiver that has no text but its address."""
        fields = self._template.fields if self._template is not None else ()
        is_named = any(field.name == self._receiver and not field.steps for field in fields)
        return is_named and not has_own_text(receiver)

    def _of_context(self) -> str:
        return "".join([label + self._value_of(variable) for variable, label in self._vary])

    def _value_of(self, variable: ContextVar[Any]) -> str:
        try:
            value = variable.get()
        except LookupError:
            return "unset"  # the text of no value: these are quoted, numbers, or have dots
        return self._text(value, f"the context variable {variable.name!r}")

    def _text(self, value: object, role: str) -> str:
        try:
            return stable_text(value)
        except KeyTextError as error:
            raise KeyTextError(f"{self._name} cannot be keyed by {role}: {error}") from None

    def _excluded(self, exclude: Iterable[str]) -> frozenset[str]:
        if isinstance(exclude, str):
            raise ConfigurationError(f"exclude={exclude!r} is one text: write ({exclude!r},)")
        for name in (excluded := _listed(exclude, "exclude", "names of parameters: ('page',)")):
            if name not in self.names:
                raise ConfigurationError(
                    f"exclude names {name!r}, which is no parameter of {self._name}"
                    f"{did_you_mean(str(name), self.names)}; it has "
                    f"{', '.join(map(repr, self.names)) or 'none'}"
                )
        return frozenset(excluded)


def _name(function: Callable[..., object]) -> str:
    named: Any = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


def _is_address(value: object, shown: str) -> bool:
    """Return whether the address in ``shown`` is an object's, not a word of a user."""
    if _ADDRESS not in shown or isinstance(value, str):
        return False
    try:
        stable_text(value)
    except KeyTextError:
        return True
    return False


def _stars(parameter: Parameter) -> str:
    match parameter.kind:
        case Parameter.VAR_POSITIONAL:
            return "*"
        case Parameter.VAR_KEYWORD:
            return "**"
        case _:
            return ""


def _counting(values: Any) -> Any:
    """Return what counts of ``*args`` or ``**kwargs``."""
    if isinstance(values, Mapping):
        return {name: value for name, value in values.items() if not is_left_out(type(value))}
    return tuple(value for value in values if not is_left_out(type(value)))


def _variables(vary: Iterable[ContextVar[Any]]) -> tuple[ContextVar[Any], ...]:
    given: object = vary
    if isinstance(given, ContextVar):
        raise ConfigurationError(f"vary={given.name} is one context variable: write vary=[...]")
    variables = _listed(vary, "vary", "context variables: [tenant]")
    for variable in variables:
        if not isinstance(variable, ContextVar):
            raise ConfigurationError(
                f"vary has {variable!r} in it: it takes context variables (ContextVar), whose "
                f"values are read at each call"
            )
    return variables


def _listed(given: Iterable[T], option: str, wanted: str) -> tuple[T, ...]:
    try:
        return tuple(given)
    except TypeError:
        raise ConfigurationError(f"{option}={given!r} is no list: it takes {wanted}") from None


def _not_together(excluded: Iterable[str], template: str) -> ConfigurationError:
    return ConfigurationError(
        f"exclude={tuple(excluded)!r} does not go together with key={template!r}: the template "
        f"already says what counts; leave one of them out"
    )


def _shortened(text: str) -> str:
    """Return the head of ``text``, to be read, and a digest of all of it, to be told apart."""
    from hashlib import blake2b  # late: few programs have keys so long

    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).hexdigest()
    return f"{text[: _MAX_CHARACTERS - len(digest) - 1]}~{digest}"
