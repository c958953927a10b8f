"""The plan of the traffic: what each reader asks and each writer changes.

The same seed gives the same plan. Popularity follows Zipf's law, as it does for most that people
ask for: the second is asked for half as often as the first, the tenth a tenth as often. Writers
change what readers read.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import accumulate
from sqlite3 import Connection
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import quote

from .models import City

__all__ = ["Ask", "Change", "Plan"]

T = TypeVar("T")

# How many of a hundred reads go where.
READS = {"dashboard": 40, "city": 26, "cities": 18, "search": 4, "ranking": 4, "countries": 8}

# And of a hundred writes: through the service, or past it and told by webhook.
WRITES = {"city": 75, "country": 5, "past the service": 20}

# The traffic asks for the countries with the most cities, and for the largest cities of these.
POPULAR_COUNTRIES = 30
POPULAR_CITIES = 10


class Ask(NamedTuple):
    view: str
    path: str


class Change(NamedTuple):
    """Set the number of people of a city or a country."""

    kind: str
    id: int | str
    people: int


class Popular(Generic[T]):
    """Things to pick from, the most popular first."""

    def __init__(self, things: Sequence[T]) -> None:
        self.things = things
        self.weights = list(accumulate(1 / rank for rank in range(1, len(things) + 1)))

    def pick(self, dice: random.Random) -> T:
        return dice.choices(self.things, cum_weights=self.weights)[0]


class Plan:
    """The traffic over the places of one database.

    Args:
        connection: The database; only read here.
        seed: The same seed over the same data gives the same plan.
    """

    def __init__(self, connection: Connection, seed: int) -> None:
        self.seed = seed
        countries = connection.execute(
            "SELECT country FROM cities GROUP BY country ORDER BY COUNT(*) DESC, country LIMIT ?",
            (POPULAR_COUNTRIES,),
        ).fetchall()
        self.countries = Popular([code for (code,) in countries])
        self.cities = {
            code: Popular(largest_cities(connection, code)) for code in self.countries.things
        }

    def asks(self, reader: int) -> Iterator[Ask]:
        """Yield what the reader of this number asks, without end."""
        dice = random.Random(f"{self.seed} reader {reader}")
        views, weights = list(READS), list(READS.values())
        while True:
            view = dice.choices(views, weights)[0]
            yield Ask(view, self.path(view, dice))

    def path(self, view: str, dice: random.Random) -> str:
        code = self.countries.pick(dice)
        match view:
            case "dashboard":
                return f"/countries/{code}"
            case "city":
                return f"/cities/{self.cities[code].pick(dice).id}"
            case "cities":
                return f"/countries/{code}/cities?page={dice.randint(1, 2)}"
            case "search":
                return f"/search?text={quote(self.cities[code].things[0].name[:4])}"
            case _:
                return f"/{view}"

    def changes(self, writer: int) -> Iterator[Change]:
        """Yield what the writer of this number changes, without end."""
        dice = random.Random(f"{self.seed} writer {writer}")
        kinds, weights = list(WRITES), list(WRITES.values())
        while True:
            kind = dice.choices(kinds, weights)[0]
            code = self.countries.pick(dice)
            place = code if kind == "country" else self.cities[code].pick(dice).id
            yield Change(kind, place, dice.randint(1_000, 30_000_000))


def largest_cities(connection: Connection, code: str) -> list[City]:
    rows = connection.execute(
        "SELECT * FROM cities WHERE country = ? ORDER BY population DESC, id LIMIT ?",
        (code, POPULAR_CITIES),
    )
    return [City(*row) for row in rows]
