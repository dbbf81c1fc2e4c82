"""Prove every formula of the reference equal to torch on random cases: outputs and gradients."""

import sys

from torch_parity.commands.parity import main

if __name__ == "__main__":
    sys.exit(main())
