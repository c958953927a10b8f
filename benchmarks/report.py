"""Tables of what was measured, and a JSON file of it with machine, versions and date."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Tables = dict[str, list[Row]]

RESULTS = Path(__file__).parent / "results"


def show(title: str, rows: list[Row]) -> str:
    columns = [name for name in dict.fromkeys(name for row in rows for name in row) if _any(rows, name)]
    lines = [
        f"### {title}",
        "",
        "| " + " | ".join(columns) + " |",
        "|" + "|".join("---" if place == 0 else "---:" for place in range(len(columns))) + "|",
        *("| " + " | ".join(_cell(row.get(name)) for name in columns) + " |" for row in rows),
        "",
    ]
    return "\n".join(lines)


def _any(rows: list[Row], column: str) -> bool:
    return any(row.get(column) not in (None, "") for row in rows)


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case float():
            return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
        case int():
            return f"{value:,}"
        case _:
            return str(value).replace("|", "/").replace("\n", " ")[:100]


def save(scenario: str, tables: Tables, dists: Iterable[str]) -> Path:
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{scenario}.json"
    about = {
        "scenario": scenario,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": {dist: version(dist) for dist in sorted({"freshly", *dists})},
    }
    path.write_text(json.dumps(about | {"tables": tables}, indent=1, default=str) + "\n")
    return path


def machine() -> dict[str, object]:
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")


def version(dist: str) -> str | None:
    try:
        return metadata.version(dist)
    except metadata.PackageNotFoundError:
        return None
