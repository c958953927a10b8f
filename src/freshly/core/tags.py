"""The tags of a function's entries: templates over its arguments and its result, or a function."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from ..errors import ConfigurationError
from .byname import ByName
from .recipe import Arguments
from .template import Template

#: Templates such as ``"user:{user_id}"``, or a function that gets arguments by name, and
#: ``result``, and returns tags.
TagsOption: TypeAlias = Iterable[str] | Callable[..., Iterable[str]]

_FORGOTTEN_F = re.compile(r"\{[^\W\d]\w*(?:[.\[][^{}]*)?\}")


class Tags:
    """What ``tags=`` said, ready to render."""

    def __init__(self, option: TagsOption, names: Iterable[str], *, name: str = "tags") -> None:
        names = tuple(names)
        self._function: ByName | None = None
        templates: list[Template] = []
        if isinstance(option, str):
            raise ConfigurationError(
                f"{name}={option!r} is one text, and each of its letters would be a tag: "
                f"write {name}=[{option!r}]"
            )
        given: object = option
        if not callable(given) and not isinstance(given, Iterable):
            raise ConfigurationError(
                f"{name}={option!r} is no list of tags: leave it out, or give templates such as "
                f"['user:{{user_id}}'], or a function"
            )
        if callable(option):
            self._function = ByName(option, name, names)
        else:
            templates = [_template(text, names, name) for text in option]
        self._static = [template for template in templates if not template.needs_result]
        self._of_result = [template for template in templates if template.needs_result]
        self._name = name
        #: The parameters that the tags known before the load are made of.
        self.names = frozenset(name for template in self._static for name in template.names)

    def of_arguments(self, arguments: Arguments) -> tuple[str, ...]:
        """Return the tags that are known before the load."""
        if not self._static:
            return ()
        return tuple([template.render(arguments) for template in self._static])

    def of_result(self, arguments: Arguments, result: Any) -> tuple[str, ...]:
        """Return the tags that only the result tells."""
        if self._function is not None:
            found = self._function(arguments, result)
            return check_tags(found, self._name)
        if not self._of_result:
            return ()
        rendered = [template.render_all(arguments, result) for template in self._of_result]
        return tuple(tag for tags in rendered for tag in tags)


def _template(text: object, names: Iterable[str], option: str) -> Template:
    if not isinstance(text, str):
        raise ConfigurationError(
            f"{option} has {text!r} in it, which is no text: a tag is a str such as 'user:123'"
        )
    return Template(text, option=option, names=names, result=True)


def check_tags(tags: Iterable[object], what: str) -> tuple[str, ...]:
    """Return ``tags`` as a tuple of texts, or say which of them is none."""
    if isinstance(tags, str):
        raise ConfigurationError(
            f"{what} gave {tags!r}, one text, where several tags were expected: give a list"
        )
    checked: list[str] = []
    for tag in tags:
        if not isinstance(tag, str) or not tag:
            raise ConfigurationError(
                f"{what} got {tag!r} as a tag: a tag is a text that is not empty, such as 'user:123'"
            )
        checked.append(tag)
    return tuple(checked)


def check_named(tags: tuple[object, ...], command: str) -> tuple[str, ...]:
    """Check the tags that a command was called with, for the slips that lose invalidations."""
    for tag in tags:
        if isinstance(tag, list | tuple | set | frozenset | dict):
            raise ConfigurationError(
                f"{command}({tag!r}) got a {type(tag).__name__} in place of tags: "
                f"unpack it, {command}(*tags)"
            )
        if isinstance(tag, str) and _FORGOTTEN_F.search(tag):
            raise ConfigurationError(
                f"{command}({tag!r}) names a tag with braces that nobody filled in: "
                f"put an f before the text, f{tag!r}"
            )
    return check_tags(tags, command)


def given_tags(tags: object, command: str) -> tuple[str, ...]:
    """Check what ``tags=`` of a command was given."""
    if isinstance(tags, str) or not isinstance(tags, Iterable):
        raise ConfigurationError(
            f"{command}(tags={tags!r}) is no list of tags: write tags=[{str(tags)!r}]"
            if isinstance(tags, str)
            else f"{command}(tags={tags!r}) is no list of tags: leave it out, or give a list"
        )
    return check_named(tuple(tags), command)


def check_key(key: object, command: str) -> None:
    """Check the key that a command was called with."""
    if not isinstance(key, str) or not key:
        raise ConfigurationError(
            f"{command}({key!r}) needs a key, a text that is not empty, such as 'user:123'"
        )
    if _FORGOTTEN_F.search(key):
        raise ConfigurationError(
            f"{command}({key!r}) names a key with braces that nobody filled in: "
            f"put an f before the text, f{key!r}"
        )
