"""The types that a user sees. Never run: mypy --strict and basedpyright read it."""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Coroutine,
    Generator,
    Iterator,
    Sequence,
)
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, assert_type

from freshly import (
    Cache,
    Codec,
    CurrentLoad,
    Entry,
    LoadTimeout,
    NoKey,
    NotModified,
    Stamp,
    Stats,
    Token,
    Transaction,
    cache,
    until,
)
from freshly.observe import EVERYTHING, Loaded, LoadFailed, Log
from freshly.testing import (
    ChaosLoader,
    ChaosStore,
    Fail,
    History,
    Journal,
    ManualClock,
    Pause,
    Stepper,
    Violation,
    assert_fresh,
    assert_hit,
    assert_invalidates,
    assert_miss,
    assert_no_leaks,
    count_loads,
    isolated,
    judge,
    read_journal,
)


class User:
    """A value."""


class Session: ...


class Own:
    """A codec of one's own."""

    name = "own 1"

    def encode(self, value: Any, /) -> bytes:
        return bytes(value)

    def decode(self, data: bytes, /) -> Any:
        return data


a_codec: Codec = Own()


@cache(ttl="1h", tags=["user:{user_id}"])
async def get_user(user_id: int, *, full: bool = False) -> User:
    return User()


@cache(60, key="square:{x}")
def square(x: int) -> int:
    return x * x


@cache.soft(ttl="1h", soft_ttl=timedelta(minutes=30))
async def soft(x: str) -> list[str]:
    return [x]


@cache.early(ttl="1h", early_ttl="50m", tags=lambda result: [str(result)])
async def early(x: str) -> dict[str, int]:
    return {x: 1}


@cache(ttl="1h", codec=Own())
async def by_codec(x: int) -> bytes:
    return b""


@cache.soft(ttl="1h", soft_ttl="1m", codec="pickle")
def by_pickle(x: int) -> Session:
    return Session()


@cache.iterator("1h", codec="typed")
def sequence_by_codec(x: int) -> Iterator[int]:
    yield x


@cache.many("1h", codec=a_codec)
def many_by_codec(xs: list[int]) -> dict[int, User]:
    return {}


@cache(ttl=None)
async def maybe(user_id: int) -> User | None:
    return None


@cache("5m")
async def with_session(session: Annotated[Session, NoKey], user_id: int) -> str:
    return ""


def ttl_by_kind(kind: str) -> str | None:
    return "1m"


@cache(ttl=ttl_by_kind)
async def by_kind(kind: str, key: str) -> bytes:
    return b""


@cache(until("06:00", tz="Europe/Paris"), soft_ttl=lambda result: until("05:00", tz="UTC", on=["mon"]))
def report(x: int) -> int:
    return x


@cache("10m", sliding=True, max_age="8h", soft_ttl="1h")
def sliding(x: int) -> int:
    return x


@cache("1h", cache_exceptions=(KeyError, ValueError))
def listed(x: int) -> int:
    return x


@cache("1h", cache_exceptions={KeyError: "1m", OSError: None})
async def listed_with_ttl(x: int) -> int:
    return x


@cache("10m", grace="1d", soft_timeout="300ms", hard_timeout=timedelta(seconds=5))
def patient(x: int) -> int:
    return x


@cache.soft("1h", soft_ttl="30m", grace="1d", hard_timeout=2.5)
async def hurried(x: int) -> int:
    return x


def refused() -> None:
    cache("1h", soft_timout="1s")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    cache.soft("1h", soft_ttl="1m", tag=["a"])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


@cache.invalidates("user:{user_id}")
async def rename(user_id: int, name: str) -> User:
    return User()


@cache.invalidates("user:{user_id}", keys=["square:{user_id}"], hold="2s")
def rename_blocking(user_id: int) -> int:
    return user_id


@cache.many("1h", key="user:{user_id}", tags=["user:{user_id}"])
async def get_users(user_ids: list[int], *, locale: str = "en") -> dict[int, User]:
    return {}


@cache.many("1h", missing=None, missing_ttl="1m", on_error="return", max_batch=100)
def get_names(slugs: Sequence[str]) -> list[str | None]:
    return []


@cache.many("1h", of="ids")
async def get_in_locale(locale: str, ids: set[int]) -> dict[int, str]:
    return {}


@cache.iterator("1h", tags=["post:{result[].id}"], max_length=100)
async def stream(page: int, *, full: bool = False) -> AsyncIterator[User]:
    yield User()


@cache.iterator("1h")
async def generated(page: int) -> AsyncGenerator[str, None]:
    yield ""


@cache.iterator("1h")
def plain_stream(page: int) -> Iterator[int]:
    yield page


@cache.iterator("1h")
def plain_generated(page: int) -> Generator[bytes, None, None]:
    yield b""


class Service:
    @cache.iterator("1h")
    async def stream(self, page: int) -> AsyncIterator[User]:
        yield User()

    @cache.iterator("1h")
    def plain_stream(self, page: int) -> Iterator[int]:
        yield page

    @cache.iterator("1h")
    @classmethod
    def class_stream(cls, page: int) -> Iterator[int]:
        yield page

    @cache.many("1h")
    async def get_many(self, user_ids: list[int], *, full: bool = False) -> dict[int, User]:
        return {}

    @cache.many("1h")
    def count_many(self, kinds: list[str]) -> dict[str, int]:
        return {}

    @cache.many("1h")
    @classmethod
    async def of_class_many(cls, xs: list[int]) -> list[str]:
        return []

    @cache.many("1h")
    @staticmethod
    def static_many(xs: list[int]) -> list[float]:
        return []

    @cache(ttl="2h", tags=["user:{user_id}"])
    async def get(self, user_id: int) -> User:
        return User()

    @cache(ttl="2h")
    def count(self, kind: str) -> int:
        return 1

    @cache(ttl="2h")
    @classmethod
    async def of_class(cls, x: int) -> str:
        return ""

    @classmethod
    @cache(ttl="2h")
    def of_class_inside(cls, x: int) -> str:
        return ""

    @cache(ttl="2h")
    @staticmethod
    def static(x: int) -> float:
        return 1.0

    @staticmethod
    @cache(ttl="2h")
    async def static_inside(x: int) -> float:
        return 1.0

    @cache.invalidates("user:{user_id}")
    async def rename(self, user_id: int) -> None: ...


@cache("10m", grace="1d")
async def conditional(x: int) -> User:
    current = cache.current
    assert_type(current, CurrentLoad)
    assert_type(current.older, Entry[Any] | None)
    assert_type(current.etag, str | None)
    assert_type(current.tags, tuple[str, ...])
    assert_type(current.key, str | None)
    if current.etag == "1":
        raise NotModified
    current.etag, current.ttl, current.soft_ttl = "1", "5m", timedelta(minutes=1)
    current.ttl = until("06:00", tz="UTC")
    current.tag("a")
    current.do_not_store()
    return User()


async def functions() -> None:
    assert_type(await get_user(1), User)
    assert_type(await get_user(1, full=True), User)
    assert_type(await get_user(user_id=1), User)
    assert_type(await get_user.refresh(1), User)
    assert_type(await get_user.peek(1), Entry[User] | None)
    assert_type(await get_user.delete(1), bool)
    assert_type(get_user.key(1), str)
    assert_type(get_user.tags(1), tuple[str, ...])
    assert_type(await get_user.uncached(1), User)
    assert_type(await maybe(1), User | None)
    assert_type(await soft("a"), list[str])
    assert_type(await early("a"), dict[str, int])
    assert_type(await by_kind("a", "b"), bytes)
    assert_type(await with_session(Session(), 1), str)
    assert_type(await rename(1, "a"), User)
    assert_type(square(2), int)
    assert_type(report(2), int)
    assert_type(patient(2), int)
    assert_type(await hurried(2), int)
    try:
        patient(2)
    except LoadTimeout as error:
        assert_type(error.key, str)
        assert_type(error.seconds, float)
        _timeout: TimeoutError = error
    assert_type(square.refresh(2), int)
    assert_type(square.peek(2), Entry[int] | None)
    assert_type(square.delete(x=2), bool)
    assert_type(square.uncached(2), int)
    assert_type(rename_blocking(1), int)

    await get_user("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await get_user.refresh()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    square("2")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    # A decorated function goes where the function went.
    asynchronous: Callable[[int], Coroutine[Any, Any, User]] = get_user
    blocking: Callable[[int], int] = square
    assert_type(await asynchronous(1), User)
    assert_type(blocking(1), int)


async def many(service: Service) -> None:
    assert_type(await get_users([1]), dict[int, User])
    assert_type(await get_users(range(3), locale="fr"), dict[int, User])
    assert_type(await get_users(number for number in (1, 2)), dict[int, User])
    assert_type(await get_users.refresh([1]), dict[int, User])
    assert_type(await get_users.peek(1), Entry[Any] | None)
    assert_type(await get_users.delete(1, locale="fr"), bool)
    assert_type(get_users.key(1), str)
    assert_type(get_users.tags(1), tuple[str, ...])
    assert_type(await get_users.uncached([1]), dict[int, User])
    assert_type(get_names({"a"}), list[str | None])
    assert_type(get_names.delete("a"), bool)
    assert_type(await get_in_locale("en", {1}), dict[int, str])
    assert_type(await get_in_locale.refresh("en", {1}), dict[int, str])
    assert_type(await get_in_locale.delete("en", 1), bool)
    assert_type(await service.get_many([1], full=True), dict[int, User])
    assert_type(await service.get_many.delete(1), bool)
    assert_type(await Service.get_many(service, (1, 2)), dict[int, User])
    assert_type(service.count_many(["a"]), dict[str, int])
    assert_type(service.count_many.refresh(["a"]), dict[str, int])
    assert_type(await Service.of_class_many([1]), list[str])
    assert_type(Service.static_many([1]), list[float])

    await get_users(["1"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    await get_users([1], full=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await get_users.delete("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def iterators(service: Service) -> None:
    assert_type(stream(1), AsyncGenerator[User, None])
    assert_type([user async for user in stream(1, full=True)], list[User])
    assert_type(await stream.refresh(1), tuple[User, ...])
    assert_type(await stream.peek(1), Entry[tuple[User, ...]] | None)
    assert_type(await stream.delete(page=1), bool)
    assert_type(stream.key(1), str)
    assert_type(stream.uncached(1), AsyncIterator[User])
    assert_type([text async for text in generated(1)], list[str])
    assert_type([*plain_stream(1)], list[int])
    assert_type([*plain_generated(1)], list[bytes])
    assert_type(plain_stream.refresh(1), tuple[int, ...])
    assert_type(plain_stream.delete(1), bool)
    assert_type([user async for user in service.stream(1)], list[User])
    assert_type(await service.stream.delete(1), bool)
    assert_type([*service.plain_stream(1)], list[int])
    assert_type([*Service.class_stream(1)], list[int])

    stream("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def methods(service: Service) -> None:
    assert_type(await service.get(1), User)
    assert_type(await service.get.refresh(1), User)
    assert_type(await service.get.delete(1), bool)
    assert_type(await service.get.peek(user_id=1), Entry[User] | None)
    assert_type(service.count("a"), int)
    assert_type(service.count.refresh("a"), int)
    assert_type(await Service.get(service, 1), User)
    assert_type(await Service.of_class(1), str)
    assert_type(await Service.of_class.refresh(1), str)
    assert_type(await service.of_class(1), str)
    assert_type(Service.of_class_inside(1), str)
    assert_type(Service.static(1), float)
    assert_type(Service.static.delete(1), bool)
    assert_type(await Service.static_inside(1), float)
    assert_type(await Service.static_inside.refresh(1), float)
    await service.rename(1)

    await service.get("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    service.count.delete(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def commands(own: Cache) -> None:
    assert_type(await own.get("k", type=User), User | None)
    assert_type(await own.get("k", 0, type=str), str | int)
    assert_type(await own.set("k", User(), ttl="1h", tags=["a"]), bool)
    assert_type(await own.set("k", 1, until("06:00", tz="UTC")), bool)
    stamp = await own.stamp()
    assert_type(stamp, Stamp)
    assert_type(await own.set("k", 1, "5m", stamp=stamp), bool)
    assert_type(await own.get_or_set("k", load), User)
    assert_type(await own.get_or_set("k", lambda: 1, ttl="1h"), int)
    assert_type(await own.get_or_set("k", load, "1h", grace="1d", soft_timeout="1s"), User)
    assert_type(await own.get("k", type=User, codec=Own()), User | None)
    assert_type(await own.get("k", 0, type=User, codec="pickle"), User | int)
    assert_type(await own.set("k", User(), codec=Own()), bool)
    assert_type(await own.get_or_set("k", load, codec="pickle"), User)
    assert_type(own.blocking.get("k", type=User, codec=Own()), User | None)
    assert_type(await own.get_many(["k"], codec=Own()), dict[str, Any])
    assert_type(await own.get_many(["k"]), dict[str, Any])
    assert_type(await own.get_many(["k"], type=User), dict[str, User])
    assert_type(await own.get_many(["k"], type=User, default=0), dict[str, User | int])
    assert_type(await own.set_many({"k": User()}, "1h", tags=["user:{key}"]), int)
    assert_type(await own.get_or_set_many(["k"], load_many), dict[str, User])
    assert_type(await own.get_or_set_many(["k"], load_in_order, "1h"), dict[str, User])
    assert_type(await own.get_or_set_many(["k"], lambda keys: dict.fromkeys(keys, 1)), dict[str, int])
    assert_type(await own.delete_many(["k", "l"]), int)
    assert_type(await own.delete("k", "l"), int)
    assert_type(await own.delete_match("k*"), int)
    assert_type(await own.exists("k"), bool)
    assert_type(await own.delete_tags("a", "b"), Token)
    assert_type(await own.delete_tags("a", hold="2s"), Token)
    assert_type(await own.delete_tags("a", wait="all"), Token)
    assert_type(await own.delete("a", wait="all"), int)
    assert_type(await own.delete_many(["a"], wait="all"), int)
    assert_type(await own.delete_match("a*", wait="all"), int)
    assert_type(await own.mark_stale("a", wait="all"), Token)
    assert_type(await own.clear(wait="all"), Token)
    await own.delete_tags("a", wait="some")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert_type((await own.delete_tags("a")).text, str)
    with own.at_least(await own.delete_tags("a")) as nothing:
        assert_type(nothing, None)
    assert_type(await own.delete("k", hold=timedelta(seconds=2)), int)
    async with own.lock("a", ttl="10s", timeout=0, renew=True) as lock:
        assert_type(lock.is_held, bool)
        assert_type(lock.key, str)
    async with own.once("a", "1d") as is_first:
        assert_type(is_first, bool)
    async with own.transaction(hold="10s") as transaction:
        assert_type(transaction, Transaction)
        assert_type((await own.delete_tags("a")).is_pending, bool)
        transaction.drop()
    assert_type(transaction.token, Token | None)
    assert_type(transaction.is_open, bool)
    assert_type(await own.mark_stale("a"), Token)
    assert_type(await own.clear(), Token)
    assert_type(await own.ping(), bool)
    assert_type(own.stats(), Stats)
    assert_type(own.disabled(), AbstractContextManager[None])
    async with own as opened:
        assert_type(opened, Cache)

    await own.delete_tags(["a"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def blocking_commands(own: Cache) -> None:
    assert_type(own.blocking.get("k", type=User), User | None)
    assert_type(own.blocking.set("k", 1), bool)
    assert_type(own.blocking.get_or_set("k", lambda: 1), int)
    assert_type(own.blocking.get_many(["k"], type=User), dict[str, User])
    assert_type(own.blocking.set_many({"k": 1}), int)
    assert_type(own.blocking.get_or_set_many(["k"], load_blocking), dict[str, int])
    assert_type(own.blocking.get_or_set_many(["k"], lambda keys: [1]), dict[str, int])
    assert_type(own.blocking.delete_many(["k"]), int)
    assert_type(own.blocking.delete("k"), int)
    assert_type(own.blocking.delete_tags("a"), Token)
    assert_type(own.blocking.delete_tags("a", hold=2, wait="all"), Token)
    assert_type(own.blocking.at_least("text"), AbstractContextManager[None])
    assert_type(own.blocking.delete("a", hold="2s"), int)
    with own.blocking.lock("a", timeout="5s") as lock:
        assert_type(lock.is_held, bool)
    with own.blocking.once("a", timedelta(days=1)) as is_first:
        assert_type(is_first, bool)
    with own.blocking.transaction(hold=10) as transaction:
        assert_type(transaction, Transaction)
    assert_type(own.blocking.exists("k"), bool)
    assert_type(own.blocking.stamp(), Stamp)
    own.blocking.close()


async def blocks_above_functions(own: Cache) -> None:
    @own.transaction()
    async def rename(user_id: int, *, name: str = "") -> User:
        return User()

    @own.lock("report:{day}", renew=True)
    def rebuild(day: str) -> int:
        return 1

    @own.once("welcome:{user_id}", "1d")
    async def welcome(user_id: int) -> User:
        return User()

    @own.once("welcome:{user_id}", "1d")
    def welcome_blocking(user_id: int) -> User:
        return User()

    assert_type(await rename(1, name="Ada"), User)
    assert_type(rebuild("monday"), int)
    assert_type(await welcome(1), User | None)
    assert_type(welcome_blocking(1), User | None)
    assert_type(own.blocking.transaction()(square)(1), int)
    assert_type(own.blocking.once("a", 60)(rebuild)("monday"), int | None)

    await rename("7")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await welcome(1, 2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def observing(own: Cache) -> None:
    def note(event: object) -> None: ...

    def note_load(event: Loaded) -> None: ...

    assert_type(own.observe(note), Callable[[], None])
    own.observe(note, Loaded, LoadFailed)
    own.observe(note_load, Loaded)
    own.observe(Log("app.cache", levels=EVERYTHING), *Log().kinds)

    own.observe(note, "Loaded")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def journals(journal: Journal) -> None:
    journal.ends(journal.begins("user:1"), 1)
    journal.invalidated("user:1", 2)
    assert_type(judge([journal, read_journal(Path("journal"))], bound=1.0), History)
    assert_type(judge([journal]).violations, list[Violation])


async def testing(own: Cache, service: Service) -> None:
    with isolated(own) as clock:
        assert_type(clock, ManualClock)
        assert_type(await assert_hit(get_user, 1, full=True), Entry[User])
        assert_type(assert_hit(square, 1), Entry[int])
        assert_type(await assert_hit(service.get, 1), Entry[User])
        await assert_miss(get_user, 1)
        assert_miss(square, 1)
        await assert_fresh(get_user, 1)
        assert_fresh(square, x=1)
        assert_type(await assert_hit(get_users, 1), Entry[Any])
        with count_loads(get_user, square, service.get) as loads:
            assert_type(loads.count, int)
        with assert_invalidates("a", keys=["k"], cache=own) as seen:
            assert_type(seen.tags, list[str])
        with ChaosStore.behind(own, Fail("look", 2)) as store:
            assert_type(store, ChaosStore)
        with ChaosLoader(get_user, Pause("load"), step=Stepper()) as loader:
            assert_type(loader, ChaosLoader)
        assert_no_leaks(own)

    await assert_hit(get_user, "1")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]


async def load() -> User:
    return User()


async def load_many(keys: list[str]) -> dict[str, User]:
    return {}


async def load_in_order(keys: list[str]) -> list[User]:
    return []


def load_blocking(keys: list[str]) -> dict[str, int]:
    return {}
