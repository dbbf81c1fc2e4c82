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
from torch_parity.doctor.styles import source
from torch_parity.doctor.styles.arguments import Bound, NotUnderstoodError, bind, takes_pairs
from torch_parity.doctor.styles.calls import line_of, parameters
from torch_parity.doctor.styles.forms import Form, packed, taken, unpacked
from torch_parity.doctor.styles.names import formula_of, gradient_of, results_of
from torch_parity.doctor.styles.rates import steps
from torch_parity.doctor.subject import Reading, Results, Run, Subject, Takes

CACHE = re.compile(r"\w*cache|cached|ctx|context|saved|memory|mem|memo|stored", re.IGNORECASE)
IMAGE_FORMULAS = ("conv2d", "max_pool2d", "avg_pool2d", "pad", "flatten")
# What the source of a loss has that knows of a batch.
OF_A_BATCH = ("len(", "shape", "mean", "average", "axis", "dim", "range(", "batch", ".size", "enumerate(", "einsum")
OPTIONS = (
    "stride", "padding", "dilation", "groups", "ceil_mode", "count_include_pad", "divisor_override", "start_dim",
    "end_dim", "dim", "reduction", "ignore_index", "label_smoothing", "momentum", "dampening", "weight_decay",
    "nesterov", "maximize", "mode", "value", "grad_output",
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
        def run(question: Question) -> Results:
            returned = before.call(question, form)
            rest = returned[1] if len(returned) == 2 else returned[1:]
            held = {one: rest if place is None else returned[place] for one, place in kept.items()}
            own = replace(bound, function=partial(function, **held))
            return _answers(own, form, order)(question)(question)

        return lambda question: run

    readings = tuple(
        Reading(answers(form, order), (*form.conventions, *_told_of_order(order), *_lacking(formula, before)))
        for form in forms(formula, before, layout)
        for order in orders
    )
    room = takes(formula, before)
    return Subject(name, found, style, told(bound), results, readings, room, f"{style} {formula}", line_of(function))


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


def _told_of_order(order: tuple[str, ...]) -> tuple[str, ...]:
    usual = sorted(order, key=("grad_input", "grad_weight", "grad_bias").index) if len(order) > 1 else list(order)
    if list(order) == usual:
        return ()
    words = {"grad_input": "the input's", "grad_weight": "the weight's", "grad_bias": "the bias's"}
    return (f"the gradients come in the order {', '.join(words[one] for one in order)}",)


def _lacking(name: str, bound: Bound) -> tuple[str, ...]:
    """The arguments of a convolution, or of a dense layer, that there are none of."""
    words = {"stride": "its stride is always 1", "padding": "it has no padding"} if name.startswith("conv2d") else {}
    if name in ("conv2d", "linear"):
        words["bias"] = "it has no bias"
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
    if formula == "cross_entropy" and "weight" in bound:
        options.append("weight")
    if formula == "cross_entropy" and "grad_output" in bound.defaulted:
        options.remove("grad_output")  # the loss is the last of a network: its own gradient is 1
    pairs = takes_pairs(
        [bound.function], *(bound.named(r) for r in ("kernel_size", "stride", "padding", "dilation", "pad"))
    )
    batch, fixed = _batch(formula, bound)
    bias: bool | None = "bias" in bound
    if bias and bound.default("bias") is None:
        bias = None
    elif not bias and formula in ("conv2d", "linear"):
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
    )


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
    if formula in ("softmax", "log_softmax"):
        if "dim" in bound:
            return (2, 4)
        if re.search(rf"(?<![.\w])max\({bound.named('input')}\)", source.text(bound.function)):
            return (1,)  # Python's own max takes numbers
        return (2,) if source.mentions(bound.function, "axis", "dim", "for ", "[1]", ":, ") else (1,)
    return Takes().ranks


def forms(name: str, bound: Bound, layout: str | None) -> list[Form]:
    """The ways in which the arrays of a formula or a gradient may be wanted, the likeliest first."""
    formula = name.removesuffix("_backward")
    found = source.ranks(bound.function)
    if formula in IMAGE_FORMULAS:
        rank = found.get(bound.named("input")) or found.get(bound.named("grad_output")) or 4
        kernel = found.get(bound.named("weight"), 4)
        return list(_image_forms(formula, rank, kernel, layout, bound))
    plain = Form()
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
        return lambda question: lambda q: {"output": _updated(bound, form, q)}

    def run(question: Question) -> Results:
        if form.one_sample:
            return sample_by_sample(question, run_once)
        return run_once(question)

    def run_once(question: Question) -> Results:
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
        named = dict(zip(order, (*values, *(None,) * len(order)), strict=False))
        return {name: taken(v, question, form, name) for name, v in named.items()}

    return lambda question: run


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


def _updated(bound: Bound, form: Form, question: Question) -> Any:
    """The parameter after a step for each gradient; steps return what is new, or change it in place."""
    parameter = packed(question.arrays["parameter"], form)
    zeros = form.velocity == "zeros"
    velocity = packed(np.zeros_like(question.arrays["parameter"]), form) if zeros else None
    for gradient, asked in steps(question):
        given = {"parameter": parameter, "grad": packed(gradient, form)}
        if "velocity" in bound:
            given["velocity"] = velocity
        found = bound.call(asked, form, **given)
        if found is not None:
            parts = found if isinstance(found, tuple) else (found,)
            parameter = parts[0]
            velocity = parts[1] if len(parts) > 1 else velocity
    return unpacked(parameter, form)
