"""Train one network in NumPy and in torch, side by side, on MNIST."""

import argparse
import json
import sys
from typing import Any

from reference.datasets import mnist
from torch_parity.networks import NETWORKS
from torch_parity.training import DTYPES, Progress, Summary, train

ROUNDING = """\
Both sides start from the same weights and take the same steps; in float32 each rounds its sums in its own order, and
training amplifies that.  torch differs as much from itself with another number of threads.  With --dtype float64 the
two stay together (at a stable learning rate)."""


def main() -> int:
    """Parse the arguments, train, report."""
    arguments = _parser().parse_args()
    options = vars(arguments).copy()
    as_json, data_dir = options.pop("json"), options.pop("data_dir")
    out = sys.stderr if as_json else sys.stdout

    def show(progress: Progress) -> None:
        print(_progress_line(progress), file=out, flush=True)

    try:
        data = mnist(data_dir)
        print(_title(arguments, min(arguments.limit or len(data.train_images), len(data.train_images))), file=out)
        summary = train(data=data, thread_count=options.pop("threads"), on_step=show, **options)
    except (ValueError, OSError, ImportError) as error:
        print(f"train_mnist.py: {error}", file=sys.stderr)
        return 2
    if as_json:
        print(json.dumps({**vars(arguments), **summary.as_dict()}, indent=2))
    else:
        print(_summary_text(summary, arguments.dtype))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        epilog="--json prints one object: all arguments, and accuracy, equal_predictions, test_images, "
        "max_weight_difference, final_loss, seconds, images_per_second and steps; what each side has of its own is an "
        "object with the keys numpy and torch.  Progress then goes to standard error.",
    )
    parser.add_argument("--network", choices=NETWORKS, default="formula", help="architecture")
    parser.add_argument("--epochs", type=int, default=3, help="passes over the training images")
    parser.add_argument("--batch-size", type=int, default=64, help="images per step")
    parser.add_argument("--lr", type=float, default=0.02, help="learning rate eta")
    parser.add_argument("--momentum", type=float, default=0.9, help="share of the last step kept in the next")
    parser.add_argument("--dampening", type=float, default=0.0, help="share of the gradient kept out of the momentum")
    parser.add_argument("--weight-decay", type=float, default=0.0, help="pull of the weights towards 0")
    parser.add_argument("--nesterov", action="store_true", help="look ahead by one step of momentum")
    parser.add_argument("--maximize", action="store_true", help="climb instead of descending")
    parser.add_argument("--dtype", choices=DTYPES, default="float32", help="precision of both sides")
    parser.add_argument("--threads", type=int, default=1, help="threads of NumPy's BLAS and of torch")
    parser.add_argument("--seed", type=int, default=1, help="of the initial weights and the order of the images")
    parser.add_argument("--limit", type=int, help="train on the first LIMIT images only")
    parser.add_argument("--data-dir", help="folder with one's own data in MNIST's format (default: the bundled MNIST)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def _title(arguments: argparse.Namespace, images: int) -> str:
    return (
        f"{arguments.network} on {images:,} images, {arguments.epochs} epochs of batches of {arguments.batch_size}, "
        f"{arguments.dtype}, {arguments.threads} thread(s)\n\n"
        f"{'epoch':>5} {'step':>11}   {'loss NumPy':>10} {'loss torch':>10}   {'weights differ by':>17}   "
        f"{'images/s NumPy':>14} {'torch':>7}"
    )


def _progress_line(progress: Progress) -> str:
    loss, rate = progress.loss, progress.images_per_second
    return (
        f"{progress.epoch:>5} {progress.step:>5}/{progress.steps:<5}   {loss['numpy']:>10.6f} {loss['torch']:>10.6f}   "
        f"{progress.max_weight_difference:>17.1e}   {rate['numpy']:>14,.0f} {rate['torch']:>7,.0f}"
    )


def _summary_text(summary: Summary, dtype: str) -> str:
    def sides(values: dict[str, Any], form: str) -> str:
        return f"NumPy {values['numpy']:{form}}   torch {values['torch']:{form}}"

    lines = [
        "",
        f"test accuracy        {sides(summary.accuracy, '.2%')}",
        f"equal predictions    {summary.equal_predictions:,} of {summary.test_images:,}",
        f"weights differ by    at most {summary.max_weight_difference:.1e}",
        f"time in steps        {sides(summary.seconds, '.1f')} seconds",
    ]
    if dtype == "float32":
        lines += ["", ROUNDING]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
