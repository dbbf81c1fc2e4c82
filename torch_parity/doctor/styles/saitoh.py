"""Saitoh's *Deep Learning from Scratch*: ``Convolution(W, b, stride, pad)``, ``Affine``, ``SoftmaxWithLoss`` ..."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from torch_parity.doctor.question import Array, Question
from torch_parity.doctor.styles.calls import line_of, parameters
from torch_parity.doctor.styles.layers import (
    Way,
    construct,
    flat,
    forward_reading,
    halves,
    has,
    method,
    pool_size,
    required,
    spelled,
    takes_from,
    transposed,
)
from torch_parity.doctor.styles.losses import Manner, loss_ways
from torch_parity.doctor.styles.rates import set_rate, steps
from torch_parity.doctor.subject import Reading, Results, Run, Subject, Takes

SIGNATURE = "as in Deep Learning from Scratch"
LAYER_NAMES = ("Convolution", "Pooling", "Affine", "Relu", "ReLU", "SoftmaxWithLoss")
UPDATES = ("SGD", "Momentum")
FUNCTIONS = ("softmax", "cross_entropy_error")


def find(things: dict[str, Any]) -> Iterator[Subject]:
    """The layers, functions and optimizers of the book among ``things``."""
    candidates = {name: thing for name, thing in things.items() if name in LAYER_NAMES}
    # Beside a layer that can be no other's, the names of arguments do not matter.
    certain = any(
        name in ("Convolution", "Affine", "Pooling") and _is_layer(thing) for name, thing in candidates.items()
    )
    layers = {name: thing for name, thing in candidates.items() if _is_layer(thing, certain)}
    for name, layer in layers.items():
        yield from _FINDERS[name](layer)
    for name in UPDATES:
        thing = things.get(name)
        if isinstance(thing, type) and parameters(method(thing, "update"))[:2] == ["params", "grads"]:
            yield _update(thing)
    if layers or "cross_entropy_error" in things:
        for name in FUNCTIONS:
            function = things.get(name)
            if function is not None and not isinstance(function, type):
                yield from _FUNCTIONS[name](function)


def _is_layer(thing: Any, certain: bool = False) -> bool:
    """Whether it is the book's, by the names of its arguments unless ``certain``: others call their layers alike."""
    if not isinstance(thing, type) or not has(thing, "forward"):
        return False
    first, upstream = parameters(thing), parameters(method(thing, "backward"))
    if len(required(method(thing, "backward"))) > 1 and not thing.__name__.endswith("Loss"):
        return False
    if thing.__name__ in ("Convolution", "Affine"):
        return [name.lower() for name in first[:2]] == ["w", "b"]
    if thing.__name__ == "Pooling":
        return first[:2] == ["pool_h", "pool_w"]
    return not first and (certain or not has(thing, "backward") or upstream[:1] == ["dout"])


def _with_weights(
    layer: type, extra: Callable[[Question], dict[str, Any]], stored: Callable[[Array], Array]
) -> "_Made":
    def make(question: Question) -> _Instance:
        given = {"w": stored(question.arrays["weight"]), "b": question.arrays["bias"], **extra(question)}
        return _Instance(lambda w, b: construct(layer, {**given, "w": w, "b": b}), given["w"], given["b"])

    return make


class _Instance:
    """An instance that was made of its weights; afterwards they are set where it keeps them."""

    def __init__(self, make: Callable[[Array, Array], Any], w: Array, b: Array) -> None:
        """By ``make(w, b)``."""
        self._make = make
        self.layer = make(w, b)
        kept = vars(self.layer) if hasattr(self.layer, "__dict__") else {}
        self._names = [next((name for name, value in kept.items() if value is given), None) for given in (w, b)]

    def set(self, w: Array, b: Array) -> Any:
        """The layer with these weights; made anew where it does not keep them as they are."""
        weight, bias = self._names
        if weight is None or bias is None:
            self.layer = self._make(w, b)
        else:
            setattr(self.layer, weight, w)
            setattr(self.layer, bias, b)
        return self.layer


_Made = Callable[[Question], _Instance]


def _convolution(layer: type) -> Iterator[Subject]:
    def forward(made: _Instance, question: Question) -> Any:
        return made.set(question.arrays["weight"], question.arrays["bias"]).forward(question.arrays["input"])

    def backward(made: _Instance, question: Question) -> Results:
        grad = made.layer.backward(question.grad_output)
        return {"grad_input": grad, **_parameter_gradients(made.layer)}

    options = takes_from(layer, ("stride", "padding", "dilation", "groups"))
    make = _with_weights(layer, lambda question: spelled(question.options), lambda weight: weight)
    yield from halves(layer, "conv2d", "saitoh", SIGNATURE, [Way(make, forward, backward)], Takes(options))


def _parameter_gradients(layer: Any) -> Results:
    """As ``dW`` and ``db``; in the second volume as a list ``grads``."""
    grads = getattr(layer, "grads", None)
    if isinstance(grads, list) and len(grads) == 2:
        return {"grad_weight": grads[0], "grad_bias": flat(grads[1])}
    return {"grad_weight": getattr(layer, "dW", None), "grad_bias": flat(getattr(layer, "db", None))}


def _pooling(layer: type) -> Iterator[Subject]:
    def make(question: Question) -> Any:
        height, width, stride = pool_size(question)
        given = {"pool_h": height, "pool_w": width, **spelled({**question.options, "stride": stride})}
        return construct(layer, given)

    options = takes_from(layer, ("stride", "padding"))
    yield from halves(layer, "max_pool2d", "saitoh", SIGNATURE, [Way(make, _forward, _backward)], Takes(options))


def _relu(layer: type) -> Iterator[Subject]:
    way = Way(lambda question: layer(), _forward, _backward)
    yield from halves(layer, "relu", "saitoh", SIGNATURE, [way], Takes())


def _forward(layer: Any, question: Question) -> Any:
    return layer.forward(question.arrays["input"])


def _backward(layer: Any, question: Question) -> Results:
    return {"grad_input": layer.backward(question.grad_output)}


def _affine(layer: type) -> Iterator[Subject]:
    def way(images: bool, stored: Callable[[Any], Any], *said: str) -> Way:
        def forward(made: _Instance, question: Question) -> Any:
            weight, bias = stored(question.arrays["weight"]), question.arrays["bias"]
            return made.set(weight, bias).forward(_as_images(question) if images else question.arrays["input"])

        def backward(made: _Instance, question: Question) -> Results:
            grad = made.layer.backward(question.grad_output)
            if images and np.shape(grad) == _as_images(question).shape:
                grad = np.asarray(grad).reshape(question.arrays["input"].shape)
            found = _parameter_gradients(made.layer)
            return {"grad_input": grad, **found, "grad_weight": stored(found["grad_weight"])}

        return Way(_with_weights(layer, lambda question: {}, stored), forward, backward, said)

    in_out, flattened = "the weights are stored (in, out)", "the input must be flattened before"
    ways = [
        way(True, transposed, in_out),
        way(False, transposed, in_out, flattened),
        way(True, lambda weight: weight),
        way(False, lambda weight: weight, flattened),
    ]
    yield from halves(layer, "linear", "saitoh", SIGNATURE, ways, Takes())


def _as_images(question: Question) -> Array:
    """An even number of inputs as images (N, I / 2, 1, 2), which the book's layer flattens."""
    x = question.arrays["input"]
    return x.reshape(len(x), -1, 1, 2) if x.shape[1] % 2 == 0 else x


def _softmax_with_loss(layer: type) -> Iterator[Subject]:
    def way(manner: Manner) -> Way:
        def forward(made: Any, question: Question) -> Any:
            return manner.loss(made.forward(manner.first(question), manner.target(question)), question)

        def backward(made: Any, question: Question) -> Results:
            return {"grad_input": made.backward(*[1.0][: len(parameters(made.backward))])}

        return Way(lambda question: layer(), forward, backward, manner.conventions)

    yield from halves(layer, "cross_entropy", "saitoh", SIGNATURE, loss_ways(way), Takes())


def _cross_entropy_error(function: Callable[..., Any]) -> Iterator[Subject]:
    def way(manner: Manner) -> Way:
        def forward(made: None, question: Question) -> Any:
            return manner.loss(function(manner.first(question), manner.target(question)), question)

        return Way(lambda question: None, forward, lambda made, question: {}, manner.conventions)

    if len(parameters(function)) == 2:
        readings = tuple(forward_reading(one) for one in loss_ways(way, (True, False)))
        yield _function("cross_entropy", function, readings, Takes())


def _softmax(function: Callable[..., Any]) -> Iterator[Subject]:
    def batch(question: Question) -> Results:
        return {"output": function(question.arrays["input"])}

    def one_by_one(question: Question) -> Results:
        return {"output": np.stack([function(row) for row in question.arrays["input"]])}

    if len(parameters(function)) == 1:
        readings = (
            Reading(lambda question: batch),
            Reading(lambda question: one_by_one, ("the function takes one sample, not a batch",)),
        )
        yield _function("softmax", function, readings, Takes(ranks=(2,)))


def _function(formula: str, function: Callable[..., Any], readings: tuple[Reading, ...], takes: Takes) -> Subject:
    name = function.__name__
    return Subject(formula, name, "saitoh", SIGNATURE, ("output",), readings, takes, layer=name, line=line_of(function))


def _update(optimizer: type) -> Subject:
    def prepare(held: Callable[[Array], Any], key: Any) -> Callable[[Question], Run]:
        def run(q: Question) -> Results:
            lr, momentum = q.options["lr"], q.options["momentum"]
            made = construct(optimizer, {"lr": lr, "learning_rate": lr, "momentum": momentum})
            params = held(q.arrays["parameter"])
            for grad, asked in steps(q):
                set_rate(made, asked)
                made.update(params, held(grad))
            return {"output": params[key]}

        return lambda question: run

    readings = (
        Reading(prepare(lambda array: {"W": array}, "W")),
        Reading(prepare(lambda array: [array], 0), ("the parameters and the gradients are lists",)),
    )
    takes = Takes(takes_from(optimizer, ("momentum",)))
    name = optimizer.__name__
    return Subject("sgd", name, "saitoh", SIGNATURE, ("output",), readings, takes, layer=name, line=line_of(optimizer))


_FINDERS: dict[str, Callable[[type], Iterator[Subject]]] = {
    "Convolution": _convolution,
    "Pooling": _pooling,
    "Affine": _affine,
    "Relu": _relu,
    "ReLU": _relu,
    "SoftmaxWithLoss": _softmax_with_loss,
}
_FUNCTIONS: dict[str, Callable[[Callable[..., Any]], Iterator[Subject]]] = {
    "softmax": _softmax,
    "cross_entropy_error": _cross_entropy_error,
}
