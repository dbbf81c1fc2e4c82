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
from torch_parity.networks import NETWORKS, named
from torch_parity.training.pictures import look
from torch_parity.training.runs import WEIGHTS, read_config
from torch_parity.training.weights import SavedWeights, fit, fitting, read_weights

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
        """Load ``path``: a file of weights as ``read_weights`` takes it, or a run's folder.

        ``network`` is a name from ``NETWORKS``, or FILE.py:FUNCTION of one's own; without it, the file's metadata must
        have one under 'network'.  There may be any number of classes.  ``remarks`` says what a user should know of the
        way the weights were read, ``turned`` whether their run turned its images upright, which were stored transposed.
        Raises OSError for a file that cannot be read, ValueError for one that is damaged or does not fit the network.
        """
        folder = Path(path) if Path(path).is_dir() else None
        saved = read_weights(Path(path) if folder is None else folder / WEIGHTS["numpy"])
        home = folder or (Path(path).parent if Path(path).name in WEIGHTS.values() else None)
        self.turned = home is not None and read_config(home).get("transposed") is True
        self.network = network or _network_in(saved, may_be_own=folder is not None)
        build = named(self.network, folder)
        weights = fit(saved, build, self.network, rename=network is not None)
        self.classes, self.remarks = weights.classes, weights.remarks
        self.numpy, self.torch = build(reference.nn, self.classes), build(torch.nn, self.classes)
        if not isinstance(self.numpy, reference.nn.Module):
            raise ValueError(
                f"{self.network} must make its network from the argument nn: given reference.nn, it made a "
                f"{type(self.numpy).__name__} of something else"
            )
        self.dtype = next(iter(weights.arrays.values())).dtype
        if self.dtype == np.float64:
            self.numpy.double()
            self.torch.double()
        self.numpy.eval()
        self.torch.eval()
        self.numpy.load_state_dict(weights.arrays)
        self.torch.load_state_dict({name: torch.from_numpy(array) for name, array in weights.arrays.items()})

    def predict(self, pixels: Pixels) -> Prediction:
        """The probabilities of all classes for ``pixels`` (28, 28).  ValueError where huge weights overflow."""
        image = normalize(pixels[np.newaxis], dtype=self.dtype)
        with torch.no_grad():
            theirs = torch.softmax(self.torch(torch.from_numpy(image)), dim=1).numpy()
        ours = reference.softmax(self.numpy(image), dim=1)
        if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
            raise ValueError("the scores are not finite: the weights are far too large")
        return Prediction({"numpy": ours[0], "torch": theirs[0]})


def _network_in(saved: SavedWeights, may_be_own: bool) -> str:
    """The network that the metadata name; ValueError where they name none, or code that no one asked to run."""
    name = saved.metadata.get("network")
    if name is None:
        alike = fitting(saved, NETWORKS)
        hint = f"; its shapes are those of {', '.join(alike)}" if alike else ""
        raise ValueError(
            f"{saved.path} does not say whose weights it holds: name the network, {', '.join(NETWORKS)}, "
            f"or FILE.py:FUNCTION{hint}"
        )
    if name not in NETWORKS and ".py" in name and not may_be_own:
        raise ValueError(
            f"{saved.path} holds weights of {name}, says the file: name the network, if you trust that code"
        )
    return name


def read_picture(path: str | os.PathLike[str], as_is: bool = False, transposed: bool = False) -> Pixels:
    """The picture in the file ``path`` as (28, 28) pixels, 0 (background) to 255 (ink); see ``look``."""
    return look(path, as_is, transposed).pixels
