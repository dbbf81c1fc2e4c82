"""What makes networks learn: optimizers, which change parameters by their gradients.  Twin: ``torch.optim``.

Each takes one step at a time from where the parameters are.  In teaching order:

    SGD        K = K - eta g                        all the way down the gradient, perhaps with momentum
    RMSprop    K = K - eta g / sqrt(v)              each weight's step measured by how large its gradients have been
    Adam       K = K - eta m / sqrt(v)              a running mean m steps in the place of the gradient
    AdamW      K = (1 - eta lambda) K - ...         Adam, with a weight decay that is not divided by sqrt(v)

``optimizer`` has what they share.
"""

from typing import TYPE_CHECKING, Any

from reference.instead import OPTIMIZERS, missing
from reference.optim.adam import Adam
from reference.optim.adamw import AdamW
from reference.optim.optimizer import Optimizer
from reference.optim.rmsprop import RMSprop
from reference.optim.sgd import SGD
from reference.parameter import Parameter

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "Parameter", "RMSprop"]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """A name that is not there: AttributeError with what to write instead, if ``torch.optim`` has it."""
        raise missing("reference.optim", name, OPTIMIZERS)
