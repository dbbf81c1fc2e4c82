"""What the program that runs is called, in its messages."""

import sys
from pathlib import Path


def name() -> str:
    """As in a message: "train_mnist.py", or "cnn-reference train"."""
    return Path(sys.argv[0]).name


def command() -> str:
    """What to type to run it again: "python scripts/train_mnist.py", or "cnn-reference train"."""
    return f"python scripts/{name()}" if sys.argv[0].endswith(".py") else name()
