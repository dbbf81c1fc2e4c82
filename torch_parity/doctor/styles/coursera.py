"""The DeepLearning.AI course's assignments: ``conv_forward(A_prev, W, b, hparameters) -> Z, cache`` and their like.

Images are N,H,W,C and kernels (f, f, C_prev, C).  The dense layers have one column per sample, and in the course they
take the mean over the batch, which torch leaves to the loss.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference import softmax
from torch_parity.doctor.question import Array, Question
from torch_parity.doctor.questions import output_shape
from torch_parity.doctor.styles.calls import images_first, images_last, line_of, parameters, returned
from torch_parity.doctor.styles.limits import with_limits
from torch_parity.doctor.styles.rates import steps
from torch_parity.doctor.subject import Reading, Results, Run, Subject, Takes

Function = Callable[..., Any]

SIGNATURE = "the signature of the DeepLearning.AI course"
# By one of these names of arguments the course's functions are told from others that are called alike.
OURS = {"A", "A_prev", "AL", "Z", "hparameters", "hparams", "dA", "dZ", "a_slice_prev"}

NHWC_IMAGES = "images are N,H,W,C"
HWIO_KERNELS = "kernels are stored (f, f, C_prev, C)"
BIAS = "the bias has shape (1, 1, 1, C)"
WINDOWS = "it works on one window: the windows are cut out for it"
SAMPLE_COLUMNS = "each column is a sample"
COLUMN_BIAS = "the bias has shape (n, 1)"
CONVOLUTION_LAYER = (NHWC_IMAGES, HWIO_KERNELS, BIAS)
ONE_WINDOW = (WINDOWS, "kernels are stored (f, f, C_prev)", "the bias has shape (1, 1, 1)")
DENSE_LAYER = (SAMPLE_COLUMNS, COLUMN_BIAS)
LAYER_MEAN = "the mean over the batch is taken in the layer, not in the loss"
LAYERS_MEAN = "the mean over the batch is taken in the layers, not in the loss"
PROBABILITIES = "the loss takes probabilities"
ONE_HOT = "the targets are one-hot"
LOGISTIC = "the loss is the logistic one: AL is the probability of class 1, of shape (1, m)"
DICTIONARIES = "the parameters and the gradients are dictionaries"
VELOCITY = "the velocity is a moving average, beta v + (1 - beta) g: the learning rate is asked as lr / (1 - beta)"
CACHES = {
    "conv2d": "the cache is (A_prev, W, b, hparameters), as in the assignment",
    "max_pool2d": "the cache is (A_prev, hparameters), as in the assignment",
    "avg_pool2d": "the cache is (A_prev, hparameters), as in the assignment",
    "relu": "the cache is Z, as in the assignment",
    "linear": "the cache is (A_prev, W, b), as in the assignment",
}


def find(things: dict[str, Any]) -> Iterator[Subject]:
    """The functions of the DeepLearning.AI course among ``things``."""
    functions = {name: thing for name, thing in things.items() if not isinstance(thing, type)}
    ours = {name for name, function in functions.items() if OURS & set(parameters(function))}
    for name, function in functions.items():
        if name in SINGLES and len(parameters(function)) == SINGLES[name][0]:
            yield from SINGLES[name][1](name, function)
        elif name in ours and _has_our_forward(name, functions):
            yield from _layer(name, function, functions)
        if re.fullmatch(r"update_parameters(_with_gd)?", name) and len(parameters(function)) == 3:
            yield _update(name, function)
        elif name == "update_parameters_with_momentum" and len(parameters(function)) == 5:
            yield _momentum(name, function)
        elif name in ("softmax", "softmax_forward") and len(parameters(function)) == 1 and ours:
            yield _softmax(name, function)


def _has_our_forward(name: str, functions: dict[str, Function]) -> bool:
    """Whether the forward that goes with a backward has the course's arguments, if the file has one."""
    kind, backward, _ = name.partition("_backward")
    arguments = parameters(functions.get(f"{kind}_forward"))
    if not backward or not arguments:
        return True
    return bool(OURS & set(arguments)) and len(arguments) in ((2, 3) if kind == "pool" else (COUNTS.get(kind),))


LOSS_NAME = re.compile(r"(compute_)?(cost|loss)|(categorical_)?cross_entropy(_cost|_loss)?")


def _of_outputs_and_targets(arguments: list[str]) -> bool:
    return len(arguments) == 2 and arguments[0].startswith("A") and arguments[1] == "Y"


def _is_loss_gradient(name: str, arguments: list[str]) -> bool:
    named = re.search(r"cost|loss|entropy|softmax", name) and re.search(r"backward|grad|derivative", name)
    return named is not None and _of_outputs_and_targets(arguments)


def _subject(formula: str, name: str, function: Function, readings: list[Reading], takes: Takes, layer: str) -> Subject:
    results: tuple[str, ...] = ("output",)
    if formula.endswith("_backward"):
        products = formula in ("conv2d_backward", "linear_backward")
        results = ("grad_input", "grad_weight", "grad_bias") if products else ("grad_input",)
    signature, line = SIGNATURE, line_of(function)
    return Subject(formula, name, "coursera", signature, results, tuple(readings), takes, layer, line)


def _reading(run: Run, said: tuple[str, ...] = ()) -> Reading:
    """A function keeps nothing from call to call: one ``run`` for all questions."""
    return Reading(lambda question: run, said)


def _layer(name: str, function: Function, functions: dict[str, Function]) -> Iterator[Subject]:
    """The subjects of a function that is named as one of the course's layers, with the right number of arguments."""
    arguments = parameters(function)
    matched = re.fullmatch(r"(conv|pool|linear|relu)(?:_(forward|backward))?(?:_\w+)?", name)
    if matched and (matched[2] or name == "relu"):
        kind, backward = matched[1], matched[2] == "backward"
        if len(arguments) not in ((2, 3) if kind == "pool" else (2,) if backward else (COUNTS[kind],)):
            return
        for formula, mode in FORMULAS[kind]:
            if mode == "max" or len(arguments) == 3 or kind != "pool":
                make = _backward if backward else _forward
                yield make(name, formula, function, functions, (mode,) if len(arguments) == 3 and mode else ())
    elif _is_loss_gradient(name, arguments):
        yield _cost_gradient(name, function, functions)
    elif _of_outputs_and_targets(arguments) and LOSS_NAME.fullmatch(name):
        yield _cost(name, function)


# Layers: the forward's arguments, and its results in torch's layouts.

FORMULAS = {
    "conv": (("conv2d", ""),),
    "pool": (("max_pool2d", "max"), ("avg_pool2d", "average")),
    "linear": (("linear", ""),),
    "relu": (("relu", ""),),
}
COUNTS = {"conv": 4, "linear": 3, "relu": 1}
TAKES = {
    "conv2d": Takes(options=("stride", "padding"), square=True),
    "max_pool2d": Takes(options=("stride",), square=True),
    "avg_pool2d": Takes(options=("stride",), square=True),
    "relu": Takes(),
    "linear": Takes(),
}
SAID = {
    "conv2d": CONVOLUTION_LAYER,
    "max_pool2d": (NHWC_IMAGES,),
    "avg_pool2d": (NHWC_IMAGES,),
    "relu": (),
    "linear": DENSE_LAYER,
}


def _arguments(question: Question) -> tuple[Any, ...]:
    x, options = question.arrays["input"], question.options
    if question.formula == "conv2d":
        weight, bias = question.arrays["weight"].transpose(2, 3, 1, 0), question.arrays["bias"].reshape(1, 1, 1, -1)
        return images_last(x), weight, bias, {"stride": options["stride"], "pad": options["padding"]}
    if question.formula in ("max_pool2d", "avg_pool2d"):
        size = options["kernel_size"]
        return images_last(x), {"f": size, "stride": options["stride"] or size}
    if question.formula == "linear":
        return x.T, question.arrays["weight"], question.arrays["bias"].reshape(-1, 1)
    return (x,)


def _out_and_cache(function: Function, question: Question, mode: tuple[str, ...]) -> tuple[Any, Any]:
    values = function(*_arguments(question), *mode)
    out, cache = values if isinstance(values, tuple) and len(values) == 2 else (values, None)
    return _as_torch(question.formula, out), cache


def _as_torch(formula: str, value: Any) -> Any:
    """An output, or the gradient of an input, in torch's layout."""
    if value is None:
        return None
    if formula in ("conv2d", "max_pool2d", "avg_pool2d"):
        return images_first(value) if np.ndim(value) == 4 else value
    return np.asarray(value).T if formula == "linear" else value


def _forward(
    name: str, formula: str, function: Function, functions: dict[str, Function], mode: tuple[str, ...]
) -> Subject:
    def run(question: Question) -> Results:
        return {"output": _out_and_cache(function, question, mode)[0]}

    readings = with_limits(formula, run, SAID[formula])
    return _subject(formula, name, function, readings, TAKES[formula], name)


def _backward(
    name: str, formula: str, function: Function, functions: dict[str, Function], mode: tuple[str, ...]
) -> Subject:
    """With the cache of the file's own forward; where that gives none, or a wrong one, with the assignment's."""
    own = name.replace("_backward", "_forward")
    own = own if own in functions else own.replace("_forward", "")
    forward_mode = mode if own in functions and len(parameters(functions[own])) == 3 else ()

    def with_own(question: Question) -> Results:
        _, cache = _out_and_cache(functions[own], question, forward_mode if formula != "linear" else ())
        return _gradients(question, function(_upstream(question), cache, *mode))

    def with_assignment(question: Question) -> Results:
        cache = _arguments(question)
        return _gradients(question, function(_upstream(question), cache if len(cache) > 1 else cache[0], *mode))

    runs: list[tuple[Run, tuple[str, ...]]] = [(with_own, SAID[formula])] if own in functions else []
    runs.append((with_assignment, (*SAID[formula], CACHES[formula])))
    readings = []
    for run, said in runs:
        if formula == "linear":
            readings.append(Reading(_averaged(run, functions), (*said, LAYER_MEAN)))
        readings += with_limits(formula, run, said)
    return _subject(formula + "_backward", name, function, readings, TAKES[formula], own)


def _upstream(question: Question) -> Any:
    g = question.grad_output
    assert g is not None
    if question.formula in ("conv2d", "max_pool2d", "avg_pool2d"):
        return images_last(g)
    return g.T if question.formula == "linear" else g


def _gradients(question: Question, value: Any) -> Results:
    found = returned(value, "grad_input", "grad_weight", "grad_bias")
    found["grad_input"] = _as_torch(question.formula, found["grad_input"])
    if question.formula == "conv2d" and np.ndim(found["grad_weight"]) == 4:
        found["grad_weight"] = np.asarray(found["grad_weight"]).transpose(3, 2, 0, 1)
    bias = question.arrays.get("bias")
    if bias is not None and np.size(found["grad_bias"]) == bias.size and found["grad_bias"] is not None:
        found["grad_bias"] = np.asarray(found["grad_bias"]).reshape(-1)
    return found


# The mean over the batch: in the dense layers, or in the gradient of the loss; never in both, never in neither.


def _averaged(run: Run, functions: dict[str, Function]) -> Callable[[Question], Run]:
    """``run`` for a layer that divides its gradients by the batch size; none where the loss divides as well."""

    def summed(question: Question) -> Results:
        found = run(question)
        for result in ("grad_weight", "grad_bias"):
            if found[result] is not None:
                found[result] = np.asarray(found[result]) * len(question.arrays["input"])
        return found

    def prepare(question: Question) -> Run:
        if any(_loss_divides(f) for name, f in functions.items() if _is_loss_gradient(name, parameters(f))):
            raise ValueError("the gradient of the loss is divided by the batch size already")
        return summed

    return prepare


def _loss_divides(function: Function) -> bool:
    """Whether the gradient of a sample becomes smaller when every sample is there twice."""
    once = np.asarray(function(np.array([[0.25], [0.75]]), np.array([[1.0], [0.0]])))
    twice = np.asarray(function(np.array([[0.25, 0.25], [0.75, 0.75]]), np.array([[1.0, 1.0], [0.0, 0.0]])))
    return bool(np.allclose(2 * twice[:, 0], once[:, 0]))


def _layer_averages(function: Function) -> bool:
    """Whether the weights' gradient stays the same when every sample is there twice."""
    column, w, b = np.array([[1.0], [2.0]]), np.array([[3.0, 4.0]]), np.array([[5.0]])
    dz = np.array([[6.0]])
    once = function(dz, (column, w, b))[1]
    twice = function(np.hstack([dz, dz]), (np.hstack([column, column]), w, b))[1]
    return bool(np.allclose(once, twice))


# The loss.


def _cost(name: str, function: Function) -> Subject:
    """A loss of probabilities; which of the forms it has is found by trying."""
    readings = [
        Reading(_loss_of(function, _columns), (SAMPLE_COLUMNS, PROBABILITIES, ONE_HOT)),
        Reading(_loss_of(function, _columns_and_labels), (SAMPLE_COLUMNS, PROBABILITIES)),
        Reading(_loss_of(function, _rows), (PROBABILITIES, ONE_HOT)),
        Reading(_loss_of(function, _score_columns), (SAMPLE_COLUMNS, ONE_HOT)),
    ]
    logistic = Reading(_loss_of(function, _of_one_output), (LOGISTIC,))
    readings.insert(0 if _has_complement(function) else 1, logistic)
    return _subject("cross_entropy", name, function, readings, Takes(), name)


def _loss_of(function: Function, put: Callable[[Question], tuple[Array, Array]]) -> Callable[[Question], Run]:
    def run(question: Question) -> Results:
        loss = function(*put(question))
        return {"output": np.reshape(loss, ()) if np.size(loss) == 1 and loss is not None else loss}

    return lambda question: run


def _columns(question: Question) -> tuple[Array, Array]:
    p, y = _rows(question)
    return p.T, y.T


def _columns_and_labels(question: Question) -> tuple[Array, Array]:
    return _rows(question)[0].T, question.arrays["target"]


def _rows(question: Question) -> tuple[Array, Array]:
    scores = question.arrays["input"]
    return softmax(scores, 1), np.eye(scores.shape[1], dtype=scores.dtype)[question.arrays["target"]]


def _score_columns(question: Question) -> tuple[Array, Array]:
    return question.arrays["input"].T, _rows(question)[1].T


def _of_one_output(question: Question) -> tuple[Array, Array]:
    """The probability p of the target, a 1; or 1 - p and a 0, where p is not too small for that: both cost -log p."""
    p = (_rows(question)[0] * _rows(question)[1]).sum(1)
    of_zero = (np.arange(len(p)) % 2 == 1) & (p > 0.1)
    return np.where(of_zero, 1 - p, p)[np.newaxis], (~of_zero).astype(p.dtype)[np.newaxis]


def _has_complement(function: Function) -> bool:
    """Whether 1 - Y stands in the code, as in the logistic loss."""
    try:
        return re.search(r"\b1\.?0?\s*-\s*Y\b", inspect.getsource(function)) is not None
    except (OSError, TypeError):
        return False


def _cost_gradient(name: str, function: Function, functions: dict[str, Function]) -> Subject:
    """The gradient for the scores, AL - Y, divided by the batch size unless the dense layers divide."""

    def divided(question: Question) -> Results:
        value = function(*_columns(question))
        return {"grad_input": None if value is None else np.asarray(value).T}

    def summed(question: Question) -> Results:
        found = divided(question)["grad_input"]
        return {"grad_input": None if found is None else found / len(question.arrays["input"])}

    def prepare_summed(question: Question) -> Run:
        layer = functions.get("linear_backward")
        if layer is None or not _layer_averages(layer):
            raise ValueError("the dense layers do not divide by the batch size")
        return summed

    said = (SAMPLE_COLUMNS, PROBABILITIES, ONE_HOT)
    readings = [_reading(divided, said), Reading(prepare_summed, (*said, LAYERS_MEAN))]
    return _subject("cross_entropy_backward", name, function, readings, Takes(), name)


# Functions of one step: the doctor walks over the windows for them.


def _zero_pad(name: str, function: Function) -> Iterator[Subject]:
    def run(question: Question) -> Results:
        padded = function(images_last(question.arrays["input"]), question.options["pad"][0])
        return {"output": _as_torch("conv2d", padded)}

    yield _subject("pad", name, function, [_reading(run, (NHWC_IMAGES,))], Takes(), name)


def _single_step(name: str, function: Function) -> Iterator[Subject]:
    def run(question: Question) -> Results:
        x, w, b, _ = _arguments(question)
        shape = output_shape(question)
        values = []
        for n, o, i, j in np.ndindex(shape):
            window = x[n, i : i + w.shape[0], j : j + w.shape[1]]
            value = function(window, w[..., o], b[..., o])
            if value is None:
                return {"output": None}
            values.append(np.reshape(value, ()))
        return {"output": np.array(values).reshape(shape)}

    yield _subject("conv2d", name, function, [_reading(run, ONE_WINDOW)], Takes(), name)


def _mask(name: str, function: Function) -> Iterator[Subject]:
    yield _spread("max_pool2d", name, function, lambda window, g: _times(function(window), g))


def _distribute(name: str, function: Function) -> Iterator[Subject]:
    yield _spread("avg_pool2d", name, function, lambda window, g: function(g, window.shape))


def _times(mask: Any, g: Any) -> Any:
    return None if mask is None else np.asarray(mask) * g


def _spread(formula: str, name: str, function: Function, share: Callable[[Array, Any], Any]) -> Subject:
    """The gradient of a pooling whose windows lie side by side, from what each window's share of it is."""

    def run(question: Question) -> Results:
        x, g = question.arrays["input"], question.grad_output
        assert g is not None
        kernel = question.options["kernel_size"]
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        parts = []
        for n, c, i, j in np.ndindex(g.shape):
            place = n, c, slice(i * height, (i + 1) * height), slice(j * width, (j + 1) * width)
            part = share(x[place], g[n, c, i, j])
            if part is None:
                return {"grad_input": None}
            parts.append((place, np.asarray(part)))
        grad = np.zeros(x.shape, np.result_type(*(part for _, part in parts)))
        for place, part in parts:
            if part.shape != (height, width):
                raise ValueError(f"a window of shape {(height, width)} is wanted, not {part.shape}")
            grad[place] = part
        return {"grad_input": grad}

    return _subject(formula + "_backward", name, function, [_reading(run, (WINDOWS,))], Takes(), name)


# Name, number of arguments, and what makes its subjects.
SINGLES: dict[str, tuple[int, Callable[[str, Function], Iterator[Subject]]]] = {
    "zero_pad": (2, _zero_pad),
    "conv_single_step": (3, _single_step),
    "create_mask_from_window": (1, _mask),
    "distribute_value": (2, _distribute),
}


def _softmax(name: str, function: Function) -> Subject:
    def rows(question: Question) -> Results:
        return returned(function(question.arrays["input"]), "output")

    def columns(question: Question) -> Results:
        return {"output": _as_torch("linear", returned(function(question.arrays["input"].T), "output")["output"])}

    readings = [_reading(columns, (SAMPLE_COLUMNS,)), _reading(rows)]
    return _subject("softmax", name, function, readings, Takes(ranks=(2,)), name)


# Updates: dictionaries {"W1", "b1", "W2", "b2"} of parameters, {"dW1", ...} of gradients.

KEYS = ("W1", "b1", "W2", "b2")


def _update(name: str, function: Function) -> Subject:
    def run(question: Question) -> Results:
        values = _parameters(question)
        for grad in question.arrays["grads"]:
            values = _kept(function(values, _grads(grad), question.options["lr"]), values)
        return {"output": _the_same(values)}

    return _subject("sgd", name, function, [_reading(run, (DICTIONARIES,))], Takes(), name)


def _momentum(name: str, function: Function) -> Subject:
    def run(question: Question) -> Results:
        values, beta = _parameters(question), question.options["momentum"]
        velocity: Any = _grads(np.zeros_like(question.arrays["parameter"]))
        for grad, asked in steps(question):
            value = function(values, _grads(grad), velocity, beta, asked.options["lr"] / (1 - beta))
            found = returned(value, "parameters", "velocity")
            values, velocity = _kept(found["parameters"], values), _kept(found["velocity"], velocity)
        return {"output": _the_same(values)}

    said = (DICTIONARIES, VELOCITY)
    return _subject("sgd", name, function, [_reading(run, said)], Takes(options=("momentum",)), name)


def _parameters(question: Question) -> dict[str, Array]:
    """The one parameter under four names."""
    parameter = question.arrays["parameter"]
    return {key: parameter if key == "W1" else parameter.copy() for key in KEYS}


def _grads(grad: Array) -> dict[str, Array]:
    return {f"d{key}": grad if key == "W1" else grad.copy() for key in KEYS}


def _kept(given_back: Any, before: dict[str, Array]) -> dict[str, Any]:
    """What was given back; where nothing was, the dictionary that was changed in place."""
    return before if given_back is None else given_back


def _the_same(values: dict[str, Any]) -> Any:
    """The updated parameter, which is the same under every name; else the first that differs."""
    first, *others = (np.asarray(values[key]) for key in KEYS)
    return next((other for other in others if not np.array_equal(other, first)), first)
