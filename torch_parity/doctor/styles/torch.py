"""torch code: modules, ``autograd.Function``s, and functions on tensors, with their gradients through autograd.

torch is not imported here: where a file needs it, the file has imported it.
"""

import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from torch_parity.doctor.question import Array, Question
from torch_parity.doctor.styles import instances, source
from torch_parity.doctor.styles.arguments import Bound, NotUnderstoodError, bind
from torch_parity.doctor.styles.calls import line_of
from torch_parity.doctor.styles.forms import Form, tensor, value
from torch_parity.doctor.styles.functions import function_subject
from torch_parity.doctor.styles.instances import Layer, constructor, fixed_sizes, not_made, trial
from torch_parity.doctor.styles.names import DROPOUTS, NORMS, formula_of, results_of
from torch_parity.doctor.styles.possible_forms import forms
from torch_parity.doctor.styles.room import takes
from torch_parity.doctor.subject import Reading, Results, Run, Subject

# Of these only NumPy's are understood.
NUMPYS = ("rmsprop", "adam", "adamw", "clip_grad_norm", *NORMS, *DROPOUTS, "conv_transpose2d", "adaptive_avg_pool2d")
TENSORS = Form(tensors=True)
# What takes a tensor out of autograd: no gradient is asked of a function that does.
DETACHES = (".item()", ".detach()", ".numpy()", ".data", "no_grad", ".tolist()", "np.")


def find(things: dict[str, Any]) -> Iterator[Subject]:
    """The modules, autograd functions and functions on tensors among ``things``."""
    for name, thing in things.items():
        formula, _ = formula_of(name)
        if formula and formula != "sgd" and is_torch(thing):
            try:
                yield from subjects(thing, formula, name)
            except NotUnderstoodError:
                continue  # said of what is left in the end


def is_numpys(formula: str, thing: Any) -> bool:
    """Whether ``thing`` is made for tensors, and computes what is only understood of NumPy's arrays."""
    return formula.removesuffix("_backward") in NUMPYS and is_torch(thing)


def is_torch(thing: Any) -> bool:
    """Whether a function or class is made for tensors."""
    torch = sys.modules.get("torch")
    if torch is None:
        return False
    if inspect.isclass(thing):
        return issubclass(thing, torch.nn.Module | torch.autograd.Function)
    if isinstance(thing, torch.nn.Module) or str(getattr(thing, "__module__", "")).split(".")[0] == "torch":
        return True
    if not inspect.isfunction(thing):
        return isinstance(thing, type(torch.conv2d))
    hints = [str(p.annotation) for p in inspect.signature(thing).parameters.values()]
    return any("Tensor" in hint for hint in hints) or _uses_torch(thing)


def _uses_torch(function: Any, called: tuple[Any, ...] = ()) -> bool:
    """Whether a global name in the function's code is torch, or something of torch's; or a method is a tensor's alone.

    Or whether this holds for a function that it calls; ``called``: those that have been looked at.
    """
    names, codes = set(), [function.__code__]
    while codes:
        code = codes.pop()
        names |= set(code.co_names)
        codes += [one for one in code.co_consts if inspect.iscode(one)]
    held = [function.__globals__.get(name) for name in names]
    known = function.__globals__.values()
    if sys.modules["torch"] in known and np not in held:
        methods = [name for name in names if name not in function.__globals__]
        if any(hasattr(sys.modules["torch"].Tensor, one) and not hasattr(np.ndarray, one) for one in methods):
            return True
    calls = [one for one in held if inspect.isfunction(one) and one is not function and one not in called]
    return (
        any(str(getattr(one, "__name__", "")).split(".")[0] == "torch" for one in held)
        or any(str(getattr(one, "__module__", "")).split(".")[0] == "torch" for one in held if callable(one))
        or any(_uses_torch(one, (*called, function)) for one in calls)
    )


def subjects(thing: Any, formula: str, name: str) -> list[Subject]:
    """The subjects in ``thing``: a module, an autograd function or a function on tensors."""
    if formula.removesuffix("_backward") in NUMPYS:
        raise NotUnderstoodError("it is made for tensors", "one that takes NumPy's arrays")
    torch = sys.modules["torch"]
    if inspect.isclass(thing) and issubclass(thing, torch.autograd.Function):
        apply: Any = thing.apply  # type: ignore[attr-defined]
        return _pair(apply, _bound_to_context(thing, formula), name, formula, "an autograd.Function", thing)
    if inspect.isclass(thing):
        return _module(thing, formula, name)
    if formula.endswith("_backward"):
        subject = function_subject(thing, formula, "torch", name)
        bound = bind(thing, formula)
        reading = Reading(_manual(bound, subject.results))
        return [replace(subject, readings=(reading,), signature="a gradient on tensors")]
    return _pair(thing, bind(thing, formula), name, formula, "a function on tensors", thing)


def _bound_to_context(thing: Any, formula: str) -> Bound:
    """The arguments of an autograd function's forward, without the context (which may be set up elsewhere)."""
    static = inspect.getattr_static(thing, "forward")
    forward = static.__func__ if isinstance(static, staticmethod) else static
    first = next(iter(inspect.signature(forward).parameters), "")
    return bind(forward, formula, skip=int(first in ("ctx", "context", "self", "_")))


def _pair(
    function: Callable[..., Any], bound: Bound, name: str, formula: str, signature: str, thing: Any
) -> list[Subject]:
    room = takes(formula, bound)
    call = _positional(function, bound) if function is not thing else _as_bound(bound)
    every = [replace(one, tensors=True) for one in forms(formula, bound, None) if not one.one_number]
    forward = tuple(Reading(_forward(call, one), one.conventions) for one in every)
    found = [Subject(formula, name, "torch", signature, ("output",), forward, room, name, line_of(thing))]
    if function is not thing or not source.mentions(thing, *DETACHES):
        results = _differentiable(formula, "bias" in bound)
        gradient = tuple(Reading(_autograd(call, one), one.conventions) for one in every)
        called = f"{name}, through autograd"
        asked = replace(room, bias=room.bias is not False)
        found.append(
            Subject(f"{formula}_backward", called, "torch", signature, results, gradient, asked, name, line_of(thing))
        )
    return found


Call = Callable[[Question, Form, dict[str, Any]], Any]


def _as_bound(bound: Bound) -> Call:
    return lambda question, form, leaves: bound.call(question, form, **leaves)


def _positional(apply: Callable[..., Any], bound: Bound) -> Call:
    """``apply`` of an autograd function, which takes no names: the arguments of its forward by position."""

    def call(question: Question, form: Form, leaves: dict[str, Any]) -> Any:
        arguments = []
        for name, role in bound.roles.items():
            if role in leaves:
                arguments.append(leaves[role])
            elif role in ("bias", "weight") and role not in question.arrays:
                arguments.append(None)
            elif role in question.options and question.options[role] is None and name in bound.defaults:
                arguments.append(bound.defaults[name])
            else:
                arguments.append(value(role, question, form))
        return apply(*arguments)

    return call


def _differentiable(formula: str, bias: bool) -> tuple[str, ...]:
    results = results_of(f"{formula}_backward")
    return results if bias else tuple(one for one in results if one != "grad_bias")


def _first(found: Any) -> Any:
    return found[0] if isinstance(found, tuple | list) else found


def _forward(call: Call, form: Form) -> Callable[[Question], Run]:
    return lambda question: lambda q: {"output": _first(call(q, form, {}))}


def _leaves(question: Question, form: Form) -> dict[str, Any]:
    """The arrays that get a gradient, as tensors that ask for one."""
    found: dict[str, Any] = {}
    for role in ("input", "weight", "bias"):
        if role in question.arrays and not (role == "weight" and question.formula == "cross_entropy"):
            leaf = tensor(question.arrays[role])
            found[role] = leaf.requires_grad_()
    return found


def _autograd(call: Call, form: Form) -> Callable[[Question], Run]:
    def run(question: Question) -> Results:
        leaves = _leaves(question, form)
        output = _first(call(question, form, dict(leaves)))
        _differentiate(output, question.grad_output)
        return {f"grad_{role}": leaf.grad for role, leaf in leaves.items()}

    return lambda question: run


def _differentiate(output: Any, upstream: Array | None) -> None:
    if getattr(output, "requires_grad", False):
        output.backward(tensor(upstream))


def _manual(bound: Bound, results: tuple[str, ...]) -> Callable[[Question], Run]:
    def run(question: Question) -> Results:
        found = bound.call(question, TENSORS)
        values = found if isinstance(found, tuple | list) else (found,)
        return dict(zip(results, (*values, *(None,) * len(results)), strict=False))

    return lambda question: run


def _module(thing: type, formula: str, name: str) -> list[Subject]:
    """Both halves of a module: its forward, and its gradients through autograd."""
    forward = getattr(thing, "forward", None)
    if not inspect.isfunction(forward):
        raise NotUnderstoodError("it has no method forward", "a method forward(self, input)")
    layer = Layer(
        formula, thing, constructor(thing, formula), bind(forward, f"{formula}.forward", skip=1), None, TENSORS
    )
    parameters = _parameters(layer) if formula in ("conv2d", "linear") else {}
    conventions = tuple(f"its window is always {k}x{k}" for letter, k in fixed_sizes(layer).items() if letter == "k")
    if parameters.get("weight_order", "OI") == "IO":
        conventions += ("weights are stored (in, out)",)
    layer = replace(layer, weight=parameters.get("weight", ""), bias=parameters.get("bias", ""))
    room = instances.room(layer)
    order, every = parameters.get("weight_order", "OI"), [TENSORS]
    if formula == "cross_entropy":
        every = [replace(TENSORS, target=target) for target in ("index", "onehot")]
    found = []
    for backward in (False, True):
        readings = [Reading(_of_module(layer, one, order, backward), (*conventions, *one.conventions)) for one in every]
        found.append(
            Subject(
                f"{formula}_backward" if backward else formula,
                f"{name}.forward" + ", through autograd" * backward,
                "torch",
                "a torch.nn.Module",
                _differentiable(formula, bool(layer.bias)) if backward else ("output",),
                tuple(readings),
                replace(room, bias=room.bias is not False) if backward and layer.bias else room,
                name,
                line_of(forward),
            )
        )
    return found


def _parameters(layer: Layer) -> dict[str, str]:
    """The names of the weight and the bias of a trial instance, and the order of a dense layer's weight."""
    question = trial(layer)
    try:
        instance = layer.instance(question)
    except (Exception, SystemExit) as error:  # whatever a constructor raises
        raise not_made(layer, error) from error
    weight = question.arrays["weight"]
    found: dict[str, str] = {}
    for name, parameter in instance.named_parameters():
        shape = tuple(parameter.shape)
        if shape == weight.shape:
            found |= {"weight": name, "weight_order": "OI"}
        elif shape == weight.T.shape and layer.formula == "linear":
            found |= {"weight": name, "weight_order": "IO"}
        elif parameter.numel() == len(weight):
            found["bias"] = name
    if "weight" not in found:
        raise NotUnderstoodError(
            f"it has no parameter of shape {weight.shape}", "a weight as torch stores it: (O, C, kH, kW), or (out, in)"
        )
    return found


def _of_module(layer: Layer, form: Form, order: str, backward: bool) -> Callable[[Question], Run]:
    torch = sys.modules["torch"]

    def prepare(question: Question) -> Run:
        instance = layer.instance(question)

        def run(q: Question) -> Results:
            leaves = {}
            for role, name in (("weight", layer.weight), ("bias", layer.bias)):
                if name and role in q.arrays:
                    array = q.arrays[role].T if role == "weight" and order == "IO" else q.arrays[role]
                    owner = instance.get_submodule(name.rpartition(".")[0])
                    held = getattr(owner, name.rpartition(".")[2])
                    leaves[role] = torch.nn.Parameter(tensor(array).reshape(held.shape))
                    setattr(owner, name.rpartition(".")[2], leaves[role])
            x = tensor(q.arrays["input"])
            leaves["input"] = x.requires_grad_() if backward else x
            given = {"input": leaves["input"]} if "input" in layer.forward else {}
            output = _first(layer.forward.call(q, form, first=(instance,), **given))
            if not backward:
                return {"output": output}
            _differentiate(output, q.grad_output)
            found = {f"grad_{role}": leaf.grad for role, leaf in leaves.items()}
            if order == "IO" and found.get("grad_weight") is not None:
                found["grad_weight"] = found["grad_weight"].T
            if found.get("grad_bias") is not None:
                found["grad_bias"] = found["grad_bias"].reshape(-1)
            return found

        return run

    return prepare
