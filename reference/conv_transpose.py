"""Transposed convolution.  Twin: ``torch.nn.ConvTranspose2d``.

Formula, for image n, output channel o and output pixel (r, q):

    y[n, o, r, q] = b[o] + sum x[n, c, i, j] K[c, o, m, k]    over all  i s + m d - p = r,  j s + k d - p = q

Every input pixel stamps the kernel, times its value, into the output, s pixels from where its neighbour does; where
stamps overlap they add up.  An image of H rows makes one of

    oH = (H - 1) s - 2 p + d (k - 1) + 1 + output_padding

It is what carries small images back to large ones: in decoders, in generators, in segmentation.

Why it is called transposed.  A convolution without bias is linear: conv2d(u) = A u, with a matrix A made of weights
and zeros.  A^T takes the gradient that comes from above to that of u.  This formula is A^T, used forwards; without its
bias it is the adjoint of ``conv2d`` with the same weight, stride, padding, dilation and groups:

    <conv2d(u), x>  =  <A u, x>  =  <u, A^T x>  =  <u, conv_transpose2d(x)>        for all images u and x

So nothing is to be computed anew, and everything is known from conv.py with the roles exchanged:

    output            K stamped, added up              dL/dx of that convolution, with x for its upstream gradient
    dL/dx             A (dL/dy)                        that convolution itself, of dL/dy
    dL/dK             x with what its stamp met        dL/dK of that convolution: dL/dy is its image, x its upstream

The weight, (C, O/groups, kH, kW), has the layout that the convolution from O to C channels needs.  ``padding`` is that
convolution's, which is cut off here.  With stride s it maps s different sizes to the same number of outputs, for a
last part of a stride is lost; ``output_padding`` says how many such pixels there were, to choose among the sizes.

It is no inverse: A^T A is not 1.  Hence "deconvolution", its first name, is avoided.

Source: Dumoulin & Visin, A guide to convolution arithmetic for deep learning (2016), chapter 4; Zeiler, Krishnan,
Taylor & Fergus, Deconvolutional networks (2010); Long, Shelhamer & Darrell, Fully convolutional networks for semantic
segmentation (2015), section 3.3.
"""

import numpy as np

from reference import conv, windows
from reference.arguments import (
    Array,
    IntOrPair,
    check_floats,
    check_output_mask,
    check_rank,
    check_shape,
    ieee754,
    integer,
    pair,
)
from reference.conv import Geometry


def conv_transpose2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
    output_padding: IntOrPair = 0,
    groups: int = 1,
    dilation: IntOrPair = 1,
) -> Array:
    """``input`` (N, C, H, W) stamps kernels, ``weight`` (C, O/groups, kH, kW); ``bias`` (O,) is added: (N, O, oH, oW).

    Also unbatched, (C, H, W) -> (O, oH, oW).  ``stride`` and ``dilation`` are in output pixels, ``padding`` is what is
    cut off at either end, ``output_padding`` what is added at the bottom and to the right: one number or a pair
    (height, width) each.  In either direction output_padding must be smaller than the stride or the dilation.
    Raises TypeError for wrong or mixed dtypes and arguments that are no integers, ValueError for shapes and sizes that
    do not fit.

    >>> import numpy as np
    >>> from reference import conv_transpose2d
    >>> image = np.array([[[1.0, 2], [3, 4]]])
    >>> stamp = np.array([[[[1.0, 1, 1], [1, 10, 1], [1, 1, 1]]]])
    >>> print(conv_transpose2d(image, stamp, stride=2))  # in the middle all four stamps meet: 1 + 2 + 3 + 4
    [[[ 1.  1.  3.  2.  2.]
      [ 1. 10.  3. 20.  2.]
      [ 4.  4. 10.  6.  6.]
      [ 3. 30.  7. 40.  4.]
      [ 3.  3.  7.  4.  4.]]]
    >>> print(conv_transpose2d(image, stamp, stride=2, padding=1))  # without the frame
    [[[10.  3. 20.]
      [ 4. 10.  6.]
      [30.  7. 40.]]]
    """
    return Transposed(input, weight, bias, stride, padding, output_padding, groups, dilation).output()


def conv_transpose2d_backward(
    grad_output: Array,
    input: Array,
    weight: Array,
    *,
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
    output_padding: IntOrPair = 0,
    groups: int = 1,
    dilation: IntOrPair = 1,
    output_mask: tuple[bool, bool, bool] = (True, True, True),
) -> tuple[Array | None, Array | None, Array | None]:
    """dL/dx (as ``input``), dL/dK (as ``weight``) and dL/db (O,) from dL/dy ``grad_output`` (N, O, oH, oW).

    ``output_mask`` says which of the three are wanted; the others are None and cost nothing.

    A pixel moves each output that its stamp reached by the weight that it was stamped with, a weight moves each output
    that it was stamped into by the pixel; so with g = dL/dy

        dL/dx[n, c, i, j] = sum_{o, m, k}  g[n, o, i s + m d - p, j s + k d - p]  K[c, o, m, k]
        dL/dK[c, o, m, k] = sum_{n, i, j}  g[n, o, i s + m d - p, j s + k d - p]  x[n, c, i, j]
        dL/db[o]          = sum_{n, r, q}  g[n, o, r, q]

    The first is a convolution, word for word: of g, with the kernels as they are, not turned, and with this stride.  A
    is the transpose of A^T.  The second is the weight's gradient in that convolution, where g is the image and x comes
    from above.  What was cut off has no g, and what nothing was stamped into has a share in dL/db alone.

    Raises as ``conv_transpose2d`` does.

    >>> import numpy as np
    >>> from reference import conv_transpose2d_backward
    >>> image = np.array([[[1.0, 2]]])
    >>> stamp = np.array([[[[1.0, 10, 100]]]])
    >>> grad_output = np.array([[[0.0, 0, 1, 0, 0]]])  # the loss depends on the output where both stamps meet
    >>> grad_input, grad_weight, grad_bias = conv_transpose2d_backward(grad_output, image, stamp, stride=2)
    >>> print(grad_input)  # the right end of the first stamp, the left end of the second
    [[[100.   1.]]]
    >>> print(grad_weight)  # the pixels that stamped there, each under its end
    [[[[2. 0. 1.]]]]
    >>> print(grad_bias)
    [1.]
    """
    transposed = Transposed(input, weight, None, stride, padding, output_padding, groups, dilation)
    return transposed.gradients(grad_output, output_mask)


class Transposed:
    """The arguments of a transposed convolution, checked once, for its output and its gradients.

    input     always with a batch; in memory it runs last
    geometry  of the convolution whose adjoint this is
    """

    def __init__(
        self,
        input: Array,
        weight: Array,
        bias: Array | None,
        stride: IntOrPair,
        padding: IntOrPair,
        output_padding: IntOrPair,
        groups: int,
        dilation: IntOrPair,
    ) -> None:
        """Takes, and raises, what ``conv_transpose2d`` does."""
        check_floats(input=input, weight=weight)
        self.geometry = _check_fit(input, weight, stride, padding, output_padding, groups, dilation)
        self.filters = weight.shape[1] * self.geometry.groups
        if bias is not None:
            check_floats(input=input, bias=bias)
            check_shape("bias", bias, (self.filters,), "output channels")
        self.batched = input.ndim == 4
        self.input = windows.batch_last(input if self.batched else input[np.newaxis])
        self.weight, self.bias = weight, bias

    @ieee754
    def output(self) -> Array:
        """See ``conv_transpose2d``."""
        output = conv._grad_input(self.input.transpose(1, 2, 3, 0), self.weight, self.geometry)
        if self.bias is not None:
            output += self.bias[:, np.newaxis, np.newaxis]
        return output if self.batched else np.asarray(output[0])

    @ieee754
    def gradients(
        self, grad_output: Array, output_mask: tuple[bool, bool, bool]
    ) -> tuple[Array | None, Array | None, Array | None]:
        """See ``conv_transpose2d_backward``."""
        check_floats(input=self.input, grad_output=grad_output)
        down, across, _ = self.geometry
        outputs = (len(self.input), self.filters, down.size, across.size)
        shape = outputs if self.batched else outputs[1:]
        check_shape("grad_output", grad_output, shape, "the output of this transposed convolution")
        check_output_mask(output_mask)
        want_input, want_weight, want_bias = output_mask
        grads = windows.batch_last(grad_output.reshape(outputs))
        grad_input = grad_weight = grad_bias = None
        if want_input:
            grad_input = conv._output(grads, self.weight, None, self.geometry)
            grad_input = grad_input if self.batched else grad_input[0]
        if want_weight:
            pixels = self.input.transpose(1, 2, 3, 0)
            grad_weight, _ = conv._grad_weight(pixels, grads, self.weight.shape, self.geometry)
        if want_bias:
            grad_bias = grads.transpose(1, 2, 3, 0).reshape(self.filters, -1).sum(1)
        return grad_input, grad_weight, grad_bias


def _check_fit(
    input: Array,
    weight: Array,
    stride: object,
    padding: object,
    output_padding: object,
    groups: object,
    dilation: object,
) -> Geometry:
    """How the stamps move over the output; TypeError or ValueError names what does not fit."""
    check_rank("input", input, (3, 4), "(C, H, W) or (N, C, H, W)")
    check_rank("weight", weight, (4,), "(C, O/groups, kH, kW)")
    if 0 in weight.shape:
        raise ValueError(f"weight must have no empty dimension, got shape {weight.shape}")
    if 0 in input.shape[-3:]:
        raise ValueError(f"input must have at least 1 channel, row and column, got shape {input.shape}")
    if input.shape[-3] != len(weight):
        raise ValueError(f"input must have {len(weight)} channels (weight {weight.shape}), got shape {input.shape}")
    parts = integer("groups", groups)
    if parts < 1 or len(weight) % parts:
        raise ValueError(f"groups must divide the {len(weight)} input channels of weight, got {parts}")
    strides, dilations = pair("stride", stride, 1), pair("dilation", dilation, 1)
    paddings, added = pair("padding", padding, 0), pair("output_padding", output_padding, 0)
    if any(more >= max(s, d) for more, s, d in zip(added, strides, dilations, strict=True)):
        raise ValueError(
            f"output_padding must be smaller than stride {stride!r} or dilation {dilation!r}, got {output_padding!r}"
        )
    down, across = (
        windows.transposed_windows(size, kernel, s, p, more, d)
        for size, kernel, s, p, more, d in zip(
            input.shape[-2:], weight.shape[2:], strides, paddings, added, dilations, strict=True
        )
    )
    if down.size < 1 or across.size < 1:
        raise ValueError(
            f"padding must leave at least 1 row and column of the output, got {padding!r}, which leaves {down.size} x "
            f"{across.size}"
        )
    return Geometry(down, across, parts)
