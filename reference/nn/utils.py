"""What is done to the parameters of a network beside its layers, by the names of ``torch.nn.utils``."""

from typing import TYPE_CHECKING, Any

from reference.clip_grad_norm import clip_grad_norm_
from reference.instead import NN_UTILS, missing

__all__ = ["clip_grad_norm_"]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """A name that is not there: AttributeError with what to write instead, if ``torch.nn.utils`` has it."""
        raise missing("reference.nn.utils", name, NN_UTILS)
