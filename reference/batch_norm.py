"""Batch normalisation.  Twins: ``torch.nn.BatchNorm1d`` and ``torch.nn.BatchNorm2d``.

Formula, for the numbers x of one channel, those of all images and all pixels:

    y = w x_hat + b        x_hat = (x - mu) / sqrt(v + eps)

In training mu and v are the mean and the variance of the batch at hand: whatever the layers before do to the scale of
their outputs, the next layer sees numbers around 0 of size 1.  w and b (gamma and beta in the paper, one of each per
channel) are learned, and so may give a channel another scale again, or its own back.

In evaluation an image must not depend on which others happen to come with it.  Then mu and v are running means of those
that the batches of the training had, which ``running_statistics`` keeps:

    r_new = (1 - momentum) r_old + momentum r_batch        once for the mean and once for the variance

Here the variance of the batch is the unbiased one, n / (n - 1) v: the n numbers are a sample, and their own mean is
nearer to them than the true one.  In x_hat it is v itself.

Source: Ioffe & Szegedy, Batch normalization (2015), algorithms 1 and 2.
"""

import math

import numpy as np

from reference.arguments import Array, boolean, check_floats, check_output_mask, check_shape, ieee754, number
from reference.standardize import gradient_means, standardize, standardize_backward


def batch_norm(
    input: Array,
    running_mean: Array | None,
    running_var: Array | None,
    weight: Array | None = None,
    bias: Array | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Array:
    """``input`` (N, C) or (N, C, d1, ...), such as images (N, C, H, W), with every channel normalised.

    ``training`` decides between the statistics of the batch and ``running_mean`` and ``running_var`` (C,), which may
    both be None in training.  ``weight`` and ``bias`` (C,) are w and b.  ``momentum`` is torch's, which writes
    into the running statistics; here no argument is changed, and ``running_statistics`` gives the new ones.
    Raises TypeError for wrong or mixed dtypes, ValueError for shapes that do not fit, for an eps that is negative, or 0
    in training, and for a single number per channel in training, of which nothing would be left.

    >>> import numpy as np
    >>> from reference import batch_norm
    >>> x = np.array([[1.0, 10], [3, 30]])  # two channels, of means 2 and 20; eps moves the last digits
    >>> print(batch_norm(x, None, None, training=True).round(4))
    [[-1. -1.]
     [ 1.  1.]]
    >>> mean, var = np.array([0.0, 10]), np.array([1.0, 4])
    >>> print(batch_norm(x, mean, var, weight=np.array([1.0, 2]), bias=np.array([7.0, 0])).round(4))
    [[ 8.  0.]
     [10. 20.]]
    """
    number("momentum", momentum)
    return BatchNorm(input, running_mean, running_var, weight, bias, training, eps).output()


def batch_norm_backward(
    grad_output: Array,
    input: Array,
    running_mean: Array | None,
    running_var: Array | None,
    weight: Array | None = None,
    *,
    training: bool = False,
    eps: float = 1e-5,
    output_mask: tuple[bool, bool, bool] = (True, True, True),
) -> tuple[Array | None, Array | None, Array | None]:
    """dL/dx (as ``input``), dL/dw and dL/db (C,) from dL/dy ``grad_output`` (as ``input``).

    ``output_mask`` says which of the three are wanted; the others are None.

    w and b serve every number of their channel, and collect from them all:

        dL/dw = sum_i g_i x_hat_i        dL/db = sum_i g_i        dL/dx_hat_i = w g_i

    From x_hat on, ``standardize_backward`` says why the gradient has three terms in training, where x moves the mean
    and the variance of the batch, too.  With n numbers in the channel and s = 1 / sqrt(v + eps):

        dL/dx_i = w s (g_i - 1/n sum_j g_j - x_hat_i 1/n sum_j g_j x_hat_j)

    Running statistics do not move with x.  Then only the first term is left, dL/dx_i = w s g_i.
    Raises as ``batch_norm`` does, and ValueError for a ``grad_output`` of another shape.

    >>> import numpy as np
    >>> from reference import batch_norm_backward
    >>> x, g = np.array([[1.0], [-1], [1], [-1]]), np.array([[8.0], [0], [0], [4]])  # the mean is 0, the variance 1
    >>> grad_input, grad_weight, grad_bias = batch_norm_backward(g, x, None, None, training=True)
    >>> print(grad_input.T.round(4), grad_weight.round(4), grad_bias)  # 8 - 3 - 1, 0 - 3 + 1, ...
    [[ 4. -2. -4.  2.]] [4.] [12.]
    >>> grad_input, _, _ = batch_norm_backward(g, x, np.array([0.0]), np.array([3.0]), eps=1)
    >>> print(grad_input.T)
    [[4. 0. 0. 2.]]
    """
    return BatchNorm(input, running_mean, running_var, weight, None, training, eps).gradients(grad_output, output_mask)


def running_statistics(
    input: Array, running_mean: Array, running_var: Array, momentum: float = 0.1
) -> tuple[Array, Array]:
    """The running mean and the running variance (C,) after a batch ``input`` (N, C) or (N, C, d1, ...).

    ``momentum`` is the share of the new batch; 1 / k at the k-th batch makes them plain means over all batches.
    An empty batch changes nothing.  Raises as ``batch_norm`` does in training.

    >>> import numpy as np
    >>> from reference.batch_norm import running_statistics
    >>> mean, var = running_statistics(np.array([[1.0], [3.0]]), np.array([0.0]), np.array([1.0]), momentum=0.5)
    >>> print(mean, var)  # halfway to 2; halfway to ((1 - 2)^2 + (3 - 2)^2) / (2 - 1)
    [1.] [1.5]
    """
    check_floats(running_mean=running_mean, running_var=running_var)
    return BatchNorm(input, running_mean, running_var, None, None, True, 1.0).running_statistics(momentum)


class BatchNorm:
    """One call, its arguments checked once, for the output, the gradients and the running statistics.

    axes          of a channel: all but the second
    channels      the shape with which one number per channel broadcasts, (1, C, 1, ...)
    count         n, how many numbers a channel has
    x_hat         as input
    inverse_std   s, as channels, in float64
    weight, bias  w and b, as channels; or None
    """

    @ieee754
    def __init__(
        self,
        input: Array,
        running_mean: Array | None,
        running_var: Array | None,
        weight: Array | None,
        bias: Array | None,
        training: object,
        eps: object,
    ) -> None:
        """Takes, and raises, what ``batch_norm`` does."""
        check_floats(input=input)
        if input.ndim < 2:
            raise ValueError(f"input must be (N, C) or (N, C, d1, ...), got shape {input.shape}")
        if input.shape[1] == 0:
            raise ValueError(f"input must have at least 1 channel, got shape {input.shape}")
        per_channel = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
        for name, array in per_channel.items():
            if array is not None:
                check_floats(input=input, **{name: array})
                check_shape(name, array, input.shape[1:2], "one number per channel of input")
        if (running_mean is None) != (running_var is None):
            raise ValueError("running_mean and running_var must both be given, or both be None")
        self.training, epsilon = boolean("training", training), number("eps", eps)
        if epsilon < 0 or (self.training and epsilon == 0):
            raise ValueError(f"eps must be positive, or 0 where training is False, got {eps!r}")
        self.channels = (1, input.shape[1], *[1] * (input.ndim - 2))
        self.axes = (0, *range(2, input.ndim))
        self.count = math.prod(input.shape[axis] for axis in self.axes)
        self.running_mean, self.running_var = running_mean, running_var
        self.weight, self.bias = (None if one is None else one.reshape(self.channels) for one in (weight, bias))
        if self.training:
            if self.count == 1:
                raise ValueError(f"input must have more than 1 number per channel in training, got shape {input.shape}")
            self.x_hat, self.mean, self.variance, self.inverse_std = standardize(input, self.axes, epsilon)
        else:
            if running_mean is None or running_var is None:
                raise ValueError("running_mean and running_var must be given unless training is True, got None")
            self.inverse_std = 1 / np.sqrt(running_var.reshape(self.channels).astype(np.float64) + epsilon)
            self.x_hat = np.asarray(input - running_mean.reshape(self.channels))
            self.x_hat *= self.inverse_std.astype(input.dtype)

    @ieee754
    def output(self) -> Array:
        """w x_hat + b, as ``x_hat``; see ``batch_norm``."""
        output = np.array(self.x_hat) if self.weight is None else np.asarray(self.x_hat * self.weight)
        if self.bias is not None:
            output += self.bias
        return output

    @ieee754
    def gradients(
        self, grad_output: Array, output_mask: tuple[bool, bool, bool]
    ) -> tuple[Array | None, Array | None, Array | None]:
        """dL/dx, dL/dw and dL/db; see ``batch_norm_backward``."""
        check_floats(input=self.x_hat, grad_output=grad_output)
        check_shape("grad_output", grad_output, self.x_hat.shape, "as input")
        check_output_mask(output_mask)
        want_input, want_weight, want_bias = output_mask
        grad_input = grad_weight = grad_bias = None
        if want_weight or want_bias or (want_input and self.training):
            means = gradient_means(grad_output, self.x_hat, self.axes)
            grad_bias, grad_weight = ((self.count * mean).astype(self.x_hat.dtype).reshape(-1) for mean in means)
        if want_input:
            # All three terms are proportional to w, which so comes in once.
            slope = self.inverse_std if self.weight is None else self.weight * self.inverse_std
            if self.training:
                grad_input = standardize_backward(grad_output, self.x_hat, slope, self.axes, means)
            else:
                grad_input = np.multiply(grad_output, slope.astype(self.x_hat.dtype), out=np.empty_like(self.x_hat))
        return grad_input, grad_weight if want_weight else None, grad_bias if want_bias else None

    def running_statistics(self, momentum: object) -> tuple[Array, Array]:
        """The new running mean and variance (C,); see ``running_statistics``."""
        share = number("momentum", momentum)
        assert self.running_mean is not None
        assert self.running_var is not None
        if self.count == 0:
            return self.running_mean.copy(), self.running_var.copy()
        unbiased = self.variance * (self.count / (self.count - 1))
        return _mixed(self.running_mean, self.mean, share), _mixed(self.running_var, unbiased, share)


@ieee754
def _mixed(running: Array, batch: Array, share: float) -> Array:
    """(1 - share) of ``running`` (C,), and the ``share`` of the ``batch``, as many numbers in float64."""
    return np.asarray((np.float64(1 - share) * running + share * batch.reshape(-1)).astype(running.dtype))
