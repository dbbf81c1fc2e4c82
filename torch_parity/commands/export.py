"""Write cases with their results and bounds to files, to check a kernel in any language without torch."""

import argparse
import sys
from pathlib import Path

from torch_parity.commands import program
from torch_parity.proof.backend import SIXTEEN_BIT
from torch_parity.proof.pairs import PAIRS, pair_named
from torch_parity.proof.prove import DTYPES


def main() -> int:
    """Parse the arguments, export, say what was written."""
    try:
        from torch_parity.proof.export import export
    except ImportError as error:
        print(f"{program.name()}: {error}; pip install safetensors", file=sys.stderr)
        return 2
    arguments = _parser().parse_args()
    for name, minimum in {"cases": 1, "seed": 0}.items():
        if getattr(arguments, name) < minimum:
            print(f"{program.name()}: --{name} must be at least {minimum}", file=sys.stderr)
            return 2
    pairs = [pair_named(arguments.only)] if arguments.only else PAIRS
    dtypes = tuple(dtype for dtype in DTYPES if dtype.name == arguments.dtype) or DTYPES
    precision = arguments.dtype if arguments.dtype in SIXTEEN_BIT else None
    try:
        count = export(arguments.folder, pairs, arguments.seed, range(arguments.cases), dtypes, precision)
    except (OSError, RuntimeError) as error:
        print(f"{program.name()}: {error}", file=sys.stderr)
        return 1
    print(f"{count} cases in {arguments.folder}/cases.safetensors, described in {arguments.folder}/cases.json")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="torch_parity/proof/export.py describes the files, and has a reader of ten lines."
    )
    parser.add_argument("folder", type=Path, help="where to write; made if need be")
    parser.add_argument("--cases", type=int, default=100, help="cases per formula (default: 100)")
    parser.add_argument("--seed", type=int, default=0, help="which cases (default: 0)")
    parser.add_argument(
        "--dtype", choices=["both", "float32", "float64", *SIXTEEN_BIT], default="both", help="default: both, in turn"
    )
    parser.add_argument("--only", choices=[pair.name for pair in PAIRS], help="this formula alone")
    return parser
