"""Functions that compute a formula: called as torch's are, or with other words, orders and layouts."""

import inspect
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from torch_parity.doctor.question import Question
from torch_parity.doctor.styles import masked, source
from torch_parity.doctor.styles.arguments import Bound, NotUnderstoodError, bind
from torch_parity.doctor.styles.calls import line_of, parameters
from torch_parity.doctor.styles.forms import Form, taken
from torch_parity.doctor.styles.names import DROPOUTS, NORMS, WEIGHTED, by_words, formula_of
from torch_parity.doctor.styles.possible_forms import forms
from torch_parity.doctor.styles.results import results_and_orders, told_of_order
from torch_parity.doctor.styles.room import takes
from torch_parity.doctor.styles.steps import clipped, updated
from torch_parity.doctor.styles.words import RUNNING
from torch_parity.doctor.subject import Reading, Results, Run, Subject

CACHE = re.compile(r"\w*cache|cached|ctx|context|saved|memory|mem|memo|stored", re.IGNORECASE)


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
    results, orders = results_and_orders(function, name, result)
    readings = tuple(
        Reading(_answers(bound, form, order), (*form.conventions, *told_of_order(order), *_lacking(name, bound)))
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
    results, orders = results_and_orders(function, name)

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
        Reading(answers(form, order), (*form.conventions, *told_of_order(order), *_lacking(formula, before)))
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
