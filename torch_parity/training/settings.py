"""How to train: everything that is needed to repeat a run."""

import inspect
from dataclasses import dataclass, replace
from typing import Any

import reference
from torch_parity.training.sides import OPTIMIZERS, Schedule

OWN = "own"  # the name of a network of one's own
SCHEDULES = ("constant", "step", "cosine")
# What can be chosen of an optimizer, where it has that; the rest is as torch has it by default.
OPTIMIZER = ("lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize")


@dataclass(frozen=True)
class Settings:
    """How to train; with the same data, the same settings give the same run."""

    network: str
    epochs: int
    batch_size: int
    schedule: str  # of SCHEDULES
    lr: float
    momentum: float
    step_size: int = 1  # of the schedule 'step', in epochs
    gamma: float = 0.1  # of the schedule 'step'
    dampening: float = 0.0
    weight_decay: float = 0.0
    nesterov: bool = False
    maximize: bool = False
    dtype: str = "float32"
    threads: int = 1
    seed: int = 1
    limit: int | None = None  # of the training images
    drift_threads: int | None = None
    data_dir: str | None = None  # None is the bundled MNIST
    transposed: bool = False  # whether its images are stored so, and turned upright
    cosine_epochs: int | None = None  # of the schedule 'cosine': half its wave; None is all epochs
    method: str = "sgd"  # of OPTIMIZERS
    random_crop: int = 0  # pixels of padding, of which a random part of the image's own size is taken

    def __post_init__(self) -> None:
        """Check what no other part does; ValueError names what is wrong."""
        for name in ("epochs", "batch_size", "step_size", "threads", "limit", "drift_threads", "cosine_epochs"):
            count = getattr(self, name)
            if count is not None and count < 1:
                raise ValueError(f"{name} must be at least 1, got {count}")
        if self.random_crop < 0:
            raise ValueError(f"random_crop must be at least 0, got {self.random_crop}")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule must be one of {', '.join(SCHEDULES)}, got {self.schedule!r}")
        own = defaults(self.method)
        for name in OPTIMIZER:
            if name not in own and getattr(self, name):
                raise ValueError(f"{name} is no option of {self.method}, which has {', '.join(own)}")
        if self.drift_threads == self.threads:
            raise ValueError(f"drift_threads must differ from threads, got {self.threads} for both")

    def optimizer(self) -> dict[str, Any]:
        """The optimizer, as "method", and its options."""
        return {"method": self.method, **{name: getattr(self, name) for name in defaults(self.method)}}

    def scheduled(self, steps_per_epoch: int) -> Schedule | None:
        """The schedule, for either side."""
        if self.schedule == "constant":
            return None
        if self.schedule == "step":
            return lambda module, optimizer: module.StepLR(optimizer, self.step_size * steps_per_epoch, self.gamma)
        epochs = self.cosine_epochs or self.epochs
        return lambda module, optimizer: module.CosineAnnealingLR(optimizer, epochs * steps_per_epoch)

    def longer(self, epochs: int, made: int) -> "Settings":
        """The same for a run of ``epochs`` in all, of which ``made`` have been.  ValueError where that adds nothing.

        The schedule goes on as torch's, which loads the state of the old one: a cosine keeps its T_max, and the rate
        climbs again where it would have ended.
        """
        if epochs < self.epochs or epochs == made:
            raise ValueError(
                f"epochs counts all of a run, those made included: it must be more than {self.epochs}, got {epochs}"
            )
        if self.schedule != "cosine" or epochs == self.epochs:
            return replace(self, epochs=epochs)
        return replace(self, epochs=epochs, cosine_epochs=self.cosine_epochs or self.epochs)


def defaults(method: str) -> dict[str, Any]:
    """What can be chosen of an optimizer by name, and what it is by default.  ValueError for another name."""
    if method not in OPTIMIZERS:
        raise ValueError(f"method must be one of {', '.join(OPTIMIZERS)}, got {method!r}")
    found = inspect.signature(getattr(reference.optim, OPTIMIZERS[method])).parameters
    return {name: found[name].default for name in OPTIMIZER if name in found}
