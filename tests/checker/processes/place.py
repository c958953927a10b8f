"""Where a run takes place: on one server, or on a group of them, started for it and ended with it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from tests.servers.kinds import Kind
from tests.servers.server import Server

from .group_faults import GROUPS, GroupFaults
from .plan import Plan
from .run import Outcome, run


def run_on(kind: Kind, plan: Plan, *, faults: Sequence[str] = (), group: str = "") -> Outcome:
    """Run ``plan`` on servers of this ``kind``; what it says of their URL and of a folder is replaced.

    ``group`` is one of ``GROUPS``, which has faults of its own, or "" for one server.
    """
    with ExitStack() as stack:
        # A path of a unix socket may not be long.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fr-")))
        plan = replace(plan, folder=str(folder))
        if not group:
            server = stack.enter_context(Server(kind, folder))
            return run(replace(plan, url=server.url), faults=faults, server=server)
        servers, known = GROUPS[group]
        several = stack.enter_context(servers(kind, folder))
        return run(
            replace(plan, url=several.url),
            trouble_for=lambda pids: GroupFaults(several, known, faults, plan.seed, pids),
        )
