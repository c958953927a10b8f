"""All mutants, by name: see ``mutant``."""

from __future__ import annotations

from .far_mutants import FAR
from .mutant import Mutants
from .near_mutants import NEAR

MUTANTS = Mutants(FAR | NEAR)
