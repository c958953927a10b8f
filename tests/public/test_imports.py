"""What an import costs: each module named here was a part of it once, or would be by an oversight.

Every case is a Python of its own, since this one has imported everything by now.
"""

from __future__ import annotations

import json
import subprocess
import sys

# Used by freshly, and each dearer than a tenth of asyncio; or a package that users need not have.
LATE = {
    "attrs",
    "decimal",
    "difflib",
    "fractions",
    "hashlib",
    "hiredis",
    "ipaddress",
    "msgspec",
    "pathlib",
    "platform",
    "pydantic",
    "redis",
    "secrets",
    "urllib.parse",
    "uuid",
    "zoneinfo",
}


def printed_by(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def imported_by(code: str) -> set[str]:
    """Return the modules that ``code`` imports, beyond those that Python itself has by then."""
    before, after = (
        "import sys, json; was = set(sys.modules)",
        "print(json.dumps([*{*sys.modules} - was]))",
    )
    return set(json.loads(printed_by(f"{before}\n{code}\n{after}")))


def test_the_package_alone_imports_none_of_its_modules() -> None:
    found = imported_by("import freshly")

    assert {name for name in found if name.startswith("freshly")} == {"freshly"}
    assert "asyncio" not in found


def test_the_cache_imports_nothing_that_only_some_programs_need() -> None:
    code = (
        "from freshly import cache\n"
        "@cache('1h30m', tags=['users'])\n"
        "def get_user(user_id: int) -> int: return user_id\n"
        "assert get_user(1) == get_user(1) == 1"
    )

    assert imported_by(code) & LATE == set()


def test_an_unknown_name_is_an_attribute_error_that_names_it() -> None:
    out = printed_by(
        "import freshly\n"
        "try: freshly.cash\n"
        "except AttributeError as error: print(error)\n"
        "print(sorted(freshly.__all__) == [name for name in dir(freshly) if name in freshly.__all__])"
    )

    assert out.splitlines() == ["module 'freshly' has no attribute 'cash'", "True"]


def test_modules_inside_may_be_imported_in_any_order_and_the_cache_is_still_the_cache() -> None:
    out = printed_by(
        "import freshly.caches, freshly.testing\n"
        "from freshly import Cache, cache\n"
        "import freshly\n"
        "print(isinstance(cache, Cache), cache is freshly.cache)"
    )

    assert out.split() == ["True", "True"]


def test_threads_that_ask_for_the_cache_at_once_get_one() -> None:
    out = printed_by(
        "import threading, freshly\n"
        "start, found = threading.Barrier(8), []\n"
        "def ask():\n"
        "    start.wait(); found.append(freshly.cache)\n"
        "threads = [threading.Thread(target=ask) for _ in range(8)]\n"
        "[thread.start() for thread in threads]\n"
        "[thread.join() for thread in threads]\n"
        "print(len(found), len(set(map(id, found))))"
    )

    assert out.split() == ["8", "1"]


def test_keys_do_not_depend_on_which_rare_type_came_first() -> None:
    """Types whose modules are imported late: a subclass may come before its base has."""
    values = (
        "class Price(Decimal): pass\n"
        "class Home(PurePosixPath): pass\n"
        "values = {'price': Price('1.50'), 'decimal': Decimal('1.50'), 'part': Fraction(1, 3), "
        "'home': Home('/a'), 'path': PurePosixPath('/a'), 'ip': ip_address('::1'), "
        "'uuid': UUID(int=7), 'zone': ZoneInfo('UTC'), 'list': [UUID(int=7), ZoneInfo('UTC')]}\n"
    )
    code = (
        "from decimal import Decimal\nfrom fractions import Fraction\n"
        "from pathlib import PurePosixPath\n"
        "from ipaddress import ip_address\nfrom uuid import UUID\nfrom zoneinfo import ZoneInfo\n"
        f"from freshly import Cache\n{values}"
        "cache = Cache()\n"
        "@cache('1h')\n"
        "def load(value): return value\n"
        "names = ORDER\n"
        "keys = {name: load.key(values[name]) for name in names}\n"
        "for name in sorted(keys): print(name, keys[name])"
    )

    onward = printed_by(code.replace("ORDER", "sorted(values)"))
    back = printed_by(code.replace("ORDER", "sorted(values, reverse=True)"))

    assert onward == back
    assert "decimal __main__.load(value=Decimal('1.50'))" in onward.splitlines()
    assert (
        "uuid __main__.load(value=UUID('00000000-0000-0000-0000-000000000007'))" in onward.splitlines()
    )


def test_the_first_uuid_is_found_on_the_hit_path_as_the_second_is() -> None:
    out = printed_by(
        "from uuid import UUID\nfrom freshly import Cache\n"
        "cache = Cache()\n"
        "@cache('1h')\n"
        "def load(number): return object()\n"
        "class Odd(UUID): pass\n"
        "first, odd = load(UUID(int=1)), load(Odd(int=1))\n"
        "print(load(UUID(int=1)) is first, load(Odd(int=1)) is odd, first is odd, "
        "UUID(int=1) in load.__freshly__._rows.entries, "
        "Odd in load.__freshly__._wiring['_freshly_exact'])"
    )

    assert out.split() == ["True", "True", "False", "True", "False"]
