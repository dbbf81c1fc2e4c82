"""Adam with a weight decay of its own.  Twin: ``torch.optim.AdamW``.

Formula, with learning rate eta (lr), for the gradient g of a parameter K, in step t = 1, 2, ...:

    K = (1 - eta weight_decay) K                       first of all, whatever the gradient is
    K_new = K - eta (m / (1 - beta_1^t)) / (sqrt(v / (1 - beta_2^t)) + epsilon)

with m and v of ``adam``, made of g alone.  Adam adds weight_decay K to g, as gradient descent does; there it is divided
by sqrt(v) with the rest of g, and weights with large gradients hardly decay.  Here all decay at one rate.

Source: Loshchilov & Hutter, Decoupled weight decay regularization (2019), algorithm 2.
"""

from collections.abc import Iterable
from typing import Any

from reference.optim.adam import Adam
from reference.parameter import Parameter


class AdamW(Adam):
    """AdamW over ``params``: ``Adam`` with decoupled_weight_decay, of which a little is the default.

    >>> import numpy as np
    >>> from reference.optim import AdamW, Parameter
    >>> weight = Parameter(np.array([8.0, 8.0]))
    >>> optimizer = AdamW([weight], lr=0.5, eps=0, weight_decay=0.25)
    >>> weight.grad = np.array([100.0, 0.01])
    >>> optimizer.step()
    >>> print(weight.data)  # 8 (1 - 0.5 * 0.25) = 7, and then a step of Adam: 0.5 down
    [6.5 6.5]
    """

    def __init__(
        self,
        params: Iterable[Parameter] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        """Take the parameters and the options, as ``Adam`` does."""
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize, capturable=capturable,
            differentiable=differentiable, fused=fused, decoupled_weight_decay=True,
        )  # fmt: skip

    def _loaded_group(self, saved: dict[str, Any], params: list[Parameter]) -> dict[str, Any]:
        # Whatever the state says: what goes on from it is AdamW, as in torch.
        return super()._loaded_group({**saved, "decoupled_weight_decay": True}, params)
