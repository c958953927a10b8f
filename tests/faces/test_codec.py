"""``codec=`` on every face: taken where values become bytes, checked everywhere, unused in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypedDict

import pytest

from freshly import Cache, ConfigurationError, FreshlyWarning


class Unused:
    """A codec that must not be asked."""

    name = "unused"

    def encode(self, value: Any) -> bytes:
        raise AssertionError("a value in memory was encoded")

    def decode(self, data: bytes) -> Any:
        raise AssertionError("a value in memory was decoded")


def many(ids: list[int]) -> dict[int, object]:
    return {each: object() for each in ids}


def one(number: int) -> object:
    return object()


def sequence(number: int) -> Iterator[object]:
    yield object()


Decorate = Callable[..., Any]
FACES: dict[str, tuple[Decorate, Callable[..., Any], Any]] = {
    "cache": (lambda cache, **more: cache("1h", **more), one, 1),
    "soft": (lambda cache, **more: cache.soft("1h", soft_ttl="1m", **more), one, 1),
    "early": (lambda cache, **more: cache.early("1h", early_ttl="1m", **more), one, 1),
    "many": (lambda cache, **more: cache.many("1h", **more), many, [1, 2]),
    "iterator": (lambda cache, **more: cache.iterator("1h", **more), sequence, 1),
}


def read(cached: Any, asked: Any) -> Any:
    answer = cached(asked)
    return list(answer) if isinstance(answer, Iterator) else answer


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("codec", [Unused(), "pickle", "typed", None], ids=str)
def test_in_memory_a_hit_is_the_object_itself_whatever_the_codec(face: str, codec: object) -> None:
    decorate, function, asked = FACES[face]
    cached = decorate(Cache(), codec=codec)(function)

    assert read(cached, asked) == read(cached, asked)


@pytest.mark.parametrize("face", FACES)
def test_a_wrong_codec_is_an_error_at_decoration(face: str) -> None:
    decorate, function, _ = FACES[face]

    with pytest.raises(ConfigurationError, match="codec='pikle' is no codec; did you mean 'pickle'"):
        decorate(Cache(), codec="pikle")(function)


@pytest.mark.parametrize("face", FACES)
def test_pickle_without_keys_is_an_error_at_decoration(face: str) -> None:
    decorate, function, _ = FACES[face]
    cache = Cache("redis://h")

    with pytest.raises(ConfigurationError, match=r"codec='pickle' of .* needs signing_keys= "):
        decorate(cache, codec="pickle")(function)


@pytest.mark.parametrize("face", FACES)
def test_and_at_setup_for_what_is_decorated_already_which_leaves_the_former_store(face: str) -> None:
    decorate, function, asked = FACES[face]
    cache = Cache()
    cached = decorate(cache, codec="pickle")(function)
    before = read(cached, asked)

    with pytest.raises(ConfigurationError, match=r"codec='pickle' of .* needs signing_keys= "):
        cache.setup("redis://h")

    assert read(cached, asked) == before
    cache.setup("redis://h", signing_keys="a secret that nobody can guess")


def test_pickle_for_all_functions_needs_keys_too() -> None:
    for url in ("redis://h?codec=pickle", "unix:///run/s?codec=pickle"):
        with pytest.raises(ConfigurationError, match=r"codec='pickle' of setup\(\) needs signing"):
            Cache(url)

    Cache("redis://h?codec=pickle", signing_keys="a secret that nobody can guess")
    Cache("redis://h?codec=pickle", encryption_keys="a secret that nobody can guess")


@pytest.mark.parametrize(
    ("url", "options", "words"),
    [
        ("redis://h?codec=msgpack", {}, "codec='msgpack' is no codec"),
        ("redis://h", {"codec": 7}, "codec=7 is no codec"),
        ("mem://?codec=pickle", {}, "codec='pickle': mem:// keeps the values themselves"),
        ("mem://", {"codec": Unused()}, "mem:// keeps the values themselves"),
    ],
)
def test_a_wrong_codec_is_an_error_of_setup(url: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Cache(url, **options)


async def test_by_hand_a_codec_is_checked_and_in_memory_unused() -> None:
    cache, codec, value = Cache(), Unused(), object()

    await cache.set("one", value, codec=codec)
    await cache.set_many({"two": value}, codec=codec)

    assert await cache.get("one", codec=codec) is value
    assert await cache.get_many(["one", "two"], codec=codec) == {"one": value, "two": value}
    assert await cache.get_or_set("one", object, codec=codec) is value
    assert await cache.get_or_set_many(["two"], many, codec=codec) == {"two": value}  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="did you mean 'typed'"):
        await cache.get("one", codec="type")  # type: ignore[call-overload]


async def test_by_hand_pickle_without_keys_is_an_error_though_nothing_is_there() -> None:
    cache = Cache("redis://127.0.0.1:1")  # nobody is asked

    for call in (
        cache.get("key", codec="pickle"),
        cache.set("key", 1, codec="pickle"),
        cache.get_many(["key"], codec="pickle"),
        cache.set_many({"key": 1}, codec="pickle"),
        cache.get_or_set("key", object, codec="pickle"),
        cache.get_or_set_many(["key"], many, codec="pickle"),  # type: ignore[arg-type]
    ):
        with pytest.raises(ConfigurationError, match=r"codec='pickle' of a value set by hand needs"):
            await call


# -- types that no codec can carry ----------------------------------------------------------------


class Base:
    pass


class Row(Base):
    __mapper__ = "what SQLAlchemy leaves on a class of rows"


def get_row(number: int) -> Row: ...


def get_rows(ids: list[int]) -> dict[int, Row]: ...


def yield_rows(number: int) -> Iterator[Row]:
    yield Row()


@pytest.mark.parametrize("face", FACES)
def test_rows_are_named_at_decoration_with_the_way_out(face: str) -> None:
    decorate, _, _ = FACES[face]
    function = {"many": get_rows, "iterator": yield_rows}.get(face, get_row)

    with pytest.warns(FreshlyWarning, match=rf"what .*{function.__name__} returns: .*Row.*a dataclass"):
        decorate(Cache("redis://h"))(function)


@pytest.mark.parametrize("face", FACES)
def test_and_at_setup(face: str) -> None:
    decorate, _, _ = FACES[face]
    function = {"many": get_rows, "iterator": yield_rows}.get(face, get_row)
    cache = Cache()
    kept = decorate(cache)(function)

    with pytest.warns(FreshlyWarning, match=rf"what .*{kept.__name__} returns: .*Row.*a dataclass"):
        cache.setup("redis://h")


# -- types that cannot be asked -------------------------------------------------------------------


class Named(TypedDict):
    name: str


class Sized(Protocol):
    def __len__(self) -> int: ...


async def test_a_value_by_hand_may_be_asked_for_by_any_kind_of_type() -> None:
    cache, value = Cache(), {"name": "Ada"}
    await cache.set("key", value)

    for kind in (dict, Named, Sized, dict[str, str]):
        assert await cache.get("key", type=kind) is value  # type: ignore[type-abstract]
    assert await cache.get("key", type=str) is None
    await cache.set("key", 7)
    assert await cache.get("key", type=Named) is None
