"""The guide's text, its code blocks, and a database that counts what it is asked."""

from __future__ import annotations

import ast
import inspect
import os
import re
from collections import Counter
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def guide_text() -> str:
    """Return the guide that freshly makes true; it lies beside the project, not in it."""
    named = os.environ.get("FRESHLY_GUIDE")
    found = [Path(named)] if named else sorted((ROOT.parent / "shared" / "guide").glob("*.txt"))
    if not found:
        pytest.skip("the guide is not beside the project; FRESHLY_GUIDE may name it")
    return found[0].read_text(encoding="utf-8")


def python_blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", guide_text(), re.DOTALL | re.MULTILINE)


def with_our_import(block: str) -> str:
    """Return the block with the one line changed that may be changed."""
    return re.sub(r"^from \w+ import cache$", "from freshly import cache", block, flags=re.MULTILINE)


async def run_block(number: int, names: dict[str, Any]) -> dict[str, Any]:
    """Run a block of the guide in ``names``, with the top-level ``await`` that it uses."""
    source = with_our_import(python_blocks()[number])
    names.setdefault("__name__", "guide")
    code: CodeType = compile(source, f"<guide, block {number}>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    waiting = eval(code, names)
    if inspect.isawaitable(waiting):
        await waiting
    return names


class Database:
    """What the guide calls ``db``: it counts the calls, and each answer says its version."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.names: dict[int, str] = {}
        self.deleted: set[int] = set()
        self.posts: list[str] = []

    async def count_active_sessions(self) -> int:
        self.calls["count_active_sessions"] += 1
        return self.calls["count_active_sessions"]

    async def get_config(self) -> dict[str, int]:
        self.calls["get_config"] += 1
        return {"version": self.calls["get_config"]}

    async def get_user(self, user_id: int) -> dict[str, Any] | None:
        self.calls[f"get_user:{user_id}"] += 1
        if user_id in self.deleted:
            return None
        return {"id": user_id, "name": self.names.get(user_id, "Old Name")}

    async def update_user(self, user_id: int, data: dict[str, Any]) -> dict[str, Any]:
        self.names[user_id] = data["name"]
        return {"id": user_id, **data}

    async def delete_user(self, user_id: int) -> None:
        self.deleted.add(user_id)

    async def get_posts(self, user_id: int, page: int) -> list[str]:
        self.calls[f"get_posts:{user_id}:{page}"] += 1
        return list(self.posts)

    async def get_post(self, post_id: int) -> dict[str, Any]:
        self.calls[f"get_post:{post_id}"] += 1
        return {"id": post_id, "posts": len(self.posts)}

    async def create_post(self, user_id: int, content: str) -> None:
        self.posts.append(content)
