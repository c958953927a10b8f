"""The key of a call: one for every spelling of it, and never the same for another call."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from enum import Enum
from inspect import signature
from itertools import combinations
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Request
from hypothesis import given, settings
from hypothesis import strategies as st

from freshly.core.key import Key, KeyMaker
from freshly.core.leftout import NoKey
from freshly.errors import ConfigurationError, KeyTextError
from tests.core.values import Keyed, Model, Pair, Point, Struct, same, values

HERE = __name__

Function = Callable[..., object]


def arguments_of(function: Function, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Return all parameters by name, defaults applied, as a decorator does it."""
    bound = signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    return dict(bound.arguments)


def key_of(function: Function, *args: Any, **kwargs: Any) -> Key:
    return KeyMaker(function).make(arguments_of(function, *args, **kwargs))


def get_user(user_id: object, page: object = 1) -> None: ...
def get_all(first: Any, /, *rest: Any, order: Any = None, **filters: Any) -> None: ...


# -- one call, one key ----------------------------------------------------------------------------


def test_a_key_names_the_function_and_each_argument() -> None:
    assert key_of(get_user, 7) == Key(f"{HERE}.get_user(user_id=7,page=1)", is_local=False)


def test_every_spelling_of_a_call_has_the_same_key() -> None:
    spellings = [
        key_of(get_user, 7),
        key_of(get_user, 7, 1),
        key_of(get_user, 7, page=1),
        key_of(get_user, user_id=7),
        key_of(get_user, page=1, user_id=7),
    ]

    assert len(set(spellings)) == 1


def test_variable_arguments_are_shown_with_their_stars() -> None:
    assert key_of(get_all, 1, 2, 3, order="up", b=1, a=2).text == (
        f"{HERE}.get_all(first=1,*rest=(2,3),order='up',**filters={{'a':2,'b':1}})"
    )


def test_the_order_of_keyword_arguments_makes_no_difference() -> None:
    assert key_of(get_all, 1, a=1, b=2) == key_of(get_all, 1, b=2, a=1)


def test_a_nested_function_and_a_method_keep_their_whole_name() -> None:
    def local() -> None: ...

    name = "test_a_nested_function_and_a_method_keep_their_whole_name"
    assert key_of(local).text == f"{HERE}.{name}.<locals>.local()"
    assert key_of(Service.get, None, 1).text == f"{HERE}.Service.get(self=None,user_id=1)"


calls = st.tuples(
    st.lists(values, min_size=1, max_size=3),
    st.dictionaries(st.sampled_from(["order", "a", "a=1", "b"]), values, max_size=2),
)


@settings(max_examples=30)
@given(st.lists(calls, min_size=8, max_size=8))
def test_two_calls_share_a_key_only_if_their_arguments_are_the_same(drawn: list[Any]) -> None:
    bound = [arguments_of(get_all, *args, **kwargs) for args, kwargs in drawn]
    maker = KeyMaker(get_all)
    keys = [maker.make(arguments) for arguments in bound]

    for (one, key), (other, other_key) in combinations(zip(bound, keys, strict=True), 2):
        assert (key == other_key) == same(one, other)


@settings(max_examples=50)
@given(values, values)
def test_positional_and_keyword_arguments_make_the_same_key(one: Any, other: Any) -> None:
    by_position = key_of(get_user, one, other)

    assert key_of(get_user, page=other, user_id=one) == by_position
    assert key_of(get_user, one, page=other) == by_position


CALLS_IN_ANOTHER_PROCESS = """
from enum import Enum
from freshly.core.key import KeyMaker
def get(a): ...
class Colour(Enum):
    RED = 1
words = ["red", "green", "blue", "", "x" * 200]
for value in [set(words), frozenset(words), dict.fromkeys(words, set(words)), Colour.RED, Colour,
              [{word} for word in words], {frozenset({word, "x"}) for word in words}]:
    print(KeyMaker(get).make({"a": value}).text)
"""


def test_a_call_has_the_same_key_in_every_process() -> None:
    """Sets are ordered by hashes, and hashes of texts by a seed of the process."""
    outputs = {
        subprocess.run(
            [sys.executable, "-c", CALLS_IN_ANOTHER_PROCESS],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }

    assert len(outputs) == 1
    assert outputs.pop().count(b"__main__.get(a=") == 7


# -- long keys ------------------------------------------------------------------------------------


def test_a_long_key_keeps_its_head_and_ends_in_a_digest() -> None:
    key = key_of(get_user, "x" * 500).text

    assert len(key) == 200
    assert key.startswith(f"{HERE}.get_user(user_id='xxx")
    assert re.search("x~[0-9a-f]{32}$", key)


def test_two_long_keys_differ_though_their_heads_are_the_same() -> None:
    assert key_of(get_user, "x" * 500 + "1") != key_of(get_user, "x" * 500 + "2")
    assert key_of(get_user, "x" * 500) == key_of(get_user, user_id="x" * 500)


def test_a_key_of_two_hundred_characters_is_left_whole() -> None:
    room = 200 - len(key_of(get_user, "").text)

    assert key_of(get_user, "x" * room).text.endswith("x',page=1)")
    assert "~" in key_of(get_user, "x" * (room + 1)).text


def test_a_template_is_never_cut() -> None:
    maker = KeyMaker(get_user, template="user:{user_id}")

    assert maker.make({"user_id": "x" * 500, "page": 1}).text == "user:" + "x" * 500


# -- templates ------------------------------------------------------------------------------------


def test_a_template_is_exactly_the_key() -> None:
    maker = KeyMaker(get_user, template="user:{user_id}:posts:{page:02}")

    assert maker.make({"user_id": "a b:{c}", "page": 1}) == Key("user:a b:{c}:posts:01", False)
    assert maker.names == ("user_id", "page")


def test_only_what_a_template_names_is_keyed() -> None:
    maker = KeyMaker(get_user, template="page:{page}")

    assert maker.keyed == ("page",)
    assert maker.template_names == {"page"}
    assert maker.make({"user_id": object(), "page": 1}).text == "page:1"


def test_a_template_with_an_unknown_name_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'user_id'"):
        KeyMaker(get_user, template="user:{user}")


def test_an_address_is_refused_in_a_template() -> None:
    """The f-string would hold it too, and the next object at that address would get the entry."""
    maker = KeyMaker(get_user, template="user:{user_id}")

    with pytest.raises(KeyTextError, match=r"key='user:\{user_id\}' gave .* holds the address"):
        maker.make({"user_id": object(), "page": 1})
    with pytest.raises(KeyTextError, match="holds the address"):
        maker.make({"user_id": Point([object()]), "page": 1})


def test_what_a_user_typed_is_no_address() -> None:
    maker = KeyMaker(get_user, template="q:{user_id}:{page!r:>9}")
    query = "crash at 0x7f1234"

    assert maker.make({"user_id": query, "page": [query]}).text == f"q:{query}:{[query]!r}"
    assert maker.make({"user_id": query, "page": Service}).text == f"q:{query}:{Service!r}"


def test_what_is_shown_without_an_address_may_be_any_object_beside_one_that_was_typed() -> None:
    class Session:
        def __str__(self) -> str:
            return "s1"

    maker = KeyMaker(get_user, template="{user_id}:{page}")

    assert maker.make({"user_id": Session(), "page": "crash at 0x7f"}).text == "s1:crash at 0x7f"


# -- exclude --------------------------------------------------------------------------------------


def test_an_excluded_parameter_does_not_count() -> None:
    maker = KeyMaker(get_user, exclude=["page"])

    assert maker.names == ("user_id", "page")
    assert maker.keyed == ("user_id",)
    assert maker.make({"user_id": 7, "page": object()}).text == f"{HERE}.get_user(user_id=7)"


def test_exclude_takes_the_receiver_too() -> None:
    maker = KeyMaker(Service.get, exclude=("self",), receiver="self")

    assert maker.make({"self": Service(), "user_id": 1}) == Key(f"{HERE}.Service.get(user_id=1)", False)
    assert not maker.receiver_is_token(Service())


def test_everything_may_be_excluded() -> None:
    maker = KeyMaker(get_all, exclude=["first", "rest", "order", "filters"])

    assert maker.make(arguments_of(get_all, 1)).text == f"{HERE}.get_all()"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"exclude": ["user"]}, "did you mean 'user_id'"),
        ({"exclude": "page"}, r"write \('page',\)"),
        ({"exclude": [7]}, "exclude names 7"),
        ({"exclude": [["page"]]}, r"exclude names \['page'\]"),
        ({"exclude": None}, "exclude=None is no list"),
        ({"vary": None}, "vary=None is no list"),
        ({"exclude": ["page"], "template": "{user_id}"}, "does not go together"),
        ({"vary": ["tenant"]}, "vary has 'tenant' in it"),
        ({"vary": ContextVar("tenant")}, r"write vary=\[...\]"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: Any, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        KeyMaker(get_user, **options)


# -- left out -------------------------------------------------------------------------------------


def test_a_parameter_that_is_annotated_as_left_out_does_not_count() -> None:
    def get(user_id: int, db: httpx.AsyncClient, trace: Annotated[str, NoKey] = "") -> None: ...

    maker = KeyMaker(get)

    assert maker.keyed == ("user_id",)
    assert maker.make({"user_id": 7, "db": object(), "trace": "x"}).text.endswith("get(user_id=7)")


def test_a_value_that_is_left_out_does_not_count_though_nobody_annotated_it() -> None:
    request = Request({"type": "http"})

    assert key_of(get_user, 7, request).text == f"{HERE}.get_user(user_id=7)"
    assert key_of(get_all, 1, request, 2, by=request, order=request) == KeyMaker(
        get_all, exclude=["order"]
    ).make(arguments_of(get_all, 1, 2))


# -- context --------------------------------------------------------------------------------------

tenant: ContextVar[Any] = ContextVar("tenant")
locale: ContextVar[str] = ContextVar("locale", default="en")


def in_context(function: Callable[[], Key], **variables: Any) -> str:
    def run() -> str:
        for name, value in variables.items():
            {"tenant": tenant, "locale": locale}[name].set(value)
        return function().text

    return copy_context().run(run)


@pytest.mark.parametrize("template", [None, "user:{user_id}"])
def test_a_context_variable_counts_as_an_argument(template: str | None) -> None:
    maker = KeyMaker(get_user, template=template, vary=[tenant, locale])
    plain = KeyMaker(get_user, template=template).make({"user_id": 7, "page": 1}).text

    def make() -> Key:
        return maker.make({"user_id": 7, "page": 1})

    assert maker.varies
    assert in_context(make) == f"{plain}~tenant=unset~locale='en'"
    assert in_context(make, tenant="acme") == f"{plain}~tenant='acme'~locale='en'"
    assert in_context(make, tenant="unset", locale="fr") == f"{plain}~tenant='unset'~locale='fr'"


def test_a_context_variable_at_its_default_is_the_same_as_set_to_it() -> None:
    maker = KeyMaker(get_user, vary=[locale])

    assert in_context(lambda: maker.make({"user_id": 7, "page": 1})) == in_context(
        lambda: maker.make({"user_id": 7, "page": 1}), locale="en"
    )


def test_a_context_variable_without_a_stable_text_is_named_in_the_error() -> None:
    maker = KeyMaker(get_user, vary=[tenant])

    with pytest.raises(KeyTextError, match="by the context variable 'tenant'"):
        in_context(lambda: maker.make({"user_id": 7, "page": 1}), tenant=object())


# -- the receiver ---------------------------------------------------------------------------------


class Service:
    def get(self, user_id: int) -> None: ...


class Shown(Service):
    def __repr__(self) -> str:
        return "Shown()"


class Closed:
    __slots__ = ()


class Colour(Enum):
    RED = 1


@dataclass
class Repository:
    db: Any
    table: str = "users"
    seen: list[int] = field(default_factory=list)


def method(self: Any, user_id: int) -> None: ...


def of(receiver: object, **options: Any) -> Key:
    maker = KeyMaker(method, receiver="self", **options)
    return maker.make({"self": receiver, "user_id": 7})


def is_token(receiver: object, **options: Any) -> bool:
    return KeyMaker(method, receiver="self", **options).receiver_is_token(receiver)


@pytest.mark.parametrize("receiver", [Service(), Shown()])
def test_a_plain_object_counts_as_itself_whatever_its_repr_says(receiver: object) -> None:
    key = of(receiver)

    assert key.is_local
    assert is_token(receiver)
    assert re.fullmatch(rf"{HERE}.method\(self={HERE}\.\w+#\d+,user_id=7\)", key.text)
    assert key == of(receiver)
    assert key != of(type(receiver)())


def test_a_new_object_at_a_dead_ones_address_never_gets_its_key() -> None:
    keys = {of(Service()).text for _ in range(200)}

    assert len(keys) == 200


@pytest.mark.parametrize(
    ("receiver", "text"),
    [
        (Keyed("eu"), "tests.core.values.Keyed('eu')"),
        (Point(1), "tests.core.values.Point(x=1,y=None)"),
        (Pair(1), "tests.core.values.Pair(x=1,y=None)"),
        (Struct(1), "tests.core.values.Struct(x=1,y=None)"),
        (Model(x=1), "tests.core.values.Model(x=1,y=None)"),
        (Colour.RED, f"{HERE}.Colour.RED"),
        ("text", "'text'"),
        (Service, f"{HERE}.Service"),
    ],
)
def test_a_receiver_that_says_what_it_is_counts_as_that(receiver: object, text: str) -> None:
    assert of(receiver) == Key(f"{HERE}.method(self={text},user_id=7)", is_local=False)
    assert not is_token(receiver)


def test_a_dataclass_that_holds_a_service_counts_as_itself() -> None:
    """Without the part that has no text, two repositories of two databases would share."""
    one, other = Repository(Service()), Repository(Service())

    assert of(one).is_local
    assert is_token(one)
    assert of(one) == of(one)
    assert of(one) != of(other)


def test_a_receiver_is_never_left_out_by_its_type() -> None:
    """A client has an address of a server: two clients must not share."""

    class Api(httpx.Client):
        def get_user(self, user_id: int) -> None: ...

    with Api() as one, Api() as other:
        assert of(one) != of(other)


def test_a_cache_key_without_a_stable_text_is_refused() -> None:
    with pytest.raises(KeyTextError, match="has no stable text"):
        of(Keyed(object()))


def test_a_receiver_that_takes_no_weak_reference_is_refused_with_the_ways_out() -> None:
    with pytest.raises(KeyTextError, match="__cache_key__") as refusal:
        of(Closed())

    assert 'exclude=("self", ...)' in str(refusal.value)


def test_only_the_receiver_gets_a_token() -> None:
    with pytest.raises(KeyTextError) as refusal:
        key_of(get_user, Service())

    message = str(refusal.value)
    for words in (f"{HERE}.get_user", "'user_id'", f"{HERE}.Service", "key=", "__cache_key__", "NoKey"):
        assert words in message


def test_a_token_dies_with_its_object() -> None:
    from freshly.core.identity import IDENTITIES

    gc.collect()
    before = len(IDENTITIES)
    service = Service()
    of(service)
    assert len(IDENTITIES) == before + 1

    del service

    assert len(IDENTITIES) == before


def test_a_template_without_the_receiver_is_shared_by_all() -> None:
    assert of(Service(), template="user:{user_id}") == Key("user:7", is_local=False)
    assert not is_token(Service(), template="user:{user_id}")


def test_a_whole_plain_receiver_in_a_template_is_its_token() -> None:
    service = Service()
    key = of(service, template="{self!s:>3}:{self}:{user_id}")

    assert key.is_local
    assert is_token(service, template="{self}:{user_id}")
    assert re.fullmatch(rf"({HERE}.Service#\d+):\1:7", key.text)


def test_an_attribute_of_a_receiver_in_a_template_is_that_attribute() -> None:
    service = Service()
    service.region = {"name": "eu"}  # type: ignore[attr-defined]

    assert of(service, template="{self.region[name]}:{user_id}") == Key("eu:7", is_local=False)
    assert not is_token(service, template="{self.region[name]}")
    assert re.fullmatch(r"eu:.*#\d+", of(service, template="{self.region[name]}:{self}").text)


def test_a_receiver_in_a_template_has_its_own_text_if_it_has_one() -> None:
    """Then ``cache.delete(f"{service}:7")`` meets it."""
    shown = Shown()

    assert of(shown, template="{self}:{user_id}") == Key(f"{shown}:7", is_local=False)
    assert not is_token(shown, template="{self}:{user_id}")


def test_a_receiver_with_a_cache_key_shows_it_in_a_template() -> None:
    assert of(Keyed("eu"), template="{self}") == Key("tests.core.values.Keyed('eu')", False)
    assert not is_token(Keyed("eu"), template="{self}")
