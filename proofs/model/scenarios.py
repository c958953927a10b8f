"""The family of scenarios.

Each combines as many features as stay explorable; every guard is on in all of them.
"""

from __future__ import annotations

from proofs.model.scenarios_far import FAR
from proofs.model.scenarios_hold import HOLD
from proofs.model.scenarios_load import LOAD
from proofs.model.scenarios_near import NEAR_TIER
from proofs.model.scenarios_primary import PRIMARY

SCENARIOS = (*FAR, *LOAD, *PRIMARY, *NEAR_TIER, *HOLD)
