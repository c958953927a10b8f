"""What the traffic knows of the service's views: the versions in an answer, and the truth."""

from __future__ import annotations

from dataclasses import asdict
from sqlite3 import Connection
from typing import Any
from urllib.parse import parse_qs, urlsplit

from . import queries

__all__ = ["truth", "versions"]


def versions(view: str, answer: Any) -> dict[str, int]:
    """Return the subjects of an answer with their versions.

    The lists of countries answer for ``listed:FR``, not ``country:FR``: a change of a city, which
    raises the version of its country, does not concern them.
    """
    match view:
        case "dashboard":
            return {f"country:{answer['country']['code']}": answer["version"]}
        case "city":
            return {f"city:{answer['id']}": answer["version"]}
        case "cities" | "search":
            return {f"city:{city['id']}": city["version"] for city in answer}
        case _:
            return {f"listed:{country['code']}": country["version"] for country in answer}


def truth(connection: Connection, path: str) -> Any:
    """Return what a city, a dashboard or a page of cities is now, as JSON would have it."""
    url = urlsplit(path)
    match url.path.strip("/").split("/"):
        case ["cities", city_id]:
            city = queries.city(connection, int(city_id))
            return city and asdict(city)
        case ["countries", code]:
            dashboard = queries.dashboard(connection, code)
            return dashboard and asdict(dashboard)
        case ["countries", code, "cities"]:
            return [
                asdict(city)
                for city in queries.cities_of(connection, code, int(parse_qs(url.query)["page"][0]))
            ]
    raise ValueError(f"no exact view: {path!r}")
