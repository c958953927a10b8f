"""The loaders: what the service reads, how long it keeps it, and under which tags.

All but the ranking and the search show every change at once, since each write invalidates the tags
of what it changed.
"""

from __future__ import annotations

from . import queries, settings
from .caches import cache
from .database import Database
from .models import City, Country, Dashboard, Standing

database = Database(settings.DATABASE)


@cache(ttl="1h", tags=["countries"])
async def get_countries() -> list[Country]:
    return await database.read(queries.countries)


@cache(ttl="10m", tags=["dashboards", "country:{code}"])
async def get_dashboard(code: str) -> Dashboard | None:
    return await database.read(queries.dashboard, code)


@cache(ttl="10m", tags=["city:{city_id}"])
async def get_city(city_id: int) -> City | None:
    return await database.read(queries.city, city_id)


# A page in order of names changes only with the cities on it. Which these are, the result tells.
@cache(ttl="10m", tags=["city:{result[].id}"])
async def get_cities(code: str, page: int = 1) -> list[City]:
    return await database.read(queries.cities_of, code, page)


# A search may trail a little: after two seconds a read still gets the old answer and starts a
# refresh behind it. But no city in it is ever older than its last invalidation.
@cache.soft(ttl="1m", soft_ttl="2s", tags=["city:{result[].id}"])
async def search_cities(text: str) -> list[City]:
    return await database.read(queries.search, text)


# The slowest query of all. It may trail the cities by four seconds. After two, one read starts the
# next load ahead, so that nobody waits for it. A change of a country shows at once.
@cache.early(ttl="4s", early_ttl="2s", tags=["countries"])
async def get_ranking() -> list[Standing]:
    return await database.read(queries.ranking)
