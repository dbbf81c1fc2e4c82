"""The names of the formulas that are no part of a plain network, and of their arguments."""

from torch_parity.doctor.styles.words import (
    ACTIVATED,
    BETAS,
    BIAS,
    DROPPED,
    EPS,
    GRADIENT,
    IMAGE,
    LONGEST,
    MASK,
    MEANS,
    MOMENTUM,
    PARAMETER,
    RATE,
    RUNNING,
    SCALE,
    SCORES,
    SHAPE,
    SQUARES,
    STEP,
    STEPS,
    TARGET,
    TRAINING,
    UPSTREAM,
    WEIGHT,
)  # fmt: skip

FURTHER_FORMULAS: dict[str, tuple[str, ...]] = {
    "conv_transpose2d": (
        "convtranspose", "convtransposed", "transposedconv", "transposeconv", "transposedconvolution", "deconv",
        "deconvolution", "transposeconvolution", "convolutiontranspose", "convolutiontransposed", "transconv",
    ),
    "leaky_relu": ("leakyrelu", "lrelu", "leakyrectifier", "reluleaky"),
    "sigmoid": ("sigmoid", "logistic", "sigm", "stablesigmoid", "sigmoidstable", "logisticsigmoid", "expit"),
    "tanh": ("tanh", "hyperbolictangent", "tangenthyperbolic"),
    "silu": ("silu", "swish", "sigmoidlinearunit"),
    "gelu": ("gelu", "gelutanh", "gelunew", "geluapprox", "geluapproximate", "geluexact",
             "gaussianerrorlinearunit", "geluerf"),
    "adaptive_avg_pool2d": (
        "adaptiveavgpool", "adaptiveaveragepool", "adaptiveavgpooling", "adaptiveaveragepooling", "globalavgpool",
        "globalaveragepool", "globalavgpooling", "globalaveragepooling", "gap", "adaptivemeanpool",
    ),
    "batch_norm": ("batchnorm", "batchnormalization", "batchnormalisation", "batchnormalize", "bn", "spatialbatchnorm"),
    "layer_norm": ("layernorm", "layernormalization", "layernormalisation", "layernormalize", "ln"),
    "group_norm": ("groupnorm", "groupnormalization", "groupnormalisation", "gn", "spatialgroupnorm"),
    "dropout": ("dropout", "inverteddropout", "dropoutinverted", "spatialdropout"),
    "dropout2d": (),
    "nll_loss": ("nll", "nllloss", "negativeloglikelihood", "negloglikelihood", "negativeloglikelihoodloss"),
    "mse_loss": ("mse", "mseloss", "meansquarederror", "meansquareerror", "meansquarederrorloss", "meansquaredloss",
                 "lossmse"),
    "binary_cross_entropy_with_logits": (
        "binarycrossentropywithlogits", "bcewithlogits", "bcewithlogitsloss", "binarycrossentropylogits",
        "sigmoidcrossentropy", "sigmoidcrossentropywithlogits", "bcelogits", "binarycrossentropywithlogitsloss",
        "sigmoidbinarycrossentropy", "bcelogitsloss", "sigmoidbce",
    ),
    "rmsprop": ("rmsprop", "rmspropstep", "rmspropupdate", "updatermsprop", "rmspropoptimizer", "optimizerrmsprop"),
    "adam": ("adam", "adamstep", "adamupdate", "updateadam", "adamoptimizer", "optimizeradam"),
    "adamw": ("adamw", "adamwstep", "adamwupdate", "updateadamw", "adamwoptimizer", "optimizeradamw"),
    "clip_grad_norm": (
        "clipgradnorm", "clipgradsnorm", "clipgradientnorm", "clipgradients", "clipgrads", "gradclipping", "gradclip",
        "gradientclipping", "clipbyglobalnorm", "clipgradsbynorm", "clipgradientsbynorm", "clipgradbynorm",
        "clipgradient",
    ),
}  # fmt: skip

LEAK = "negative_slope alpha slope leak a leaky_slope neg_slope"
AFFINE = (*SCALE, EPS)
LOSSES = (SCORES, TARGET, "weight weights class_weight", "reduction reduce")
DECAY = "weight_decay wd lambda_ l2 lam"
FEATURES = "normalized_shape features n_features num_features size dim shape d d_model hidden_size"
GROUPS = "num_groups groups n_groups g group ngroups"
MANY = (
    "num_features in_channels channels num_channels n_features features n_channels c size dim d in_features input_dim"
)
_HYPER = {
    "rmsprop": (
        RATE.replace(" alpha", ""), "alpha rho decay_rate decay beta gamma", EPS, DECAY, "momentum mu", "centered",
        "maximize",
    ),
    "adam": (RATE.replace(" alpha", "") + " alpha", *BETAS, EPS, DECAY, "amsgrad", "maximize"),
}  # fmt: skip
_HYPER["adamw"] = _HYPER["adam"]
_STATE = {
    "rmsprop": (SQUARES, "velocity buf momentum_buffer"),
    "adam": (MEANS, SQUARES, STEP), "adamw": (MEANS, SQUARES, STEP),
}  # fmt: skip

FURTHER_ROLES: dict[str, tuple[str, ...]] = {
    "conv_transpose2d": (
        IMAGE, WEIGHT, BIAS, *STEPS[:2], "output_padding out_pad outpad out_padding", "groups", STEPS[2],
    ),
    "conv_transpose2d_backward": (
        UPSTREAM, IMAGE, WEIGHT, BIAS, *STEPS[:2], "output_padding out_pad outpad out_padding", "groups", STEPS[2],
    ),
    "leaky_relu": (IMAGE.replace(" a a_prev", " a_prev"), LEAK),
    "leaky_relu_backward": (UPSTREAM, f"{IMAGE.replace(' a a_prev', ' a_prev')} cache", LEAK),
    **dict.fromkeys(("sigmoid", "tanh", "silu"), (IMAGE,)),
    **{f"{name}_backward": (UPSTREAM, ACTIVATED, IMAGE) for name in ("sigmoid", "tanh")},
    "silu_backward": (UPSTREAM, f"{IMAGE} cache", "output out y"),
    "gelu": (IMAGE, "approximate approx approximation"),
    "gelu_backward": (UPSTREAM, f"{IMAGE} cache", "approximate approx approximation"),
    "adaptive_avg_pool2d": (IMAGE, "output_size out_size size output_shape out_shape target_size"),
    "adaptive_avg_pool2d_backward": (UPSTREAM, IMAGE, SHAPE, "output_size out_size size output_shape"),
    "batch_norm": (IMAGE, *SCALE, *RUNNING, TRAINING, MOMENTUM, EPS),
    "batch_norm_backward": (UPSTREAM, IMAGE, *SCALE, EPS, TRAINING, *RUNNING, "output_mask"),
    "layer_norm": (IMAGE, *AFFINE, FEATURES),
    "layer_norm_backward": (UPSTREAM, IMAGE, *AFFINE, FEATURES, "output_mask"),
    "group_norm": (IMAGE, GROUPS, *(line.removesuffix(" g") for line in AFFINE)),
    "group_norm_backward": (UPSTREAM, IMAGE, GROUPS.replace(" g ", " "), *AFFINE, "output_mask"),
    **dict.fromkeys(("dropout", "dropout2d"), (IMAGE, MASK, *DROPPED, TRAINING)),
    **{f"{name}_backward": (UPSTREAM, MASK, *DROPPED, TRAINING) for name in ("dropout", "dropout2d")},
    "nll_loss": (f"{SCORES} log_probs logp log_p log_prob log_softmax",
                 *LOSSES[1:], "ignore_index"),
    "mse_loss": LOSSES,
    "binary_cross_entropy_with_logits": (*LOSSES, "pos_weight"),
    "rmsprop": (PARAMETER, GRADIENT, *_STATE["rmsprop"], *_HYPER["rmsprop"]),
    "adam": (PARAMETER, GRADIENT, *_STATE["adam"], *_HYPER["adam"]),
    "adamw": (PARAMETER, GRADIENT, *_STATE["adamw"], *_HYPER["adamw"]),
    "clip_grad_norm": ("grads gradients grad g dw params parameters", LONGEST, "norm_type norm ord"),
}  # fmt: skip
for _loss in ("nll_loss", "mse_loss", "binary_cross_entropy_with_logits"):
    FURTHER_ROLES[f"{_loss}_backward"] = (UPSTREAM, *FURTHER_ROLES[_loss])
# The constructors of layers.
FURTHER_NEW: dict[str, tuple[str, ...]] = {
    "leaky_relu": (LEAK,), "sigmoid": (), "tanh": (), "silu": (), "gelu": ("approximate approx approximation",),
    "adaptive_avg_pool2d": ("output_size out_size size output_shape",),
    "batch_norm": (MANY, EPS, MOMENTUM, *SCALE, "affine", "track_running_stats"),
    "layer_norm": (FEATURES, EPS, *SCALE, "elementwise_affine affine"),
    "group_norm": (GROUPS, MANY.replace("num_features", "num_channels num_features", 1), EPS, *SCALE, "affine"),
    "dropout": DROPPED, "dropout2d": DROPPED,
    "nll_loss": ("reduction reduce",), "mse_loss": ("reduction reduce",),
    "binary_cross_entropy_with_logits": ("reduction reduce",),
    **{name: ("parameter params parameters", *_HYPER[name]) for name in ("rmsprop", "adam", "adamw")},
}  # fmt: skip
# What the halves of layers take beside what arrives from above.
HALVES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("batch_norm", "layer_norm", "group_norm", "dropout", "dropout2d"), (IMAGE, TRAINING)),
    **dict.fromkeys(("leaky_relu", "sigmoid", "tanh", "silu", "gelu"), (IMAGE, TRAINING)),
    "adaptive_avg_pool2d": (IMAGE,),
}  # fmt: skip
FURTHER_NEEDED: dict[str, tuple[str | tuple[str, ...], ...]] = {
    "conv_transpose2d": ("input", "weight"), "conv_transpose2d_backward": ("grad_output",),
    **dict.fromkeys(("leaky_relu", "sigmoid", "tanh", "silu", "gelu", "adaptive_avg_pool2d"), ("input",)),
    **{f"{name}_backward": ("input",) for name in ("leaky_relu", "silu", "gelu")},
    "sigmoid_backward": (("output", "input"),), "tanh_backward": (("output", "input"),),
    "adaptive_avg_pool2d_backward": ("grad_output", ("input", "input_shape")),
    **dict.fromkeys(("batch_norm", "layer_norm", "dropout", "dropout2d"), ("input",)),
    "group_norm": ("input", "num_groups"),
    **{f"{name}_backward": ("grad_output", "input") for name in ("batch_norm", "layer_norm")},
    "group_norm_backward": ("grad_output", "input", "num_groups"),
    "dropout_backward": ("grad_output", "mask"), "dropout2d_backward": ("grad_output", "mask"),
    **{name + end: ("input", "target") for end in ("", "_backward")
       for name in ("nll_loss", "mse_loss", "binary_cross_entropy_with_logits")},
    "rmsprop": ("parameter", "grad"), "adam": ("parameter", "grad"), "adamw": ("parameter", "grad"),
    "clip_grad_norm": ("grads", "max_norm"),
}  # fmt: skip
