"""Any class with a forward, and perhaps a backward, whose arguments and attributes tell what they are."""

import contextlib
import inspect
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from torch_parity.doctor.question import Array, Question
from torch_parity.doctor.styles import holders, optimizers, source, stateful
from torch_parity.doctor.styles.arguments import NotUnderstoodError, bind
from torch_parity.doctor.styles.calls import line_of
from torch_parity.doctor.styles.forms import Form, taken, value
from torch_parity.doctor.styles.functions import sample_by_sample, told
from torch_parity.doctor.styles.holders import Place
from torch_parity.doctor.styles.instances import (
    Layer,
    constructor,
    fixed_sizes,
    method_of,
    methods_of,
    not_made,
    one_sample,
    place_of,
    room,
    trial,
    unused,
)
from torch_parity.doctor.styles.names import IMAGE_FORMULAS, POINTWISE, UPDATES, formula_of, gradient_of, results_of
from torch_parity.doctor.styles.possible_forms import loss_forms
from torch_parity.doctor.styles.words import IMAGE
from torch_parity.doctor.subject import Reading, Results, Run, Subject

FORWARD = ("forward", "__call__", "call", "forward_pass", "feedforward", "feed_forward", "forward_prop",
           "forward_propagation", "fprop", "calculate", "loss", "compute")  # fmt: skip
BACKWARD = ("backward", "backprop", "backward_pass", "back_prop", "backpropagation", "backward_prop", "back_propagate",
            "backpropagate", "backward_propagation", "bprop", "grad", "gradient", "derivative", "prime")  # fmt: skip
TORCH_NAMES = ("Conv2d", "ReLU", "MaxPool2d", "AvgPool2d", "Flatten", "Linear", "Softmax", "LogSoftmax", "ZeroPad2d",
               "CrossEntropyLoss", "SGD")  # fmt: skip
# The layouts of kernels and weights that are tried, for images stored so.
KERNELS = {
    "NCHW": ("OIHW", "HWIO", "O(IHW)", "(IHW)O", "IOHW"), "NHWC": ("HWIO", "OHWI", "OIHW", "O(HWI)", "(HWI)O"),
    "CHW": ("OIHW", "HWIO", "O(IHW)", "(IHW)O"), "HWC": ("HWIO", "OHWI", "OIHW", "O(HWI)", "(HWI)O"),
    "HW": ("OHW", "HWO", "OIHW", "HW"),
}  # fmt: skip


def find(things: dict[str, Any], layout: str | None = None) -> Iterator[Subject]:
    """The layers among ``things`` whose name is that of a formula."""
    layers = {name: thing for name, thing in things.items() if inspect.isclass(thing) and formula_of(name)[0]}
    windows = ("conv2d", "max_pool2d", "avg_pool2d")
    told = [_image_rank(layer) for name, layer in layers.items() if formula_of(name)[0] in windows]
    # Who takes one image at a time everywhere else does so where it does not show.
    usual = 3 if 3 in told and 4 not in told else 4
    for name, thing in layers.items():
        try:
            yield from subjects(thing, formula_of(name)[0], name, layout, usual)
        except NotUnderstoodError:
            continue  # said of what is left in the end


def subjects(thing: type, formula: str, name: str, layout: str | None = None, usual: int = 4) -> list[Subject]:
    """Both halves of the layer ``thing``; NotUnderstoodError where it cannot be made or called.

    ``usual``: how many axes images have where the class does not say.
    """
    if formula == "clip_grad_norm":
        raise NotUnderstoodError("it is a class", "a function clip_grad_norm(grads, max_norm)")
    if formula in UPDATES:
        return [optimizers.subject(thing, name, formula)]
    forward, backward = method_of(thing, FORWARD), method_of(thing, BACKWARD)
    if forward is None:
        raise NotUnderstoodError("it has no method forward", "methods forward(input) and backward(grad_output)")
    if formula == "conv_transpose2d":
        raise NotUnderstoodError("it is a class", "a function conv_transpose2d(x, K, b, stride, padding)")
    if formula in stateful.STATEFUL:
        called = _called(thing, BACKWARD) if backward else ""
        return stateful.subjects(thing, formula, name, (_called(thing, FORWARD), forward), (called, backward))
    new = constructor(thing, formula)
    layer = Layer(
        formula,
        thing,
        new,
        bind(forward, f"{formula}.forward", skip=1),
        bind(backward, f"{formula}.backward", skip=1) if backward else None,
        Form(),
        usual=usual,
    )
    layers = list(_layers(layer, layout))
    style = "reference" if name in TORCH_NAMES and new.by_name else "class"
    has_bias = formula not in ("conv2d", "linear") or bool(layers[0].bias)
    taken_in = room(layers[0])
    found = [
        Subject(
            formula, f"{name}.{_called(thing, FORWARD)}", style, told(new), ("output",),
            tuple(Reading(_forward(one), _conventions(one)) for one in layers if not one.form.by_probabilities),
            taken_in, name, line_of(forward),
        )
    ]  # fmt: skip
    if backward:
        results = _results(layers[0], has_bias)
        found.append(
            Subject(
                f"{formula}_backward", f"{name}.{_called(thing, BACKWARD)}", style, told(new), results,
                tuple(
                    Reading(_backward(one), _conventions(one, backward=True))
                    for one in layers
                    if not one.form.per_sample
                ),
                replace(taken_in, bias=taken_in.bias is not False), name, line_of(backward),
            )
        )  # fmt: skip
    return found


def _called(thing: type, names: tuple[str, ...]) -> str:
    return next(name for name in names if method_of(thing, (name,)) is not None)


def _layers(layer: Layer, layout: str | None) -> Iterator[Layer]:
    """The ways in which the class may want its arrays, the likeliest first, each tried by making an instance."""
    formula = layer.formula
    if formula == "cross_entropy":
        for one in loss_forms(methods_of(layer.thing)):
            yield replace(layer, form=one)
        return
    if formula in ("conv2d", "linear"):
        problem: BaseException | None = None
        found = []
        for one in [Form()] if formula == "linear" else _image_forms(layer, layout):
            try:
                found += list(_weighted(replace(layer, form=one)))
            except (Exception, SystemExit) as error:  # whatever a constructor raises
                problem = problem or error
        if layer.new.named("input_shape") and any(_goes(one) for one in found if "N" in one.form.images):
            # That it may take one image at a time was a guess.
            found = [one for one in found if "N" in one.form.images or _goes(one)]
        if not found and isinstance(problem, NotUnderstoodError):
            raise problem
        if not found:
            raise not_made(layer, problem)
        yield from found
        return
    if formula not in IMAGE_FORMULAS:
        yield layer
        if formula == "softmax" and room(layer).ranks == (1,):
            yield replace(layer, form=Form(columns=True))
        return
    for one in _image_forms(layer, layout):
        spelled = ("one", "all") if formula == "pad" else ("all",)
        for pads in spelled:
            yield replace(layer, form=Form(images=one.images, outputs=one.outputs, pads=pads))


def _goes(layer: Layer) -> bool:
    """Whether a forward of a trial instance gives anything."""
    question = trial(layer)
    try:
        return layer.forward.call(question, layer.form, first=(layer.instance(question),)) is not None
    except (Exception, SystemExit):  # whatever the student's code raises
        return False


def _rank(layer: Layer) -> int:
    found = source.ranks(layer.forward.function)
    if layer.forward.named("input") in found:
        return found[layer.forward.named("input")]
    if layer.backward is not None:
        upstream = source.ranks(layer.backward.function).get(layer.backward.named("grad_output"))
        if upstream is not None:
            return upstream
    return _image_rank(layer.thing) or layer.usual


def _image_rank(thing: type) -> int:
    """How many axes images have in any method; 0 where no method says."""
    for method in methods_of(thing):
        for name, rank in source.ranks(method).items():
            if name.lower() in IMAGE.split() or name in ("last_input", "input_data"):
                return rank
    return 0


def _image_forms(layer: Layer, layout: str | None) -> Iterator[Form]:
    rank = _rank(layer)
    first, last = {4: ("NCHW", "NHWC"), 3: ("CHW", "HWC"), 2: ("HW", "HW")}.get(rank, ("NCHW", "NHWC"))
    if rank == 4 and layer.formula == "conv2d" and layer.new.named("input_shape"):
        # Many of these take one image at a time.
        yield from (Form(images=i, outputs=i) for i, c in (("CHW", "nchw"), ("HWC", "nhwc")) if layout in (None, c))
    if rank == 2:
        outputs = ("HWC", "CHW") if layer.formula == "conv2d" else ("HW",)
        yield from (Form(images="HW", outputs=out) for out in outputs)
        return
    for images, called in ((first, "nchw"), (last, "nhwc")):
        if layout in (None, called):
            yield Form(images=images, outputs=images)


def _weighted(layer: Layer) -> Iterator[Layer]:
    """The layer with its weights found in a trial instance; where it is made of any weights, in each likely order."""
    orders = ("OI", "IO") if layer.formula == "linear" else KERNELS[layer.form.images]
    if "weight" in layer.new:
        for order in (one for one in orders if "(" not in one):
            form = _with_order(layer, order)
            yield from itertools.islice(_found_weights(replace(layer, form=form), (order,)), 1)
        return
    yield from _found_weights(layer, orders)


def _found_weights(layer: Layer, orders: tuple[str, ...]) -> Iterator[Layer]:
    question = trial(layer)
    every = holders.places(layer.instance(question))
    kept = [one for one in every if not one.gradient and isinstance(one.get(), np.ndarray)]
    kept.sort(key=lambda one: one.role != "weight")
    weight, o = question.arrays["weight"], len(question.arrays["bias"])
    for kept_in, order in itertools.product(kept, orders):
        form = _with_order(layer, order)
        wanted = value("weight", question, form)
        if kept_in.get().shape == wanted.shape and kept_in.role != "bias":
            biases = [p for p in kept if p is not kept_in and _is_bias(p.get(), o, p.role)]
            biases.sort(key=lambda p: p.role != "bias")
            yield _completed(layer, form, kept_in.name, biases[0] if biases else None)
            return
    if not layer.lazy:
        with contextlib.suppress(Exception, SystemExit):  # whatever a forward without weights raises
            yield from _found_weights(replace(layer, lazy=True), orders)
            return
    for unset in every:
        if unset.get() is None and unset.role == "weight":
            bias = next((p for p in every if p.get() is None and p.role == "bias"), None)
            yield _completed(layer, _with_order(layer, orders[0]), unset.name, bias)
            return
    raise NotUnderstoodError(
        f"after construction it has no attribute with {weight.size} weights ({'x'.join(map(str, weight.shape))})",
        "weights that the constructor makes, in an attribute such as self.weight",
    )


def _is_bias(array: Array, o: int, role: str) -> bool:
    return (array.size == o and o in array.shape) or (role == "bias" and array.ndim == 3 and len(array) == o)


def _with_order(layer: Layer, order: str) -> Form:
    form = layer.form
    if layer.formula == "linear":
        return Form(weights=order)
    return Form(images=form.images, outputs=form.outputs, kernels=order)


def _completed(layer: Layer, form: Form, weight: str, bias: Place | None) -> Layer:
    """With what a bias says of the form: (out, 1) goes with columns, (O, oH, oW) with one image at a time."""
    held = None if bias is None else bias.get()
    updates = False
    if layer.backward is not None and source.returns(layer.backward.function) is None:
        kept = {gradient_of(name) for name in source.attributes(layer.thing)}
        rate = "lr" in layer.backward or "lr" in layer.new
        updates = rate and "grad_weight" not in kept
    if held is not None and layer.formula == "linear" and held.ndim == 2 and held.shape[1] == 1:
        form = Form(weights=form.weights, columns=True)
    called = "" if bias is None else bias.name
    return replace(layer, form=form, weight=weight, bias=called, updates=updates, bias_told=_bias_told(held))


def _bias_told(held: Array | None) -> str:
    """What a reader should know of the shape of a bias that is not (O,)."""
    if held is None or held.ndim == 1:
        return ""
    if held.ndim == 3 and held.size > len(held):
        return "the bias has one number for each pixel of the output; their gradients are added up here"
    letters = ", ".join("1" if size == 1 else "O" for size in held.shape)
    return f"the bias has shape ({letters})"


def _results(layer: Layer, has_bias: bool) -> tuple[str, ...]:
    """What the backward gives."""
    assert layer.backward is not None
    results = results_of(f"{layer.formula}_backward")
    function = layer.backward.function
    if not has_bias:
        results = tuple(one for one in results if one != "grad_bias")
    kept = {gradient_of(name) for name in source.attributes(layer.thing)}
    if source.returns_nothing(function) and "grad_input" not in kept and len(results) > 1:
        results = tuple(one for one in results if one != "grad_input")
    if len(results) > 1 and not layer.updates and source.returns(function) is None and not _keeps(layer, kept):
        return ("grad_input",)
    return results


def _keeps(layer: Layer, kept: set[str]) -> bool:
    """Whether gradients of parameters seem to be kept anywhere."""
    return "grad_weight" in kept or any(source.mentions(one, "grad") for one in methods_of(layer.thing))


def _conventions(layer: Layer, backward: bool = False) -> tuple[str, ...]:
    said = list(layer.form.conventions)
    fixed = fixed_sizes(layer)
    if "k" in fixed:
        said.append(f"its window is always {fixed['k']}x{fixed['k']}")
    if layer.formula == "conv2d":
        said += [words for role, words in (("stride", "its stride is always 1"), ("padding", "it has no padding"))
                 if role not in layer.new]  # fmt: skip
    if layer.formula in ("conv2d", "linear") and not layer.bias:
        said.append("it has no bias")
    said += [layer.bias_told] if layer.bias_told else []
    said += ["its weights are made in the first forward"] if layer.lazy else []
    said += [f"its {role} is not used" for role in unused(layer)]
    if one_sample(layer):
        said.append("it takes one sample at a time")
    if backward and _derivative(layer):
        said.extend(Form(derivative=True).conventions)
    if backward and layer.updates:
        said.append("the parameters are updated inside the backward: their gradients are what changes at a rate of 1")
    return tuple(said)


def _forward(layer: Layer) -> Callable[[Question], Run]:
    def prepare(question: Question) -> Run:
        instance = layer.instance(question)

        def run(q: Question) -> Results:
            return {"output": taken(_output(layer, instance, q), q, layer.form, "output")}

        return _each(layer, run)

    return prepare


def _each(layer: Layer, run: Run) -> Run:
    """``run``, once for each sample where a loss takes no batch."""
    return (lambda question: sample_by_sample(question, run)) if layer.form.one_sample else run


def _output(layer: Layer, instance: Any, question: Question) -> Any:
    layer.set(instance, question)
    found = layer.forward.call(question, layer.form, first=(instance,))
    if found is None:
        return getattr(instance, "output", None)  # kept, not returned
    return found[0] if isinstance(found, tuple) and found else found


def _backward(layer: Layer) -> Callable[[Question], Run]:
    assert layer.backward is not None
    backward = layer.backward

    def prepare(question: Question) -> Run:
        instance = layer.instance(question)

        def run(q: Question) -> Results:
            _forget(instance)
            _output(layer, instance, q)
            before = {name: np.array(place_of(instance, name).get()) for name in (layer.weight, layer.bias) if name}
            returned = backward.call(q, layer.form, first=(instance,))
            returned = getattr(instance, "dinputs", None) if returned is None else returned
            if _derivative(layer):
                return {"grad_input": q.grad_output * np.asarray(returned)}
            found = _gradients(layer, instance, returned, before)
            return {name: taken(_summed(held, q, name), q, layer.form, name) for name, held in found.items()}

        return _each(layer, run)

    return prepare


def _derivative(layer: Layer) -> bool:
    """Whether what is called backward gives the slope at an input, and nothing comes from above."""
    bound = layer.backward
    return layer.formula in (*POINTWISE, "softmax") and bound is not None and "grad_output" not in bound


def _summed(held: Any, question: Question, name: str) -> Any:
    """The gradient of a bias that has one number for each pixel, summed to one for each output."""
    if name == "grad_bias" and question.formula == "conv2d" and np.ndim(held) == 3:
        upstream = question.grad_output
        if upstream is not None and np.shape(held) == upstream.shape[-3:]:
            return np.asarray(held).sum((1, 2))
    return held


def _forget(instance: Any) -> None:
    """Set gradients that add up back to 0, as torch's users do: ``zero_grad``, or a parameter's ``grad``."""
    zero = inspect.getattr_static(type(instance), "zero_grad", None)
    if inspect.isfunction(zero):
        instance.zero_grad()
        return
    for place in holders.places(instance):
        grad = getattr(place.owner, "grad", None)
        if isinstance(grad, np.ndarray):
            place.owner.grad = np.zeros_like(grad)


def _gradients(layer: Layer, instance: Any, returned: Any, before: dict[str, Array]) -> Results:
    """What a backward gave: returned, kept in attributes, or as updates of the parameters."""
    assert layer.backward is not None
    found: Results = {}
    every = results_of(f"{layer.formula}_backward")
    if isinstance(returned, tuple | list):
        names = [gradient_of(one) for one in source.returns(layer.backward.function) or ()]
        names = names if names and "" not in names else list(every)
        found |= dict(zip(names, returned, strict=False))
    elif returned is not None:
        found["grad_input"] = returned
    for role, name in (("grad_weight", layer.weight), ("grad_bias", layer.bias)):
        if not name or found.get(role) is not None:
            continue
        place = place_of(instance, name)
        if layer.updates:
            found[role] = before[name] - np.asarray(place.get())
        elif getattr(place.owner, "grad", None) is not None:
            found[role] = place.owner.grad
    for place in holders.places(instance):
        held = place.get()
        if place.gradient in every and found.get(place.gradient) is None and held is not None:
            found[place.gradient] = held
    return found
