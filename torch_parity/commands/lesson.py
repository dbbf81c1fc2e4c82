"""Write the lesson: one page with every formula of a convolutional neural network, proven when it is built."""

import argparse
import sys
from pathlib import Path

from torch_parity.commands import program
from torch_parity.files import check_writable, write_atomically

EPILOG = """\
Every number is computed by NumPy and by torch.  Where they differ, by a bit or by more than the proven bound of
rounding, nothing is written, and what was there stays.  The exit status is 0 when all was written, 1 when numbers
differ or a file cannot be written, 2 when the arguments are wrong or a package is missing."""


def main() -> int:
    """Parse the arguments, build, say what was written."""
    parser = _parser()
    arguments = parser.parse_args()
    try:
        _check(arguments)
        from torch_parity.lesson.page import build

        if arguments.figures is not None or arguments.notebook is not None:
            from torch_parity.lesson import figures
        if arguments.notebook is not None:
            from torch_parity.lesson.notebook import notebook
    except ImportError as error:
        needed = "" if "[lesson]" in str(error) else "; pip install 'cnn-reference[lesson]'"
        parser.error(f"{error}{needed}")
    except (ValueError, OSError) as error:
        parser.error(str(error))
    from torch_parity.lesson.example import UnequalError

    try:
        page = build()
        files = {arguments.out: page.encode()}
        if arguments.figures is not None or arguments.notebook is not None:
            drawn = figures.draw(page)
        if arguments.figures is not None:
            files |= {arguments.figures / name: content for name, content in figures.files(drawn).items()}
        if arguments.notebook is not None:
            pictures = {name: figures.saved(figure, "png", dpi=70) for name, figure in drawn.items()}
            files[arguments.notebook] = notebook(pictures)
    except UnequalError as error:
        print(f"{program.name()}: NumPy and torch differ, so there is no lesson: {error}", file=sys.stderr)
        return 1
    try:
        if arguments.figures is not None:
            arguments.figures.mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            write_atomically(path, content)
    except OSError as error:
        print(f"{program.name()}: {error}", file=sys.stderr)
        return 1
    for path, content in files.items():
        print(f"{path}: {len(content) / 1e3:,.0f} kB")
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """ValueError or OSError for what would fail only after long work."""
    for name, ending in (("out", ".html"), ("notebook", ".ipynb")):
        path = getattr(arguments, name)
        if path is None:
            continue
        if path.suffix != ending:
            raise ValueError(f"--{name} must end in {ending}, got {path}")
        try:
            check_writable(path)
        except OSError as error:
            raise OSError(f"--{name}: {error}") from error
    if arguments.figures is not None and arguments.figures.exists() and not arguments.figures.is_dir():
        raise NotADirectoryError(f"--figures must be a folder, or new, got {arguments.figures}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--out", type=Path, default=Path("lesson.html"), metavar="FILE", help="the page (default: lesson.html)")
    add("--notebook", type=Path, metavar="FILE", help="write the sections as a Jupyter notebook too (.ipynb)")
    add("--figures", type=Path, metavar="FOLDER", help="write each section's figure too, as SVG and PNG, for slides")
    return parser
