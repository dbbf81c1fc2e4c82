"""The forms in which a function may want its arrays, and give its results, the likeliest first."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from torch_parity.doctor.styles import source
from torch_parity.doctor.styles.arguments import Bound, takes_pairs
from torch_parity.doctor.styles.forms import Form
from torch_parity.doctor.styles.names import DROPOUTS, IMAGE_FORMULAS, NORMS, POINTWISE

# What the source of a loss has that knows of a batch.
OF_A_BATCH = ("len(", "shape", "mean", "average", "axis", "dim", "range(", "batch", ".size", "enumerate(", "einsum")


def forms(name: str, bound: Bound, layout: str | None) -> list[Form]:
    """The ways in which the arrays of a formula or a gradient may be wanted, the likeliest first."""
    formula = name.removesuffix("_backward")
    found = source.ranks(bound.function)
    if formula in IMAGE_FORMULAS:
        rank = found.get(bound.named("input")) or found.get(bound.named("grad_output")) or 4
        kernel = found.get(bound.named("weight"), 4)
        return list(_image_forms(formula, rank, kernel, layout, bound))
    plain = Form()
    if formula in POINTWISE[1:]:
        return _pointwise_forms(name, bound)
    if formula in NORMS:
        return norm_forms(name, bound)
    if formula in DROPOUTS:
        masks = ("kept", "scaled") if {"p", "keep_prob"} & set(bound.roles.values()) else ("scaled", "kept")
        wide = (False, True) if formula == "dropout2d" else (False,)
        return [Form(mask=mask, spread=one) for mask in masks for one in wide]
    if formula == "nll_loss":
        targets = ("index", "onehot")
        given = ["scores", *["probabilities"] * bool(re.match("p$|prob", bound.named("input")))]
        return [Form(target=target, scores=one) for one in given for target in targets]
    if formula in ("rmsprop", "adam", "adamw"):
        counts = "t" in bound and re.search(rf"\b{bound.named('t')} ?\+=? ?1", source.text(bound.function))
        first_steps = (0, 1) if counts else (1,)
        starts = ("zeros", "none") if bound.default("v") is None else ("zeros",)
        return [Form(held_in=held, velocity=v, first_step=first)
                for held in ("arrays", "list", "dict") for v in starts for first in first_steps]  # fmt: skip
    if formula == "clip_grad_norm":
        return [Form(), Form(held_in="dict")]
    if formula == "linear":
        return [Form(weights=weights, columns=columns) for columns in (False, True) for weights in ("OI", "IO")]
    if name == "relu_backward" and "grad_output" not in bound:
        return [Form(derivative=True), Form(derivative=True, one_number=True)]
    if formula == "relu":
        return [plain, Form(one_number=True)]
    if formula == "cross_entropy":
        every = loss_forms([bound.function])
        if name == formula:
            return [form for form in every if not form.by_probabilities]
        return [form for form in every if not form.per_sample]
    if formula == "sgd":
        first = ("none", "zeros") if "velocity" in bound else ("none",)
        return [Form(held_in=held, velocity=v) for held in ("arrays", "list", "dict") for v in first]
    return [plain]


def _pointwise_forms(name: str, bound: Bound) -> list[Form]:
    """Of the gradients of the sigmoid and of tanh some are handed the output, whatever they call it."""
    if not name.endswith("_backward"):
        return [Form(), Form(one_number=True)]
    derivative = "grad_output" not in bound
    found = [Form(derivative=derivative)]
    if name in ("sigmoid_backward", "tanh_backward") and "output" not in bound:
        found.append(Form(derivative=derivative, by_output=True))
    return found + [replace(one, one_number=True) for one in found if derivative]


def norm_forms(name: str, bound: Bound) -> list[Form]:
    """The ways in which scales and statistics may be stored, and what momentum may mean."""
    found = [Form()]
    # torch's momentum is small, the share of what is new; a large one is the share of what is old.
    default = bound.default("momentum")
    if name == "batch_norm" and "momentum" in bound and not (isinstance(default, float) and default < 0.5):
        found += [Form(old_share=True), Form(old_share=True, biased=True)]
    if name.startswith(("batch_norm", "group_norm")):
        found += [replace(one, spread=True) for one in found]
    return found


def loss_forms(functions: Sequence[Callable[..., Any]]) -> list[Form]:
    """Scores or probabilities, class indices or one-hot targets: first what the source of a loss speaks for.

    A loss is one number, or else one for each sample.  Then come the forms in which the gradient of a loss that takes
    probabilities is that for these, and in the end, where the source speaks of no batch, those of a single sample.
    """
    exponential = any(source.mentions(one, "exp(", "softmax", "logsumexp", "1p(") for one in functions)
    by_index = any(source.mentions(one, "range(", "take_along_axis", "gather", "eye(", "one_hot") for one in functions)
    scores = ("scores", "probabilities") if exponential else ("probabilities", "scores")
    targets = ("index", "onehot") if by_index else ("onehot", "index")
    every = [
        Form(target=target, scores=one, per_sample=per_sample)
        for per_sample in (False, True)
        for one in scores
        for target in targets
    ]
    every += [Form(target=target, scores="probabilities", by_probabilities=True) for target in targets]
    if any(source.mentions(one, *OF_A_BATCH) for one in functions):
        return every
    return every + [Form(target=target, scores=one, one_sample=True) for one in scores for target in targets]


def _image_forms(formula: str, rank: int, kernel: int, layout: str | None, bound: Bound) -> Iterator[Form]:
    first = {4: "NCHW", 3: "CHW", 2: "HW"}.get(rank, "NCHW")
    last = {4: "NHWC", 3: "HWC", 2: "HW"}.get(rank, "NHWC")
    orders = [images for images, called in ((first, "nchw"), (last, "nhwc")) if layout in (None, called)]
    if formula == "pad":
        spelled = ("all", "one")
        if not takes_pairs([bound.function], bound.named("pad")):
            spelled = ("one", "all")
        for images in dict.fromkeys(orders):
            yield from (Form(images=images, outputs=images, pads=pads) for pads in spelled)
        return
    for images in dict.fromkeys(orders):
        if formula != "conv2d":
            yield Form(images=images, outputs=images)
            continue
        by_last = images.endswith("C")
        kernels: tuple[str, ...] = ("HWIO", "OHWI") if by_last else ("OIHW",)
        if kernel == 3:
            kernels = ("HWO" if by_last else "OHW",) if rank == 2 else ("HWI" if by_last else "IHW", "OHW")
        if kernel == 2:
            kernels = ("HW",)
        outputs = [images]
        if rank == 2 and kernel in (3, 4):
            outputs = ["CHW", "HWC"]
        if rank == 3 and kernel == 3:
            outputs = ["HW", images]
        for one in kernels:
            yield from (Form(images=images, outputs=out, kernels=one) for out in outputs)
