"""Is yours right, and if not, what went wrong?  Examines a Python file with functions or layers of a CNN."""

import sys

from torch_parity.commands.doctor import main

if __name__ == "__main__":
    sys.exit(main())
