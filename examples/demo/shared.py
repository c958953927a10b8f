"""A store that the processes of the service share: is it there, and is it empty?"""

from __future__ import annotations

from freshly import Cache

__all__ = ["is_shared", "made_ready"]

# Whatever else lies on the server is not the demo's to touch.
NAMESPACE = "freshly-demo"


def is_shared(url: str) -> bool:
    return not url.startswith("mem:")


def made_ready(url: str) -> str:
    """Return ``url`` with a namespace of the demo's own, after a look that the store answers.

    Entries of a former run are cleared: each run begins with its own copy of the data.

    Raises:
        FreshlyError: if the URL names no store, or the store does not answer.
    """
    if is_shared(url) and "namespace=" not in url:
        url += f"{'&' if '?' in url else '?'}namespace={NAMESPACE}"
    with Cache(url).blocking as store:
        store.ping()
        store.clear()
    return url
