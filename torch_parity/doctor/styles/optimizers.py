"""Classes that update parameters: of parameters with gradients, of arrays with theirs, or of layers that hold both."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from torch_parity.doctor.question import Array, Question
from torch_parity.doctor.styles import rates
from torch_parity.doctor.styles.arguments import Bound, NotUnderstoodError, bind
from torch_parity.doctor.styles.calls import line_of, parameters
from torch_parity.doctor.styles.forms import Form, packed, tensor, unpacked
from torch_parity.doctor.styles.functions import told
from torch_parity.doctor.styles.instances import constructor, method_of, methods_of
from torch_parity.doctor.styles.layers import required
from torch_parity.doctor.styles.room import OPTIONS, further_options, written_constants
from torch_parity.doctor.subject import Reading, Results, Run, Subject, Takes

STEP = ("step", "update", "apply", "__call__")
# Arguments that are a layer, or hold layers; what they may be, the likeliest first.
LAYERS = {
    "layer": ("a layer",), "layers": ("a list of layers", "a model with layers"),
    **dict.fromkeys(("model", "network", "net", "nn"), ("a model with layers", "a list of layers")),
}  # fmt: skip
# The names under which a layer has its weight and its bias.
WEIGHTS, BIASES = ("weight", "weights", "W", "w", "kernel", "kernels", "filters"), ("bias", "biases", "b")
GRADIENTS = ("grad_{}", "{}_grad", "{}_gradient", "d{}", "d_{}", "dL_d{}", "dLd{}")


@dataclass
class Parameter:
    """What an optimizer is given: an array and its gradient."""

    data: Array
    grad: Array | None = None


class Layer:
    """A layer for an optimizer: whatever it calls the weight, the bias and their gradients, it finds them.

    The first row of the parameter is the bias.
    """

    def __init__(self, parameter: Array) -> None:
        """With views of ``parameter``, which is changed where the optimizer works in place."""
        self.weight, self.bias = parameter[1:], parameter[:1]
        self.params: dict[str, Array] = {}
        self.grads: dict[str, Array] = {}
        self.put(np.zeros_like(parameter))

    def put(self, grad: Array) -> None:
        """Set every name of the parameters and of their gradients."""
        for names, held, new in ((WEIGHTS, self.weight, grad[1:]), (BIASES, self.bias, grad[:1])):
            for name in names:
                setattr(self, name, held)
                for gradient in GRADIENTS:
                    setattr(self, gradient.format(name), new)
                self.params[name] = held
                self.grads |= {name: new, f"d{name}": new}
        self.params = {name: self.params[name] for name in ("W", "b")}
        self.grads = {name: self.grads[name] for name in ("W", "b", "dW", "db")}
        self.before = self.weight, self.bias

    def settle(self) -> None:
        """Take for the weight and the bias what was set under any of their names."""
        for kept, names, before in (("weight", WEIGHTS, self.before[0]), ("bias", BIASES, self.before[1])):
            every = [*(getattr(self, name) for name in names), *(self.params[n] for n in names if n in self.params)]
            setattr(self, kept, next((one for one in every if one is not before), before))


def _with(bound: Bound, name: str, held: Any) -> Bound:
    """``bound`` with ``held`` for its argument ``name``, if it has one."""
    return replace(bound, function=partial(bound.function, **{name: held})) if name else bound


def subject(thing: type, name: str, formula: str = "sgd") -> Subject:
    """The optimizer ``thing``, which computes ``formula``; NotUnderstoodError where it cannot be made or called."""
    step = method_of(thing, STEP)
    if step is None:
        raise NotUnderstoodError("it has no method step", "SGD(params, lr, ...) with step(), as torch's")
    made, called = (next((n for n in parameters(one) if n in LAYERS), "") for one in (thing, step))
    if made or called:
        return _of_layers(thing, name, step, made, called, formula)
    new = constructor(thing, formula)
    by_arrays = len(required(step)) > 0
    steps = bind(step, formula if by_arrays else f"{formula}.forward", skip=1)

    def prepare(form: Form) -> Callable[[Question], Run]:
        def run(q: Question) -> Results:
            parameter = Parameter(q.arrays["parameter"])
            held: dict[str, Any] = {"parameter": [parameter]} if "parameter" in new else {}
            optimizer = new.call(q, form, **held)
            for gradient, asked in rates.steps(q):
                _set_rate(optimizer, steps, asked)
                if not by_arrays:
                    parameter.grad = gradient
                    steps.call(asked, form, first=(optimizer,))
                    continue
                given = {"parameter": packed(parameter.data, form), "grad": packed(gradient, form)}
                found = steps.call(asked, form, first=(optimizer,), **given)
                parameter.data = unpacked(given["parameter"] if found is None else found, form)
            return {"output": parameter.data}

        return lambda question: run

    every = [Form(held_in=held) for held in ("arrays", "list", "dict")] if by_arrays else [Form()]
    readings = [Reading(prepare(form), form.conventions) for form in every]
    if not by_arrays and "torch" in sys.modules:
        readings.append(Reading(lambda question: lambda q: _of_tensors(new, steps, q), ("parameters are tensors",)))
    return _subject(thing, name, new, steps, readings, "class" if by_arrays else "reference", formula)


def _set_rate(optimizer: Any, steps: Bound, question: Question) -> None:
    """Set the rate of a step, where that is not given to the step itself."""
    if "lr" not in steps:
        rates.set_rate(optimizer, question)


def _subject(
    thing: type, name: str, new: Bound, steps: Bound, readings: list[Reading], style: str, formula: str
) -> Subject:
    options = [role for role in OPTIONS if role in new or role in steps]
    options += further_options(formula, new)
    constants = written_constants(formula, methods_of(thing), new, steps)
    takes = Takes(options=tuple(options), constants=constants)
    return Subject(formula, name, style, told(new), ("output",), tuple(readings), takes, name, line_of(thing))


def _of_tensors(new: Bound, steps: Bound, question: Question) -> Results:
    torch = sys.modules["torch"]
    parameter = torch.nn.Parameter(tensor(question.arrays["parameter"]))
    optimizer = new.call(question, Form(), parameter=[parameter])
    for gradient, asked in rates.steps(question):
        _set_rate(optimizer, steps, asked)
        parameter.grad = tensor(gradient)
        with torch.no_grad():
            steps.call(asked, Form(), first=(optimizer,))
    return {"output": parameter.detach()}


def _of_layers(thing: type, name: str, step: Callable[..., Any], made: str, called: str, formula: str) -> Subject:
    """An optimizer that goes through layers, which its constructor or its step is given."""
    init = method_of(thing, ("__init__",))
    new = Bound(thing, {}, {}, {}, True)
    if init is not None:
        new = replace(bind(init, f"{formula}.new", skip=1, kept=[made] * bool(made)), function=thing)
    steps = bind(step, f"{formula}.forward", skip=1, kept=[called] * bool(called))

    def prepare(what: str) -> Callable[[Question], Run]:
        def run(q: Question) -> Results:
            layer = Layer(q.arrays["parameter"])
            held = {"a layer": layer, "a list of layers": [layer]}.get(what, SimpleNamespace(layers=[layer]))
            optimizer = _with(new, made, held).call(q, Form())
            for grad, asked in rates.steps(q):
                _set_rate(optimizer, steps, asked)
                layer.put(grad)
                _with(steps, called, held).call(asked, Form(), first=(optimizer,))
                layer.settle()
            return {"output": np.concatenate([layer.bias, layer.weight])}

        return lambda question: run

    readings = [Reading(prepare(what), (f"it updates {what}",)) for what in LAYERS[made or called]]
    return _subject(thing, name, new, steps, readings, "class", formula)
