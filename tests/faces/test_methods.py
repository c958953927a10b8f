"""Cached methods: who shares with whom, what a bound method can do, and what dies with an object.

Both orders of ``@classmethod`` and ``@staticmethod`` with the cache's decorator work. One limit: with
``@classmethod`` OUTSIDE, Python itself binds what is inside, differently from version to version.
On 3.11 and 3.12 it asks our descriptor; from 3.13 on it makes a plain bound method of it, whose
calls go through the cache as ever, but whose verbs (``Service.get.delete``) would miss the class.
``@cache`` outside has no limits.
"""

from __future__ import annotations

import abc
import copy
import functools
import gc
import inspect
import pickle
import sys
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import attrs
import pydantic
import pytest

from freshly import Cache, ConfigurationError, FreshlyWarning, KeyTextError
from freshly.testing import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cache(clock: ManualClock) -> Cache:
    return Cache(clock=clock, dice=lambda: 0.0)


async def call(outcome: Any) -> Any:
    """Return what a method of either colour gave."""
    return await outcome if inspect.isawaitable(outcome) else outcome


def service_class(cache: Cache, colour: str, **options: Any) -> Any:
    """Return a class with a cached method ``get`` of ``colour``, and a count of its loads."""

    class AsyncService:
        loads: ClassVar[list[Any]] = []

        def __init__(self, name: str) -> None:
            self.name = name

        @cache("1h", **options)
        async def get(self, number: int = 1) -> str:
            """Get one."""
            AsyncService.loads.append((self.name, number))
            return f"{self.name}:{number}"

    class PlainService:
        loads: ClassVar[list[Any]] = []

        def __init__(self, name: str) -> None:
            self.name = name

        @cache("1h", **options)
        def get(self, number: int = 1) -> str:
            """Get one."""
            PlainService.loads.append((self.name, number))
            return f"{self.name}:{number}"

    return AsyncService if colour == "async" else PlainService


@pytest.fixture(params=["async", "plain"])
def colour(request: pytest.FixtureRequest) -> str:
    colour: str = request.param
    return colour


class TestInstances:
    async def test_each_instance_has_entries_of_its_own(self, cache: Cache, colour: str) -> None:
        service = service_class(cache, colour)
        one, other = service("one"), service("other")

        found = [await call(each.get(1)) for each in (one, other, one, other)]

        assert found == ["one:1", "other:1", "one:1", "other:1"]
        assert service.loads == [("one", 1), ("other", 1)]

    async def test_each_spelling_of_a_call_is_one_entry(self, cache: Cache, colour: str) -> None:
        service = service_class(cache, colour)
        one = service("one")

        await call(one.get(1))
        await call(one.get(number=1))
        await call(one.get())
        await call(service.get(one, 1))
        await call(service.get(self=one))

        assert service.loads == [("one", 1)]

    async def test_equal_objects_that_are_no_values_do_not_share(
        self, cache: Cache, colour: str
    ) -> None:
        """Whatever ``==`` and ``hash`` say: two connections to one server are two."""
        base = service_class(cache, colour)

        class Equal(base):  # type: ignore[misc]
            def __eq__(self, other: object) -> bool:
                return True

            def __hash__(self) -> int:
                return 1

        assert [await call(Equal(name).get()) for name in "ab"] == ["a:1", "b:1"]
        one, other = Equal("c"), Equal("d")
        assert [await call(each.get()) for each in (one, other, one)] == ["c:1", "d:1", "c:1"]

    async def test_tags_reach_the_entries_of_all_instances(self, cache: Cache, colour: str) -> None:
        service = service_class(cache, colour, tags=["number:{number}", "name:{self.name}"])
        one, other = service("one"), service("other")
        for each in (one, other):
            await call(each.get(1))

        await cache.delete_tags("name:one")
        for each in (one, other):
            await call(each.get(1))
        assert service.loads == [("one", 1), ("other", 1), ("one", 1)]
        await cache.delete_tags("number:1")
        for each in (one, other):
            await call(each.get(1))
        assert service.loads[3:] == [("one", 1), ("other", 1)]

    async def test_a_tag_of_an_attribute_follows_it(self, cache: Cache, colour: str) -> None:
        """A hit is not served for tags that the call does not have any more."""
        service = service_class(cache, colour, tags=["name:{self.name}"])
        one = service("one")
        await call(one.get())

        one.name = "renamed"

        assert await call(one.get()) == "renamed:1"
        assert one.get.tags() == ("name:renamed",)

    async def test_a_method_may_be_called_through_super(self, cache: Cache, colour: str) -> None:
        base = service_class(cache, colour)

        class Louder(base):  # type: ignore[misc]
            def get(self, number: int = 1) -> Any:
                return super().get(number)

        one, other = Louder("one"), Louder("other")

        found = [await call(each.get(1)) for each in (one, other, one)]
        assert found == ["one:1", "other:1", "one:1"]
        assert base.loads == [("one", 1), ("other", 1)]

    async def test_a_cached_method_may_override_a_cached_one_and_call_it(
        self, cache: Cache, colour: str
    ) -> None:
        base = service_class(cache, colour, tags=["base"])
        own_loads: list[str] = []

        class AsyncChild(base):  # type: ignore[misc]
            @cache("1h")
            async def get(self, number: int = 1) -> str:
                own_loads.append(self.name)
                return f"child of {await super().get(number)}"

        class PlainChild(base):  # type: ignore[misc]
            @cache("1h")
            def get(self, number: int = 1) -> str:
                own_loads.append(self.name)
                return f"child of {super().get(number)}"

        child: Any = (AsyncChild if colour == "async" else PlainChild)("one")

        assert [await call(child.get()) for _ in range(2)] == ["child of one:1"] * 2
        await cache.delete_tags("base")
        await call(child.get())
        assert own_loads == ["one", "one"]
        assert base.loads == [("one", 1), ("one", 1)]

    async def test_a_method_may_be_replaced_on_an_instance_and_on_the_class(
        self, cache: Cache, colour: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        service = service_class(cache, colour)
        one, other = service("one"), service("other")
        await call(one.get())

        with monkeypatch.context() as patch:
            patch.setattr(one, "get", lambda number=1: "of the instance")
            assert one.get() == "of the instance"
            assert await call(other.get()) == "other:1"
        with monkeypatch.context() as patch:
            patch.setattr(service, "get", lambda self, number=1: "of the class")
            assert [one.get(), other.get()] == ["of the class"] * 2

        assert await call(one.get()) == "one:1"
        assert service.loads == [("one", 1), ("other", 1)]
        assert await call(one.get.delete()) is True


class TestVerbs:
    async def test_they_know_the_instance(self, cache: Cache, colour: str) -> None:
        service = service_class(cache, colour, tags=["n:{number}"])
        one, other = service("one"), service("other")
        await call(one.get(1))
        await call(other.get(1))

        assert one.get.key(1) == one.get.key(number=1) != other.get.key(1)
        assert one.get.tags(1) == ("n:1",)
        assert (await call(one.get.peek(1))).value == "one:1"
        assert await call(one.get.delete(1)) is True
        assert await call(one.get.peek(1)) is None
        assert (await call(other.get.peek(1))).value == "other:1"
        one.name = "renamed"
        assert await call(other.get.refresh(1)) == "other:1"
        assert await call(one.get.refresh(1)) == "renamed:1"
        assert await call(one.get(1)) == "renamed:1"
        assert await call(one.get.uncached(2)) == "renamed:2"
        assert await call(one.get.peek(2)) is None

    async def test_on_the_class_they_take_the_instance(self, cache: Cache, colour: str) -> None:
        service = service_class(cache, colour)
        one = service("one")
        await call(one.get(1))

        assert service.get.key(one, 1) == one.get.key(1)
        assert await call(service.get.delete(one, number=1)) is True
        assert await call(service.get.uncached(one, 2)) == "one:2"

    def test_a_bound_method_looks_like_one(self, cache: Cache, colour: str) -> None:
        service = service_class(cache, colour)
        one, other = service("one"), service("other")

        assert one.get.__self__ is one
        assert one.get.__func__ is service.get
        assert one.get.__name__ == "get"
        assert one.get.__doc__ == "Get one."
        assert one.get.__qualname__.endswith("Service.get")
        assert one.get == one.get
        assert one.get != other.get
        assert hash(one.get) == hash(one.get)
        assert inspect.iscoroutinefunction(one.get) is (colour == "async")

    def test_the_signature_of_a_bound_method_is_without_self(self, cache: Cache, colour: str) -> None:
        service = service_class(cache, colour)

        assert list(inspect.signature(service("one").get).parameters) == ["number"]
        assert list(inspect.signature(service.get).parameters) == ["self", "number"]

    async def test_a_wrong_call_is_a_type_error(self, cache: Cache, colour: str) -> None:
        one = service_class(cache, colour)("one")

        with pytest.raises(TypeError, match="unexpected keyword argument 'page'"):
            one.get(page=1)
        with pytest.raises(TypeError, match="positional argument"):
            one.get(1, 2)
        with pytest.raises(TypeError, match="multiple values"):
            one.get(1, number=1)

    async def test_partial_works_on_it(self, cache: Cache, colour: str) -> None:
        one = service_class(cache, colour)("one")
        get_two = functools.partial(one.get, 2)

        assert await call(get_two()) == "one:2"


class TestClassMethods:
    """``order`` is which decorator stands outside."""

    def make(self, cache: Cache, colour: str, order: str) -> Any:
        loads: list[str] = []

        async def get(cls: Any, number: int = 1) -> str:
            loads.append(cls.__name__)
            return f"{cls.__name__}:{number}"

        def get_plain(cls: Any, number: int = 1) -> str:
            loads.append(cls.__name__)
            return f"{cls.__name__}:{number}"

        function: Any = get if colour == "async" else get_plain
        function.__qualname__ = "Service.get"
        decorated = (
            cache("1h", tags=["n:{number}"])(classmethod(function))
            if order == "cache"
            else classmethod(cache("1h", tags=["n:{number}"])(function))
        )
        service: Any = type("Service", (), {"get": decorated, "loads": loads})
        return service

    @pytest.mark.parametrize("order", ["cache", "classmethod"])
    async def test_a_class_and_its_instances_share(self, cache: Cache, colour: str, order: str) -> None:
        service = self.make(cache, colour, order)

        found = [await call(each.get(1)) for each in (service, service(), service())]

        assert found == ["Service:1"] * 3
        assert service.loads == ["Service"]

    @pytest.mark.parametrize("order", ["cache", "classmethod"])
    async def test_a_subclass_has_entries_of_its_own(
        self, cache: Cache, colour: str, order: str
    ) -> None:
        service = self.make(cache, colour, order)
        child = type("Child", (service,), {})

        found = [await call(each.get(1)) for each in (service, child, child(), service)]

        assert found == ["Service:1", "Child:1", "Child:1", "Service:1"]
        assert service.loads == ["Service", "Child"]

    @pytest.mark.parametrize("order", ["cache", "classmethod"])
    async def test_tags_invalidate_it(self, cache: Cache, colour: str, order: str) -> None:
        service = self.make(cache, colour, order)
        await call(service.get(1))

        await cache.delete_tags("n:1")
        await call(service.get(1))

        assert service.loads == ["Service", "Service"]

    async def test_its_verbs_know_the_class(self, cache: Cache, colour: str) -> None:
        service = self.make(cache, colour, "cache")
        child = type("Child", (service,), {})
        await call(service.get(1))
        await call(child.get(1))

        assert service.get.tags(1) == ("n:1",)
        assert service.get.key(1) == service().get.key(1) != child.get.key(1)
        assert (await call(child.get.peek(1))).value == "Child:1"
        assert await call(child.get.delete(1)) is True
        assert await call(child.get.peek(1)) is None
        assert (await call(service.get.peek(1))).value == "Service:1"
        assert await call(service.get.refresh(1)) == "Service:1"
        assert await call(service.get.uncached(2)) == "Service:2"

    @pytest.mark.skipif(sys.version_info >= (3, 13), reason="from 3.13 on Python binds it itself")
    async def test_with_classmethod_outside_they_know_it_too(self, cache: Cache, colour: str) -> None:
        service = self.make(cache, colour, "classmethod")
        await call(service.get(1))

        assert service.get.tags(1) == ("n:1",)
        assert await call(service.get.delete(1)) is True

    @pytest.mark.skipif(sys.version_info < (3, 13), reason="until 3.12 Python asks our descriptor")
    async def test_with_classmethod_outside_the_verbs_take_the_class(
        self, cache: Cache, colour: str
    ) -> None:
        """A plain bound method hands on the attributes of its function, which know no class."""
        service = self.make(cache, colour, "classmethod")
        await call(service.get(1))

        assert service.get.tags(service, 1) == ("n:1",)
        assert await call(service.get.delete(service, 1)) is True

    async def test_a_classmethod_of_the_base_may_be_called_through_super(self, cache: Cache) -> None:
        class Base:
            @classmethod
            @cache("1h")
            def get(cls) -> str:
                return cls.__name__

        class Child(Base):
            @classmethod
            @cache("1h")
            def get(cls) -> str:
                return f"child {super().get()}"

        assert [Child.get(), Child.get(), Base.get()] == ["child Child", "child Child", "Base"]


class TestStaticMethods:
    @pytest.mark.parametrize("order", ["cache", "staticmethod"])
    async def test_it_takes_no_receiver_and_all_share(
        self, cache: Cache, colour: str, order: str
    ) -> None:
        loads: list[int] = []

        async def get(number: int = 1) -> int:
            loads.append(number)
            return number

        def get_plain(number: int = 1) -> int:
            loads.append(number)
            return number

        function: Any = get if colour == "async" else get_plain
        function.__qualname__ = "Service.get"
        decorated = (
            cache("1h", tags=["n:{number}"])(staticmethod(function))
            if order == "cache"
            else staticmethod(cache("1h", tags=["n:{number}"])(function))
        )
        service: Any = type("Service", (), {"get": decorated})
        child: Any = type("Child", (service,), {})

        for each in (service, service(), child, child()):
            assert await call(each.get(1)) == 1
        assert loads == [1]
        assert service.get.tags(1) == service().get.tags(1) == ("n:1",)
        assert await call(service().get.delete(1)) is True
        assert await call(child.get.peek(1)) is None
        assert await call(service.get.uncached(2)) == 2
        assert inspect.iscoroutinefunction(service.get) is (colour == "async")

    def test_its_first_parameter_may_be_called_self(self, cache: Cache) -> None:
        class Service:
            @staticmethod
            @cache("1h", key="s:{self}")
            def inside(self: int) -> int:
                return self

            @cache("1h", key="t:{self}")
            @staticmethod
            def outside(self: int) -> int:
                return self

        assert [Service.outside(1), Service().outside(2), Service.outside(1)] == [1, 2, 1]
        assert [Service.inside(1), Service().inside(2), Service.inside(1)] == [1, 2, 1]


async def ask_new_ones(service: Any, count: int) -> list[Any]:
    """Ask so many objects, each of which is gone when the next one comes."""
    return [await call(service(f"s{number}").get()) for number in range(count)]


class TestDeath:
    """Nothing of an object stays when it is gone, and nothing of ours keeps it."""

    async def test_the_cache_keeps_no_object_alive(self, cache: Cache, colour: str) -> None:
        service = service_class(cache, colour)
        one = service("one")
        await call(one.get())
        await call(one.get())
        gone = weakref.ref(one)

        del one
        gc.collect()

        assert gone() is None

    async def test_not_even_after_refreshing_and_deleting(self, cache: Cache, colour: str) -> None:
        service = service_class(cache, colour)
        one = service("one")
        await call(one.get())
        await call(one.get.refresh())
        await call(one.get.peek())
        await call(one.get.delete())
        gone = weakref.ref(one)

        del one
        gc.collect()

        assert gone() is None

    async def test_who_takes_its_place_in_memory_does_not_get_its_values(
        self, cache: Cache, colour: str
    ) -> None:
        service = service_class(cache, colour)

        with pytest.warns(FreshlyWarning, match="objects of"):
            found = await ask_new_ones(service, 100)

        assert found == [f"s{number}:1" for number in range(100)]

    async def test_objects_that_come_and_go_leave_no_memory_behind(self, colour: str) -> None:
        """What is left of them are their entries, and those are bounded."""
        cache = Cache("mem://?max_entries=10")
        service = service_class(cache, colour)

        async def come_and_go(count: int) -> int:
            await ask_new_ones(service, count)
            gc.collect()
            return len(gc.get_objects())

        with pytest.warns(FreshlyWarning):
            before = await come_and_go(100)
        after = await come_and_go(1000)

        assert after - before < 200
        assert cache.stats().entries == 10

    async def test_a_warning_comes_once_if_no_instance_is_ever_asked_twice(
        self, cache: Cache, colour: str
    ) -> None:
        service = service_class(cache, colour)

        with pytest.warns(FreshlyWarning) as caught:
            await ask_new_ones(service, 30)

        assert len(caught) == 1
        for word in ("__cache_key__", "exclude=('self',)", "key=", service.__qualname__):
            assert word in str(caught[0].message)

    async def test_no_warning_comes_if_they_are_asked_again(self, cache: Cache, colour: str) -> None:
        service = service_class(cache, colour)
        alive = []

        for number in range(30):
            one = service(f"s{number}")
            alive.append(one)
            await call(one.get())
            await call(one.get())

    async def test_no_warning_comes_if_each_was_asked_again_while_it_lived(
        self, cache: Cache, colour: str
    ) -> None:
        """The warning would say that no call found a value, and every second call did."""
        service = service_class(cache, colour)

        for number in range(30):
            one = service(f"s{number}")
            await call(one.get())
            await call(one.get())

    async def test_no_warning_comes_for_a_new_argument_of_living_objects(
        self, cache: Cache, colour: str
    ) -> None:
        one = service_class(cache, colour)("one")

        for number in range(30):
            await call(one.get(number))

    def test_slots_without_weakref_are_an_error_that_names_the_ways_out(self, cache: Cache) -> None:
        class Slotted:
            __slots__ = ("name",)

            @cache("1h")
            def get(self) -> int:
                return 1

            @cache("1h", exclude=("self",))
            def shared(self) -> int:
                return 2

        with pytest.raises(KeyTextError) as caught:
            Slotted().get()

        for word in ("'__weakref__'", "__cache_key__", "exclude=", "key="):
            assert word in str(caught.value)
        assert Slotted().shared() == 2

    def test_slots_with_weakref_work(self, cache: Cache) -> None:
        class Slotted:
            __slots__ = ("__weakref__", "name")

            def __init__(self, name: str) -> None:
                self.name = name

            @cache("1h")
            def get(self) -> str:
                return self.name

        one, other = Slotted("one"), Slotted("other")

        assert [one.get(), other.get(), one.get()] == ["one", "other", "one"]

    async def test_a_copy_of_an_object_is_another_object(self, cache: Cache, colour: str) -> None:
        service = service_class(cache, colour)
        one = service("one")
        await call(one.get())

        for other in (copy.copy(one), copy.deepcopy(one)):
            other.name = "other"
            assert await call(other.get()) == "other:1"
        assert await call(one.get()) == "one:1"


class Pickled:
    """At module level, where pickle finds it."""

    cache: ClassVar[Cache] = Cache()

    def __init__(self, name: str) -> None:
        self.name = name

    @cache("1h")
    def get(self) -> str:
        return self.name


class TestPickle:
    def test_an_instance_goes_through_pickle_and_is_another_object(self) -> None:
        one = Pickled("one")
        assert one.get() == "one"

        other = pickle.loads(pickle.dumps(one))
        other.name = "other"

        assert [other.get(), one.get()] == ["other", "one"]

    def test_a_cached_function_goes_through_pickle_by_its_name(self) -> None:
        assert pickle.loads(pickle.dumps(module_level)) is module_level

    def test_a_bound_cached_method_goes_through_pickle_as_other_bound_methods_do(self) -> None:
        bound = pickle.loads(pickle.dumps(Pickled("one").get))

        assert bound() == "one"
        assert bound.__self__.name == "one"
        assert bound.delete() is True


@Pickled.cache("1h")
def module_level() -> int:
    return 1


# -- receivers that say what they are --------------------------------------------------------------


class TestCacheKey:
    @pytest.mark.parametrize("form", ["property", "method", "class attribute"])
    async def test_objects_with_one_key_share(self, cache: Cache, colour: str, form: str) -> None:
        base = service_class(cache, colour)
        body: dict[str, Any] = {
            "property": {"__cache_key__": property(lambda self: self.region)},
            "method": {"__cache_key__": lambda self: self.region},
            "class attribute": {"__cache_key__": "eu"},
        }[form]
        service = type("Regional", (base,), body)

        def make(name: str, region: str) -> Any:
            one: Any = service(name)
            one.region = region
            return one

        assert await call(make("one", "eu").get()) == "one:1"
        assert await call(make("other", "eu").get()) == "one:1"
        if form != "class attribute":
            assert await call(make("third", "us").get()) == "third:1"

    async def test_an_attribute_set_in_init_counts(self, cache: Cache, colour: str) -> None:
        base = service_class(cache, colour)

        class Regional(base):  # type: ignore[misc]
            def __init__(self, name: str, region: str) -> None:
                super().__init__(name)
                self.__cache_key__ = region

        found = [
            await call(Regional(name, region).get())
            for name, region in [("one", "eu"), ("other", "eu"), ("third", "us")]
        ]

        assert found == ["one:1", "one:1", "third:1"]

    async def test_a_key_that_changes_changes_the_entry(self, cache: Cache, colour: str) -> None:
        base = service_class(cache, colour)

        class Regional(base):  # type: ignore[misc]
            def __cache_key__(self) -> str:
                return str(self.name)

        one = Regional("one")
        assert await call(one.get()) == "one:1"
        one.name = "renamed"
        assert await call(one.get()) == "renamed:1"
        one.name = "one"
        assert await call(one.get()) == "one:1"
        assert len(base.loads) == 2

    async def test_classes_with_one_key_do_not_share(self, cache: Cache, colour: str) -> None:
        base = service_class(cache, colour)
        one = type("One", (base,), {"__cache_key__": "k"})("one")
        other = type("Other", (base,), {"__cache_key__": "k"})("other")

        assert [await call(one.get()), await call(other.get())] == ["one:1", "other:1"]

    def test_a_key_without_a_lasting_text_is_an_error(self, cache: Cache) -> None:
        class Service:
            def __cache_key__(self) -> object:
                return object()

            @cache("1h")
            def get(self) -> int:
                return 1

        with pytest.raises(KeyTextError):
            Service().get()

    async def test_excluding_self_shares_among_all(self, cache: Cache, colour: str) -> None:
        service = service_class(cache, colour, exclude=("self",))

        assert [await call(service(name).get()) for name in "ab"] == ["a:1", "a:1"]
        assert await call(service("c").get.delete()) is True

    async def test_a_template_without_self_shares_among_all(self, cache: Cache, colour: str) -> None:
        service = service_class(cache, colour, key="item:{number}")

        assert [await call(service(name).get(7)) for name in "ab"] == ["a:7", "a:7"]
        assert await cache.get("item:7") == "a:7"

    async def test_a_template_may_name_an_attribute_of_self(self, cache: Cache, colour: str) -> None:
        service = service_class(cache, colour, key="{self.name}:{number}")

        found = [await call(service(name).get(7)) for name in "aba"]

        assert found == ["a:7", "b:7", "a:7"]
        assert len(service.loads) == 2
        assert await cache.get("b:7") == "b:7"

    async def test_a_template_with_bare_self_names_each_object(self, cache: Cache, colour: str) -> None:
        service = service_class(cache, colour, key="{self}:{number}")
        one, other = service("one"), service("other")

        found = [await call(each.get(7)) for each in (one, other, one)]

        assert found == ["one:7", "other:7", "one:7"]
        assert " at 0x" not in one.get.key(7)


def dataclass_service(cache: Cache, load: Callable[[Any], str]) -> Any:
    @dataclass
    class Service:
        name: str
        rest: list[int] = field(default_factory=list)

        @cache("1h")
        def get(self) -> str:
            return load(self)

    return Service


def frozen_service(cache: Cache, load: Callable[[Any], str]) -> Any:
    @dataclass(frozen=True)
    class Service:
        name: str
        rest: tuple[int, ...] = ()

        @cache("1h")
        def get(self) -> str:
            return load(self)

    return Service


def slotted_service(cache: Cache, load: Callable[[Any], str]) -> Any:
    @dataclass(slots=True)
    class Service:
        name: str
        rest: list[int] = field(default_factory=list)

        @cache("1h")
        def get(self) -> str:
            return load(self)

    return Service


def attrs_service(cache: Cache, load: Callable[[Any], str]) -> Any:
    @attrs.define
    class Service:
        name: str
        rest: list[int] = attrs.Factory(list)

        @cache("1h")
        def get(self) -> str:
            return load(self)

    return Service


def frozen_attrs_service(cache: Cache, load: Callable[[Any], str]) -> Any:
    @attrs.frozen
    class Service:
        name: str
        rest: list[int] = attrs.Factory(list)

        @cache("1h")
        def get(self) -> str:
            return load(self)

    return Service


def pydantic_service(cache: Cache, load: Callable[[Any], str]) -> Any:
    class Service(pydantic.BaseModel):
        name: str
        rest: list[int] = []

        @cache("1h")
        def get(self) -> str:
            return load(self)

    return Service


def frozen_pydantic_service(cache: Cache, load: Callable[[Any], str]) -> Any:
    class Service(pydantic.BaseModel, frozen=True):
        name: str
        rest: list[int] = []

        @cache("1h")
        def get(self) -> str:
            return load(self)

    return Service


MUTABLE = [dataclass_service, slotted_service, attrs_service, pydantic_service]
VALUES = [*MUTABLE, frozen_service, frozen_attrs_service, frozen_pydantic_service]


def name_of(value: Any) -> str:
    return str(value.name)


class TestValues:
    """A value is its content: equal ones share, whichever object asks."""

    @pytest.mark.parametrize("make", VALUES)
    def test_equal_values_share_and_others_do_not(self, cache: Cache, make: Any) -> None:
        loads: list[str] = []

        def load(value: Any) -> str:
            loads.append(value.name)
            return name_of(value)

        service = make(cache, load)

        assert [service(name=name).get() for name in "aab"] == ["a", "a", "b"]
        assert loads == ["a", "b"]

    @pytest.mark.parametrize("make", MUTABLE)
    def test_a_value_that_changed_is_another_value(self, cache: Cache, make: Any) -> None:
        service = make(cache, lambda value: f"{value.name}{value.rest}")
        one = service(name="a")
        assert [one.get(), one.get()] == ["a[]", "a[]"]

        one.name = "b"
        assert one.get() == "b[]"
        one.rest.append(1)
        assert one.get() == "b[1]"
        one.name, one.rest = "a", []
        assert one.get() == "a[]"

    @pytest.mark.parametrize("make", VALUES)
    def test_its_verbs_speak_of_the_value(self, cache: Cache, make: Any) -> None:
        service = make(cache, name_of)
        service(name="a").get()

        assert service(name="a").get.key() == service(name="a").get.key()
        assert service(name="a").get.peek().value == "a"
        assert service(name="a").get.delete() is True
        assert service(name="a").get.peek() is None

    def test_a_value_that_holds_a_plain_object_is_itself_and_nobody_else(self, cache: Cache) -> None:
        """Without that part, two with different databases would share."""

        class Database:
            def __init__(self, answer: str) -> None:
                self.answer = answer

        @dataclass
        class Service:
            database: Database

            @cache("1h")
            def get(self) -> str:
                return self.database.answer

        one, other = Service(Database("one")), Service(Database("other"))

        assert [one.get(), other.get(), one.get()] == ["one", "other", "one"]

    def test_a_cached_method_is_no_field(self, cache: Cache) -> None:
        assert list(pydantic_service(cache, name_of).model_fields) == ["name", "rest"]
        assert [each.name for each in attrs.fields(attrs_service(cache, name_of))] == ["name", "rest"]
        assert list(dataclass_service(cache, name_of).__dataclass_fields__) == ["name", "rest"]

    def test_a_pydantic_model_may_have_cached_methods_of_every_kind(self, cache: Cache) -> None:
        class Model(pydantic.BaseModel):
            number: int

            @cache("1h")
            async def coroutine(self) -> int:
                return self.number

            @classmethod
            @cache("1h")
            def of_class(cls) -> str:
                return cls.__name__

            @cache("1h")
            @classmethod
            def of_class_too(cls) -> str:
                return cls.__name__

            @staticmethod
            @cache("1h")
            def static(number: int) -> int:
                return number

            @cache("1h")
            @staticmethod
            def static_too(number: int) -> int:
                return number

        one = Model(number=1)

        assert list(Model.model_fields) == ["number"]
        assert [one.of_class(), Model.of_class_too(), one.static(2), Model.static_too(3)] == [
            "Model",
            "Model",
            2,
            3,
        ]
        assert one.model_dump() == {"number": 1}
        assert one.model_copy(update={"number": 2}).number == 2


class TestAbstract:
    def test_an_abstract_method_stays_abstract_in_both_orders(self, cache: Cache) -> None:
        class Base(abc.ABC):
            @cache("1h")
            @abc.abstractmethod
            def inside(self) -> int: ...

            @abc.abstractmethod
            @cache("1h")
            def outside(self) -> int: ...

        assert Base.__abstractmethods__ == {"inside", "outside"}
        with pytest.raises(TypeError, match="abstract"):
            Base()  # type: ignore[abstract]

    def test_a_cached_method_makes_an_abstract_one_concrete(self, cache: Cache) -> None:
        class Base(abc.ABC):
            @abc.abstractmethod
            def get(self) -> int: ...

        class Child(Base):
            @cache("1h")
            def get(self) -> int:
                return 1

        assert Child().get() == 1

    def test_an_abstract_classmethod_stays_abstract(self, cache: Cache) -> None:
        class Base(abc.ABC):
            @classmethod
            @abc.abstractmethod
            def plain(cls) -> int: ...

            @cache("1h")
            @classmethod
            @abc.abstractmethod
            def get(cls) -> int: ...

        assert Base.__abstractmethods__ == {"plain", "get"}


class TestWhatIsAMethod:
    def test_a_function_with_a_first_parameter_called_self_is_a_function_outside_a_class(
        self, cache: Cache
    ) -> None:
        @cache("1h")
        def get(self: int) -> int:
            return self

        assert [get(1), get(2), get(1)] == [1, 2, 1]

    def test_a_method_assigned_to_a_class_afterwards_binds_as_functions_do(self, cache: Cache) -> None:
        """Its name says nothing of a class, so its object is an argument like any other."""

        @cache("1h", key="{self.name}")
        def get(self: Any) -> str:
            return str(self.name)

        service: Any = type("Service", (), {"get": get})
        one = service()
        one.name = "one"

        assert one.get() == "one"

    def test_a_method_with_another_name_for_self_is_refused_or_told_apart(self, cache: Cache) -> None:
        """Never an address in a key: an object that says nothing of itself is refused."""

        class Service:
            @cache("1h")
            def get(this) -> int:
                return 1

        with pytest.raises(KeyTextError, match="'this'"):
            Service().get()

    def test_a_cached_property_of_functools_can_not_be_cached_again(self, cache: Cache) -> None:
        with pytest.raises(ConfigurationError, match="is no function"):

            class Service:
                @cache("1h")
                @property
                def name(self) -> str:
                    return "name"

    def test_a_property_over_a_cached_method_works(self, cache: Cache) -> None:
        loads: list[int] = []

        class Service:
            @property
            @cache("1h")
            def name(self) -> str:
                loads.append(1)
                return "name"

        service = Service()

        assert [service.name, service.name] == ["name", "name"]
        assert loads == [1]

    def test_special_methods_may_be_cached(self, cache: Cache) -> None:
        """Python looks them up on the type, and calls them as descriptors do."""
        loads: list[int] = []

        class Service:
            @cache("1h")
            def __call__(self, number: int) -> int:
                loads.append(number)
                return number

            @cache("1h")
            def __getitem__(self, number: int) -> int:
                loads.append(number)
                return number

        service = Service()

        assert [service(1), service(1), service[2], service[2]] == [1, 1, 2, 2]
        assert loads == [1, 2]


class TestWhatStandsInTheClass:
    """A decorator above ``@cache``, in the body of a class, gets what stands there."""

    def test_it_has_what_the_function_has(self, cache: Cache) -> None:
        @cache("1h")
        async def load(self: object, number: int = 1) -> int:
            return number

        class Service:
            @cache("1h")
            async def load(self, number: int = 1) -> int:
                return number

        held: Any = vars(Service)["load"]
        missing = [name for name in dir(load) if not hasattr(held, name)]

        assert missing == []
        assert held.key(Service, 3) == Service.load.key(Service, 3)
        assert held.__defaults__ == (1,)
        assert inspect.iscoroutinefunction(held)
