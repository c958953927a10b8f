"""Whatever stands in a URL or an option is understood, or refused by an error that names it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from freshly import Cache, ConfigurationError

SCHEMES = ["mem", "redis", "rediss", "valkey", "valkeys", "unix", "memcached", "", "REDIS", "red is"]
OPTIONS = [
    "max_entries", "max_bytes", "namespace", "max_ttl", "timeout", "pool_size", "db", "protocol",
    "client_name", "max_hold", "lease", "weigh", "sweep", "nonsense", "ssl_cert_reqs", "",
]  # fmt: skip
TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
VALUES = TEXT | st.sampled_from(
    ["0", "1", "-1", "1e9", "nan", "inf", "1s", "500ms", "true", "None", "[]", "%00", "1_000", "٣"]
)
PAIRS = st.lists(st.tuples(st.sampled_from(OPTIONS) | TEXT, VALUES), max_size=3)


@st.composite
def urls(draw: st.DrawFn) -> str:
    place = draw(
        TEXT | st.sampled_from(["localhost", "h:6379", "u:p@h", "h:x", "[::1]", "[", ":::", "h:99999"])
    )
    path = draw(TEXT | st.sampled_from(["", "/", "/0", "/x", "/1/2", "//"]))
    query = "&".join(f"{name}={value}" for name, value in draw(PAIRS))
    return f"{draw(st.sampled_from(SCHEMES))}://{place}{path}?{query}"


def refusal(url: Any, **options: Any) -> str | None:
    """Return why ``url`` is refused, ``None`` if it is understood. Nobody is asked meanwhile."""
    try:
        cache = Cache(url, **options)
    except ConfigurationError as error:
        return str(error)
    cache.blocking.close()
    return None


@settings(max_examples=300)
@given(urls() | TEXT)
@example("redis://[")
@example("redis://h:99999")
@example("redis://\x00")
@example("redis://h/٣")
@example("mem://?max_entries=٣")
def test_a_url_is_understood_or_refused(url: str) -> None:
    refused = refusal(url)

    assert refused is None or len(refused) > 20


@given(
    st.sampled_from(OPTIONS),
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), TEXT, st.binary(), st.lists(st.integers())
    ),
)
@pytest.mark.parametrize("url", ["mem://", "redis://127.0.0.1:1"])
def test_so_is_an_option(url: str, name: str, value: Any) -> None:
    if not name:
        return

    refused = refusal(url, **{name: value})

    assert refused is None or name in refused


def test_what_is_no_url_is_refused() -> None:
    for thing in (1, b"mem://", [], object()):
        assert refusal(thing) is not None
