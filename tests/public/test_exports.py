"""What ``import freshly`` offers: a name more or less is a decision, and shows here."""

from __future__ import annotations

import freshly

EXPORTS = [
    "AsyncCached",
    "BlockingCached",
    "Cache",
    "Codec",
    "ConfigurationError",
    "CurrentLoad",
    "DeadlockError",
    "EncodeError",
    "Entry",
    "FreshlyError",
    "FreshlyWarning",
    "FunctionStats",
    "KeyTextError",
    "LoadTimeout",
    "LockLost",
    "LockTimeout",
    "NoKey",
    "NotModified",
    "PartlyInvalidatedError",
    "Stamp",
    "Stats",
    "StoreError",
    "Token",
    "Transaction",
    "UnconfirmedError",
    "cache",
    "register_type",
    "until",
]


def test_the_public_names_are_these_and_sorted() -> None:
    assert list(freshly.__all__) == EXPORTS


def test_each_public_name_exists() -> None:
    missing = [name for name in freshly.__all__ if not hasattr(freshly, name)]

    assert missing == []


def test_every_error_is_a_freshly_error() -> None:
    errors = [getattr(freshly, name) for name in EXPORTS if name.endswith("Error")]

    assert all(issubclass(error, freshly.FreshlyError) for error in errors)
