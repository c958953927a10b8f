"""Keys and passwords are in no message, wherever they were given and whatever else is wrong."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from freshly import Cache, ConfigurationError

SECRET = "hush hush hush, nobody may read it"
QUOTED = quote(SECRET)


@pytest.mark.parametrize(
    ("url", "options"),
    [
        (f"redis://h?signing_keys={QUOTED}&signing_keys={QUOTED}", {}),
        (f"redis://h?signing_keys={QUOTED}", {"signing_keys": SECRET}),
        (f"redis://h?encryption_keys={QUOTED}", {"encryption_keys": [SECRET]}),
        (f"redis://h?password={QUOTED}", {"password": "other"}),
        (f"redis://h?signing_keys={QUOTED}&timeout=1", {"timeout": 2}),
        (f"redis://h?password={QUOTED}&max_refreshes=1", {"max_refreshes": 2}),
        (f"rediss//h?signing_keys={QUOTED}", {}),
        (f"reddis://h?signing_keys={QUOTED}", {}),
        (f"reddis://user:{QUOTED}@h", {}),
        (f"mem://place?signing_keys={QUOTED}", {}),
        (f"mem://?signing_keys={QUOTED}", {}),
        ("redis://h", {"signing_key": SECRET}),
        ("redis://h", {"signing_keys": [SECRET, "short"]}),
        ("redis://h", {"signing_keys": {SECRET}}),
        ("redis://h", {"signing_keys": [SECRET, SECRET]}),
        ("redis://h", {"signing_keys": SECRET, "signature": "md5"}),
        ("redis://h", {"encryption_keys": SECRET, "compression": "gzip"}),
        ("redis://h", {"password": SECRET, "port": 1}),
        (f"redis://user:{QUOTED}@h:port", {}),
        (f"redis://user:{QUOTED}@[h", {}),
    ],
)
def test_a_mistake_beside_a_secret_does_not_show_it(url: str, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Cache(url, **options)

    text = f"{caught.value!r} {caught.value}"
    assert SECRET not in text
    assert QUOTED not in text


def test_what_holds_a_key_does_not_show_it() -> None:
    cache = Cache("redis://h", signing_keys=SECRET, encryption_keys=SECRET)
    store: Any = cache._home.parts.store

    seen, ahead = set(), [cache, store, store._hub, store._hub.codecs, store._hub.codecs._wire]
    for each in ahead:
        seen.add(repr(each))
    assert not any(SECRET in text for text in seen)
