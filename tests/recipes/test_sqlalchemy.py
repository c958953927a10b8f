"""The recipe of docs/guide/transactions.md for SQLAlchemy, with the real library and a database file.

A reader beside the writer's session stands for all others: what it caches is what they would get.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from freshly import Cache
from freshly.observe import Invalidated
from tests.recipes.page import code_of, run

RECIPE = code_of("guide/transactions.md", "delete_tags_after_commit(session: Session")
RENAME = text("update users set name = :name where id = 7")


def with_real_savepoints(engine: Engine) -> Engine:
    """Have the driver of SQLite begin where SQLAlchemy does, as its documentation recommends.

    Left alone the driver begins later, and a savepoint may be the whole transaction.
    """

    @event.listens_for(engine, "connect")
    def leave_alone(connection: Any, _: object) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


class World:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.cache = Cache()
        self.engine = with_real_savepoints(create_engine(f"sqlite:///{path}"))
        with self.engine.begin() as connection:
            connection.execute(text("create table users (id integer primary key, name text)"))
            connection.execute(text("insert into users values (7, 'old')"))
        self.events: list[Any] = []
        self.cache.observe(self.events.append, Invalidated)

        @self.cache("1h", tags=["user:7"])
        def read() -> str:
            with self.engine.connect() as connection:
                name: str = connection.scalar(text("select name from users where id = 7"))
                return name

        self.read = read


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "users.db")
    yield world
    world.engine.dispose()


@pytest.fixture
def recipe(world: World) -> Iterator[SimpleNamespace]:
    with installed(RECIPE, world) as names:
        yield names


class installed:
    """Run the recipe, and take its listeners off at the end."""

    def __init__(self, code: str, world: World) -> None:
        self._names = SimpleNamespace(**run(code, cache=world.cache, Session=Session))

    def __enter__(self) -> SimpleNamespace:
        return self._names

    def __exit__(self, *_: object) -> None:
        event.remove(Session, "after_commit", self._names.delete_tags_of)
        event.remove(Session, "after_rollback", self._names.forget_tags_of)


class TestTheEvents:
    def test_after_the_commit_everybody_reads_what_was_written(
        self, world: World, recipe: SimpleNamespace
    ) -> None:
        world.read()
        with Session(world.engine) as session:
            session.execute(RENAME, {"name": "new"})
            recipe.delete_tags_after_commit(session, "user:7")
            assert world.read() == "old"
            session.commit()

        assert world.read() == "new"

    def test_a_reader_between_invalidation_and_commit_leaves_nothing_behind(
        self, world: World, recipe: SimpleNamespace
    ) -> None:
        """It finds nothing in the cache, and reads the old row."""
        with Session(world.engine) as session:
            session.execute(RENAME, {"name": "new"})
            recipe.delete_tags_after_commit(session, "user:7")
            assert world.read() == "old"
            session.commit()

        assert world.read() == "new"

    def test_after_a_rollback_nothing_is_invalidated(
        self, world: World, recipe: SimpleNamespace
    ) -> None:
        with Session(world.engine) as session:
            session.execute(RENAME, {"name": "new"})
            recipe.delete_tags_after_commit(session, "user:7")
            session.rollback()
            session.execute(text("select 1"))
            session.commit()

        assert world.events == []

    def test_a_released_savepoint_invalidates_nothing_yet(
        self, world: World, recipe: SimpleNamespace
    ) -> None:
        with Session(world.engine) as session:
            with session.begin_nested():
                session.execute(RENAME, {"name": "new"})
                recipe.delete_tags_after_commit(session, "user:7")
            assert world.events == []
            # Had it been invalidated with the savepoint, this old value would stay.
            assert world.read() == "old"
            session.commit()

        assert world.read() == "new"

    def test_a_savepoint_that_is_rolled_back_does_not_take_the_rest_with_it(
        self, world: World, recipe: SimpleNamespace
    ) -> None:
        with Session(world.engine) as session:
            session.execute(RENAME, {"name": "new"})
            recipe.delete_tags_after_commit(session, "user:7")
            nested = session.begin_nested()
            recipe.delete_tags_after_commit(session, "posts")
            nested.rollback()
            assert world.read() == "old"
            session.commit()

        assert world.read() == "new"

    def test_one_session_after_another_transaction_starts_with_nothing(
        self, world: World, recipe: SimpleNamespace
    ) -> None:
        with Session(world.engine) as session:
            recipe.delete_tags_after_commit(session, "user:7")
            session.execute(text("select 1"))
            session.commit()
            session.execute(text("select 1"))
            session.commit()

        assert len(world.events) == 1

    async def test_an_async_session_has_the_same_events(
        self, world: World, recipe: SimpleNamespace
    ) -> None:
        engine = create_async_engine(f"sqlite+aiosqlite:///{world.path}")
        with_real_savepoints(engine.sync_engine)
        world.read()
        async with AsyncSession(engine) as session:
            await session.execute(RENAME, {"name": "uncommitted"})
            recipe.delete_tags_after_commit(session.sync_session, "user:7")
            await session.rollback()
        assert world.events == []
        async with AsyncSession(engine) as session:
            async with session.begin_nested():
                await session.execute(RENAME, {"name": "new"})
                recipe.delete_tags_after_commit(session.sync_session, "user:7")
            assert world.events == []
            assert world.read() == "old"
            await session.commit()
        await engine.dispose()

        assert world.read() == "new"

    def test_without_the_check_for_savepoints_the_old_value_would_stay(self, world: World) -> None:
        """The recipe that stands in many answers; so the check is in ours for a reason."""
        naive = RECIPE.replace("if not session.in_nested_transaction():", "if True:")
        with installed(naive, world) as recipe, Session(world.engine) as session:
            with session.begin_nested():
                session.execute(RENAME, {"name": "new"})
                recipe.delete_tags_after_commit(session, "user:7")
            assert world.read() == "old"
            session.commit()

        assert world.read() == "old"


class TestNested:
    """``cache.transaction()`` around the session's own blocks."""

    def test_sync(self, world: World) -> None:
        world.read()
        with world.cache.blocking.transaction(), Session(world.engine) as session, session.begin():
            session.execute(RENAME, {"name": "new"})
            world.cache.blocking.delete_tags("user:7")

        assert world.read() == "new"

    def test_a_rollback_drops_it(self, world: World) -> None:
        world.read()
        with pytest.raises(ZeroDivisionError), world.cache.blocking.transaction():  # noqa: SIM117
            with Session(world.engine) as session, session.begin():
                session.execute(RENAME, {"name": "new"})
                world.cache.blocking.delete_tags("user:7")
                raise ZeroDivisionError

        assert world.read() == "old"
        assert world.events == []

    def test_savepoints_go_with_inner_transactions(self, world: World) -> None:
        blocking = world.cache.blocking
        with blocking.transaction(), Session(world.engine) as session, session.begin():
            session.execute(RENAME, {"name": "new"})
            blocking.delete_tags("user:7")
            with pytest.raises(ZeroDivisionError), blocking.transaction(), session.begin_nested():
                session.execute(RENAME, {"name": "newer"})
                blocking.delete_tags("posts")
                raise ZeroDivisionError

        assert [event.tags for event in world.events] == [("user:7",)]
        assert world.read() == "new"

    async def test_async_with_a_hold(self, world: World) -> None:
        engine = create_async_engine(f"sqlite+aiosqlite:///{world.path}")
        with_real_savepoints(engine.sync_engine)
        async with (
            world.cache.transaction(hold="10s"),
            AsyncSession(engine) as session,
            session.begin(),
        ):
            await session.execute(RENAME, {"name": "new"})
            await world.cache.delete_tags("user:7")
        await engine.dispose()

        assert world.read() == "new"
        assert world.cache.stats().entries == 1
