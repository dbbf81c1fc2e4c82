"""The folder that a training run leaves: ``runs/<time>-<network>/``.

    config.json                       everything needed to repeat the run, and the machine
    metrics.csv                       a row for every 20 steps: learning rate, losses, accuracies, differences
    weights.safetensors               the weights of the NumPy side, by torch's names
    weights-torch.safetensors         those of the torch side
    checkpoint.safetensors            where training stands: it goes on from there to the same bits
    checkpoint-previous.safetensors   the one before
    summary.json                      what came out, at the end
    report.html                       the same as a page, where one was asked for (pages/run_page.py)
    network.py                        the file that a network of one's own came from, where there is one
    modules/                          the modules beside that file that it imports, where it does

Every file is written whole or not at all.  None of them but the last two hold code, which whoever goes on with the run,
or uses its weights, runs.  Equal runs give equal files of weights.
"""

import csv
import hashlib
import io
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from torch_parity.files import load_arrays, save_arrays, write_atomically
from torch_parity.networks import OWN_FILE, OWN_MODULES

Array = npt.NDArray[Any]

CHECKPOINT, PREVIOUS = "checkpoint.safetensors", "checkpoint-previous.safetensors"
WEIGHTS = {"numpy": "weights.safetensors", "torch": "weights-torch.safetensors"}
CONFIG = "config.json"
STATE = "state"  # the key of the checkpoint's numbers in its metadata


def read_config(folder: Path) -> dict[str, Any]:
    """What ``config.json`` in ``folder`` says; empty where there is none, or it is damaged."""
    try:
        return dict(json.loads((folder / CONFIG).read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return {}


class RunFolder:
    """A run's folder, ``folder``."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Take a folder that is there.  FileNotFoundError where it is not, or no run has got as far as a checkpoint."""
        self.folder = Path(folder).expanduser()
        if not (self.folder / CHECKPOINT).is_file():
            raise FileNotFoundError(f"{folder} must be the folder of a run, with {CHECKPOINT} in it: there is none")

    @classmethod
    def create(cls, parent: str | os.PathLike[str], network: str, config: Mapping[str, Any]) -> "RunFolder":
        """A new folder in ``parent``, named after the time and the network.  OSError where it cannot be made."""
        stem = Path(parent).expanduser() / f"{time.strftime('%Y%m%d-%H%M%S')}-{network}"
        folder, number = stem, 1
        while True:
            try:
                folder.mkdir(parents=True)
                break
            except FileExistsError:
                if not folder.is_dir():
                    raise
                number += 1
                folder = stem.with_name(f"{stem.name}-{number}")
        run = cls.__new__(cls)
        run.folder = folder
        run.write_json(CONFIG, config)
        return run

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write the file ``name``."""
        write_atomically(self.folder / name, (json.dumps(content, indent=2) + "\n").encode())

    def write_own_network(self, source: bytes, modules: Mapping[str, bytes]) -> None:
        """Write the file that a network of one's own came from, and the ``modules`` beside it, by path there."""
        write_atomically(self.folder / OWN_FILE, source)
        for name, content in modules.items():
            path = self.folder / OWN_MODULES / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content)

    def config(self) -> dict[str, Any]:
        """What ``config.json`` says; empty where there is none, or it is damaged."""
        return read_config(self.folder)

    def write_metrics(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write all rows so far, with the keys of the first as columns; None is an empty field."""
        if rows:
            text = io.StringIO()
            writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
            write_atomically(self.folder / "metrics.csv", text.getvalue().encode())

    def write_weights(self, weights: Mapping[str, Mapping[str, Array]], metadata: Mapping[str, str]) -> None:
        """Write the weights of each side, given by its name and theirs."""
        for side, arrays in weights.items():
            save_arrays(self.folder / WEIGHTS[side], arrays, metadata)

    def weights_sha256(self) -> dict[str, str] | None:
        """SHA-256 of the file with the weights of each side; None where one is missing."""
        try:
            return {
                side: hashlib.sha256((self.folder / name).read_bytes()).hexdigest() for side, name in WEIGHTS.items()
            }
        except FileNotFoundError:
            return None

    def write_checkpoint(self, arrays: Mapping[str, Array], numbers: Mapping[str, Any]) -> None:
        """Write a new checkpoint, and keep the one before."""
        path = self.folder / CHECKPOINT
        if path.exists():
            write_atomically(self.folder / PREVIOUS, path.read_bytes())
        save_arrays(path, arrays, {STATE: json.dumps(numbers)})

    def read_checkpoint(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """What ``write_checkpoint`` was given.  ValueError, with what to do, where the file is damaged."""
        try:
            arrays, metadata = load_arrays(self.folder / CHECKPOINT, checksum_required=True)
            return arrays, json.loads(metadata[STATE])
        except (ValueError, KeyError) as error:
            previous = self.folder / PREVIOUS
            advice = f"\nThe checkpoint before it is {previous}: copy that over it, and resume again."
            raise ValueError(f"{error}{advice if previous.exists() else ''}") from error
