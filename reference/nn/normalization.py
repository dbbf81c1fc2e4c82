"""Layer and group normalisation as layers."""

from collections.abc import Sequence

import numpy as np

from reference.arguments import Array, array_shape, integer
from reference.group_norm import normalized_groups
from reference.layer_norm import normalized_features
from reference.module import Module
from reference.normalized import Normalized
from reference.parameter import Parameter, accumulate, learns


class _PerSample(Module):
    """What the layers share: a weight of ones and a bias of zeros at first, where there are any, and the gradient."""

    weight: Parameter | None
    bias: Parameter | None

    def _set_scales(self, shape: tuple[int, ...], weight: bool, bias: bool) -> None:
        self.weight = Parameter(np.ones(shape, np.float32)) if weight else None
        self.bias = Parameter(np.zeros(shape, np.float32)) if weight and bias else None

    def _scales(self) -> tuple[Array | None, Array | None]:
        weight, bias = self.weight, self.bias
        return None if weight is None else weight.data, None if bias is None else bias.data

    def _normalized(self, input: Array) -> Normalized:
        raise NotImplementedError

    def forward(self, input: Array) -> Array:
        """``input`` -> the same shape."""
        self.normalized = self._normalized(input)
        if self.weight is not None:
            self.weight_before = self.weight, self.weight.version
        return self.normalized.output(*self._scales())

    def backward(self, grad_output: Array, needs_input_grad: bool = True) -> Array | None:
        """See ``reference.layer_norm_backward`` and ``reference.group_norm_backward``."""
        normalized: Normalized = self._remembered("normalized")
        if needs_input_grad and self.weight is not None:
            self._check_unchanged(self.weight, self.weight_before)
        output_mask = needs_input_grad, learns(self.weight), learns(self.bias)
        grad_input, grad_weight, grad_bias = normalized.gradients(grad_output, self._scales()[0], output_mask)
        accumulate(self.weight, grad_weight)
        accumulate(self.bias, grad_bias)
        return grad_input


class LayerNorm(_PerSample):
    """Layer normalisation; see ``reference.layer_norm``.  ``weight`` and ``bias`` have the shape of the features.

    >>> import numpy as np
    >>> from reference import nn
    >>> layer = nn.LayerNorm(4, eps=0)
    >>> print(layer(np.array([[1, 1, 3, 3]], np.float32)))
    [[-1. -1.  1.  1.]]
    >>> print(layer.backward(np.array([[4, 0, 0, 0]], np.float32)), layer.weight.grad + 0, layer.bias.grad)
    [[ 2. -2.  0.  0.]] [-4.  0.  0.  0.] [4. 0. 0. 0.]
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ) -> None:
        """Over the last dimensions, of the sizes ``normalized_shape``; one number stands for the last alone.

        ``elementwise_affine`` layers learn ``weight`` and, unless that is False, ``bias``.
        """
        one = not isinstance(normalized_shape, tuple | list)
        self.normalized_shape = array_shape("normalized_shape", (normalized_shape,) if one else normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self._set_scales(self.normalized_shape, elementwise_affine, bias)

    def _normalized(self, input: Array) -> Normalized:
        return normalized_features(input, self.normalized_shape, *self._scales(), self.eps)

    def extra_repr(self) -> str:
        """The arguments."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class GroupNorm(_PerSample):
    """Group normalisation; see ``reference.group_norm``.  ``weight`` and ``bias`` (C,).

    >>> import numpy as np
    >>> from reference import nn
    >>> layer = nn.GroupNorm(1, 2, eps=0)
    >>> print(layer(np.array([[[1, 1], [3, 3]]], np.float32)))
    [[[-1. -1.]
      [ 1.  1.]]]
    >>> print(layer.backward(np.array([[[4, 0], [0, 0]]], np.float32)), layer.weight.grad, layer.bias.grad)
    [[[ 2. -2.]
      [ 0.  0.]]] [-4.  0.] [4. 0.]
    """

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, *, bias: bool = True
    ) -> None:
        """``num_groups`` groups of consecutive channels; ``num_channels`` is a multiple of it.

        ``affine`` layers learn ``weight`` and, unless that is False, ``bias``.
        """
        self.num_groups, self.num_channels = integer("num_groups", num_groups), integer("num_channels", num_channels)
        if num_channels < 0:
            raise ValueError(f"num_channels must not be negative, got {num_channels}")
        if num_groups < 1 or num_channels % num_groups:
            raise ValueError(
                f"num_groups must be at least 1 and divide num_channels, got {num_groups} and {num_channels}"
            )
        self.eps, self.affine = eps, affine
        self._set_scales((self.num_channels,), affine, bias)

    def _normalized(self, input: Array) -> Normalized:
        return normalized_groups(input, self.num_groups, *self._scales(), self.eps)

    def extra_repr(self) -> str:
        """The arguments."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )
