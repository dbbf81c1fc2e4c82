"""Write cases with their results and bounds to files, to check a kernel in any language without torch."""

import sys

from torch_parity.commands.export import main

if __name__ == "__main__":
    sys.exit(main())
