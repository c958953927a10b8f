"""The code of a docs page, so that tests prove what readers copy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.public.test_docs import blocks_of

DOCS = Path(__file__).parents[2] / "docs"


def code_of(page: str, words: str) -> str:
    """Return the one block of ``page`` that has ``words`` in it."""
    [code] = [
        block.code
        for block in blocks_of((DOCS / page).read_text())
        if words in block.code and "import asyncio" not in block.code
    ]
    return code


def run(code: str, **names: Any) -> dict[str, Any]:
    """Run ``code``, which may use ``names``, and return what it has defined."""
    exec(code, names)
    return names
