"""*Dive into Deep Learning*: ``corr2d(X, K)``, ``pool2d(X, pool_size, mode)``, and their like, forward only.

One image at a time, mostly one channel; torch's tensors or NumPy's arrays, whichever the file computes with.
"""

import contextlib
import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from reference import softmax
from torch_parity.doctor.question import Array, Question
from torch_parity.doctor.styles import source
from torch_parity.doctor.styles.calls import line_of, parameters
from torch_parity.doctor.styles.rates import steps
from torch_parity.doctor.subject import Reading, Results, Run, Subject, Takes

Function = Callable[..., Any]
# Hands an array on as what the file computes with: the array itself, or a tensor that shares its memory.
As = Callable[[Array], Any]
# A call of the student's function, as it is put to it.
Call = Callable[[Question, As], Any]

SIGNATURE = "the signature of Dive into Deep Learning"
ONE_IMAGE = "one image at a time"
PLANE = "one image of one channel at a time"
ONE_STEP = "the window moves by one pixel: for a larger stride, every so many results are taken"
TENSORS = "it is given tensors of torch"
ONE_OUTPUT = "the weights have shape (in, 1)"
PROBABILITIES = "the loss takes probabilities"
PER_SAMPLE = "the loss is one number per sample: their mean is compared"
BATCH_SUM = "the gradient is that of a sum over the batch: the update divides it by batch_size"

# The numbers of dimensions of what these take.
ELEMENTWISE: dict[str, tuple[int, ...]] = {"relu": (2, 4), "softmax": (2,)}
SAMPLES = 4  # of the batch whose summed gradient an update gets


def find(things: dict[str, Any]) -> Iterator[Subject]:
    """The functions of *Dive into Deep Learning* among ``things``."""
    for name, thing in things.items():
        arguments = parameters(thing)
        if name == "Conv2D" and isinstance(thing, type) and arguments == ["kernel_size"]:
            yield _module(name, thing)
        elif isinstance(thing, type) or not arguments:
            continue
        elif name in CORRELATIONS and len(arguments) == 2:
            said, takes, call_of = CORRELATIONS[name]
            yield _subject("conv2d", name, thing, [((said,), call_of(thing))], takes)
        elif name == "pool2d" and len(arguments) in (2, 3, 4) and "size" in arguments[1]:
            yield from _pools(name, thing, arguments)
        elif arguments == ["X"] and name in ELEMENTWISE and not _of_one_vector(name, thing):
            yield _subject(name, name, thing, [((), _elementwise(thing))], Takes(ranks=ELEMENTWISE[name]))
        elif _is_loss(name, thing, arguments):
            yield _loss(name, thing)
        elif name in ("linreg", "linear") and arguments == ["X", "w", "b"]:
            yield _subject("linear", name, thing, [((ONE_OUTPUT,), _regression(thing))], Takes(fixed={"O": 1}))
        elif re.fullmatch(r"sgd(_momentum)?", name) and arguments[0] == "params":
            yield from _update(name, thing, arguments)


def _is_loss(name: str, function: Any, arguments: list[str]) -> bool:
    """Whether it is the book's loss of a batch, which takes class indices; others call theirs alike."""
    called = arguments == ["y_hat", "y"] and re.fullmatch(r"(softmax_)?cross_entropy(_loss)?", name) is not None
    return called and source.mentions(function, "range(", "torch", "gather", "F.", "functional")


def _of_one_vector(name: str, function: Any) -> bool:
    """Whether it is a softmax that knows of no axis, nor of torch: one of a single sample, which is not the book's."""
    return name == "softmax" and not source.mentions(function, "axis", "dim", "torch", "(1")


def _subject(formula: str, name: str, thing: Any, calls: list[tuple[tuple[str, ...], Call]], takes: Takes) -> Subject:
    """``calls``, each with its conventions, are asked with NumPy's arrays and, where the file knows torch, tensors."""
    readings = []
    for said, call in calls:
        for more, given in _kinds(thing):
            readings.append(Reading(_asked(call, given), (*said, *more)))
    results, line = ("output",), line_of(thing)
    return Subject(formula, name, "d2l", SIGNATURE, results, tuple(readings), takes, name, line)


def _asked(call: Call, given: As) -> Callable[[Question], Run]:
    def run(question: Question) -> Results:
        with _new_tensors_like(question):
            return {"output": call(question, given)}

    return lambda question: run


@contextlib.contextmanager
def _new_tensors_like(question: Question) -> Iterator[None]:
    """``torch.zeros(...)`` and its like give the question's dtype meanwhile, so that nothing is rounded in between."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_default_dtype()
    single = any(array.dtype == np.float32 for array in question.arrays.values())
    torch.set_default_dtype(torch.float32 if single else torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _kinds(thing: Any) -> list[tuple[tuple[str, ...], As]]:
    """What is handed on: arrays; where the file imports torch, tensors, and if these do not do, arrays."""
    arrays: tuple[tuple[str, ...], As] = ((), lambda array: array)
    modules = [value for value in vars(sys.modules[thing.__module__]).values() if type(value) is ModuleType]
    if not any("torch" in module.__name__.split(".") for module in modules):
        return [arrays]
    return [((TENSORS,), sys.modules["torch"].from_numpy), arrays]


# Convolution and pooling.


def _correlation(x: Callable[[Question], Array], w: Callable[[Question], Array], axes: int) -> "CallOf":
    """The call of ``corr2d`` and its like; ``axes`` are those that the result lacks of (C, H, W)."""

    def made(function: Function) -> Call:
        return lambda q, given: _part(function(given(x(q)), given(w(q))), (None,) * axes)

    return made


def _part(value: Any, index: tuple[Any, ...]) -> Any:
    """``value[index]`` of an array or tensor, also where it came as a list or a number; None stays None."""
    if value is None:
        return None
    return (np.asarray(value) if isinstance(value, list | tuple | int | float) else value)[index]


CallOf = Callable[[Function], Call]
# What is said, what can be asked, and how it is called.
CORRELATIONS: dict[str, tuple[str, Takes, CallOf]] = {
    "corr2d": (
        PLANE,
        Takes(batch=False, bias=False, fixed={"C": 1, "O": 1}),
        _correlation(lambda q: q.arrays["input"][0], lambda q: q.arrays["weight"][0, 0], 1),
    ),
    "corr2d_multi_in": (
        ONE_IMAGE,
        Takes(batch=False, bias=False, fixed={"O": 1}),
        _correlation(lambda q: q.arrays["input"], lambda q: q.arrays["weight"][0], 1),
    ),
    "corr2d_multi_in_out": (
        ONE_IMAGE,
        Takes(batch=False, bias=False),
        _correlation(lambda q: q.arrays["input"], lambda q: q.arrays["weight"], 0),
    ),
    "corr2d_multi_in_out_1x1": (
        ONE_IMAGE,
        Takes(batch=False, bias=False, fixed={"k": 1}),
        _correlation(lambda q: q.arrays["input"], lambda q: q.arrays["weight"], 0),
    ),
}


def _module(name: str, thing: type) -> Subject:
    """The class ``Conv2D(kernel_size)`` with a weight of two axes and a bias of one number."""
    readings = []
    for said, given in _kinds(thing):

        def prepare(question: Question, given: As = given) -> Run:
            with _new_tensors_like(question):
                layer = thing(question.arrays["weight"].shape[2:])
            return _asked(partial(_of_layer, layer), given)(question)

        readings.append(Reading(prepare, (PLANE, *said)))
    takes, line = Takes(batch=False, fixed={"C": 1, "O": 1}), line_of(thing)
    return Subject("conv2d", name, "d2l", SIGNATURE, ("output",), tuple(readings), takes, name, line)


def _of_layer(layer: Any, question: Question, given: As) -> Any:
    _set(layer, "weight", given(question.arrays["weight"][0, 0]))
    _set(layer, "bias", given(question.arrays["bias"]))
    return _part(layer.forward(given(question.arrays["input"][0])), (None,))


def _set(layer: Any, name: str, value: Any) -> None:
    """Set an attribute; of a parameter of torch its data."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(getattr(layer, name, None), torch.nn.Parameter):
        getattr(layer, name).data = torch.as_tensor(value)
    else:
        setattr(layer, name, value)


def _pools(name: str, function: Function, arguments: list[str]) -> Iterator[Subject]:
    strided = "stride" in arguments
    said = (PLANE,) if strided else (PLANE, ONE_STEP)
    takes = Takes(options=("stride",), batch=False, fixed={"C": 1})
    for formula, mode in (("max_pool2d", "max"), ("avg_pool2d", "avg")):
        if mode == "avg" and "mode" not in arguments:
            continue

        def call(question: Question, given: As, mode: str = mode) -> Any:
            size = _pair(question.options["kernel_size"])
            step = _pair(question.options["stride"] or size)
            more = {"mode": mode} if "mode" in arguments else {}
            if strided:
                return _part(function(given(question.arrays["input"][0]), size, **more, stride=step[0]), (None,))
            every = slice(None, None, step[0]), slice(None, None, step[1])
            return _part(function(given(question.arrays["input"][0]), size, **more), (None, *every))

        yield _subject(formula, name, function, [(said, call)], takes)


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size


# Regression and classification.


def _elementwise(function: Function) -> Call:
    return lambda question, given: function(given(question.arrays["input"]))


def _regression(function: Function) -> Call:
    def call(question: Question, given: As) -> Any:
        x, w, b = (question.arrays[name] for name in ("input", "weight", "bias"))
        return function(given(x), given(w.T), given(b))

    return call


def _loss(name: str, function: Function) -> Subject:
    calls = []
    for scored, said in ((_probabilities, (PROBABILITIES,)), (_scores, ())):
        calls.append(((*said, PER_SAMPLE), _mean_of(function, scored)))
        calls.append((said, _one_number(function, scored)))
    return _subject("cross_entropy", name, function, calls, Takes())


def _probabilities(question: Question) -> Array:
    return softmax(question.arrays["input"], 1)


def _scores(question: Question) -> Array:
    return question.arrays["input"]


def _one_number(function: Function, scored: Callable[[Question], Array]) -> Call:
    return lambda question, given: function(given(scored(question)), given(question.arrays["target"]))


def _mean_of(function: Function, scored: Callable[[Question], Array]) -> Call:
    def call(question: Question, given: As) -> Any:
        losses = _one_number(function, scored)(question, given)
        if losses is None:
            return None
        samples = len(question.arrays["target"])
        if tuple(losses.shape) not in ((samples,), (samples, 1)):
            raise ValueError(f"{samples} losses are wanted, one per sample, not the shape {tuple(losses.shape)}")
        return losses.mean()

    return call


# Updates: in place, of parameters that carry their gradient.


class _WithGradient(np.ndarray):
    """An array with its gradient, as a parameter of a file that computes with arrays."""

    grad: Any = None


def _update(name: str, function: Function, arguments: list[str]) -> Iterator[Subject]:
    momentum = name == "sgd_momentum"
    if arguments[1:] == ["states", "hyperparams"]:
        said: tuple[str, ...] = ()
    elif arguments[1:] == ["lr", "batch_size"] and not momentum:
        said = (BATCH_SUM,)
    elif arguments[1:] == ["lr"] and not momentum:
        said = ()
    else:
        return

    def call(question: Question, given: As) -> Any:
        parameter = _parameter(question.arrays["parameter"], given)
        states = [given(np.zeros_like(question.arrays["parameter"]))]
        for grad, asked in steps(question):
            lr = asked.options["lr"]
            parameter.grad = given(SAMPLES * grad if "batch_size" in arguments else grad.copy())
            if "states" in arguments:
                function([parameter], states, {"lr": lr, "momentum": question.options["momentum"]})
            else:
                function([parameter], lr, *([SAMPLES] if "batch_size" in arguments else []))
        return parameter

    yield _subject("sgd", name, function, [(said, call)], Takes(options=("momentum",) if momentum else ()))


def _parameter(array: Array, given: As) -> Any:
    value = given(array)
    if value is array:
        return array.view(_WithGradient)
    return value.requires_grad_()
