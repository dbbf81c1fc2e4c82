"""Classify pictures with saved weights, in NumPy and in torch."""

import argparse
import io
import json
import sys
from typing import TYPE_CHECKING, Any

from torch_parity.commands import program
from torch_parity.networks import NETWORKS

if TYPE_CHECKING:
    from torch_parity.training.predict import Pixels, Prediction

BAR = 30  # characters for a probability of 1


def main() -> int:
    """Parse the arguments, classify one picture after another, report."""
    arguments = _parser().parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # the name of a file need not be text
    try:
        return _classify(arguments)
    except ImportError as error:
        return _complain(f"{error}; needed are pillow, rich and safetensors: pip install 'cnn-reference[train]'")
    except (ValueError, OSError) as error:
        return _complain(error)


def _classify(arguments: argparse.Namespace) -> int:
    """The exit status.  What is wrong with one picture is reported, and the others are classified all the same."""
    from torch_parity.training.predict import Classifier, picture_files, read_picture

    classifier = Classifier(arguments.weights, arguments.network)
    for remark in classifier.remarks:
        print(f"{program.name()}: {arguments.weights}: {remark}", file=sys.stderr, flush=True)
    pictures: list[dict[str, Any]] = []
    for path in arguments.pictures:
        try:
            files = picture_files(path)
        except (ValueError, OSError) as error:
            pictures.append({"picture": path, "error": str(error)})
            _complain(error)
            continue
        for file in files:
            try:
                pixels = read_picture(file, arguments.as_is)
                prediction = classifier.predict(pixels)
            except (ValueError, OSError) as error:
                pictures.append({"picture": str(file), "error": str(error)})
                _complain(error)
                continue
            pictures.append({"picture": str(file), **_as_json(prediction)})
            if not arguments.json:
                _show(str(file), pixels, prediction)
    if arguments.json:
        about = {"network": classifier.network, "classes": classifier.classes, "remarks": classifier.remarks}
        print(json.dumps({**about, "pictures": pictures}, indent=2))
    return 2 if any("error" in picture for picture in pictures) else 0


def _complain(message: object) -> int:
    print(f"{program.name()}: {message}", file=sys.stderr, flush=True)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="Pictures are prepared as MNIST's were: grey, ink on the background that the border shows, 20 pixels on "
        "the longer side, the centre of mass in the middle of 28 x 28.  --json prints one object: network, classes, "
        "remarks on how the weights were read, and pictures, each with its name (picture) and class, probabilities and "
        "largest_difference, or with error; class and probabilities are objects with the keys numpy and torch.  The "
        "exit status is 2 where any picture could not be classified.",
    )
    parser.add_argument("pictures", nargs="+", metavar="PICTURE", help="a picture, or a folder of pictures")
    parser.add_argument(
        "--weights", required=True, help="a run's folder, or a state_dict in a safetensors file or by torch.save"
    )
    parser.add_argument(
        "--network",
        metavar="NETWORK",
        help=f"whose weights they are, where the file does not say it: {', '.join(NETWORKS)}, or one of your own as "
        "FILE.py:FUNCTION, which makes it from nn; names that differ are matched by shape and order",
    )
    parser.add_argument(
        "--as-is", action="store_true", help="pictures are 28 x 28 already, light on dark: change nothing"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def _as_json(prediction: "Prediction") -> dict[str, Any]:
    return {
        "class": prediction.classes,
        "probabilities": {side: values.tolist() for side, values in prediction.probabilities.items()},
        "largest_difference": prediction.largest_difference,
    }


def _show(name: str, pixels: "Pixels", prediction: "Prediction") -> None:
    """The class, all probabilities, and how far the sides are apart: in colour, or as plain text in a pipe."""
    ours, theirs = prediction.classes.values()
    title = f"{name}: {ours}" if ours == theirs else f"{name}: {ours} in NumPy, {theirs} in torch"
    footer = f"NumPy and torch differ by at most {prediction.largest_difference:.1e}"
    if sys.stdout.isatty():
        _print_chart(title, pixels, prediction, footer)
    else:
        print("\n".join([title, *_text_chart(prediction), footer, ""]), flush=True)


def _text_chart(prediction: "Prediction") -> list[str]:
    lines = [f"{'class':>5} {'NumPy':>8} {'torch':>8}"]
    for label, (ours, theirs) in enumerate(zip(*prediction.probabilities.values(), strict=True)):
        lines.append(f"{label:>5} {ours:>8.2%} {theirs:>8.2%}  {'#' * round(ours * BAR)}".rstrip())
    return lines


def _print_chart(title: str, pixels: "Pixels", prediction: "Prediction", footer: str) -> None:
    """Beside the bars stands the picture as the networks see it, two rows of pixels in a line of text."""
    from rich.bar import Bar
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    lines = []
    for upper, lower in zip(pixels[::2].tolist(), pixels[1::2].tolist(), strict=True):
        line = Text()
        for over, under in zip(upper, lower, strict=True):
            line.append("\N{UPPER HALF BLOCK}", f"rgb({over},{over},{over}) on rgb({under},{under},{under})")
        lines.append(line)
    chart = Table("class", "NumPy", "torch", "", box=None)
    for column in chart.columns[:3]:
        column.justify = "right"
    for label, (ours, theirs) in enumerate(zip(*prediction.probabilities.values(), strict=True)):
        style = "bold" if label == prediction.classes["numpy"] else ""
        bar = Bar(1, 0, float(ours), width=BAR, color="cyan")
        chart.add_row(str(label), f"{ours:.2%}", f"{theirs:.2%}", bar, style=style)
    both = Table.grid(padding=(0, 2))
    both.add_row(Text("\n").join(lines), chart)
    console = Console()
    console.print(Text(title, "bold"), both, Text(footer), "", sep="\n")
