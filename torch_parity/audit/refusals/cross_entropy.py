"""What is refused in cross entropy and, of class indices and reductions, in the losses like it."""

import numpy as np

from torch_parity.audit.refusals.refusal import Arguments, Refusal


def _weights_in_another_shape(arguments: Arguments) -> Arguments:
    input, weight = arguments["input"], arguments.get("weight")
    if weight is None or input.ndim < 3 or weight.size != input.shape[1] or weight.ndim == 1:
        return {}
    return {"weight": weight.reshape(-1)}


def _bytes_like_ignore_index(arguments: Arguments) -> Arguments:
    target, ignored = arguments["target"], arguments.get("ignore_index", -100)
    if target.dtype != np.uint8 or not arguments.get("label_smoothing", 0) > 0 or ignored >= 0:
        return {}
    return {"target": target.astype(np.int64)} if (target == ignored % 256).any() else {}


def _no_indices_to_read(arguments: Arguments) -> Arguments:
    target, ignored = arguments["target"], arguments.get("ignore_index", -100)
    if target.dtype != np.uint8:
        return {}
    if arguments["input"].ndim > 2:
        unread = not target.size
    else:
        # The divisor of this mean gathers the weights of the samples; torch compares bytes, so 255 is -1.
        smoothed = arguments.get("label_smoothing", 0) > 0 and arguments.get("reduction", "mean") == "mean"
        unread = smoothed and arguments.get("weight") is not None and bool((target == ignored % 256).all())
    return {"target": target.astype(np.int64)} if unread else {}


def _no_classes(arguments: Arguments) -> Arguments:
    input, target, weight = arguments["input"], arguments["target"], arguments.get("weight")
    if input.ndim < 3 or input.shape[1] or not target.size or (target != arguments.get("ignore_index", -100)).any():
        return {}
    one_class = np.zeros((len(input), 1, *input.shape[2:]), input.dtype)
    return {"input": one_class, "weight": None if weight is None else np.ones(1, weight.dtype)}


def _old_reduction(arguments: Arguments) -> Arguments:
    return {"reduction": "mean"} if arguments.get("reduction") == "elementwise_mean" else {}


REFUSALS = (
    Refusal(
        "reduction 'elementwise_mean'",
        ("cross_entropy", "nll_loss", "mse_loss", "binary_cross_entropy_with_logits"),
        "torch's deprecated name of 'mean'",
        _old_reduction,
    ),
    Refusal(
        "class weights that are no vector",
        ("cross_entropy", "nll_loss"),
        "there is one weight per class; for images of scores torch only counts them",
        _weights_in_another_shape,
    ),
    Refusal(
        "uint8 class indices where there is none to read",
        ("cross_entropy", "nll_loss"),
        "torch takes uint8 labels in its plainest loss only, but notices in the others when it reads one",
        _no_indices_to_read,
    ),
    Refusal(
        "uint8 class indices that look like ignore_index",
        ("cross_entropy",),
        "where it smooths, torch compares bytes: label 156 is taken for ignore_index -100",
        _bytes_like_ignore_index,
    ),
    Refusal(
        "images of scores for no classes",
        ("cross_entropy", "nll_loss"),
        "torch takes them for two-dimensional images all of whose pixels are ignored, and for no others",
        _no_classes,
    ),
)
