"""Kinsley's *Neural Networks from Scratch*: ``Layer_Dense``, ``Activation_ReLU``, ``.output``, ``.dinputs`` ..."""

import re
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from torch_parity.doctor.question import Question
from torch_parity.doctor.styles.calls import images_first, images_last, line_of, parameters
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
from torch_parity.doctor.styles.losses import Manner, loss_ways, probabilities, to_scores
from torch_parity.doctor.styles.rates import set_rate, steps
from torch_parity.doctor.subject import Reading, Results, Run, Subject, Takes

SIGNATURE = "as in Neural Networks from Scratch"
PREFIX = re.compile(r"(Layer|Activation|Loss|Optimizer)_")
# What the constructors of the layers that people add call their sizes.
INPUTS = ("n_inputs", "n_channels", "in_channels", "input_channels", "num_channels", "channels", "input_depth", "depth")
OUTPUTS = ("n_filters", "n_kernels", "num_filters", "num_kernels", "out_channels", "output_channels", "filters")
KERNEL = ("kernel_size", "filter_size", "pool_size", "size", "kernel", "pool")
IMAGES_LAST = "images are stored N,H,W,C"
KERNEL_NAMES = ("weights", "kernels", "filters", "kernel")


def find(things: dict[str, Any]) -> Iterator[Subject]:
    """The layers, losses and optimizers of the book among ``things``."""
    for name, thing in things.items():
        if not isinstance(thing, type) or not _is_ours(thing):
            continue
        plain = name.lower().replace("_", "")
        if has(thing, "forward"):
            for pattern, finder in _FINDERS.items():
                if re.search(pattern, plain):
                    yield from finder(thing)
                    break
        elif "softmax" in plain and "loss" in plain and has(thing, "backward"):
            yield from _softmax_and_loss(thing)
        elif "sgd" in plain and has(thing, "update_params"):
            yield _update(thing)


def _is_ours(thing: type) -> bool:
    if PREFIX.match(thing.__name__):
        return True
    return bool({"dinputs", "dvalues"} & words(thing)) or has(thing, "pre_update_params")


def _output(layer: Any, *given: Any) -> Any:
    """What a forward leaves in ``.output``; what it returns where there is no such attribute."""
    training = {"training": True} if "training" in parameters(layer.forward) else {}
    value = layer.forward(*given, **training)
    kept = getattr(layer, "output", None)
    return value if kept is None else kept


def _input_gradient(layer: Any, *given: Any) -> Any:
    value = layer.backward(*given)
    kept = getattr(layer, "dinputs", None)
    return value if kept is None else kept


def _dense(layer: type) -> Iterator[Subject]:
    def way(stored: Callable[[Any], Any], *said: str) -> Way:
        def make(question: Question) -> Any:
            if (shape := np.shape(layer(2, 3).weights)) != stored(np.zeros((3, 2))).shape:
                raise ValueError(f"the weights of {layer.__name__}(2, 3) have the shape {shape}")
            outputs, inputs = question.arrays["weight"].shape
            return layer(inputs, outputs)

        def forward(made: Any, question: Question) -> Any:
            made.weights = stored(question.arrays["weight"])
            made.biases = shaped_as(question.arrays["bias"], made.biases)
            return _output(made, question.arrays["input"])

        def backward(made: Any, question: Question) -> Results:
            grad = _input_gradient(made, question.grad_output)
            weight = stored(getattr(made, "dweights", None))
            return {"grad_input": grad, "grad_weight": weight, "grad_bias": flat(getattr(made, "dbiases", None))}

        return Way(make, forward, backward, said)

    if len(required(layer)) == 2:
        ways = [way(transposed, "the weights are stored (in, out)"), way(lambda weight: weight)]
        yield from halves(layer, "linear", "nnfs", SIGNATURE, ways, Takes())


def _plain(formula: str, takes: Takes) -> Callable[[type], Iterator[Subject]]:
    """A layer that is made of nothing: an activation."""

    def finder(layer: type) -> Iterator[Subject]:
        if not required(layer):
            way = Way(lambda question: layer(), _output_of_images, _gradient_of_images)
            yield from halves(layer, formula, "nnfs", SIGNATURE, [way], takes)

    return finder


def _output_of_images(made: Any, question: Question) -> Any:
    return _output(made, question.arrays["input"])


def _gradient_of_images(made: Any, question: Question) -> Results:
    return {"grad_input": _input_gradient(made, question.grad_output)}


def _pooling(formula: str) -> Callable[[type], Iterator[Subject]]:
    def finder(layer: type) -> Iterator[Subject]:
        def make(question: Question) -> Any:
            kernel, _, stride = pool_size(question)
            return _with_kernel(layer, kernel, spelled({**question.options, "stride": stride}))

        def forward_last(made: Any, question: Question) -> Any:
            return images_first(_output(made, images_last(question.arrays["input"])))

        def backward_last(made: Any, question: Question) -> Results:
            assert question.grad_output is not None
            return {"grad_input": images_first(_input_gradient(made, images_last(question.grad_output)))}

        known = {*KERNEL, *spelled({"stride": 1, "padding": 0})}
        if set(parameters(layer)) & set(KERNEL) and {name.lower() for name in required(layer)} <= known:
            takes = Takes(takes_from(layer, ("stride", "padding")), square=True)
            ways = [
                Way(make, _output_of_images, _gradient_of_images),
                Way(make, forward_last, backward_last, (IMAGES_LAST,)),
            ]
            yield from halves(layer, formula, "nnfs", SIGNATURE, ways, takes)

    return finder


def _with_kernel(layer: type, kernel: int, given: dict[str, Any]) -> Any:
    """An instance with a square window, whose size is one number or, where that is refused, two."""
    try:
        return construct(layer, given | dict.fromkeys(KERNEL, kernel))
    except TypeError:
        return construct(layer, given | dict.fromkeys(KERNEL, (kernel, kernel)))


def _convolution(layer: type) -> Iterator[Subject]:
    def way(order: tuple[int, ...], last: bool, *said: str) -> Way:
        """``order``: the axes of the kernels as the layer stores them, of (O, C, kH, kW)."""

        def made_of(outputs: int, channels: int, kernel: int, options: dict[str, Any]) -> Any:
            sizes = dict.fromkeys(INPUTS, channels) | dict.fromkeys(OUTPUTS, outputs)
            return _with_kernel(layer, kernel, sizes | spelled(options))

        def make(question: Question) -> Any:
            probe = made_of(4, 3, 2, question.options)
            shape = np.shape(getattr(probe, _kernels(probe)))
            if shape != np.zeros((4, 3, 2, 2)).transpose(order).shape:
                raise ValueError(f"4 kernels of 3 channels and 2 x 2 pixels are stored in the shape {shape}")
            outputs, channels, kernel, _ = question.arrays["weight"].shape
            return made_of(outputs, channels, kernel, question.options)

        def forward(made: Any, question: Question) -> Any:
            x = question.arrays["input"]
            setattr(made, _kernels(made), question.arrays["weight"].transpose(order))
            made.biases = shaped_as(question.arrays["bias"], made.biases)
            output = _output(made, images_last(x) if last else x)
            return images_first(output) if last else output

        def backward(made: Any, question: Question) -> Results:
            g = question.grad_output
            assert g is not None
            grad = _input_gradient(made, images_last(g) if last else g)
            weight: Any = getattr(made, "d" + _kernels(made), None)
            return {
                "grad_input": images_first(grad) if last and np.ndim(grad) == 4 else grad,
                "grad_weight": np.transpose(weight, np.argsort(order)) if np.ndim(weight) == 4 else weight,
                "grad_bias": flat(getattr(made, "dbiases", None)),
            }

        return Way(make, forward, backward, said)

    known = {*INPUTS, *OUTPUTS, *KERNEL, *spelled({"stride": 1, "padding": 0})}
    given = {name.lower() for name in parameters(layer)}
    if not (given & set(OUTPUTS) and given & set(KERNEL)) or {n.lower() for n in required(layer)} - known:
        return
    stored = {(0, 1, 2, 3): (), (2, 3, 1, 0): ("the kernels are stored (kH, kW, C, O)",),
              (0, 2, 3, 1): ("the kernels are stored (O, kH, kW, C)",)}  # fmt: skip
    ways = [
        way(order, last, *said, *((IMAGES_LAST,) if last else ()))
        for last in (False, True)
        for order, said in stored.items()
    ]
    takes = Takes(takes_from(layer, ("stride", "padding")), square=True)
    yield from halves(layer, "conv2d", "nnfs", SIGNATURE, ways, takes)


def _kernels(layer: Any) -> str:
    """The name under which a layer keeps its kernels.  AttributeError where it has none that is known."""
    kept: dict[str, Any] = {name: getattr(layer, name, None) for name in KERNEL_NAMES}
    name = next((name for name, value in kept.items() if np.ndim(value) == 4), None)
    if name is None:
        raise AttributeError(f"{type(layer).__name__} has no kernels under the names {', '.join(KERNEL_NAMES)}")
    return name


def _loss(loss: type) -> Iterator[Subject]:
    def way(manner: Manner) -> Way:
        def forward(made: Any, question: Question) -> Any:
            # Where there is a calculate, it takes the mean, rightly or wrongly; forward gives one number per sample.
            call = _calculate(made) if has(loss, "calculate") else made.forward
            return manner.loss(call(manner.first(question), manner.target(question)), question)

        def backward(made: Any, question: Question) -> Results:
            grad = _input_gradient(made, manner.first(question), manner.target(question))
            return {"grad_input": to_scores(grad, question) if manner.probabilities else grad}

        return Way(lambda question: loss(), forward, backward, manner.conventions)

    yield from halves(
        loss, "cross_entropy", "nnfs", SIGNATURE, loss_ways(way, (True, False)), Takes(),
        backward_ways=loss_ways(way, (True, False), (False,)),
    )  # fmt: skip


def _calculate(loss: Any) -> Callable[..., Any]:
    """The mean that the common base of the losses takes; its sums over batches begin anew."""
    if has(type(loss), "new_pass"):
        loss.new_pass()

    def call(*given: Any) -> Any:
        value = loss.calculate(*given)
        return value[0] if isinstance(value, tuple) and value else value

    return call


def _softmax_and_loss(layer: type) -> Iterator[Subject]:
    def way(manner: Manner) -> Way:
        def forward(made: Any, question: Question) -> Any:
            return manner.loss(made.forward(question.arrays["input"], manner.target(question)), question)

        def backward(made: Any, question: Question) -> Results:
            return {"grad_input": _input_gradient(made, probabilities(question), manner.target(question))}

        starts = forward if has(layer, "forward") else lambda made, question: None
        return Way(lambda question: layer(), starts, backward, manner.conventions)

    yield from halves(layer, "cross_entropy", "nnfs", SIGNATURE, loss_ways(way), Takes())


def _update(optimizer: type) -> Subject:
    def prepare(question: Question) -> Run:
        def run(q: Question) -> Results:
            lr, momentum = q.options["lr"], q.options["momentum"]
            made = construct(optimizer, {"learning_rate": lr, "lr": lr, "momentum": momentum})
            # The first row is the bias, so that both of a layer's parameters are asked.
            parameter = q.arrays["parameter"]
            layer = SimpleNamespace(weights=parameter[1:], biases=parameter[:1])
            for grad, asked in steps(q):
                set_rate(made, asked)
                layer.dweights, layer.dbiases = grad[1:], grad[:1]
                for step in ("pre_update_params", "update_params", "post_update_params"):
                    if has(optimizer, step):
                        getattr(made, step)(*[layer][: len(parameters(method(optimizer, step)))])
            return {"output": np.concatenate([layer.biases, layer.weights])}

        return run

    name, takes = optimizer.__name__, Takes(takes_from(optimizer, ("momentum",)))
    return Subject(
        "sgd", name, "nnfs", SIGNATURE, ("output",), (Reading(prepare),), takes, layer=name, line=line_of(optimizer)
    )


# By the name of the class in lower case and without underscores; the first that fits.
_FINDERS: dict[str, Callable[[type], Iterator[Subject]]] = {
    r"softmax.*loss|loss.*softmax": _softmax_and_loss,
    r"^(?!.*binary).*crossentropy": _loss,
    r"dense": _dense,
    r"^(?!.*leaky).*relu$": _plain("relu", Takes()),
    r"softmax$": _plain("softmax", Takes(ranks=(2,))),
    r"conv": _convolution,
    r"max.*pool": _pooling("max_pool2d"),
    r"(average|avg|mean).*pool": _pooling("avg_pool2d"),
    r"flatten": _plain("flatten", Takes()),
}
