"""Every Python block of README.md, ARCHITECTURE.md and docs/ is a test.

The blocks of a page run from top to bottom in one namespace and on one event loop, as a reader
would type them; ``await`` is allowed outside of functions. Each block is a test of its own, and the
blocks after one that failed are skipped. Every page starts and ends with an empty cache.

A page says more in HTML comments, which no reader sees:

``<!-- run`` ... ``-->``
    Python that runs in its turn like a block: what the page takes for granted (a ``db``), or the
    proof of what a block has just claimed.
``<!-- pytest -->``
    The next block is a whole test file. pytest runs it, in a process of its own.
``<!-- no-run: reason -->``
    The next block does not run. The reason is not optional.

All three stand at the start of a line. Any other comment is left alone.
"""

from __future__ import annotations

import ast
import asyncio
import linecache
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from freshly import cache

ROOT = Path(__file__).parents[2]

PART = re.compile(
    r"""
    ^ (?P<indent>[ ]*) ```python [^\n]* \n (?P<code> .*? ) ^ [ ]* ``` [ ]* $
    | ^ <!--[ ]run \n (?P<hidden> .*? ) ^ --> $
    | ^ <!--[ ] (?P<order> no-run | pytest ) (?: :[ ]* (?P<reason> [^\n]*? ) )? [ ]* --> $
    """,
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)


@dataclass
class Block:
    """A piece of Python of a page. ``line`` is where its code begins."""

    code: str
    line: int
    order: str = "run"
    reason: str = ""


def blocks_of(text: str) -> list[Block]:
    """Return the blocks of a page in their order."""
    blocks = []
    order, reason = "run", ""
    for part in PART.finditer(text):
        if part["order"]:
            order, reason = part["order"], part["reason"] or ""
            if order == "no-run" and not reason:
                raise ValueError(f"no-run without a reason: {part[0]}")
            continue
        code = part["code"] if part["hidden"] is None else part["hidden"]
        line = text.count("\n", 0, part.start()) + 2
        blocks.append(Block(textwrap.dedent(code), line, order, reason))
        order, reason = "run", ""
    if order != "run":
        raise ValueError(f"{order} is followed by no block")
    return blocks


class Page:
    """A page that is being run: a module, and the loop on which its blocks are awaited."""

    def __init__(self, name: str, blocks: list[Block]) -> None:
        self.name = name
        self.blocks = blocks
        # A real module: dataclasses and pydantic look up the one that a class says it is from.
        path = name.removesuffix(".md").removeprefix("docs/")
        self.module = ModuleType("docs." + path.replace("/", "."))
        sys.modules[self.module.__name__] = self.module
        self.runner = asyncio.Runner()
        self.runner.run(start_afresh())
        self.done = 0
        self.failed = False

    def close(self) -> None:
        self.runner.run(start_afresh())
        self.runner.close()
        del sys.modules[self.module.__name__]

    def run_through(self, index: int) -> None:
        """Run block ``index``, and before it those that a selection of tests left out."""
        while self.done <= index:
            if self.failed:
                pytest.skip("a block before this one failed")
            self.failed = True
            block = self.blocks[self.done]
            if block.order == "run":
                self._run(block)
            self.failed = False
            self.done += 1

    def _run(self, block: Block) -> None:
        # The empty lines make a traceback show the line of the page.
        source = "\n" * (block.line - 1) + block.code
        await_anywhere = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        code = compile(source, self.name, "exec", flags=await_anywhere, dont_inherit=True)
        linecache.cache[self.name] = (len(source), None, source.splitlines(True), self.name)

        async def run() -> None:
            coroutine = eval(code, vars(self.module))
            if coroutine is not None:
                await coroutine

        self.runner.run(run())


async def start_afresh() -> None:
    await cache.clear()
    await cache.close()
    cache.setup("mem://")


PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCKS = {str(path.relative_to(ROOT)): blocks_of(path.read_text()) for path in PAGES}


@pytest.fixture(scope="module")
def open_page() -> Iterator[Callable[[str], Page]]:
    """Return what gives the page of a name; it stays open until another is asked for."""
    opened: list[Page] = []

    def page(name: str) -> Page:
        if not opened or opened[-1].name != name:
            while opened:
                opened.pop().close()
            opened.append(Page(name, BLOCKS[name]))
        return opened[-1]

    yield page
    for last in opened:
        last.close()


@pytest.mark.parametrize(
    ("name", "index"),
    [
        pytest.param(name, index, id=f"{name}:{block.line}")
        for name, blocks in BLOCKS.items()
        for index, block in enumerate(blocks)
    ],
)
def test_the_block_runs(
    open_page: Callable[[str], Page], name: str, index: int, tmp_path: Path
) -> None:
    page = open_page(name)
    block = page.blocks[index]
    if block.order == "no-run":
        pytest.skip(block.reason)
    page.run_through(index)
    if block.order == "pytest":
        run_pytest(block.code, tmp_path)


def run_pytest(code: str, folder: Path) -> None:
    """Run ``code`` as a test file of its own project, which has asyncio_mode=auto."""
    (folder / "test_page.py").write_text(code)
    (folder / "pytest.ini").write_text(
        "[pytest]\n"
        "asyncio_mode = auto\n"
        "asyncio_default_fixture_loop_scope = function\n"
        "filterwarnings = error\n"
    )
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    # pytest ends with 5 if there was no test: a block that tests nothing fails too.
    assert result.returncode == 0, result.stdout + result.stderr


def links_of(name: str) -> set[Path]:
    """Return the files that a page links to."""
    links = re.findall(r"\]\(([^)#\s]+)", (ROOT / name).read_text())
    return {(ROOT / name).parent / link for link in links if "://" not in link}


@pytest.mark.parametrize("name", BLOCKS)
def test_the_links_lead_somewhere(name: str) -> None:
    assert [link for link in links_of(name) if not link.exists()] == []


def test_every_page_is_in_the_index() -> None:
    index = "docs/index.md"
    listed = {link.resolve() for link in links_of(index)}

    assert {name for name in BLOCKS if (ROOT / name) not in listed} <= {index, "ARCHITECTURE.md"}


# -- the collector itself ----------------------------------------------------------------------


def test_blocks_are_found_in_order_with_their_lines() -> None:
    page = (
        "text\n```python\na = 1\n```\n<!-- run\nassert a\n-->\n- in a list\n\n  ```python\n  b\n  ```\n"
    )

    blocks = blocks_of(page)

    assert [(block.code, block.line) for block in blocks] == [
        ("a = 1\n", 3),
        ("assert a\n", 6),
        ("b\n", 11),
    ]


def test_other_languages_and_other_comments_are_left_alone() -> None:
    assert blocks_of("<!-- a note -->\n```console\n$ make\n```\n```pycon\n>>> 1\n```\n") == []


def test_a_block_is_left_out_only_with_a_reason() -> None:
    [block] = blocks_of("<!-- no-run: needs a server -->\n```python\nboom\n```\n")

    assert (block.order, block.reason) == ("no-run", "needs a server")
    with pytest.raises(ValueError, match="without a reason"):
        blocks_of("<!-- no-run -->\n```python\nboom\n```\n")


def test_an_order_that_precedes_no_block_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="followed by no block"):
        blocks_of("<!-- pytest -->\nno block here\n")


def test_a_block_that_fails_fails_and_those_after_it_are_skipped() -> None:
    blocks = blocks_of("```python\nawait missing()\n```\n```python\nfine = 1\n```\n")
    page = Page("page.md", blocks)

    with pytest.raises(NameError):
        page.run_through(0)
    with pytest.raises(pytest.skip.Exception, match="before this one failed"):
        page.run_through(1)
    page.close()
