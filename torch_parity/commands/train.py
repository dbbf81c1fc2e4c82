"""Train one network in NumPy and in torch, side by side, on MNIST or any data in its format."""

import argparse
import contextlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict

from torch_parity import networks
from torch_parity.commands import program
from torch_parity.training import loop
from torch_parity.training.distributed import Group
from torch_parity.training.download import SOURCES, download
from torch_parity.training.lockstep import PRECISIONS
from torch_parity.training.loop import Diverged, Stopped, Training
from torch_parity.training.runs import RunFolder
from torch_parity.training.settings import SCHEDULES, Settings
from torch_parity.training.sides import OPTIMIZERS

RUNS_DIR = "runs"
MAY_CHANGE = ("data_dir", "epochs")  # of a run that goes on
NOT_SETTINGS = ("json", "quiet", "runs_dir", "resume", "drift", "download")


def main() -> int:
    """Parse the arguments, train, report."""
    arguments = _parser().parse_args()
    try:
        group = Group.from_environment()
    except (ValueError, RuntimeError) as error:
        return _fail(str(error), 2)
    with contextlib.nullcontext() if group is None else contextlib.closing(group):
        return _train(arguments, group)


def _train(arguments: argparse.Namespace, group: Group | None) -> int:
    """Train and report; of several processes the first one reports, and writes the files."""
    stream = sys.stderr if arguments.json else sys.stdout
    try:
        from torch_parity.training import live  # needs rich

        prepared, run = _begin(arguments, group)
        settings = prepared.settings
        if run is None:
            loop.finish(prepared)
            return 0
        troubles: list[str] = []
        title = live.title_text(
            settings.network, len(prepared.images), settings.epochs, settings.batch_size, settings.dtype,
            settings.threads,
        )  # fmt: skip
        shown = live.display(stream, title=title, dtype=settings.dtype, quiet=arguments.quiet)

        def trouble(text: str) -> None:
            troubles.append(text)
            if arguments.quiet:
                print(f"{program.name()}: {text}", file=sys.stderr)
            shown.message(f"{text}; make room if that is why")

        with shown:
            shown.message("\n".join([f"kept in {run.folder}", *_notes(arguments, settings)]))
            summary = loop.finish(prepared, run, shown.update, trouble, shown.report_every)
            _write_report(prepared, run, trouble)
    except Stopped as stopped:
        how = "" if run is None else f"; go on with: {program.command()} --resume {run.folder}"
        return _fail(f"{stopped}{how}", 128 + stopped.number)
    except Diverged as error:
        where = "" if run is None else f"  The last good checkpoint is kept in {run.folder}"
        return _fail(f"{error}.\nA lower --lr may help.{where}", 1)
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        return _fail(str(error), 2)
    if arguments.json:
        print(json.dumps({**asdict(settings), **summary.as_dict()}, indent=2))
    else:
        print(live.summary_text(summary, settings.dtype, drift=summary.drift, run_folder=summary.run))
    if summary.run is None:
        return _fail(f"{troubles[-1]}.\nThe last good checkpoint is kept in {run.folder}", 2)
    return 0


def _begin(arguments: argparse.Namespace, group: Group | None) -> tuple[Training, RunFolder | None]:
    """The training run that is asked for, and its folder, unless another process has that."""
    given = {name: one for name, one in vars(arguments).items() if name not in NOT_SETTINGS and one is not None}
    first = group is None or group.rank == 0
    if arguments.resume is not None:
        given |= {name: True for name in ("drift", "download", "runs_dir") if getattr(arguments, name)}
        if also := ", ".join(name for name in given if name not in MAY_CHANGE):
            raise ValueError(
                f"--resume goes on with the run's own settings, got also {also}; only --data-dir (its data have "
                "moved) and --epochs (it gets longer) may be given with it"
            )
        prepared, run = loop.load(arguments.resume, group=group, **given)
        return prepared, run if first else None
    if arguments.drift:
        given["drift_threads"] = 2 if given.get("threads", 1) == 1 else 1
    if arguments.download:
        given["data_dir"] = download(arguments.download, given.get("data_dir", "data"), on_url=_say_url)
    prepared = loop.prepare(**given, group=group)
    return prepared, loop.begin(prepared, arguments.runs_dir or RUNS_DIR) if first else None


def _notes(arguments: argparse.Namespace, settings: Settings) -> list[str]:
    """What the user should know of the data, and of a run that has been made longer."""
    notes = []
    if settings.transposed:
        told = arguments.transposed or arguments.resume
        why = "" if told else ", as their names say (--no-transposed if they are not)"
        notes.append(f"the images are stored transposed{why}, and turned upright")
    if arguments.resume and arguments.epochs:
        period = settings.cosine_epochs or settings.epochs
        rate = {
            "constant": "the learning rate stays",
            "step": "the learning rate goes on falling in steps",
            "cosine": f"as in torch the cosine keeps its T_max, the end of epoch {period}, after which the "
            "learning rate climbs again",
        }[settings.schedule]
        notes.append(f"{settings.epochs} epochs in all; {rate}")
    return notes


def _write_report(training: Training, run: RunFolder, on_trouble: Callable[[str], None]) -> None:
    """Write ``report.html`` into the run's folder.

    What has been trained must not be lost for the sake of a picture: ``on_trouble`` is told why there is none.
    """
    try:
        from torch_parity.pages import run_page  # here, since drawing takes its time to load

        run_page.write_report(run.folder, training.data)
    except (ImportError, OSError, ValueError) as error:
        on_trouble(f"report.html could not be written ({error})")


def _network(text: str) -> str:
    """``text``, which must be the name of a network, or look like a function in a file."""
    if text not in networks.NETWORKS and ".py:" not in text:
        raise argparse.ArgumentTypeError(
            f"invalid choice: {text!r} (choose from {', '.join(networks.NETWORKS)}, or give FILE.py:FUNCTION)"
        )
    return text


def _say_url(url: str) -> None:
    print(f"fetching {url}", file=sys.stderr)


def _fail(message: str, code: int) -> int:
    print(f"{program.name()}: {message}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    recipes = "; ".join(
        f"{name}: {one.epochs} epochs of batches of {one.batch_size}, {one.schedule} from {one.lr}, momentum "
        f"{one.momentum}"
        + (f", weight decay {one.weight_decay}" if one.weight_decay else "")
        + (f", random crop {one.random_crop}" if one.random_crop else "")
        for name, one in networks.RECIPES.items()
    )
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=f"Recipes: {recipes}.  --json prints one object: all settings, and accuracy, equal_predictions, "
        "test_images, max_weight_difference, final_loss, seconds, images_per_second, steps, drift, run and "
        "weights_sha256 (of the files with the weights); what each side has of its own is an object with the keys "
        "numpy and torch.  Progress then goes to standard error.",
    )
    network = parser.add_argument_group("network and optimizer (by default as in the network's recipe)")
    network.add_argument(
        "--network", type=_network, metavar="NETWORK",
        help=f"{', '.join(networks.NETWORKS)} (default: formula), or one of your own as FILE.py:FUNCTION, a function "
        "that builds it from its argument nn, on both sides",
    )  # fmt: skip
    network.add_argument("--epochs", type=int, help="passes over the training images")
    network.add_argument("--batch-size", type=int, help="images per step")
    network.add_argument(
        "--optimizer", choices=OPTIMIZERS, dest="method",
        help="what takes the steps (default: sgd); without --lr the others have torch's own learning rate",
    )  # fmt: skip
    network.add_argument("--lr", type=float, help="learning rate eta at the start")
    network.add_argument("--momentum", type=float, help="share of the last step kept in the next")
    network.add_argument("--dampening", type=float, help="share of the gradient kept out of the momentum (default: 0)")
    network.add_argument("--weight-decay", type=float, help="pull of the weights towards 0")
    network.add_argument("--nesterov", action="store_true", default=None, help="look ahead by one step of momentum")
    network.add_argument("--maximize", action="store_true", default=None, help="climb instead of descending")
    network.add_argument("--schedule", choices=SCHEDULES, help="how the learning rate falls")
    network.add_argument("--step-size", type=int, help="of the schedule step: epochs between two drops (default: 1)")
    network.add_argument("--gamma", type=float, help="of the schedule step: factor of a drop (default: 0.1)")
    how = parser.add_argument_group("how")
    how.add_argument("--dtype", choices=PRECISIONS, help="precision of both sides (default: float32)")
    how.add_argument("--threads", type=int, help="threads of NumPy and of torch (default: 1)")
    how.add_argument("--seed", type=int, help="of the initial weights and the order of the images (default: 1)")
    how.add_argument("--drift", action="store_true", help="also train torch with other threads: its drift from itself")
    data = parser.add_argument_group("data")
    data.add_argument("--data-dir", help="folder with one's own data in MNIST's format (default: the bundled MNIST)")
    data.add_argument(
        "--download", choices=SOURCES, help="fetch this data set into --data-dir (default: data) and use it"
    )
    data.add_argument(
        "--transposed",
        action=argparse.BooleanOptionalAction,
        help="its images are stored transposed, as EMNIST's are: turn them upright (default: as their names say)",
    )
    data.add_argument("--limit", type=int, help="train on the first LIMIT images only")
    data.add_argument(
        "--random-crop", type=int, metavar="PIXELS",
        help="pad each training image with so many pixels, and take a random part of its own size (default: as in the "
        "network's recipe)",
    )  # fmt: skip
    output = parser.add_argument_group("output")
    output.add_argument("--runs-dir", help=f"where the run gets its folder (default: {RUNS_DIR})")
    output.add_argument(
        "--resume",
        metavar="RUN",
        help="go on with the run in this folder, with its own settings; "
        "--data-dir says where its data are now, --epochs how many it shall have in all",
    )
    output.add_argument("--quiet", action="store_true", help="show the result only")
    output.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser
