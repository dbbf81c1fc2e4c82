"""CMU 11-785: ``Conv2d_stride1``, ``Linear`` and their like, which keep ``dLdW`` and ``dLdb``; images N,C,H,W."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

import reference
from torch_parity.doctor.question import Array, Question
from torch_parity.doctor.styles.calls import line_of, parameters
from torch_parity.doctor.styles.layers import (
    Way,
    construct,
    flat,
    halves,
    has,
    method,
    pool_size,
    required,
    shaped_as,
    spelled,
    takes_from,
    transposed,
    words,
)
from torch_parity.doctor.styles.losses import TWO, Manner, loss_ways
from torch_parity.doctor.styles.rates import set_rate, steps
from torch_parity.doctor.subject import Reading, Results, Run, Subject, Takes

SIGNATURE = "11-785's signature"
GRADIENT_NAMES = {"dLdA", "dLdZ", "dLdW", "dLdb", "dAdZ"}
LOSSES = ("CrossEntropyLoss", "SoftmaxCrossEntropy")
MEAN_IN_THE_LAYER = "the mean over the batch is taken in the layer, not in the loss"


def find(things: dict[str, Any]) -> Iterator[Subject]:
    """The layers, losses and optimizers of the course's homework among ``things``."""
    for name, thing in things.items():
        finder = _FINDERS.get(name.lower())
        if finder is not None and isinstance(thing, type) and _is_ours(thing):
            yield from finder(thing)
        elif name == "SGD" and isinstance(thing, type) and has(thing, "step") and _is_of_a_model(thing):
            yield _update(thing)


def _is_ours(layer: type) -> bool:
    """By the names of its variables: A, Z, dLdA, dLdZ; others call their layers alike."""
    if not has(layer, "forward"):
        return False
    return bool(GRADIENT_NAMES & words(layer)) or parameters(method(layer, "forward"))[:1] in (["A"], ["Z"])


def _is_of_a_model(optimizer: type) -> bool:
    return parameters(optimizer)[:1] == ["model"] and "layers" in words(optimizer)


def _beside(thing: type, *names: str) -> type | None:
    """A class that stands in the same file, by name."""
    methods = (method(thing, name) for name in ("forward", "step"))
    known: dict[str, Any] = next((one.__globals__ for one in methods if hasattr(one, "__globals__")), {})
    return next((known[name] for name in names if isinstance(known.get(name), type)), None)


def _made_of(layer: type, sizes: dict[str, Any]) -> Any:
    """An instance.  Functions that make the first weights are given where there is no default."""
    needed = required(layer)
    zeros: dict[str, Any] = {
        name: (lambda *shape: np.zeros(shape)) for name in ("weight_init_fn", "bias_init_fn") if name in needed
    }
    return construct(layer, {**sizes, **zeros})


def _holders(layer: Any) -> list[Any]:
    """The layer itself if it has weights, and the layers in it that have: Conv2d keeps a Conv2d_stride1."""
    return [one for one in (layer, *getattr(layer, "__dict__", {}).values()) if hasattr(one, "W") and hasattr(one, "b")]


def _set(layer: Any, weight: Array, bias: Array) -> None:
    for one in _holders(layer):
        if np.shape(one.W) != weight.shape:
            raise ValueError(f"the weights of {type(layer).__name__} have the shape {np.shape(one.W)}")
        one.W, one.b = weight, shaped_as(bias, one.b)


def _kept(layer: Any, *names: str) -> Any:
    """The first of these attributes that is set, in the layer or in the one that it keeps."""
    values = (getattr(one, name, None) for one in _holders(layer) for name in names)
    return next((value for value in values if value is not None), None)


def _convolution(layer: type) -> Iterator[Subject]:
    def make(question: Question) -> Any:
        outputs, channels, kernel, _ = question.arrays["weight"].shape
        sizes = {"in_channels": channels, "in_channel": channels, "out_channels": outputs, "out_channel": outputs}
        return _made_of(layer, {**sizes, "kernel_size": kernel, "kernel": kernel, **spelled(question.options)})

    def forward(made: Any, question: Question) -> Any:
        _set(made, question.arrays["weight"], question.arrays["bias"])
        return made.forward(question.arrays["input"])

    def backward(made: Any, question: Question) -> Results:
        grad = made.backward(question.grad_output)
        return {
            "grad_input": grad,
            "grad_weight": _kept(made, "dLdW", "dW"),
            "grad_bias": flat(_kept(made, "dLdb", "db")),
        }

    takes = Takes(takes_from(layer, ("stride", "padding")), square=True)
    yield from halves(layer, "conv2d", "cmu", SIGNATURE, [Way(make, forward, backward)], takes)


def _pooling(formula: str) -> "Finder":
    def finder(layer: type) -> Iterator[Subject]:
        def make(question: Question) -> Any:
            kernel, _, stride = pool_size(question)
            return construct(layer, {"kernel": kernel, "kernel_size": kernel, "stride": stride})

        options = takes_from(layer, ("stride",))
        takes = Takes(options, square=True, fixed={} if options else {"s": 1})
        yield from halves(layer, formula, "cmu", SIGNATURE, [Way(make, _forward, _backward)], takes)

    return finder


def _forward(layer: Any, question: Question) -> Any:
    return layer.forward(question.arrays["input"])


def _backward(layer: Any, question: Question) -> Results:
    return {"grad_input": layer.backward(question.grad_output)}


def _plain(formula: str, takes: Takes) -> "Finder":
    def backward_alone(layer: Any, question: Question) -> Results:
        return {"grad_input": question.grad_output * np.asarray(layer.backward())}

    def finder(layer: type) -> Iterator[Subject]:
        way = back = Way(lambda question: layer(), _forward, _backward)
        if has(layer, "backward") and not parameters(method(layer, "backward")):
            said = "backward gives the slope, which is multiplied by the upstream gradient here"
            back = Way(lambda question: layer(), _forward, backward_alone, (said,))
        yield from halves(layer, formula, "cmu", SIGNATURE, [way], takes, backward_ways=[back])

    return finder


def _linear(layer: type) -> Iterator[Subject]:
    out_in = _linear_way(layer, lambda weight: weight)
    in_out = _linear_way(layer, transposed, "the weights are stored (in, out)")
    averaged = [_averaged(way, _beside(layer, *LOSSES)) for way in (out_in, in_out)]
    yield from halves(
        layer, "linear", "cmu", SIGNATURE, [out_in, in_out], Takes(), backward_ways=[out_in, in_out, *averaged]
    )


def _linear_way(layer: type, stored: Callable[[Any], Any], *said: str) -> Way:
    def made_of(inputs: int, outputs: int) -> Any:
        sizes = {"in_features": inputs, "in_feature": inputs, "out_features": outputs, "out_feature": outputs}
        return _made_of(layer, sizes)

    def make(question: Question) -> Any:
        if (shape := np.shape(made_of(2, 3).W)) != stored(np.zeros((3, 2))).shape:
            raise ValueError(f"W of {layer.__name__}(2, 3) has the shape {shape}")
        outputs, inputs = question.arrays["weight"].shape
        return made_of(inputs, outputs)

    def forward(made: Any, question: Question) -> Any:
        _set(made, stored(question.arrays["weight"]), question.arrays["bias"])
        return made.forward(question.arrays["input"])

    def backward(made: Any, question: Question) -> Results:
        grad = made.backward(question.grad_output)
        return {
            "grad_input": grad,
            "grad_weight": stored(_kept(made, "dLdW", "dW")),
            "grad_bias": flat(_kept(made, "dLdb", "db")),
        }

    return Way(make, forward, backward, said)


def _averaged(way: Way, loss: type | None) -> Way:
    """As ``way``, for a layer that divides by N what the loss beside it does not."""

    def make(question: Question) -> Any:
        if loss is not None and not _gives(_loss_way(loss, ONE_HOT), TWO, {"grad_input": 2.0}):
            raise ValueError("the loss divides by N already")
        return way.make(question)

    def backward(made: Any, question: Question) -> Results:
        found = way.backward(made, question)
        samples = len(question.arrays["input"])
        both = ("grad_weight", "grad_bias")
        return {name: value * samples if name in both and value is not None else value for name, value in found.items()}

    return Way(make, way.forward, backward, (*way.conventions, MEAN_IN_THE_LAYER))


def _loss(loss: type) -> Iterator[Subject]:
    gradients = loss_ways(lambda manner: _loss_way(loss, manner), each=(False,), one_hot_first=True)
    linear = _beside(loss, "Linear")
    if linear is not None:
        gradients += [_summed(way, linear) for way in gradients]
    ways = loss_ways(lambda manner: _loss_way(loss, manner), one_hot_first=True)
    yield from halves(loss, "cross_entropy", "cmu", SIGNATURE, ways, Takes(), backward_ways=gradients)


def _loss_way(loss: type, manner: Manner) -> Way:
    def forward(made: Any, question: Question) -> Any:
        return manner.loss(made.forward(question.arrays["input"], manner.target(question)), question)

    def backward(made: Any, question: Question) -> Results:
        return {"grad_input": made.backward()}

    return Way(lambda question: loss(), forward, backward, manner.conventions)


def _summed(way: Way, linear: type) -> Way:
    """As ``way``, for a loss whose gradient is divided by N in the layer beside it."""

    def make(question: Question) -> Any:
        halved = {"grad_weight": 0.5, "grad_bias": 0.5}
        if not any(
            _gives(one, LINEAR, halved) for one in (_linear_way(linear, lambda w: w), _linear_way(linear, transposed))
        ):
            raise ValueError("no layer divides by N")
        return way.make(question)

    def backward(made: Any, question: Question) -> Results:
        (grad,) = way.backward(made, question).values()
        return {"grad_input": None if grad is None else grad / len(question.arrays["input"])}

    return Way(make, way.forward, backward, (*way.conventions, MEAN_IN_THE_LAYER))


ONE_HOT = Manner(one_hot=True, probabilities=False, each=False)
# A batch of two, which shows who divides by N.
LINEAR = Question(
    "linear",
    "lattice",
    {"input": np.array([[1.0, 2.0], [4.0, 3.0]]), "weight": np.ones((3, 2)), "bias": np.zeros(3)},
    {},
    np.array([[1.0, 0.0, 2.0], [3.0, 1.0, 0.0]]),
)


def _gives(way: Way, question: Question, times: dict[str, float]) -> bool:
    """Whether the gradients are the right ones ``times`` these numbers."""
    x = question.arrays["input"]
    if question.formula == "linear":
        assert question.grad_output is not None
        found = reference.linear_backward(question.grad_output, x, question.arrays["weight"])
        right = dict(zip(("grad_input", "grad_weight", "grad_bias"), found, strict=True))
    else:
        right = {"grad_input": reference.cross_entropy_backward(np.asarray(1.0), x, question.arrays["target"])[0]}
    try:
        made = way.make(question)
        way.forward(made, question)
        got = way.backward(made, question)
        return all(np.allclose(got[name], factor * np.asarray(right[name])) for name, factor in times.items())
    except Exception:  # whatever the student's code raises
        return False


def _update(optimizer: type) -> Subject:
    def prepare(question: Question) -> Run:
        def run(q: Question) -> Results:
            parameter = q.arrays["parameter"]
            layer = _empty(_beside(optimizer, "Linear"))
            # The first row is the bias, so that both of a layer's parameters are asked.
            layer.W, layer.b = parameter[1:], parameter[:1]
            layer.dLdW, layer.dLdb = np.zeros_like(layer.W), np.zeros_like(layer.b)
            given = {"model": SimpleNamespace(layers=[layer]), "lr": q.options["lr"], "momentum": q.options["momentum"]}
            made = construct(optimizer, given)
            for grad, asked in steps(q):
                set_rate(made, asked)
                layer.dLdW = layer.dW = grad[1:]
                layer.dLdb = layer.db = grad[:1]
                made.step()
            return {"output": np.concatenate([layer.b, layer.W])}

        return run

    name, takes = optimizer.__name__, Takes(takes_from(optimizer, ("momentum",)))
    return Subject(
        "sgd", name, "cmu", SIGNATURE, ("output",), (Reading(prepare),), takes, layer=name, line=line_of(optimizer)
    )


def _empty(linear: type | None) -> Any:
    """A layer with nothing in it: the file's own, for an optimizer that asks what it is."""
    return SimpleNamespace() if linear is None else object.__new__(linear)


Finder = Callable[[type], Iterator[Subject]]
_FINDERS: dict[str, Finder] = {
    "conv2d_stride1": _convolution,
    "conv2d": _convolution,
    "maxpool2d_stride1": _pooling("max_pool2d"),
    "maxpool2d": _pooling("max_pool2d"),
    "meanpool2d_stride1": _pooling("avg_pool2d"),
    "meanpool2d": _pooling("avg_pool2d"),
    "flatten": _plain("flatten", Takes()),
    "linear": _linear,
    "relu": _plain("relu", Takes()),
    "softmax": _plain("softmax", Takes(ranks=(2,))),
    **{name.lower(): _loss for name in LOSSES},
}
