"""Train one network in NumPy and in torch, side by side, on MNIST or any data in its format."""

import sys

from torch_parity.commands.train import main

if __name__ == "__main__":
    sys.exit(main())
