"""Group normalisation.  Twin: ``torch.nn.GroupNorm``.

Formula, for each image and each group of C/G consecutive channels, of n numbers x in all:

    y = w x_hat + b        x_hat = (x - mu) / sqrt(v + eps)        mu = 1/n sum x        v = 1/n sum (x - mu)^2

The group's mean and variance run over its channels and all of their pixels; w and b are one number for each channel.
Like layer normalisation it looks at one image at a time, so that it works on the small batches on which batch
normalisation fails.  With G = 1 all channels are one group; with G = C each is its own (instance normalisation).

Source: Wu & He, Group normalization (2018), section 3.
"""

import math

from reference.arguments import Array, check_floats, integer, number
from reference.normalized import Gradients, Normalized, check_scales, normalized


def group_norm(
    input: Array, num_groups: int, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5
) -> Array:
    """``input`` (N, C, ...) with each image's groups of channels standardised, then scaled and shifted.

    ``num_groups`` divides C: the first C/G channels are the first group.  ``weight`` and ``bias`` (C,); without them
    they are 1 and 0.
    Raises TypeError for wrong or mixed dtypes, ValueError for shapes that do not fit.  As in torch, a single image
    whose groups are of one number each is a ValueError, too: nothing is left of it.  Of several images it is not.

    >>> import numpy as np
    >>> from reference import group_norm
    >>> x = np.array([[[1.0, 1], [3, 3], [0, 20], [20, 0]]])  # channels 0 and 1: 2 +- 1;  2 and 3: 10 +- 10
    >>> print(group_norm(x, 2, eps=0))
    [[[-1. -1.]
      [ 1.  1.]
      [-1.  1.]
      [ 1. -1.]]]
    >>> print(group_norm(x, 2, weight=np.array([1.0, 2, 3, 4]), bias=np.full(4, 100.0), eps=0))
    [[[ 99.  99.]
      [102. 102.]
      [ 97. 103.]
      [104.  96.]]]
    """
    return normalized_groups(input, num_groups, weight, bias, eps).output(weight, bias)


def group_norm_backward(
    grad_output: Array,
    input: Array,
    num_groups: int,
    weight: Array | None = None,
    *,
    eps: float = 1e-5,
    output_mask: tuple[bool, bool, bool] = (True, True, True),
) -> Gradients:
    """dL/dx (as ``input``), dL/dw and dL/db (C,) from dL/dy ``grad_output`` (as ``input``).

    ``output_mask`` says which of the three are wanted; the others are None and cost nothing.  Without a weight, dL/dw
    is that of a weight of 1.

    All pixels of channel c, of every image, are multiplied by w_c, and b_c is added to them:

        dL/dw_c = sum over images and pixels of g x_hat        dL/db_c = sum over images and pixels of g

    A number moves its whole group: through x_hat itself, through the mean, and through the variance.  With h = w g, the
    gradient that arrives at x_hat, s = 1 / sqrt(v + eps), and means over the group, not the channel:

        dL/dx_i = s (h_i - mean(h) - x_hat_i mean(h x_hat))

    (``standardize_backward`` derives it.)  Raises as ``group_norm`` does.

    >>> import numpy as np
    >>> from reference import group_norm_backward
    >>> x, grad_output = np.array([[[1.0, 1], [3, 3]]]), np.array([[[4.0, 0], [0, 0]]])  # x_hat is -1, -1, 1, 1
    >>> grad_input, grad_weight, grad_bias = group_norm_backward(grad_output, x, 1, eps=0)
    >>> print(grad_input)  # 4 - 1 - 1, 0 - 1 - 1, 0 - 1 + 1, 0 - 1 + 1
    [[[ 2. -2.]
      [ 0.  0.]]]
    >>> print(grad_weight, grad_bias)
    [-4.  0.] [4. 0.]
    """
    return normalized_groups(input, num_groups, weight, None, eps).gradients(grad_output, weight, output_mask)


def normalized_groups(
    input: Array, num_groups: int, weight: Array | None, bias: Array | None, eps: float
) -> Normalized:
    """The groups standardised, once all arguments have been checked."""
    check_floats(input=input)
    if input.ndim < 2:
        raise ValueError(f"input must be (N, C) or (N, C, ...), got shape {input.shape}")
    batch, channels, *pixels = input.shape
    groups = integer("num_groups", num_groups)
    if groups < 1 or channels % groups:
        raise ValueError(f"num_groups must be at least 1 and divide the {channels} channels of input, got {groups}")
    together = channels // groups
    if batch * together * math.prod(pixels) == 1:
        raise ValueError(
            f"input must have more than one number in a group, or more than one image, got shape {input.shape} with "
            f"num_groups {groups}"
        )
    check_scales(input, (channels,), "one number per channel", weight=weight, bias=bias)
    grouped = input.reshape(batch, groups, together, *pixels)
    axes, repeated = tuple(range(2, grouped.ndim)), (0, *range(3, grouped.ndim))
    return normalized(grouped, axes, repeated, number("eps", eps), input.shape, (channels,))
