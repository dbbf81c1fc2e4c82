"""Examine a file of your own code: is it right, and if not, what went wrong?"""

import sys

from torch_parity.commands import program


def main() -> int:
    """Run the doctor's command; say which packages are missing for it."""
    try:
        from torch_parity.doctor.command import main as examine
    except ImportError as error:
        print(f"{program.name()}: {error}; pip install 'cnn-reference[doctor]'", file=sys.stderr)
        return 2
    return examine()
