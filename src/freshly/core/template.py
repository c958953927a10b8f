"""Templates of tags and of ``key=``: ``"user:{user_id}"``, ``"post:{result[].id}"``.

They render exactly as an f-string with the same fields would, so that
``delete_tags(f"user:{id}")`` meets what ``tags=["user:{user_id}"]`` wrote. All is checked once, at
decoration; rendering is ``str.format_map``. A template with ``[]`` is rewritten for it: a field
with ``[]`` reads from one more argument, the element.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from string import Formatter
from typing import Any

from ..errors import ConfigurationError, did_you_mean
from .field import EACH, ELEMENT, Field, read

__all__ = ["Template"]

_RESULT = "result"


class Template:
    """A template of a tag or a key, checked against the names it may use.

    Args:
        text: ``{name}``, ``{name.attribute}``, ``{name[key]}`` and literal text; ``{{`` and ``}}``
            are braces; conversions (``!r``) and format specs work as in an f-string.
        option: The option it was given for; errors name it.
        names: The parameters of the function.
        result: Whether ``{result...}`` may be used, and in it one ``[]`` for "of each element". A
            parameter of that name goes first.

    Raises:
        ConfigurationError: if it can never be rendered with these names.
    """

    def __init__(self, text: str, *, option: str, names: Iterable[str], result: bool = False) -> None:
        self.text = text
        self.option = option
        known = tuple(names)
        pieces = self._read()
        self.fields = tuple(field for _, field in pieces if field is not None)
        firsts = frozenset(field.name for field in self.fields)
        self.needs_result = result and _RESULT in firsts and _RESULT not in known
        self.names = firsts - {_RESULT} if self.needs_result else firsts
        self._check_names(known, result)
        self._collection = self._one_collection()
        self._of_element = "".join(
            literal.replace("{", "{{").replace("}", "}}") + (field.of_element() if field else "")
            for literal, field in pieces
        )

    def __repr__(self) -> str:
        return f"<Template {self.option}={self.text!r}>"

    def render(self, arguments: Mapping[str, Any]) -> str:
        """Return the text for ``arguments``. Only for a template that does not need the result.

        An error of a value, such as a missing attribute, passes through with a note.
        """
        try:
            return self.text.format_map(arguments)
        except Exception as error:
            error.add_note(self._note)
            raise

    def render_all(self, arguments: Mapping[str, Any], result: object) -> tuple[str, ...]:
        """Return the texts for ``arguments`` and ``result``: one, or with ``[]`` one per element.

        If the template needs the result and this is ``None``, there are no texts: what was not
        found has no attributes. An error of a value passes through with a note.
        """
        if not self.needs_result:
            return (self.render(arguments),)
        if result is None:
            return ()
        try:
            return self._of_result({**arguments, _RESULT: result})
        except Exception as error:
            error.add_note(self._note)
            raise

    def parts(self, arguments: Mapping[str, Any]) -> Iterator[tuple[object, str]]:
        """Yield the value of each field with its text, for a template without the result."""
        for field in self.fields:
            value, _ = Formatter().get_field(field.path, (), arguments)
            yield value, field.of_element().format_map(arguments)

    def _of_result(self, values: dict[str, Any]) -> tuple[str, ...]:
        if self._collection is None:
            return (self.text.format_map(values),)
        elements, _ = Formatter().get_field(self._collection, (), values)
        return tuple(self._of_element.format_map({**values, ELEMENT: each}) for each in elements)

    @property
    def _note(self) -> str:
        return f"while rendering the template {self.option}={self.text!r}"

    def _read(self) -> list[tuple[str, Field | None]]:
        if not isinstance(self.text, str):
            raise self._refusal("a template is a text")
        if not self.text:
            raise self._refusal("an empty template names nothing")
        try:
            return list(read(self.text))
        except ValueError as error:
            raise self._refusal(str(error)) from None

    def _check_names(self, known: tuple[str, ...], result: bool) -> None:
        allowed = (*known, _RESULT) if result else known
        for name in sorted(self.names - set(known)):
            why = f"{name!r} is no parameter of the function{did_you_mean(name, allowed)}"
            if name == _RESULT:
                why = "there is no result yet when it is rendered"
            offer = ", ".join(map(repr, allowed)) or "none: the function has no parameters"
            raise self._refusal(f"{why}; it may use {offer}")

    def _one_collection(self) -> str | None:
        """Return the path of what ``[]`` goes through: ``result.items``."""
        collections = {field.collection for field in self.fields} - {None}
        for field in self.fields:
            if EACH in field.steps and not (self.needs_result and field.name == _RESULT):
                raise self._refusal("[] stands for each element of a result, so only {result[]}")
        if len(collections) > 1:
            raise self._refusal("it has [] behind two paths; a template goes through one")
        return next(iter(collections), None)

    def _refusal(self, why: str) -> ConfigurationError:
        return ConfigurationError(f"{self.option}={self.text!r}: {why}")
