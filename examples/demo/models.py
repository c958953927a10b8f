"""What the service answers with. A ``version`` is the newest change of the database in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class City:
    id: int
    name: str
    country: str
    region: str
    population: int
    latitude: float
    longitude: float
    timezone: str
    version: int


@dataclass(frozen=True, slots=True)
class Country:
    """A country's own row; ``census`` is its number of people, not the sum of its cities."""

    code: str
    name: str
    continent: str
    capital: str
    census: int
    version: int


@dataclass(frozen=True, slots=True)
class Region:
    """A first-level division of a country (a state, a canton), by its code."""

    code: str
    cities: int
    population: int


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A country in figures over all its cities. A change of any of them raises ``version``."""

    country: Country
    cities: int
    population: int
    median: int
    largest: list[City]
    regions: list[Region]
    version: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A country's place among the countries with the most people in cities."""

    rank: int
    code: str
    name: str
    cities: int
    population: int
    version: int
