"""Write the lesson: one page with every formula of a convolutional neural network, proven when it is built."""

import sys

from torch_parity.commands.lesson import main

if __name__ == "__main__":
    sys.exit(main())
