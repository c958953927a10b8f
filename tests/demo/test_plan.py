from __future__ import annotations

import sqlite3
from itertools import islice

from examples.demo.data import INDEXES, SCHEMA
from examples.demo.plan import Plan


def plan(seed: int) -> Plan:
    connection = sqlite3.connect(":memory:")
    connection.executescript(SCHEMA + INDEXES)
    cities = [(n, f"City {n}", "FR" if n % 3 else "CH", "", 1000 * n, 0, 0, "", 0) for n in range(90)]
    connection.executemany("INSERT INTO cities VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", cities)
    with connection:
        made = Plan(connection, seed)
    connection.close()
    return made


def test_the_same_seed_gives_the_same_traffic() -> None:
    first, second, other = plan(1), plan(1), plan(2)

    assert list(islice(first.asks(3), 100)) == list(islice(second.asks(3), 100))
    assert list(islice(first.changes(3), 100)) == list(islice(second.changes(3), 100))
    assert list(islice(first.asks(3), 100)) != list(islice(other.asks(3), 100))


def test_each_reader_and_each_writer_has_a_way_of_its_own() -> None:
    made = plan(1)

    assert list(islice(made.asks(1), 100)) != list(islice(made.asks(2), 100))
    assert list(islice(made.changes(1), 100)) != list(islice(made.changes(2), 100))


def test_what_has_more_cities_is_asked_for_more() -> None:
    paths = [ask.path for ask in islice(plan(1).asks(0), 500) if ask.view == "dashboard"]

    assert paths.count("/countries/FR") > paths.count("/countries/CH") > 0
