"""Functions that compute a formula: called as torch's are, or with other words, orders and layouts."""

import inspect
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from torch_parity.doctor.question import Question
from torch_parity.doctor.styles import masked, source
from torch_parity.doctor.styles.arguments import Bound, NotUnderstoodError, bind, takes_pairs
from torch_parity.doctor.styles.calls import line_of, parameters
from torch_parity.doctor.styles.forms import Form, taken
from torch_parity.doctor.styles.names import NORMS, WEIGHTED, by_words, formula_of, gradient_of, results_of
from torch_parity.doctor.styles.steps import clipped, updated
from torch_parity.doctor.styles.words import RUNNING
from torch_parity.doctor.subject import Reading, Results, Run, Subject, Takes

CACHE = re.compile(r"\w*cache|cached|ctx|context|saved|memory|mem|memo|stored", re.IGNORECASE)
IMAGE_FORMULAS = ("conv2d", "max_pool2d", "avg_pool2d", "pad", "flatten", "conv_transpose2d", "adaptive_avg_pool2d")
DROPOUTS = ("dropout", "dropout2d")
POINTWISE = ("relu", "leaky_relu", "sigmoid", "tanh", "silu", "gelu")
LOSSES = ("cross_entropy", "nll_loss", "mse_loss", "binary_cross_entropy_with_logits")
# An epsilon that is written into the code.
EPSILON = re.compile(r"(?<![\w.])(?:\d+(?:\.\d+)?[eE]-\d+|10\s*\*\*\s*-\d+|0?\.0{3,}1)(?![\w.])")
# What the source of a loss has that knows of a batch.
OF_A_BATCH = ("len(", "shape", "mean", "average", "axis", "dim", "range(", "batch", ".size", "enumerate(", "einsum")
OPTIONS = (
    "stride", "padding", "dilation", "groups", "ceil_mode", "count_include_pad", "divisor_override", "start_dim",
    "end_dim", "dim", "reduction", "ignore_index", "label_smoothing", "momentum", "dampening", "weight_decay",
    "nesterov", "maximize", "mode", "value", "grad_output", "output_padding", "negative_slope", "approximate",
    "training", "eps", "p", "alpha", "centered", "betas", "amsgrad", "norm_type", "pos_weight",
)  # fmt: skip


def function_subject(
    function: Callable[..., Any], name: str, style: str, found: str, layout: str | None = None, result: str = ""
) -> Subject:
    """The subject that ``function`` is, which computes ``name``; NotUnderstoodError where its arguments make no sense.

    ``layout``: "nhwc" or "nchw", where it is known.  ``result``: the one gradient that it gives, where it is one.
    """
    if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
        raise NotUnderstoodError("it yields or awaits, where a result should be returned", "a plain function")
    bound = bind(function, name)
    formula = name.removesuffix("_backward")
    if formula in ("rmsprop", "adam", "adamw") and not ("lr" in bound and "v" in bound):
        raise NotUnderstoodError(
            "it has no argument for the learning rate, or none for what it keeps from step to step",
            f"{formula}_step(w, dw, {'m, v, t' if formula != 'rmsprop' else 'v'}, lr, ...), or a class",
        )
    results, orders = _results(function, name, result)
    readings = tuple(
        Reading(_answers(bound, form, order), (*form.conventions, *_told_of_order(order), *_lacking(name, bound)))
        for form in forms(name, bound, layout)
        for order in orders
    )
    # A gradient belongs to the forward of its formula, whatever both are called.
    layer = f"{style} {formula}"
    room = takes(formula, bound)
    return Subject(name, found, style, told(bound), results, readings, room, layer, line_of(function))


def cached_subject(
    function: Callable[..., Any], name: str, style: str, found: str, forward: Callable[..., Any], layout: str | None
) -> Subject:
    """As ``function_subject``, for a gradient that is handed what its ``forward`` returns beside the output.

    NotUnderstoodError where the arguments of either make no sense.
    """
    formula, kept = name.removesuffix("_backward"), kept_of(function, forward)
    bound, before = bind(function, name, kept=kept), bind(forward, formula)
    results, orders = _results(function, name)

    def answers(form: Form, order: tuple[str, ...]) -> Callable[[Question], Run]:
        def after(returned: Any) -> Bound:
            rest = returned[1] if len(returned) == 2 else returned[1:]
            held = {one: rest if place is None else returned[place] for one, place in kept.items()}
            return replace(bound, function=partial(function, **held))

        def run(question: Question) -> Results:
            if formula in DROPOUTS and "mask" not in before:
                return {"grad_input": _after_drawing(question, form, before, after)}
            return _answers(after(before.call(question, form)), form, order)(question)(question)

        return lambda question: run

    readings = tuple(
        Reading(answers(form, order), (*form.conventions, *_told_of_order(order), *_lacking(formula, before)))
        for form in forms(formula, before, layout)
        for order in orders
    )
    room = takes(formula, before)
    return Subject(name, found, style, told(bound), results, readings, room, f"{style} {formula}", line_of(function))


def _after_drawing(question: Question, form: Form, before: Bound, after: Callable[[Any], Bound]) -> Any:
    """The gradient after a forward that draws its own mask."""
    returned: list[Any] = []

    def forward(x: Any) -> Any:
        returned[:] = [before.call(question, form, input=x)]
        return _first(returned[0])

    return masked.gradient(question, forward, lambda g: after(returned[0]).call(question, form, grad_output=g))


def kept_of(function: Callable[..., Any], forward: Callable[..., Any]) -> dict[str, int | None]:
    """The arguments of a gradient that the forward returns beside its output, with their places; None: all the rest.

    That is the one called cache, or those called as what the forward returns.
    """
    returned = source.returns(forward) or [""]
    arguments = parameters(function)
    caches: dict[str, int | None] = {name: None for name in arguments if CACHE.fullmatch(name)}
    # A loss may be asked for its gradient with nothing from above.
    if len(caches) == 1 and (len(arguments) > 1 or formula_of(function.__name__)[0] == "cross_entropy_backward"):
        return caches
    return {name: returned.index(name) for name in arguments if name in returned[1:] and name != returned[0]}


def told(bound: Bound) -> str:
    """What the arguments are taken for, in words."""
    said = [f"{name} for {role}" for name, role in bound.roles.items() if name != role]
    return f"by its name, with {', '.join(said)}" if said else "torch's names and arguments"


def _results(
    function: Callable[..., Any], name: str, result: str = ""
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """What is asked for, and the orders in which it may come back, the likeliest first."""
    every = results_of(name)
    if name == "clip_grad_norm":
        every = ("output", "other")
    if name == "batch_norm" and _learns(function):
        every = ("output", "running_mean", "running_var")
    if not name.endswith("_backward"):
        return every, (every,)
    if result:
        return (result,), ((result,),)
    returned = source.returns(function)
    if returned is None or len(every) == 1:
        return every, (every,)
    known = [gradient_of(one) for one in returned]
    results = tuple(one for one in every if one in known)
    if len(results) < len(returned) <= len(every):
        results = every if len(returned) == len(every) else (*results, *(one for one in every if one not in known))
        results = tuple(one for one in every if one in results[: len(returned)])
    orders = [
        order
        for order in itertools.permutations(results)
        if all(asked in ("", found) for asked, found in zip(known, order, strict=False))
    ]
    return results, tuple(orders) or (results,)


def _learns(function: Callable[..., Any]) -> bool:
    """Whether the running statistics are set anywhere, or come back."""
    words = "|".join(" ".join(RUNNING).split())
    back = [one.lower() for one in source.returns(function) or ()]
    set_anywhere = re.search(rf"^\s+({words})\b(\[.*?\])?\s+[-+*/]?=\s", source.text(function), re.MULTILINE)
    return set_anywhere is not None or any(re.fullmatch(rf"(new_)?({words})", one) for one in back)


def _told_of_order(order: tuple[str, ...]) -> tuple[str, ...]:
    if order[0] == "output":
        return ()
    usual = sorted(order, key=("grad_input", "grad_weight", "grad_bias").index) if len(order) > 1 else list(order)
    if list(order) == usual:
        return ()
    words = {"grad_input": "the input's", "grad_weight": "the weight's", "grad_bias": "the bias's"}
    return (f"the gradients come in the order {', '.join(words[one] for one in order)}",)


def _lacking(name: str, bound: Bound) -> tuple[str, ...]:
    """The arguments of a convolution, or of a dense layer, that there are none of."""
    words = {"stride": "its stride is always 1", "padding": "it has no padding"} if name.startswith("conv2d") else {}
    if name in NORMS:
        words["weight"] = "it has no weight"
    if name in WEIGHTED:
        words["bias"] = "it has no bias"
    if name.startswith("gelu") and "approximated" in takes("gelu", bound).options:
        words["approximate"] = "it is the approximation by tanh"
    said = [said for role, said in words.items() if role not in bound]
    if name.startswith(("softmax", "log_softmax")) and takes(name.removesuffix("_backward"), bound).ranks == (1,):
        said.append("it takes one vector at a time")
    return tuple(said)


def takes(formula: str, bound: Bound) -> Takes:
    """What there is room for in the arguments."""
    options = [role for role in OPTIONS if role in bound]
    if "padding" in options and source.mentions(bound.function, '"same"', "'same'"):
        options.append("padding 'same'")
    if isinstance(bound.default("padding"), str):
        options.remove("padding")  # it is asked for in words alone
    if "reduction" in options and not source.mentions(bound.function, "none"):
        options.remove("reduction")  # it is the mean or the sum, whatever else is asked for
    if formula in LOSSES and "weight" in bound:
        options.append("weight")
    options += further_options(formula, bound)
    if formula in LOSSES and "grad_output" in bound.defaulted:
        options.remove("grad_output")  # the loss is the last of a network: its own gradient is 1
    pairs = takes_pairs(
        [bound.function],
        *(bound.named(r) for r in ("kernel_size", "stride", "padding", "dilation", "pad", "output_size")),
    )
    batch, fixed = _batch(formula, bound)
    bias: bool | None = "bias" in bound
    if bias and bound.default("bias") is None:
        bias = None
    elif not bias and formula in WEIGHTED:
        # A gradient needs no bias to give the bias's gradient.
        bias = "grad_bias" in _results(bound.function, f"{formula}_backward")[0] if "grad_output" in bound else False
    return Takes(
        options=tuple(options),
        pairs=pairs,
        square=formula in ("max_pool2d", "avg_pool2d") and not pairs,
        batch=batch,
        bias=bias,
        fixed=fixed,
        ranks=_ranks(formula, bound),
        constants=_constants(formula, bound),
    )


def further_options(formula: str, bound: Bound) -> list[str]:
    """Options that arguments of other names stand for, or that the code does without an argument."""
    found = []
    if "beta1" in bound and "beta2" in bound:
        found.append("betas")
    if "keep_prob" in bound:
        found.append("p")
    if formula == "layer_norm" and bound.named("normalized_shape") in ("normalized_shape", "shape"):
        found.append("normalized_shape")
    if formula == "batch_norm" and "running_mean" in bound and "running_var" in bound:
        found.append("running_mean")
    if formula == "adaptive_avg_pool2d" and not {"output_size", "grad_output"} & set(bound.roles.values()):
        found.append("one output")
    if formula == "gelu" and "approximate" not in bound and _by_tanh([bound.function]):
        found.append("approximated")
    return found


def _by_tanh(functions: Sequence[Callable[..., Any]]) -> bool:
    """Whether GELU is computed by its approximation alone."""
    written = "\n".join(map(source.text, functions))
    return "tanh(" in written and "erf" not in written


def _constants(formula: str, bound: Bound) -> dict[str, float]:
    return written_constants(formula, [bound.function], bound)


def written_constants(formula: str, functions: Sequence[Callable[..., Any]], *bounds: Bound) -> dict[str, float]:
    """The epsilon that is written into the code, where it is no argument; whether a normalisation has a weight."""
    found: dict[str, float] = {}
    every = {role for bound in bounds for role in bound.roles.values()}
    if formula in (*NORMS, "rmsprop", "adam", "adamw") and "eps" not in every:
        number = EPSILON.search("\n".join(map(source.text, functions)))
        if number:
            found["eps"] = float(eval_power(number[0]))
    if formula in NORMS and "weight" not in every:
        found["weight"] = 0
    return found


def eval_power(written: str) -> float:
    """A number as 1e-5, 0.00001 or 10**-5."""
    return 10.0 ** int(written.split("**")[1]) if "**" in written else float(written)


def _batch(formula: str, bound: Bound) -> tuple[bool, dict[str, int]]:
    """Whether images come in batches, and which sizes are always 1: from how the source takes their shape apart."""
    found = source.ranks(bound.function)
    rank = found.get(bound.named("input")) or found.get(bound.named("grad_output")) or 4
    fixed = {}
    if formula in IMAGE_FORMULAS and rank == 2:
        fixed = {"C": 1}
    kernel = found.get(bound.named("weight"), 4)
    if formula == "conv2d" and kernel == 2:
        fixed |= {"O": 1}
    if formula == "conv2d" and kernel == 3 and rank == 3:
        fixed |= {"O": 1}
    if formula in IMAGE_FORMULAS:
        return rank == 4, fixed
    return True, {}


def _ranks(formula: str, bound: Bound) -> tuple[int, ...]:
    if formula in NORMS:
        return norm_ranks(formula, [bound.function], bound)
    if formula == "dropout":
        return dropout_ranks(bound)
    if formula in ("softmax", "log_softmax"):
        if "dim" in bound:
            return (2, 4)
        if re.search(rf"(?<![.\w])max\({bound.named('input')}\)", source.text(bound.function)):
            return (1,)  # Python's own max takes numbers
        return (2,) if source.mentions(bound.function, "axis", "dim", "for ", "[1]", ":, ") else (1,)
    return Takes().ranks


def dropout_ranks(bound: Bound) -> tuple[int, ...]:
    """How many dimensions an input may have, by the sizes that the mask gets."""
    rank = source.ranks(bound.function).get(bound.named("input"))
    return (rank,) if rank in (1, 2, 4) else Takes().ranks


def norm_ranks(formula: str, functions: Sequence[Callable[..., Any]], bound: Bound) -> tuple[int, ...]:
    """How many dimensions a normalisation's input may have: rows alone, images alone, or both."""
    written = "\n".join(map(source.text, functions))
    if formula == "layer_norm":
        # Sums over the first axis alone are those of rows.
        return (2, 3) if "-1" in written and not re.search(r"sum\((\w.*, ?)?(axis ?= ?)?0\)", written) else (2,)
    rank = source.ranks(functions[-1]).get(bound.named("input"))
    images, rows = re.search(r"0, ?2, ?3", written), re.search(r"axis ?= ?0|\((axis=)?0\)|\[0\]", written)
    if images:
        return (2, 4) if re.search(r"ndim|len\(\w+\.shape\)|axis ?= ?0", written) else (4,)
    if rank in (2, 4):
        return (rank,)
    return (2,) if rows else (2, 4)


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


def _answers(bound: Bound, form: Form, order: tuple[str, ...]) -> Callable[[Question], Run]:
    if order == ("output",) and "parameter" in bound:
        return lambda question: lambda q: {"output": updated(bound, form, q)}
    if "max_norm" in bound:
        return lambda question: lambda q: clipped(bound, form, q)

    def run(question: Question) -> Results:
        if form.one_sample:
            return sample_by_sample(question, run_once)
        return run_once(question)

    def run_once(question: Question) -> Results:
        if question.formula in DROPOUTS and question.grad_output is None and "mask" not in bound:
            return {"output": masked.output(question, lambda x: _first(bound.call(question, form, input=x)))}
        if form.one_number:
            each = np.vectorize(lambda *numbers: float(bound.function(*map(float, numbers))))
            found = each(*_given(bound, question))
        else:
            found = bound.call(question, form)
        if form.derivative:
            return {"grad_input": question.grad_output * np.asarray(found)}
        values = found if isinstance(found, tuple | list) else (found,)
        if isinstance(found, dict):
            values = [found.get(name) for name in order]
            values = values if any(v is not None for v in values) else list(found.values())
        if isinstance(found, list) and order == ("output",):
            values = (found,)
        if "running_mean" in order:
            values = _with_statistics(found, bound, question)
        named = dict(zip(order, (*values, *(None,) * len(order)), strict=False))
        return {name: taken(v, question, form, name) for name, v in named.items()}

    return lambda question: run


def _first(found: Any) -> Any:
    return found[0] if isinstance(found, tuple) else found


def _with_statistics(found: Any, bound: Bound, question: Question) -> tuple[Any, Any, Any]:
    """The output and the running statistics, which come back under their names, or are changed in place."""
    held = {name: question.arrays.get(name) for name in ("running_mean", "running_var")}
    names = source.returns(bound.function)
    if isinstance(found, tuple):
        words = by_words(RUNNING)
        for name, one in zip(names or (), found, strict=False):
            role = bound.roles.get(name) or words.get(name.lower().removeprefix("new_"), "")
            if role in held:
                held[role] = one
        if len(found) == 3 and not any(name in words for name in names or ()) and not isinstance(found[1], dict):
            held = {"running_mean": found[1], "running_var": found[2]}
    return _first(found), held["running_mean"], held["running_var"]


def sample_by_sample(question: Question, loss: Callable[[Question], Results]) -> Results:
    """The mean over the batch of what ``loss`` gives for each sample, asked with scores (C,) and a class; and dL/dx.

    ValueError where a gradient takes a batch as well: of that it gives the samples' own, and has forgotten the mean.
    """
    scores, classes = question.arrays["input"], question.arrays["target"]
    every = []
    for row, target in zip(scores, classes, strict=True):
        arrays = {**question.arrays, "input": row, "target": target}
        every.append(loss(replace(question, arrays=arrays)))
    outputs = [one["output"] for one in every if one.get("output") is not None]
    if outputs:
        return {"output": np.mean(outputs) if np.shape(outputs) == (len(scores),) else np.asarray(outputs)}
    grads = np.asarray([one["grad_input"] for one in every if one.get("grad_input") is not None])
    if _of_a_batch(question, loss, grads):
        raise ValueError("it takes a batch")
    return {"grad_input": grads / len(scores)} if len(grads) else {}


def _of_a_batch(question: Question, loss: Callable[[Question], Results], each: Any) -> bool:
    """Whether ``loss`` gives for the batch what it gives for ``each`` sample."""
    try:
        found = np.asarray(loss(question).get("grad_input"), np.float64)
        return found.shape == each.shape and np.allclose(found, each, equal_nan=True)
    except Exception:  # whatever the student's code raises
        return False


def _given(bound: Bound, question: Question) -> list[Any]:
    held = {"input": question.arrays["input"], "grad_output": question.grad_output}
    return [held[role] for role in bound.roles.values() if held.get(role) is not None]
