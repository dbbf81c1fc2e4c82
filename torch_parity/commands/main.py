"""``cnn-reference NAME ...``: all command lines under one name, as they are installed with the package."""

import argparse
import importlib
import sys

COMMANDS = {
    "train": "train NumPy and torch side by side on MNIST",
    "parity": "prove every formula equal to torch's",
    "predict": "classify pictures with trained weights, on both sides",
    "doctor": "examine your own code, and name the mistake",
    "lesson": "write the page with every formula, to open, keep and mail",
    "export": "write cases with inputs and results, for other languages",
    "benchmark": "time NumPy beside torch",
}
FIRST_CALLS = """\
Begin with

    cnn-reference train              trains both sides on the bundled MNIST, and writes a report
    cnn-reference doctor FILE.py     says whether the layers in your file are right

Each command says more: cnn-reference train --help"""


def main() -> int:
    """Run the command that the first argument names with the rest; its exit status."""
    if len(sys.argv) > 1 and sys.argv[1] in COMMANDS:
        command = sys.argv[1]
        sys.argv = [f"cnn-reference {command}", *sys.argv[2:]]
        run = importlib.import_module(f"torch_parity.commands.{command}").main
        return int(run())
    listed = "\n".join(f"    {name:<10} {words}" for name, words in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="cnn-reference",
        description="Every formula of a convolutional neural network in NumPy, proven equal to PyTorch.\n\n" + listed,
        epilog=FIRST_CALLS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="one of those above")
    parser.parse_args()  # ends here: it is none of them
    return 2
