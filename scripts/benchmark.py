"""Measure how fast the reference is: beside torch, beside other implementations in NumPy, and as sizes grow."""

import sys

from torch_parity.commands.benchmark import main

if __name__ == "__main__":
    sys.exit(main())
