"""Batch normalisation as layers."""

import numpy as np

from reference.arguments import Array, IntArray, check_floats, check_rank, integer
from reference.batch_norm import BatchNorm
from reference.module import Module
from reference.parameter import Parameter, accumulate, learns


class _BatchNorm(Module):
    """What the layers share, whatever has a mean and a variance: vectors, rows or images."""

    ranks: tuple[int, ...]
    layout: str

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
    ) -> None:
        """A layer for ``num_features`` channels.

        ``affine`` layers learn ``weight``, from 1 on, and ``bias``, from 0 on.  Those that ``track_running_stats`` keep
        ``running_mean`` and ``running_var``, which take the place of the batch's own after ``eval()``; others always
        use the batch's.  Without a ``momentum`` these are plain means over the ``num_batches_tracked`` so far.
        """
        if integer("num_features", num_features) < 0:
            raise ValueError(f"num_features must not be negative, got {num_features}")
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.weight = Parameter(np.ones(num_features, np.float32)) if affine else None
        self.bias = Parameter(np.zeros(num_features, np.float32)) if affine and bias else None
        self.running_mean: Array | None
        self.running_var: Array | None
        self.num_batches_tracked: IntArray
        self.register_buffer("running_mean", np.zeros(num_features, np.float32) if track_running_stats else None)
        self.register_buffer("running_var", np.ones(num_features, np.float32) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", np.array(0) if track_running_stats else None)

    def forward(self, input: Array) -> Array:
        """``input`` of the layer's shape, normalised; in training the running statistics learn of it."""
        check_floats(input=input)
        check_rank("input", input, self.ranks, self.layout)
        # As in torch, a layer that holds no numbers of its own takes any channels.
        bound = self.weight is not None or self.running_mean is not None
        if bound and input.shape[1] != self.num_features:
            raise ValueError(f"input must have {self.num_features} channels (num_features), got shape {input.shape}")
        tracking = self.training and self.track_running_stats and self.running_mean is not None
        of_the_batch = self.training or self.running_mean is None
        weight, bias = (None if one is None else one.data for one in (self.weight, self.bias))
        found = BatchNorm(input, self.running_mean, self.running_var, weight, bias, of_the_batch, self.eps)
        output = found.output()
        if tracking:
            self.num_batches_tracked = np.asarray(self.num_batches_tracked + 1)
            share = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
            self.running_mean, self.running_var = found.running_statistics(share)
        self.found = found
        self.weight_before = None if self.weight is None else (self.weight, self.weight.version)
        return output

    def backward(self, grad_output: Array, needs_input_grad: bool = True) -> Array | None:
        """See ``reference.batch_norm_backward``; with the statistics that ``forward`` used."""
        found: BatchNorm = self._remembered("found")
        if needs_input_grad and self.weight is not None and self.weight_before is not None:
            self._check_unchanged(self.weight, self.weight_before)
        output_mask = needs_input_grad, learns(self.weight), learns(self.bias)
        grad_input, grad_weight, grad_bias = found.gradients(grad_output, output_mask)
        accumulate(self.weight, grad_weight)
        accumulate(self.bias, grad_bias)
        return grad_input

    def reset_running_stats(self) -> None:
        """Forget what the running statistics have learned."""
        if self.track_running_stats:
            self.running_mean, self.running_var = np.zeros_like(self.running_mean), np.ones_like(self.running_var)
            self.num_batches_tracked = np.array(0)

    def extra_repr(self) -> str:
        """The arguments."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of vectors (N, C) or rows (N, C, L); see ``reference.batch_norm``.

    >>> import numpy as np
    >>> from reference import nn
    >>> layer = nn.BatchNorm1d(1, momentum=0.5)
    >>> x = np.array([[1], [3]], np.float32)  # mean 2, variance 1, and 2 unbiased
    >>> print(layer(x).T.round(3), layer.running_mean, layer.running_var)
    [[-1.  1.]] [1.] [1.5]
    >>> print(layer.eval()(x).T.round(3))  # (1 - 1) / sqrt(1.5), (3 - 1) / sqrt(1.5)
    [[0.    1.633]]
    """

    ranks, layout = (2, 3), "(N, C) or (N, C, L)"


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of images (N, C, H, W); see ``reference.batch_norm``.

    >>> import numpy as np
    >>> from reference import nn
    >>> layer = nn.BatchNorm2d(1)
    >>> print(layer(np.array([[[[2, 2, 2, 4, 4, 4]]]], np.float32)).round(3))  # mean 3, variance 1
    [[[[-1. -1. -1.  1.  1.  1.]]]]
    >>> print(layer.backward(np.array([[[[6, 0, 0, 12, 0, 0]]]], np.float32)).round(2))  # 6 - 3 + 1, 0 - 3 + 1, ...
    [[[[ 4. -2. -2.  8. -4. -4.]]]]
    >>> print(layer.weight.grad.round(3), layer.bias.grad)
    [6.] [18.]
    """

    ranks, layout = (4,), "(N, C, H, W)"
