"""Write the lesson: one page with every formula of a convolutional neural network, proven when it is built."""

import argparse
import sys
from pathlib import Path


def main() -> int:
    """Parse the arguments, build, say what was written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("lesson.html"), help="the page (default: lesson.html)")
    arguments = parser.parse_args()
    try:
        from torch_parity.lesson.example import Unequal
        from torch_parity.lesson.page import build
    except ImportError as error:
        print(f"build_lesson.py: {error}; pip install '.[lesson]'", file=sys.stderr)
        return 2
    try:
        page = build()
    except Unequal as error:
        print(f"build_lesson.py: NumPy and torch differ, so there is no page: {error}", file=sys.stderr)
        return 1
    try:
        arguments.out.write_text(page, encoding="utf-8")
    except OSError as error:
        print(f"build_lesson.py: {error}", file=sys.stderr)
        return 1
    print(f"{arguments.out}: {len(page.encode()) / 1e3:,.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
