"""Which parameter of a function takes the ids, and what one of them is called.

``def get_users(user_ids: list[int])`` takes many; for keys, tags and all that is asked about one entry
it is a function of one ``user_id``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter, Signature
from typing import Any

from .core.parameters import annotation_head, parameters
from .errors import ConfigurationError, did_you_mean

# How a loader is given its ids, by what it says of the parameter.
_COLLECTIONS: dict[str, Callable[[Iterable[Any]], Any]] = {
    **dict.fromkeys(("list", "List", "Sequence", "Iterable", "Collection", "MutableSequence"), list),
    **dict.fromkeys(("set", "Set", "AbstractSet", "MutableSet"), set),
    **dict.fromkeys(("frozenset", "FrozenSet"), frozenset),
    **dict.fromkeys(("tuple", "Tuple"), tuple),
}


class Plural:
    """The parameter ``many`` of ``function``, and the name ``each`` of one of its ids.

    ``collect`` makes of ids what the function says that it takes. ``one`` is the function of one id,
    for what asks functions about their parameters; it is not to be called.
    """

    def __init__(
        self, function: Callable[..., Any], *, of: str | None, each: str | None, receiver: str | None
    ) -> None:
        found = dict(parameters(function))
        self._name = function.__qualname__
        self.many = _parameter(function, found, of, receiver)
        self.each = self._singular(each, found)
        self.collect = _COLLECTIONS.get(str(annotation_head(function, self.many)), list)
        self.signature = Signature([*found.values()])
        self.one_signature = Signature(
            [
                one.replace(name=self.each, annotation=Parameter.empty) if name == self.many else one
                for name, one in found.items()
            ]
        )
        self.one = _of_one(function, self.one_signature)

    def _singular(self, each: str | None, found: Mapping[str, Parameter]) -> str:
        named = self.many[:-1] if each is None and self.many.endswith("s") else each
        if not named or not named.isidentifier():
            raise ConfigurationError(
                f"{self._name}: what is one of {self.many!r} called? Say each='user_id', to name it "
                f"in templates as {{user_id}}"
                if each is None
                else f"{self._name}: each={each!r} is no name: it is what templates call one id"
            )
        if named in found:
            raise ConfigurationError(
                f"{self._name}: one of {self.many!r} would be called {named!r}, as another parameter "
                f"is: say each=, another name for it"
            )
        return named

    def ids(self, given: object) -> list[Any]:
        """Return what a caller gave for many ids, or say why that is not many."""
        if isinstance(given, str | bytes) or not isinstance(given, Iterable):
            raise ConfigurationError(
                f"{self._name}({self.many}={given!r}) takes many: give a list, [{given!r}]"
            )
        return list(given)


def _parameter(
    function: Callable[..., Any],
    found: Mapping[str, Parameter],
    of: str | None,
    receiver: str | None,
) -> str:
    stars = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    able = [name for name, one in found.items() if name != receiver and one.kind not in stars]
    if of is not None:
        if of not in able:
            raise ConfigurationError(
                f"of={of!r} is no parameter of {function.__qualname__} that takes a list"
                f"{did_you_mean(of, able)}; it has {', '.join(map(repr, able)) or 'none'}"
            )
        return of
    if not able:
        raise ConfigurationError(
            f"{function.__qualname__} has no parameter for many ids: @cache.many is for a function "
            f"of a list, such as get_users(user_ids: list[int])"
        )
    annotated = [name for name in able if annotation_head(function, name) in _COLLECTIONS]
    return (annotated or able)[0]


def _of_one(function: Callable[..., Any], signature: Signature) -> Callable[..., Any]:
    def one(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    one.__module__, one.__qualname__ = function.__module__, function.__qualname__
    vars(one).update(__signature__=signature, __wrapped__=function)
    return one
