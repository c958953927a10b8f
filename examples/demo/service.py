"""The service: routes over the loaders, writers that invalidate, and the guide's webhook."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import Body, FastAPI, HTTPException, Query
from fastapi.responses import HTMLResponse

from . import queries, settings
from .caches import cache
from .loaders import (
    database,
    get_cities,
    get_city,
    get_countries,
    get_dashboard,
    get_ranking,
    search_cities,
)
from .models import City, Country, Dashboard, Standing
from .numbers import numbers

__all__ = ["app"]

T = TypeVar("T")

PAGE = Path(__file__).with_name("page.html")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await cache.close()
    database.close()


app = FastAPI(title="Cities", lifespan=lifespan)


@app.get("/countries")
async def read_countries() -> list[Country]:
    return await get_countries()


@app.get("/countries/{code}")
async def read_dashboard(code: str) -> Dashboard:
    return found(await get_dashboard(code))


@app.get("/countries/{code}/cities")
async def read_cities(code: str, page: Annotated[int, Query(ge=1)] = 1) -> list[City]:
    return await get_cities(code, page)


@app.get("/cities/{city_id}")
async def read_city(city_id: int) -> City:
    return found(await get_city(city_id))


@app.get("/search")
async def read_search(text: Annotated[str, Query(min_length=2)]) -> list[City]:
    return await search_cities(text)


@app.get("/ranking")
async def read_ranking() -> list[Standing]:
    return await get_ranking()


# Invalidate after the write, as the guide says; the tags follow from what was written.
@app.put("/cities/{city_id}")
async def write_city(city_id: int, population: Annotated[int, Body(embed=True, ge=0)]) -> City:
    city = found(await database.write(queries.set_population, city_id, population))
    await cache.delete_tags(f"city:{city.id}", f"country:{city.country}")
    return city


# The same as a decorator: the tags follow from the arguments.
@cache.invalidates("countries", "country:{code}")
async def update_country(code: str, census: int) -> Country | None:
    return await database.write(queries.set_census, code, census)


@app.put("/countries/{code}")
async def write_country(code: str, census: Annotated[int, Body(embed=True, ge=0)]) -> Country:
    return found(await update_country(code, census))


# For those who write to the database past this service: they tell it here. The route is the
# guide's.
@app.post("/webhooks/data-update")
async def handle_data_update(payload: dict[str, Any]) -> dict[str, str]:
    entity_type = payload["type"]
    entity_id = payload["id"]
    await cache.delete_tags(f"{entity_type}:{entity_id}")
    return {"status": "ok"}


@app.get("/stats")
async def read_stats() -> dict[str, Any]:
    return {"cache": settings.CACHE, "loads": database.reads, "functions": numbers(cache)}


@app.get("/", response_class=HTMLResponse, include_in_schema=False)
async def read_page() -> str:
    return PAGE.read_text(encoding="utf-8")


def found(answer: T | None) -> T:
    if answer is None:
        raise HTTPException(404)
    return answer
