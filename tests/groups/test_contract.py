"""The contract of stores on a cluster and behind Sentinels, in both colours."""

from __future__ import annotations

import pytest

from tests.redis.test_contract import OnAServer
from tests.servers.fixtures import Groups
from tests.servers.kinds import REDIS_8, VALKEY_9
from tests.servers.sentinel import Sentinels


class BehindSentinels(OnAServer):
    @pytest.fixture(autouse=True)
    def _started(self, groups: Groups) -> None:  # type: ignore[override]
        group = groups.get(Sentinels, self.kind)
        self.server = group.primary()
        self.url = group.url


@pytest.mark.real_time
class TestValkeyBehindSentinelsAwaited(BehindSentinels):
    kind = VALKEY_9
    protocol = 3


@pytest.mark.real_time
class TestRedisBehindSentinelsStepped(BehindSentinels):
    kind = REDIS_8
    colour = "blocking"
