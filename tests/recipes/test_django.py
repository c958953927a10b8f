"""The recipe of docs/guide/transactions.md for Django, with the real library and a database in a file.

Django is set up here, without a project on disk, unless another test has done so.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from types import SimpleNamespace

import django
import pytest
from django.conf import settings
from django.db import connection, transaction

from freshly import Cache, StoreError
from freshly.observe import Invalidated
from tests.recipes.page import code_of, run

RECIPE = code_of("guide/transactions.md", "def delete_tags_on_commit")

if not settings.configured:
    folder = tempfile.TemporaryDirectory()
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder.name}/django.db"}
    settings.configure(DATABASES={"default": database})
    django.setup()


def execute(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def name_in_the_database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("select name from recipe where id = 7")
        name: str = cursor.fetchone()[0]
        return name


def write_name(user_id: int, name: str) -> None:
    execute("update recipe set name = %s where id = %s", name, user_id)


@pytest.fixture(autouse=True)
def table() -> Iterator[None]:
    execute("create table recipe (id integer primary key, name text)")
    execute("insert into recipe values (7, 'old')")
    yield
    execute("drop table recipe")
    connection.close()


@pytest.fixture
def cache() -> Cache:
    return Cache()


@pytest.fixture
def events(cache: Cache) -> list[Invalidated]:
    events: list[Invalidated] = []
    cache.observe(events.append, Invalidated)  # type: ignore[arg-type]
    return events


@pytest.fixture
def recipe(cache: Cache) -> SimpleNamespace:
    return SimpleNamespace(**run(RECIPE, cache=cache, write_name=write_name))


def test_after_the_commit_everybody_reads_what_was_written(
    cache: Cache, recipe: SimpleNamespace
) -> None:
    @cache("1h", tags=["user:{user_id}"])
    def read(user_id: int) -> str:
        return name_in_the_database()

    assert read(7) == "old"
    recipe.rename(7, "new")
    assert read(7) == "new"


def test_nothing_is_invalidated_before_the_commit(
    cache: Cache, recipe: SimpleNamespace, events: list[Invalidated]
) -> None:
    with transaction.atomic():
        recipe.rename(7, "new")  # its own atomic block is a savepoint here
        assert events == []

    assert [event.tags for event in events] == [("user:7",)]


def test_after_a_rollback_nothing_is_invalidated(
    recipe: SimpleNamespace, events: list[Invalidated]
) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        recipe.rename(7, "new")
        raise ZeroDivisionError

    assert events == []
    assert name_in_the_database() == "old"


def test_a_savepoint_that_is_rolled_back_takes_its_own_part_only(
    recipe: SimpleNamespace, events: list[Invalidated]
) -> None:
    with transaction.atomic():
        recipe.delete_tags_on_commit("posts")
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            recipe.rename(7, "new")
            raise ZeroDivisionError

    assert [event.tags for event in events] == [("posts",)]


def test_without_a_transaction_it_is_done_at_once(
    recipe: SimpleNamespace, events: list[Invalidated]
) -> None:
    recipe.delete_tags_on_commit("user:7")

    assert len(events) == 1


def test_a_store_that_fails_is_told_and_the_commit_stays(
    cache: Cache, recipe: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise StoreError("no answer")

    monkeypatch.setattr(cache._home.parts.stepped.store, "invalidate", fail)

    with pytest.raises(StoreError, match="no answer"):
        recipe.rename(7, "new")

    assert name_in_the_database() == "new"


def test_a_transaction_of_the_cache_around_atomic_does_the_same(
    cache: Cache, events: list[Invalidated]
) -> None:
    with cache.blocking.transaction(hold="10s"), transaction.atomic():
        write_name(7, "new")
        cache.blocking.delete_tags("user:7")
    assert [event.tags for event in events] == [("user:7",)] * 2

    with pytest.raises(ZeroDivisionError), cache.blocking.transaction(), transaction.atomic():
        cache.blocking.delete_tags("user:7")
        raise ZeroDivisionError
    assert len(events) == 2
