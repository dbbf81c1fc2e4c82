"""Pictures in, classes out: prepared as MNIST's were, and classified by both sides with the same weights."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

import reference
from reference.datasets import normalize
from torch_parity.files import load_arrays
from torch_parity.networks import NETWORKS
from torch_parity.training.pictures import look
from torch_parity.training.runs import WEIGHTS

Array = npt.NDArray[Any]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Prediction:
    """What both sides make of one picture.  Dictionaries have the keys 'numpy' and 'torch'."""

    probabilities: dict[str, Array]  # (classes,)

    @property
    def classes(self) -> dict[str, int]:
        """The most probable class."""
        return {side: int(values.argmax()) for side, values in self.probabilities.items()}

    @property
    def largest_difference(self) -> float:
        """Between a probability here and the same there."""
        return float(np.abs(self.probabilities["numpy"] - self.probabilities["torch"]).max())


class Classifier:
    """A network with the same weights on both sides."""

    def __init__(self, path: str | os.PathLike[str], network: str | None = None) -> None:
        """Load ``path``: a safetensors file of torch's state_dict, or a run's folder with ``weights.safetensors``.

        ``network`` is a name from ``NETWORKS``; without it, the file's metadata must have one under 'network'.  There
        may be any number of classes, and all weights are float32 or all are float64.
        Raises OSError for a file that cannot be read, ValueError for one that is damaged or does not fit the network.
        """
        path = Path(path) / WEIGHTS["numpy"] if Path(path).is_dir() else Path(path)
        weights, metadata = load_arrays(path)
        network = network or metadata.get("network")
        if network is None:
            raise ValueError(f"{path} does not say whose weights it holds: name the network, {', '.join(NETWORKS)}")
        if network not in NETWORKS:
            raise ValueError(f"network must be one of {', '.join(NETWORKS)}, got {network!r}")
        self.network = network
        self.classes = _check_weights(path, network, weights)
        build = NETWORKS[network]
        self.numpy, self.torch = build(reference.nn, self.classes), build(torch.nn, self.classes)
        self.dtype = next(iter(weights.values())).dtype
        if self.dtype == np.float64:
            self.numpy.double()
            self.torch.double()
        self.numpy.load_state_dict(weights)
        self.torch.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})

    def predict(self, pixels: Pixels) -> Prediction:
        """The probabilities of all classes for ``pixels`` (28, 28).  ValueError where huge weights overflow."""
        image = normalize(pixels[np.newaxis], dtype=self.dtype)
        with torch.no_grad():
            theirs = torch.softmax(self.torch(torch.from_numpy(image)), dim=1).numpy()
        ours = reference.softmax(self.numpy(image), dim=1)
        if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
            raise ValueError("the scores are not finite: the weights are damaged or far too large")
        return Prediction({"numpy": ours[0], "torch": theirs[0]})


def _check_weights(path: Path, network: str, weights: dict[str, Array]) -> int:
    """The number of classes.  ValueError, naming ``path``, unless ``weights`` are those of ``network``."""
    dtypes = {str(array.dtype) for array in weights.values()}
    if dtypes not in ({"float32"}, {"float64"}):
        raise ValueError(
            f"{path} must hold weights of float32 or of float64, got {', '.join(sorted(dtypes)) or 'none'}"
        )
    with torch.device("meta"):  # shapes alone: a file may claim a billion classes
        last = list(NETWORKS[network](torch.nn).state_dict())[-1]
        classes = max(1, weights[last].size) if last in weights else 1
        needed = {name: tuple(array.shape) for name, array in NETWORKS[network](torch.nn, classes).state_dict().items()}
    found = {name: array.shape for name, array in weights.items()}
    for name in [*needed, *found]:
        if found.get(name) != needed.get(name):
            raise ValueError(
                f"{path} does not fit {network}: {name} has shape {found.get(name, 'none')}, "
                f"needs {needed.get(name, 'none')}"
            )
        if not np.isfinite(weights[name]).all():
            raise ValueError(f"{path} is damaged: {name} holds numbers that are not finite")
    return classes


def read_picture(path: str | os.PathLike[str], as_is: bool = False) -> Pixels:
    """The picture in the file ``path`` as (28, 28) pixels, 0 (background) to 255 (ink); see ``look``."""
    return look(path, as_is).pixels
