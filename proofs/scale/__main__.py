"""Print the tables of docs/concepts/scale.md.

python -m proofs.scale             from what was measured and is kept: always the same
python -m proofs.scale --measure   on a server of this machine, without keeping it
python -m proofs.scale --keep      measure, keep it, and print the tables
"""

from __future__ import annotations

import argparse
import json

from .costs import Measured
from .table import tables


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m proofs.scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--measure", action="store_true", help="measure on a Valkey 9 of this machine")
    parser.add_argument("--keep", action="store_true", help="and keep it beside the code")
    options = parser.parse_args()
    measured = Measured.kept() if not (options.measure or options.keep) else _measured(options.keep)
    print(json.dumps(measured.about))
    print()
    print(tables(measured))


def _measured(keep: bool) -> Measured:
    # Needs a server; the tables do not.
    from .measuring import measure

    measured = measure()
    if keep:
        measured.save()
    return measured


if __name__ == "__main__":
    main()
