"""The heads of the formulas that the lesson has no picture of."""

from torch_parity.doctor.stubs.stub import Stub

_POINTWISE = "x (any shape) -> y, the same shape"
_GRADIENT = "all of one shape"

FURTHER_STUBS = {
    "conv_transpose2d": Stub(
        "x, K, b, stride=1, padding=0, output_padding=0",
        "x (N, C, H, W), K (C, O, kH, kW), b (O,) -> y (N, O, oH, oW)",
        hint="Each pixel stamps the kernel, times itself, onto the output, and where stamps overlap they add up: begin "
        "with zeros of the large size. The padding is cut off all around in the end, and output_padding says how "
        "many rows and columns more there are below and to the right: oH = (H - 1) stride - 2 padding + kH + "
        "output_padding.",
    ),
    "conv_transpose2d_backward": Stub(
        "g, x, K, stride=1, padding=0, output_padding=0",
        "g (N, O, oH, oW), x (N, C, H, W), K (C, O, kH, kW) -> dL/dx, dL/dK, dL/db (O,)",
    ),
    "leaky_relu": Stub(
        "x, negative_slope=0.01", _POINTWISE, hint="As relu, but a negative x is multiplied by the slope."
    ),
    "leaky_relu_backward": Stub("g, x, negative_slope=0.01", f"g (the upstream gradient) and x -> dL/dx, {_GRADIENT}"),
    "sigmoid": Stub(
        "x",
        _POINTWISE,
        hint="exp overflows above 709, and inf / inf is no number: take exp of nothing above 0, or write it so that an "
        "infinity only divides.",
    ),
    "sigmoid_backward": Stub("g, y", f"g and y, the output of sigmoid -> dL/dx, {_GRADIENT}"),
    "tanh": Stub("x", _POINTWISE, hint="np.tanh, or powers of e of which none overflows: they do above 709."),
    "tanh_backward": Stub("g, y", f"g and y, the output of tanh -> dL/dx, {_GRADIENT}"),
    "silu": Stub("x", _POINTWISE, hint="The sigmoid is how much of x is let through."),
    "silu_backward": Stub("g, x", f"g and x -> dL/dx, {_GRADIENT}"),
    "gelu": Stub(
        'x, approximate="none"',
        _POINTWISE,
        hint="Phi is the distribution function of the normal distribution: math.erf, or scipy.special.erf. Where "
        'approximate is "tanh", y = x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2.',
    ),
    "gelu_backward": Stub('g, x, approximate="none"', f"g and x -> dL/dx, {_GRADIENT}"),
    "batch_norm": Stub(
        "x, gamma, beta, running_mean, running_var, training=True, momentum=0.1, eps=1e-5",
        "x (N, C) or (N, C, H, W), gamma and beta (C,) -> y, as x",
        hint="In training mu and v are the batch's: over all axes but that of the channels. There running_mean and "
        "running_var, (C,), learn, in place, running = (1 - momentum) running + momentum batch, with the variance "
        "divided by n - 1. After it they are used in place of the batch's.",
    ),
    "batch_norm_backward": Stub(
        "g, x, gamma, eps=1e-5",
        "g and x (N, C) or (N, C, H, W), gamma (C,), in training -> dL/dx, dL/dgamma (C,), dL/dbeta (C,)",
    ),
    "adaptive_avg_pool2d": Stub(
        "x, output_size",
        "x (N, C, H, W), output_size (oH, oW) -> y (N, C, oH, oW)",
        hint="Window i begins at i H / oH, rounded down, and ends before (i + 1) H / oH, rounded up: windows may "
        "differ in size and overlap. With one number oH = oW = 1 it is the mean of each channel.",
    ),
    "adaptive_avg_pool2d_backward": Stub("g, input_shape", "g (N, C, oH, oW), input_shape (N, C, H, W) -> dL/dx"),
    "dropout": Stub(
        "x, mask, p=0.5, training=True",
        "x (any shape), mask of the same shape, True where a number is kept -> y",
        hint="The mask is given, so that it can be compared. p is the share that is dropped. If not training, y is x.",
    ),
    "dropout_backward": Stub("g, mask, p=0.5, training=True", "g and mask, of one shape -> dL/dx"),
    "dropout2d": Stub(
        "x, mask, p=0.5, training=True",
        "x (N, C, H, W), mask (N, C), True where a channel is kept -> y",
        hint="As dropout, for whole channels.",
    ),
    "dropout2d_backward": Stub("g, mask, p=0.5, training=True", "g (N, C, H, W), mask (N, C) -> dL/dx"),
    "layer_norm": Stub(
        "x, gamma, beta, eps=1e-5",
        "x (N, I), gamma and beta (I,) -> y (N, I)",
        hint="Each row has its own mean and variance. The variance is divided by I.",
    ),
    "layer_norm_backward": Stub(
        "g, x, gamma, eps=1e-5", "g and x (N, I), gamma (I,) -> dL/dx, dL/dgamma (I,), dL/dbeta (I,)"
    ),
    "group_norm": Stub(
        "x, num_groups, gamma, beta, eps=1e-5",
        "x (N, C, H, W), gamma and beta (C,) -> y (N, C, H, W)",
        hint="The first C / num_groups channels are the first group. Each group of each image has its own mean and "
        "variance.",
    ),
    "group_norm_backward": Stub(
        "g, x, num_groups, gamma, eps=1e-5",
        "g and x (N, C, H, W), gamma (C,) -> dL/dx, dL/dgamma (C,), dL/dbeta (C,)",
    ),
    "nll_loss": Stub(
        "x, t",
        "logarithms of probabilities x (N, C), true classes t (N,) -> the mean loss",
        hint="All w are 1. The logarithms are there already: log_softmax has taken them.",
    ),
    "nll_loss_backward": Stub("x, t", "logarithms of probabilities x (N, C), true classes t (N,) -> dL/dx (N, C)"),
    "mse_loss": Stub(
        "x, t",
        "predictions x (N, C), targets t (N, C) -> the mean loss",
        hint="The mean is over all elements.",
    ),
    "mse_loss_backward": Stub("x, t", "predictions x (N, C), targets t (N, C) -> dL/dx (N, C)"),
    "binary_cross_entropy_with_logits": Stub(
        "x, t",
        "scores x (N, C), answers t (N, C), 0 or 1 or between -> the mean loss",
        hint="p is 1. Do not take the logarithm of a sigmoid: far from 0 that is 0 or 1, and its logarithm, or that of "
        "what is left, no number. The mean is over all elements.",
    ),
    "binary_cross_entropy_with_logits_backward": Stub("x, t", "scores x (N, C), answers t (N, C) -> dL/dx (N, C)"),
    "rmsprop": Stub(
        "K, grad, v, lr=0.01, alpha=0.99, eps=1e-8",
        "K, dL/dK and v, the mean of the squares before, of one shape -> the new K, the new v",
        hint="v = alpha v + (1 - alpha) g^2. eps is added to the root: sqrt(v) + eps.",
        name="rmsprop_step",
    ),
    "adam": Stub(
        "K, grad, m, v, t, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8",
        "K, dL/dK, the means m and v before, of one shape, t = 1 in the first step -> the new K, m and v",
        hint="m = beta1 m + (1 - beta1) g and v = beta2 v + (1 - beta2) g^2 begin at 0: mhat is m / (1 - beta1^t), and "
        "vhat likewise. eps is added to the root: sqrt(vhat) + eps.",
        name="adam_step",
    ),
    "adamw": Stub(
        "K, grad, m, v, t, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01",
        "K, dL/dK, the means m and v before, of one shape, t = 1 in the first step -> the new K, m and v",
        hint="As adam, but first K becomes smaller by its share lr weight_decay, which is lambda.",
        name="adamw_step",
    ),
    "clip_grad_norm": Stub(
        "grads, max_norm",
        "a list of gradients of any shapes -> a list of the new ones",
        hint="|g| is the norm of all gradients together, as of one long vector. torch adds 1e-6 to it before dividing.",
    ),
}
