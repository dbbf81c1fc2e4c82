"""Classify pictures with saved weights, in NumPy and in torch."""

import sys

from torch_parity.commands.predict import main

if __name__ == "__main__":
    sys.exit(main())
