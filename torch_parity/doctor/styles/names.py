"""Which formula a name stands for, and which argument: the words that people use."""

import re

from torch_parity.doctor.styles.further_names import (
    FURTHER_FORMULAS,
    FURTHER_NEEDED,
    FURTHER_NEW,
    FURTHER_ROLES,
    HALVES,
)
from torch_parity.doctor.styles.words import (
    BIAS,
    DIM,
    IMAGE,
    LOSS,
    RATE,
    SCORES,
    SHAPE,
    STEPS,
    TARGET,
    UPSTREAM,
    WEIGHT,
    WINDOW,
)

# The formulas' names without digits and underscores, as ``_words`` leaves them.
FORMULAS = {
    "conv2d": (
        "conv", "convolution", "convolutional", "convolve", "corr", "correlate", "correlation", "crosscorrelation",
        "crosscorrelate", "crosscorr",
    ),
    "relu": ("relu", "rectify", "rectifier", "rectifiedlinear", "rectifiedlinearunit"),
    "max_pool2d": ("maxpool", "maxpooling", "poolmax", "pool", "pooling", "poolingmax"),
    "avg_pool2d": ("avgpool", "avgpooling", "averagepool", "averagepooling", "meanpool", "meanpooling", "poolavg"),
    "pad": ("pad", "padding", "zeropad", "zeropadding", "padwithzeros", "addpadding", "padimage", "padimages"),
    "flatten": ("flatten", "flattening"),
    "linear": ("linear", "dense", "affine", "fullyconnected", "fullconnected", "fc", "denselinear", "linearfc"),
    "softmax": ("softmax", "stablesoftmax", "softmaxactivation", "activationsoftmax", "softmaxstable"),
    "log_softmax": ("logsoftmax", "stablelogsoftmax", "logsoftmaxstable"),
    "cross_entropy": (
        "crossentropy", "crossentropyloss", "losscrossentropy", "softmaxcrossentropy", "softmaxcrossentropyloss",
        "softmaxcrossentropywithlogits", "crossentropywithlogits", "categoricalcrossentropy", "ce", "celoss",
        "losscategoricalcrossentropy", "categoricalcrossentropyloss", "softmaxloss", "softmaxwithloss",
        "softmaxandcrossentropy", "crossentropysoftmax", "crossentropywithsoftmax", "sparsecategoricalcrossentropy",
    ),
    "sgd": (
        "sgd", "sgdstep", "sgdupdate", "sgdoptimizer", "optimizersgd", "gradientdescent", "gradientdescentstep",
        "sgdmomentum", "sgdwithmomentum", "momentumsgd", "sgdmomentumupdate", "momentumupdate",
        "stochasticgradientdescent", "updatesgd", "stepsgd",
    ),
    **FURTHER_FORMULAS,
}  # fmt: skip
BY_WORDS = {words: formula for formula, every in FORMULAS.items() for words in every}

# Words that say how, not what.
DECORATION = {
    "my", "own", "naive", "fast", "slow", "simple", "numpy", "np", "custom", "torch", "layer", "func", "function", "fn",
    "op", "forward", "fwd", "loop", "loops", "vectorized", "vectorised", "imcol", "einsum", "fft", "strided", "strides",
    "batch", "batched", "multi", "channel", "channels", "single", "scratch", "basic", "manual", "module", "autograd",
    "nchw", "nhwc", "v", "version", "impl", "direct", "prop", "propagation", "pass", "activation", "valid", "the",
}  # fmt: skip
BACKWARD = {"backward", "backwards", "backprop", "backpropagation", "bwd", "grad", "grads", "gradient", "gradients",
            "derivative", "deriv", "prime", "back"}  # fmt: skip
# A gradient of one argument alone: "conv2d_backward_input".
ONE_RESULT = {
    "input": "grad_input", "inputs": "grad_input", "x": "grad_input", "data": "grad_input", "dx": "grad_input",
    "weight": "grad_weight", "weights": "grad_weight", "w": "grad_weight", "kernel": "grad_weight",
    "kernels": "grad_weight", "filter": "grad_weight", "filters": "grad_weight", "dw": "grad_weight",
    "bias": "grad_bias", "b": "grad_bias", "biases": "grad_bias", "db": "grad_bias",
}  # fmt: skip


# Formulas with a weight and a bias.
IMAGE_FORMULAS = ("conv2d", "max_pool2d", "avg_pool2d", "pad", "flatten", "conv_transpose2d", "adaptive_avg_pool2d")
DROPOUTS = ("dropout", "dropout2d")
POINTWISE = ("relu", "leaky_relu", "sigmoid", "tanh", "silu", "gelu")
LOSSES = ("cross_entropy", "nll_loss", "mse_loss", "binary_cross_entropy_with_logits")
NORMS = ("batch_norm", "layer_norm", "group_norm")
WEIGHTED = ("conv2d", "conv_transpose2d", "linear", *NORMS)
# Formulas that have no gradient.
UPDATES = ("sgd", "rmsprop", "adam", "adamw", "clip_grad_norm")


def results_of(name: str) -> tuple[str, ...]:
    """What a formula, or with "_backward" its gradient, gives."""
    if not name.endswith("_backward"):
        return ("output",)
    weighted = name.removesuffix("_backward") in WEIGHTED
    return ("grad_input", "grad_weight", "grad_bias") if weighted else ("grad_input",)


def _words(name: str) -> list[str]:
    """``MyMaxPool2d_naive`` as my, max, pool, naive."""
    plain = re.sub(r"\d+([xX]\d+|[dD](?![a-z]))?", "", name)
    plain = re.sub(r"([A-Z])([A-Z][a-z])", r"\1_\2", plain)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", plain).lower().strip("_").split("_")


def formula_of(name: str) -> tuple[str, str]:
    """The name of the formula, with "_backward" for its gradient, that a function or class is called after.

    Then the one result that its name asks for, "" where it asks for all.  Two empty strings where the name says
    nothing.
    """
    found, result = _formula_of(name)
    if found.removesuffix("_backward") == "dropout" and re.search("2d|spatial|channel", name, re.IGNORECASE):
        found = found.replace("dropout", "dropout2d")
    return found, result


def _formula_of(name: str) -> tuple[str, str]:
    together = re.sub("(batch|layer|group)_(norm)|(rms)_(prop)", r"\1\2\3\4", "_".join(_words(name)))
    words = [word for word in together.split("_") if word and word not in DECORATION]
    backward = any(word in BACKWARD for word in words)
    rest = [word for word in words if word not in BACKWARD]
    # "gradient_descent" is no gradient.
    if "".join(words) in BY_WORDS:
        return BY_WORDS["".join(words)], ""
    if not backward and rest and rest[0] in ("d", "delta"):
        backward, rest = True, rest[1:]
    elif not backward and rest and rest[0].startswith("d") and rest[0][1:] in BY_WORDS:  # drelu
        backward, rest = True, [rest[0][1:], *rest[1:]]
    if not backward:
        return BY_WORDS.get("".join(rest), ""), ""
    single = ""
    if "".join(rest) not in BY_WORDS and len(rest) > 1:
        for end, kept in ((rest[-1], rest[:-1]), (rest[0], rest[1:])):
            if end in ONE_RESULT and "".join(kept) in BY_WORDS:
                single, rest = ONE_RESULT[end], kept
                break
    formula = BY_WORDS.get("".join(rest), "")
    if not formula or formula in UPDATES or (single and single not in results_of(f"{formula}_backward")):
        return "", ""
    return f"{formula}_backward", single


# Each role's line of words; the first word of each line is the role.
ROLES: dict[str, tuple[str, ...]] = {
    "conv2d": (IMAGE, WEIGHT, BIAS, *STEPS, "groups g"),
    "conv2d_backward": (
        UPSTREAM, IMAGE, WEIGHT, BIAS, *STEPS, "groups", "output_mask mask", RATE, SHAPE,
        "weight_shape w_shape kernel_shape kernels_shape filter_shape filters_shape weights_shape",
    ),
    "relu": (IMAGE,),
    "relu_backward": (UPSTREAM, f"{IMAGE} cache", "output out y outputs"),
    "max_pool2d": (IMAGE, *WINDOW, *STEPS, "ceil_mode", "return_indices"),
    "max_pool2d_backward": (
        UPSTREAM, f"{IMAGE} cache", "indices idx index argmax maxima", SHAPE, *WINDOW, *STEPS, "ceil_mode",
        "output out y pooled",
    ),
    "avg_pool2d": (IMAGE, *WINDOW, *STEPS[:2], "ceil_mode", "count_include_pad", "divisor_override"),
    "avg_pool2d_backward": (
        UPSTREAM, IMAGE, SHAPE, *WINDOW, *STEPS[:2], "ceil_mode", "count_include_pad", "divisor_override",
    ),
    "pad": (IMAGE, "pad padding p pad_width amount n pad_size width", "mode", "value constant fill constant_values"),
    "pad_backward": (UPSTREAM, IMAGE, SHAPE, "pad padding p pad_width amount n pad_size width", "mode"),
    "flatten": (IMAGE, "start_dim", "end_dim"),
    "flatten_backward": (UPSTREAM, IMAGE, SHAPE),
    "linear": (IMAGE, WEIGHT, BIAS),
    "linear_backward": (UPSTREAM, IMAGE, WEIGHT, BIAS, RATE),
    "softmax": (SCORES, DIM),
    "softmax_backward": (UPSTREAM, "output s y p probs softmax out softmax_output", SCORES, DIM),
    "log_softmax": (SCORES, DIM),
    "log_softmax_backward": (UPSTREAM, "output s y log_probs out logp", SCORES, DIM),
    "cross_entropy": (SCORES, TARGET, *LOSS),
    "cross_entropy_backward": (UPSTREAM, SCORES, TARGET, *LOSS),
    "sgd": (
        "parameter params parameters p w weight weights k theta x param",
        "grad grads g dw dk gradient gradients grad_k dx dp",
        "velocity v velocities vel m buf momentum_buffer", RATE, "momentum mu beta rho", "dampening",
        "weight_decay wd decay l2 lambda_", "nesterov", "maximize",
    ),
}  # fmt: skip
# The constructors of layers, and their halves.
INPUT_SHAPE = "input_shape in_shape input_size image_shape shape input_dim"
CHANNELS = (
    "in_channels in_channel input_channels inputs_channels n_in in_c c_in channels_in num_channels n_channels in_depth "
    "input_depth channels in_ch c nb_channels in_planes channel num_input_channels n_c_prev",
    "out_channels out_channel output_channels num_filters n_filters nfilters nb_filters filters_num "
    "filters out_c c_out channels_out out_depth depth out_ch num_kernels n_kernels out_planes o n_out filter_num "
    "num_filter n_f number_filters num_output_channels n_c output_depth kernels_num",
)
UNITS = (
    "in_channels in_features n_in in_size input_size input_dim in_dim fan_in n_inputs num_inputs inputs input_units "
    "nin d_in in_units input_features input_len n_input num_in inp n_prev n_x in_nodes input_nodes num_in_features",
    "out_channels out_features n_out out_size output_size output_dim out_dim fan_out n_outputs n_neurons neurons units "
    "nodes num_outputs outputs output nout d_out n_units num_neurons num_units hidden_size size n_y out_nodes out "
    "output_nodes out_units output_features num_out num_out_features n_output",
)
KERNEL = (f"{WINDOW[0]} filter_dim f_size kernel_dim filter_sz kernel_sz kernel_width_height", *WINDOW[1:])
GIVEN = ("weight weights w kernels w_init", "bias biases b use_bias has_bias with_bias")
NEW: dict[str, tuple[str, ...]] = {
    "conv2d": (*CHANNELS, KERNEL[0], *STEPS, "groups", *GIVEN, f"{INPUT_SHAPE}", *KERNEL[1:], RATE),
    "relu": (),
    "max_pool2d": (KERNEL[0], *STEPS, *KERNEL[1:], "ceil_mode", INPUT_SHAPE, "return_indices"),
    "avg_pool2d": (
        KERNEL[0], *STEPS[:2], *KERNEL[1:], "ceil_mode", "count_include_pad", "divisor_override", INPUT_SHAPE,
    ),
    "pad": ("pad padding p pad_width amount n pad_size width", "mode", "value constant fill", INPUT_SHAPE),
    "flatten": ("start_dim", "end_dim", INPUT_SHAPE),
    "linear": (*UNITS, *GIVEN, RATE),
    "softmax": (DIM,), "log_softmax": (DIM,),
    "cross_entropy": LOSS,
    "sgd": ("parameter params parameters", *ROLES["sgd"][3:]),
    **FURTHER_NEW,
}  # fmt: skip
ROLES |= FURTHER_ROLES
for _formula, _lines in NEW.items():
    _layer = _formula in ("conv2d", "linear")
    _forward = HALVES[_formula] if _formula in HALVES else ROLES[_formula][:1] if _layer else ROLES[_formula]
    ROLES[f"{_formula}.new"] = _lines
    ROLES[f"{_formula}.forward"] = _forward
    ROLES[f"{_formula}.backward"] = (UPSTREAM, *(() if _formula == "flatten" else _forward), RATE)
# Arguments without which there is nothing to compute.  A tuple: one of them.
NEEDED: dict[str, tuple[str | tuple[str, ...], ...]] = {
    "conv2d": ("input", "weight"), "conv2d_backward": ("grad_output",),
    "relu": ("input",), "relu_backward": (("input", "output"),),
    "max_pool2d": ("input",), "max_pool2d_backward": ("grad_output", ("input", "indices")),
    "avg_pool2d": ("input",), "avg_pool2d_backward": ("grad_output", ("input", "input_shape")),
    "pad": ("input", "pad"), "pad_backward": ("grad_output", "pad"),
    "flatten": ("input",), "flatten_backward": ("grad_output", ("input", "input_shape")),
    "linear": ("input", "weight"), "linear_backward": ("grad_output",),
    "softmax": ("input",), "softmax_backward": ("grad_output", ("output", "input")),
    "log_softmax": ("input",), "log_softmax_backward": ("grad_output", ("output", "input")),
    "cross_entropy": ("input", "target"), "cross_entropy_backward": ("input", "target"),
    "sgd": ("parameter", "grad"),
    "conv2d.forward": ("input",), "linear.forward": ("input",), "relu.forward": ("input",),
    "max_pool2d.forward": ("input",), "avg_pool2d.forward": ("input",), "pad.forward": ("input",),
    "flatten.forward": ("input",), "softmax.forward": ("input",), "log_softmax.forward": ("input",),
    "cross_entropy.forward": ("input", "target"),
    **FURTHER_NEEDED,
}  # fmt: skip
# A gradient's name without what says that it is one, and whose gradient it is.
GRADIENT_OF = dict.fromkeys(
    (
        *IMAGE.split(),
        "a_prev",
        "logits",
        "scores",
        "prev",
        "xp",
        "x_pad",
        "x_padded",
        "xpad",
        "input_pad",
        "input_padded",
    ),
    "grad_input",
)
GRADIENT_OF |= dict.fromkeys(WEIGHT.split(), "grad_weight") | dict.fromkeys(BIAS.split(), "grad_bias")
GRADIENT_OF |= {"gamma": "grad_weight", "scale": "grad_weight", "beta": "grad_bias", "shift": "grad_bias"}


def by_words(lines: tuple[str, ...]) -> dict[str, str]:
    """Each word of the tables above, and its role; the first line that has a word wins."""
    found: dict[str, str] = {}
    for line in lines:
        role = line.split()[0]
        for word in line.split():
            found.setdefault(word, role)
    return found


def gradient_of(name: str) -> str:
    """The result that a variable or attribute called ``name`` holds: "grad_weight" for ``dW``; "" for none."""
    plain = name.lower().strip("_")
    for pattern in (
        r"^(?:grad|d_?l_?_?d|d|g|gradient|delta)s?_?(\w+)$",
        r"^(\w+?)_?(?:grad|gradient|grads|gradients)$",
    ):
        found = re.match(pattern, plain)
        if found and found[1].strip("_") in GRADIENT_OF:
            return GRADIENT_OF[found[1].strip("_")]
    return ""
