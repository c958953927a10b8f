"""The SQL. Each function is one transaction: what it returns was all true at one moment."""

from __future__ import annotations

from sqlite3 import Connection

from .models import City, Country, Dashboard, Region, Standing

__all__ = [
    "PAGE",
    "cities_of",
    "city",
    "countries",
    "dashboard",
    "ranking",
    "search",
    "set_census",
    "set_population",
]

# Cities on one page of a list.
PAGE = 50


def countries(connection: Connection) -> list[Country]:
    return [Country(*row) for row in connection.execute("SELECT * FROM countries ORDER BY name")]


def dashboard(connection: Connection, code: str) -> Dashboard | None:
    row = connection.execute("SELECT * FROM countries WHERE code = ?", (code,)).fetchone()
    if row is None:
        return None
    country = Country(*row)
    number, people = connection.execute(
        "SELECT COUNT(*), COALESCE(SUM(population), 0) FROM cities WHERE country = ?", (code,)
    ).fetchone()
    middle = connection.execute(
        "SELECT population FROM cities WHERE country = ? ORDER BY population LIMIT 1 OFFSET ?",
        (code, number // 2),
    ).fetchone()
    largest = connection.execute(
        "SELECT * FROM cities WHERE country = ? ORDER BY population DESC, id LIMIT 10", (code,)
    )
    regions = connection.execute(
        "SELECT region, COUNT(*), SUM(population) AS people FROM cities WHERE country = ?"
        " GROUP BY region ORDER BY people DESC, region LIMIT 10",
        (code,),
    )
    return Dashboard(
        country=country,
        cities=number,
        population=people,
        median=middle[0] if middle else 0,
        largest=[City(*row) for row in largest],
        regions=[Region(*row) for row in regions],
        version=country.version,
    )


def cities_of(connection: Connection, code: str, page: int) -> list[City]:
    rows = connection.execute(
        "SELECT * FROM cities WHERE country = ? ORDER BY name, id LIMIT ? OFFSET ?",
        (code, PAGE, PAGE * (page - 1)),
    )
    return [City(*row) for row in rows]


def city(connection: Connection, city_id: int) -> City | None:
    row = connection.execute("SELECT * FROM cities WHERE id = ?", (city_id,)).fetchone()
    return City(*row) if row else None


def search(connection: Connection, text: str) -> list[City]:
    rows = connection.execute(
        "SELECT * FROM cities WHERE name LIKE '%' || ? || '%' ORDER BY population DESC, id LIMIT 20",
        (text,),
    )
    return [City(*row) for row in rows]


def ranking(connection: Connection) -> list[Standing]:
    rows = connection.execute(
        "SELECT code, countries.name, COUNT(*), SUM(cities.population) AS people, countries.version"
        " FROM cities JOIN countries ON code = country"
        " GROUP BY code ORDER BY people DESC, code LIMIT 25"
    )
    return [Standing(rank, *row) for rank, row in enumerate(rows, start=1)]


def set_population(connection: Connection, city_id: int, population: int) -> City | None:
    version = next_version(connection)
    row = connection.execute(
        "UPDATE cities SET population = ?, version = ? WHERE id = ? RETURNING *",
        (population, version, city_id),
    ).fetchone()
    if row is None:
        return None
    changed = City(*row)
    connection.execute("UPDATE countries SET version = ? WHERE code = ?", (version, changed.country))
    return changed


def set_census(connection: Connection, code: str, census: int) -> Country | None:
    version = next_version(connection)
    row = connection.execute(
        "UPDATE countries SET census = ?, version = ? WHERE code = ? RETURNING *",
        (census, version, code),
    ).fetchone()
    return Country(*row) if row else None


def next_version(connection: Connection) -> int:
    version: int = connection.execute(
        "UPDATE changes SET version = version + 1 RETURNING version"
    ).fetchone()[0]
    return version
