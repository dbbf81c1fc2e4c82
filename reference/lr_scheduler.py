"""Learning-rate schedules.  Twins: ``torch.optim.lr_scheduler.StepLR`` and ``CosineAnnealingLR``.

Formulas, for the learning rate eta_t after t steps of the schedule, from eta_0, the optimizer's own:

    StepLR              eta_t = gamma^floor(t / step_size) eta_0                                 a staircase downwards
    CosineAnnealingLR   eta_t = eta_min + (eta_0 - eta_min) (1 + cos(pi t / T_max)) / 2          half a wave downwards

Large steps find the valley, small ones its bottom.  After T_max the cosine climbs again.

Both are computed as torch does, from eta_{t-1} and not from eta_0, and so round alike.  What depends on eta_0 alone
drops out of the quotient of two steps:

    (eta_t - eta_min) / (eta_{t-1} - eta_min) = (1 + cos(pi t / T_max)) / (1 + cos(pi (t - 1) / T_max))

When the wave starts again from its lowest point, where the quotient is 0 / 0, the climb itself is added.

Source: Loshchilov & Hutter, SGDR: stochastic gradient descent with warm restarts (2017), equation 5, for the cosine;
Goodfellow, Bengio & Courville, Deep Learning (2016), section 8.3.1, for why the rate must fall.
"""

import copy
import math
from typing import Any

from reference.arguments import integer, number
from reference.optim import Optimizer


class LRScheduler:
    """A schedule: ``step()`` after the optimizer's sets the learning rate of each of its ``param_groups``.

    ``last_epoch`` counts these steps, and ``base_lrs`` are the rates from which the groups start, as in torch; the
    first schedule of an optimizer notes them in its groups as "initial_lr".  To go on after step k without a saved
    schedule, ``last_epoch=k`` takes the optimizer's rates for those of step k, and eta_0 from these notes.

    A schedule of one's own says what follows a learning rate:

    >>> import numpy as np
    >>> from reference.lr_scheduler import LRScheduler
    >>> from reference.optim import SGD, Parameter
    >>> class Halving(LRScheduler):
    ...     def _next(self, lr, base_lr):
    ...         return lr / 2
    >>> schedule = Halving(SGD([Parameter(np.zeros(1))], lr=0.5))
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.25]
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        """Take the learning rates that the groups of ``optimizer`` have now as eta_0, where they note no other.

        ValueError where ``last_epoch`` is below -1, or is 0 or more and a group lacks the note.
        """
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"optimizer must be an Optimizer, got {type(optimizer).__name__}")
        self.last_epoch = integer("last_epoch", last_epoch) + 1
        if self.last_epoch < 0:
            raise ValueError(f"last_epoch must be at least -1, got {last_epoch}")
        self._check()
        for index, group in enumerate(optimizer.param_groups):
            if self.last_epoch > 0 and "initial_lr" not in group:
                raise ValueError(
                    f"last_epoch={last_epoch} needs the rate at the start as 'initial_lr' in every group of the "
                    f"optimizer, and group {index} has none: set it, or leave last_epoch out"
                )
        self.optimizer = optimizer
        self.base_lrs = [float(group.setdefault("initial_lr", group["lr"])) for group in optimizer.param_groups]
        self._last_lr = self._rates()

    def step(self) -> None:
        """Go on by one step."""
        self.last_epoch += 1
        self._advance()

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group after the last step."""
        return list(self._last_lr)

    def state_dict(self) -> dict[str, Any]:
        """All but the optimizer, as in torch: where the schedule stands, and its options."""
        return copy.deepcopy({name: value for name, value in vars(self).items() if name != "optimizer"})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there, with the options that are saved, as torch does; the rates stand in the optimizer's state.

        torch's own bookkeeping is passed over, and what the state lacks stays as it is.  ValueError for the state of
        another schedule, or of an optimizer of other groups, and for options that cannot be; then nothing is changed.
        """
        missing = [name for name in ("last_epoch", "base_lrs") if name not in state_dict]
        if missing:
            raise ValueError(
                f"state_dict must be that of a schedule, with last_epoch and base_lrs, got {list(state_dict)}"
            )
        own = vars(self).keys() - {"optimizer"}
        others = [name for name in state_dict if name not in own and name != "verbose" and not name.startswith("_")]
        if others:
            raise ValueError(f"state_dict must be that of a {type(self).__name__}, got one with {', '.join(others)}")
        loaded = copy.copy(self)
        vars(loaded).update({name: copy.deepcopy(value) for name, value in state_dict.items() if name in own})
        for name in ("base_lrs", "_last_lr"):
            rates = [float(lr) for lr in getattr(loaded, name)]
            if len(rates) != len(self.base_lrs):
                raise ValueError(f"state_dict must have {len(self.base_lrs)} {name}, one per group, got {len(rates)}")
            setattr(loaded, name, rates)
        loaded.last_epoch = integer("last_epoch", loaded.last_epoch)
        loaded._check()
        vars(self).update(vars(loaded))

    def _advance(self) -> None:
        """Set the rates of step ``last_epoch`` from those of the step before."""
        for group, base_lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = self._next(float(group["lr"]), base_lr)
        self._last_lr = self._rates()

    def _rates(self) -> list[float]:
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def _check(self) -> None:
        """TypeError or ValueError for options that cannot be."""

    def _next(self, lr: float, base_lr: float) -> float:
        """eta_t from eta_{t-1} and eta_0, for t = ``last_epoch``."""
        raise NotImplementedError(f"{type(self).__name__} must define _next")


class StepLR(LRScheduler):
    """Multiplies the learning rate by ``gamma`` every ``step_size`` steps.

    >>> import numpy as np
    >>> from reference.lr_scheduler import StepLR
    >>> from reference.optim import SGD, Parameter
    >>> schedule = StepLR(SGD([Parameter(np.zeros(1))], lr=8), step_size=2, gamma=0.5)
    >>> for _ in range(4):
    ...     schedule.step()
    ...     print(schedule.get_last_lr())
    [8.0]
    [4.0]
    [4.0]
    [2.0]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        """ValueError for a ``step_size`` below 1."""
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)
        if self.last_epoch > 0:  # as torch's, it goes on to the step after ``last_epoch`` at once
            self._advance()

    def _check(self) -> None:
        self.step_size, self.gamma = integer("step_size", self.step_size), number("gamma", self.gamma)
        if self.step_size < 1:
            raise ValueError(f"step_size must be at least 1, got {self.step_size}")

    def _next(self, lr: float, base_lr: float) -> float:
        return lr if self.last_epoch % self.step_size else lr * self.gamma


class CosineAnnealingLR(LRScheduler):
    """Lowers the learning rate to ``eta_min`` along half a cosine wave of ``T_max`` steps.

    >>> import numpy as np
    >>> from reference.lr_scheduler import CosineAnnealingLR
    >>> from reference.optim import SGD, Parameter
    >>> schedule = CosineAnnealingLR(SGD([Parameter(np.zeros(1))], lr=8), T_max=3)
    >>> for _ in range(3):
    ...     schedule.step()
    ...     print(f"{schedule.get_last_lr()[0]:.3f}")  # cos 60 degrees is 1/2, cos 120 is -1/2
    6.000
    2.000
    0.000
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_max: int,  # noqa: N803, torch's name
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        """ValueError for a ``T_max`` below 1."""
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def _check(self) -> None:
        self.T_max, self.eta_min = integer("T_max", self.T_max), number("eta_min", self.eta_min)
        if self.T_max < 1:
            raise ValueError(f"T_max must be at least 1, got {self.T_max}")

    def _next(self, lr: float, base_lr: float) -> float:
        t, period = self.last_epoch, self.T_max
        if (t - 1 - period) % (2 * period) == 0:  # the first step up from the lowest point
            return lr + (base_lr - self.eta_min) * (1 - math.cos(math.pi / period)) / 2
        quotient = (1 + math.cos(math.pi * t / period)) / (1 + math.cos(math.pi * (t - 1) / period))
        return quotient * (lr - self.eta_min) + self.eta_min
