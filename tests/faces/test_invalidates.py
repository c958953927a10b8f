"""``cache.invalidates``: a writer that has returned has invalidated what its templates name."""

from __future__ import annotations

import inspect
import typing
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from freshly import Cache, ConfigurationError
from freshly.testing import ManualClock, Stepper


@dataclass
class Post:
    id: int
    author_id: int


@pytest.fixture
def cache() -> Cache:
    return Cache(clock=ManualClock(), dice=lambda: 0.0)


@pytest.fixture(params=["async", "plain"])
def colour(request: pytest.FixtureRequest) -> str:
    colour: str = request.param
    return colour


async def call(outcome: Any) -> Any:
    """Return what a function of either colour gave."""
    return await outcome if inspect.isawaitable(outcome) else outcome


async def fill(cache: Cache, *tags: str) -> None:
    """Store one value for each tag, under the tag's own name."""
    for tag in tags:
        await cache.set(tag, 1, tags=[tag])


async def left(cache: Cache, *tags: str) -> list[str]:
    return [tag for tag in tags if await cache.exists(tag)]


def writer(colour: str, outcome: Any = None) -> Any:
    """Return a writer that returns ``outcome``, or raises it."""

    def write(user_id: int, data: Any = None, *, page: int = 1) -> Any:
        """Write it."""
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    async def write_async(user_id: int, data: Any = None, *, page: int = 1) -> Any:
        """Write it."""
        return write(user_id, data, page=page)

    return write if colour == "plain" else write_async


class TestWhat:
    async def test_it_invalidates_tags_of_arguments_however_they_were_given(
        self, cache: Cache, colour: str
    ) -> None:
        write = cache.invalidates("users", "user:{user_id}", "page:{page}")(writer(colour))

        for args, kwargs in [((7,), {}), ((), {"user_id": 7}), ((7, {}), {"page": 1})]:
            await fill(cache, "users", "user:7", "user:8", "page:1", "page:2")
            await call(write(*args, **kwargs))
            assert await left(cache, "users", "user:7", "user:8", "page:1", "page:2") == [
                "user:8",
                "page:2",
            ]

    async def test_it_invalidates_tags_of_attributes_and_elements(
        self, cache: Cache, colour: str
    ) -> None:
        write = cache.invalidates("author:{data.author_id}", "kind:{data.__class__.__name__}")(
            writer(colour)
        )
        await fill(cache, "author:3", "kind:Post", "other")

        await call(write(1, Post(id=9, author_id=3)))

        assert await left(cache, "author:3", "kind:Post", "other") == ["other"]

    async def test_it_invalidates_tags_of_the_result(self, cache: Cache, colour: str) -> None:
        write = cache.invalidates("post:{result.id}", "author:{result.author_id}")(
            writer(colour, Post(id=9, author_id=3))
        )
        await fill(cache, "post:9", "author:3", "post:1")

        await call(write(1))

        assert await left(cache, "post:9", "author:3", "post:1") == ["post:1"]

    async def test_it_invalidates_a_tag_for_each_element(self, cache: Cache, colour: str) -> None:
        write = cache.invalidates("post:{result[].id}", "row:{result[0].author_id}")(
            writer(colour, [Post(1, 3), Post(2, 4)])
        )
        await fill(cache, "post:1", "post:2", "post:3", "row:3", "row:4")

        await call(write(1))

        assert await left(cache, "post:1", "post:2", "post:3", "row:3", "row:4") == ["post:3", "row:4"]

    async def test_it_deletes_keys(self, cache: Cache, colour: str) -> None:
        write = cache.invalidates(keys=["user:{user_id}", "post:{result.id}"])(
            writer(colour, Post(id=9, author_id=3))
        )
        for key in ("user:7", "post:9", "user:8"):
            await cache.set(key, 1)

        await call(write(7))

        assert await left(cache, "user:7", "post:9", "user:8") == ["user:8"]

    async def test_tags_and_keys_go_together(self, cache: Cache, colour: str) -> None:
        write = cache.invalidates("users", keys=("user:{user_id}",))(writer(colour))
        await fill(cache, "users")
        await cache.set("user:7", 1)

        await call(write(7))

        assert await left(cache, "users", "user:7") == []

    async def test_a_result_that_is_none_has_no_tags_and_the_others_are_invalidated(
        self, cache: Cache, colour: str
    ) -> None:
        write = cache.invalidates("post:{result.id}", "user:{user_id}")(writer(colour, None))
        await fill(cache, "user:7")

        assert await call(write(7)) is None
        assert await left(cache, "user:7") == []

    async def test_a_parameter_called_result_goes_before_the_result(
        self, cache: Cache, colour: str
    ) -> None:
        @cache.invalidates("r:{result}")
        def write(result: int) -> str:
            return "returned"

        await fill(cache, "r:1", "r:returned")
        write(1)

        assert await left(cache, "r:1", "r:returned") == ["r:returned"]

    async def test_a_cached_function_sees_the_write_at_once(self, cache: Cache, colour: str) -> None:
        names = {1: "old"}

        @cache("1h", tags=["user:{user_id}"])
        def get(user_id: int) -> str:
            return names[user_id]

        @cache.invalidates("user:{user_id}")
        def rename(user_id: int, name: str) -> None:
            names[user_id] = name

        assert get(1) == "old"
        rename(1, "new")
        assert get(1) == "new"


class TestWhen:
    async def test_a_writer_that_raises_invalidates_nothing(self, cache: Cache, colour: str) -> None:
        write = cache.invalidates("users", keys=["user:{user_id}"])(writer(colour, LookupError("mine")))
        await fill(cache, "users")
        await cache.set("user:7", 1)

        with pytest.raises(LookupError, match="mine"):
            await call(write(7))

        assert await left(cache, "users", "user:7") == ["users", "user:7"]

    async def test_what_it_returns_passes_through(self, cache: Cache, colour: str) -> None:
        outcome = object()

        assert await call(cache.invalidates("t")(writer(colour, outcome))(1)) is outcome

    async def test_it_invalidates_after_the_writer_and_before_the_caller_goes_on(
        self, cache: Cache
    ) -> None:
        step = Stepper()

        @cache.invalidates("users")
        async def write() -> None:
            await step.stop("writing")

        await fill(cache, "users")
        writing = step.start(write())
        await step.reached("writing")
        assert await left(cache, "users") == ["users"]
        step.go("writing")
        await writing

        assert await left(cache, "users") == []

    async def test_a_load_that_runs_while_it_writes_is_not_stored(self, cache: Cache) -> None:
        step = Stepper()
        version = 1

        @cache("1h", tags=["t"])
        async def get() -> int:
            found = version
            if found == 1:
                await step.stop("loading")
            return found

        @cache.invalidates("t")
        async def write() -> None:
            nonlocal version
            version = 2

        reader = step.start(get())
        await step.reached("loading")
        await write()
        step.go("loading")
        await reader

        assert await get() == 2

    async def test_a_writer_that_was_cancelled_invalidates_nothing(self, cache: Cache) -> None:
        step = Stepper()

        @cache.invalidates("users")
        async def write() -> None:
            await step.stop("writing")

        await fill(cache, "users")
        writing = step.start(write())
        await step.reached("writing")
        writing.cancel()
        await step.settle()

        assert writing.cancelled()
        assert await left(cache, "users") == ["users"]

    async def test_while_the_cache_is_disabled_it_invalidates_all_the_same(
        self, cache: Cache, colour: str
    ) -> None:
        write = cache.invalidates("users")(writer(colour))
        await fill(cache, "users")

        with cache.disabled():
            await call(write(1))

        assert await left(cache, "users") == []

    async def test_it_invalidates_in_the_store_of_the_moment(self, cache: Cache, colour: str) -> None:
        write = cache.invalidates("users")(writer(colour))
        cache.setup()
        await fill(cache, "users")

        await call(write(1))

        assert await left(cache, "users") == []

    async def test_a_tag_that_cannot_be_rendered_raises_and_names_the_template(
        self, cache: Cache, colour: str
    ) -> None:
        """The write was done and the invalidation was not: nobody must believe that it was."""
        write = cache.invalidates("user:{data.id}")(writer(colour))

        with pytest.raises(AttributeError, match="id") as caught:
            await call(write(1, data=None))

        assert "user:{data.id}" in "".join(caught.value.__notes__)


class TestMethods:
    @pytest.mark.parametrize("order", ["inside", "outside"])
    async def test_methods_of_every_kind(self, cache: Cache, colour: str, order: str) -> None:
        invalidates = cache.invalidates

        def plain(self: Any, user_id: int) -> str:
            return f"{self.name}:{user_id}"

        async def coroutine(self: Any, user_id: int) -> str:
            return f"{self.name}:{user_id}"

        def plain_static(user_id: int) -> str:
            return f"static:{user_id}"

        async def coroutine_static(user_id: int) -> str:
            return f"static:{user_id}"

        method: Any = plain if colour == "plain" else coroutine
        static: Any = plain_static if colour == "plain" else coroutine_static
        tag = invalidates("user:{user_id}")
        with_self = invalidates("of:{self.name}")
        with_cls = invalidates("of:{cls.name}")

        def plain_class(cls: Any, user_id: int) -> str:
            return f"{cls.name}:{user_id}"

        async def coroutine_class(cls: Any, user_id: int) -> str:
            return f"{cls.name}:{user_id}"

        of_class: Any = plain_class if colour == "plain" else coroutine_class
        outside = order == "outside"
        service: Any = type(
            "Service",
            (),
            {
                "name": "service",
                "write": with_self(method),
                "of_class": with_cls(classmethod(of_class))
                if outside
                else classmethod(with_cls(of_class)),
                "static": tag(staticmethod(static)) if outside else staticmethod(tag(static)),
            },
        )

        for holder in (service, service()):
            await fill(cache, "user:1", "of:service")
            assert await call(holder.static(1)) == "static:1"
            assert await left(cache, "user:1", "of:service") == ["of:service"]
            assert await call(holder.of_class(user_id=1)) == "service:1"
            assert await left(cache, "of:service") == []
        await fill(cache, "of:service")
        assert await call(service().write(1)) == "service:1"
        assert await left(cache, "of:service") == []


class TestShape:
    def test_all_that_the_writer_says_of_itself_stays(self, cache: Cache, colour: str) -> None:
        plain = writer(colour)
        write = cache.invalidates("user:{user_id}")(plain)

        assert inspect.isfunction(write)
        assert inspect.signature(write) == inspect.signature(plain)
        assert typing.get_type_hints(write) == typing.get_type_hints(plain)
        assert inspect.iscoroutinefunction(write) is (colour == "async")
        assert (write.__name__, write.__doc__) == (plain.__name__, "Write it.")

    @pytest.mark.parametrize(("args", "kwargs"), [((), {}), ((1, 2, 3), {}), ((1,), {"pgae": 1})])
    async def test_a_wrong_call_is_the_type_error_it_was(
        self, cache: Cache, colour: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        plain = writer(colour)
        with pytest.raises(TypeError) as wanted:
            plain(*args, **kwargs)

        with pytest.raises(TypeError) as caught:
            await call(cache.invalidates("t")(plain)(*args, **kwargs))

        assert str(caught.value) == str(wanted.value)

    async def test_several_may_stand_on_one_writer(self, cache: Cache, colour: str) -> None:
        write = cache.invalidates("one")(cache.invalidates("user:{user_id}")(writer(colour)))
        await fill(cache, "one", "user:7")

        await call(write(7))

        assert await left(cache, "one", "user:7") == []

    async def test_writers_of_two_caches_may_stand_on_one_another(
        self, cache: Cache, colour: str
    ) -> None:
        other = Cache()
        write = cache.invalidates("t")(other.invalidates("t")(writer(colour)))
        await fill(cache, "t")
        await fill(other, "t")

        await call(write(1))

        assert await left(cache, "t") == []
        assert await left(other, "t") == []


class TestRefused:
    @pytest.mark.parametrize(
        ("tags", "keys", "words"),
        [
            ((), (), ["names nothing", "'user:{user_id}'", "keys="]),
            ((["users"],), (), ["['users']", "unpack"]),
            ((("users",),), (), ["('users',)", "unpack"]),
            ((5,), (), ["5", "text"]),
            ((None,), (), ["None", "text"]),
            (("",), (), ["''", "names nothing"]),
            (("user:{usr_id}",), (), ["user:{usr_id}", "did you mean 'user_id'?"]),
            (("user:{}",), (), ["user:{}", "named"]),
            ((), "user:{user_id}", ["keys='user:{user_id}'", "keys=['user:{user_id}']"]),
            ((), ["user:{usr_id}"], ["keys='user:{usr_id}'", "did you mean 'user_id'?"]),
            ((), [5], ["keys", "5", "text"]),
            ((), [], ["names nothing"]),
        ],
    )
    def test_a_bad_template_is_an_error_at_decoration(
        self, cache: Cache, colour: str, tags: Any, keys: Any, words: list[str]
    ) -> None:
        with pytest.raises(ConfigurationError) as caught:
            cache.invalidates(*tags, keys=keys)(writer(colour))

        for word in words:
            assert word in str(caught.value)

    def test_keys_that_can_be_read_once_are_not_lost(self, cache: Cache) -> None:
        write = cache.invalidates("t", keys=(key for key in ["user:{user_id}"]))(writer("plain"))
        cache.blocking.set("user:7", 1)

        write(7)

        assert not cache.blocking.exists("user:7")

    def test_keys_that_can_be_read_once_are_not_lost_without_tags_either(self, cache: Cache) -> None:
        write = cache.invalidates(keys=(key for key in ["user:{user_id}"]))(writer("plain"))
        cache.blocking.set("user:7", 1)

        write(7)

        assert not cache.blocking.exists("user:7")

    def test_without_brackets_it_is_an_error(self, cache: Cache) -> None:
        """``@cache.invalidates`` alone takes the writer for a tag."""
        with pytest.raises(ConfigurationError, match=r"invalidates"):

            @cache.invalidates  # type: ignore[arg-type]
            def write() -> None: ...

            write()  # type: ignore[call-arg]

    def test_a_generator_is_refused(self, cache: Cache) -> None:
        def lines() -> Iterator[int]:
            yield 1

        async def async_lines() -> AsyncIterator[int]:
            yield 1

        for function in (lines, async_lines):
            with pytest.raises(ConfigurationError, match="is a generator"):
                cache.invalidates("t")(function)

    def test_a_cached_function_is_refused_and_the_message_is_about_that(self, cache: Cache) -> None:
        """What is cached is not run each time, so it would not invalidate each time."""

        @cache("1h")
        def get() -> int:
            return 1

        with pytest.raises(ConfigurationError, match="get is cached"):
            cache.invalidates("t")(get)
