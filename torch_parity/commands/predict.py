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

SHADES = " .:-=+*#%@"  # from paper to ink
BAR = 30  # characters for a probability of 1


def main() -> int:
    """Parse the arguments, classify one picture after another, report."""
    arguments = _parser().parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # the name of a file need not be text
    try:
        return _classify(arguments)
    except ImportError as error:
        return _complain(f"{error}; needed are pillow, rich, safetensors and scipy: pip install 'cnn-reference[train]'")
    except (ValueError, OSError) as error:
        return _complain(error)


def _classify(arguments: argparse.Namespace) -> int:
    """The exit status.  What is wrong with one picture is reported, and the others are classified all the same."""
    from torch_parity.training.familiarity import Familiarity
    from torch_parity.training.pictures import look, pictures_in, save_prepared
    from torch_parity.training.predict import Classifier

    classifier = Classifier(arguments.weights, arguments.network)
    remarks = [*classifier.remarks, *_orientation(arguments, classifier.turned)]
    for remark in remarks:
        print(f"{program.name()}: {arguments.weights}: {remark}", file=sys.stderr, flush=True)
    familiarity = Familiarity(classifier)
    prepared: set[str] = set()
    pictures: list[dict[str, Any]] = []
    passed_over: list[dict[str, str]] = []
    for path in arguments.pictures:
        try:
            files, others = pictures_in(path)
        except (ValueError, OSError) as error:
            pictures.append({"picture": path, "error": str(error)})
            _complain(error)
            continue
        for other, reason in others.items():
            passed_over.append({"file": str(other), "reason": reason})
            _say(f"passed over {other}: {reason}")
        for file in files:
            try:
                picture = look(file, arguments.as_is, bool(arguments.transposed))
                if arguments.save_prepared:
                    save_prepared(picture, file, arguments.save_prepared, prepared)
                prediction = classifier.predict(picture.pixels)
                warnings = [*picture.warnings, *familiarity.doubts(picture.pixels, prediction)]
            except (ValueError, OSError) as error:
                pictures.append({"picture": str(file), "error": str(error)})
                _complain(error)
                continue
            pictures.append({"picture": str(file), **_as_json(prediction), "warnings": warnings})
            if not arguments.json:
                _show(str(file), picture.pixels, prediction, warnings)
    if arguments.json:
        about = {"network": classifier.network, "classes": classifier.classes, "remarks": remarks}
        print(json.dumps({**about, "pictures": pictures, "passed_over": passed_over}, indent=2))
    return 2 if any("error" in picture for picture in pictures) else 0


def _orientation(arguments: argparse.Namespace, turned: bool) -> list[str]:
    """What is to be said of pictures that may lie on their side as the run's own did, which it turned."""
    if not turned or not arguments.as_is or arguments.transposed is not None:
        return []
    return [
        "the run turned its images upright, which were stored transposed; --as-is takes pictures to be upright: "
        "--transposed turns those that are stored as the run's were, and --no-transposed says that none is"
    ]


def _say(message: object) -> None:
    print(f"{program.name()}: {message}", file=sys.stderr, flush=True)


def _complain(message: object) -> int:
    _say(message)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="Pictures are prepared as MNIST's were: the ink of one digit, without lines, frames and tables around "
        "it, 20 pixels on the longer side, the centre of mass in the middle of 28 x 28.  What is unusual or doubtful "
        "is said in warnings.  --json prints one object: network, classes, remarks on how the weights were read, "
        "passed_over (files of folders that are no pictures, each with its reason), and pictures, each with its name "
        "(picture) and class, probabilities, largest_difference and warnings, or with error; class and probabilities "
        "are objects with the keys numpy and torch.  The exit status is 2 where any picture could not be classified.",
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
    parser.add_argument(
        "--transposed",
        action=argparse.BooleanOptionalAction,
        help="pictures have rows for columns, as EMNIST's files have their images: turn them upright first",
    )
    parser.add_argument(
        "--save-prepared", metavar="FOLDER", help="write every picture as the networks see it: NAME.prepared.png"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def _as_json(prediction: "Prediction") -> dict[str, Any]:
    return {
        "class": prediction.classes,
        "probabilities": {side: values.tolist() for side, values in prediction.probabilities.items()},
        "largest_difference": prediction.largest_difference,
    }


def _show(name: str, pixels: "Pixels", prediction: "Prediction", warnings: list[str]) -> None:
    """The class, what is doubtful, all probabilities, and how far the sides are apart, beside the picture as seen.

    In colour, or as plain text in a pipe.
    """
    ours, theirs = prediction.classes.values()
    title = f"{name}: {ours}" if ours == theirs else f"{name}: {ours} in NumPy, {theirs} in torch"
    notes = [f"warning: {warning}" for warning in warnings]
    footer = f"NumPy and torch differ by at most {prediction.largest_difference:.1e}"
    if sys.stdout.isatty():
        _print_chart(title, notes, pixels, prediction, footer)
    else:
        print("\n".join([title, *notes, *_text_picture(pixels), *_text_chart(prediction), footer, ""]), flush=True)


def _text_picture(pixels: "Pixels") -> list[str]:
    """Two rows of pixels in a line of text, in a frame: characters are about twice as high as wide."""
    means = (pixels[::2].astype(int) + pixels[1::2]) // 2
    lines = ["".join(SHADES[level * len(SHADES) // 256] for level in row) for row in means.tolist()]
    edge = f"+{'-' * pixels.shape[1]}+"
    return [edge, *(f"|{line}|" for line in lines), edge]


def _text_chart(prediction: "Prediction") -> list[str]:
    lines = [f"{'class':>5} {'NumPy':>8} {'torch':>8}"]
    for label, (ours, theirs) in enumerate(zip(*prediction.probabilities.values(), strict=True)):
        lines.append(f"{label:>5} {ours:>8.2%} {theirs:>8.2%}  {'#' * round(ours * BAR)}".rstrip())
    return lines


def _print_chart(title: str, notes: list[str], pixels: "Pixels", prediction: "Prediction", footer: str) -> None:
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
    console.print(Text(title, "bold"), *(Text(note, "yellow") for note in notes), both, Text(footer), "", sep="\n")
