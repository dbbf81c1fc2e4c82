"""Classes that do in training what they do not do after it: normalisation and dropout."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from torch_parity.doctor.question import Question
from torch_parity.doctor.styles import holders, masked, source
from torch_parity.doctor.styles.arguments import Bound, bind
from torch_parity.doctor.styles.calls import line_of
from torch_parity.doctor.styles.forms import Form, spread, taken
from torch_parity.doctor.styles.functions import told
from torch_parity.doctor.styles.holders import Place
from torch_parity.doctor.styles.instances import constructor, method_of, methods_of
from torch_parity.doctor.styles.names import DROPOUTS, NORMS, gradient_of, results_of
from torch_parity.doctor.styles.possible_forms import norm_forms
from torch_parity.doctor.styles.room import OPTIONS, dropout_ranks, further_options, norm_ranks, written_constants
from torch_parity.doctor.styles.words import RUNNING, SCALE, TRAINING
from torch_parity.doctor.subject import Reading, Results, Run, Subject, Takes

STATEFUL = (*NORMS, *DROPOUTS)
HELD = dict(zip(("weight", "bias", "running_mean", "running_var"), (*SCALE, *RUNNING), strict=True))


def subjects(
    thing: type, formula: str, name: str, forward: tuple[str, Callable[..., Any]], backward: tuple[str, Any]
) -> list[Subject]:
    """Both halves of the layer ``thing``, its methods ``forward`` and ``backward`` with what they are called.

    NotUnderstoodError where it cannot be made or called.
    """
    new = constructor(thing, formula)
    first = bind(forward[1], f"{formula}.forward", skip=1)
    second = bind(backward[1], f"{formula}.backward", skip=1) if backward[1] else None
    layer = Stateful(formula, thing, new, first, second, Form())
    room = _room(layer)
    every = [replace(layer, form=form) for form in _forms(layer, room)]
    results: tuple[str, ...] = ("output",)
    if formula == "batch_norm" and "running_mean" in room.options:
        results = ("output", "running_mean", "running_var")
    found = [
        Subject(
            formula, f"{name}.{forward[0]}", "class", told(new), results,
            tuple(Reading(one.forwards, one.form.conventions) for one in every), room, name, line_of(forward[1]),
        )
    ]  # fmt: skip
    if second is not None:
        gradients = results_of(f"{formula}_backward")
        if room.constants.get("weight") == 0:
            gradients = gradients[:1]
        # A gradient is asked for in training alone: after it nobody needs one.
        room = replace(room, options=tuple(one for one in room.options if one != "training"))
        found.append(
            Subject(
                f"{formula}_backward", f"{name}.{backward[0]}", "class", told(new), gradients,
                tuple(Reading(one.backwards, one.form.conventions) for one in every), room, name, line_of(backward[1]),
            )
        )  # fmt: skip
    return found


@dataclass(frozen=True)
class Stateful:
    """How such a class is used: its parts with their arguments understood, and the form of its arrays."""

    formula: str
    thing: type
    new: Bound
    forward: Bound
    backward: Bound | None
    form: Form

    def forwards(self, question: Question) -> Run:
        """What answers questions for the output."""
        instance = self.instance(question)

        def run(q: Question) -> Results:
            self.set(instance, q)
            if self.formula in DROPOUTS:
                share = 1 - q.options["p"] if self.form.unscaled else 1.0
                return {"output": masked.output(q, lambda x: self.output(instance, q, x)) / share}
            found: Results = {"output": self.output(instance, q, q.arrays["input"])}
            for role in ("running_mean", "running_var"):
                place = self.place(instance, role)
                if place is not None and role in q.arrays:
                    found[role] = taken(place.get(), q, self.form, role)
            return found

        return run

    def backwards(self, question: Question) -> Run:
        """What answers questions for the gradients, after a forward with the same numbers."""
        instance = self.instance(question)
        assert self.backward is not None
        backward = self.backward

        def run(q: Question) -> Results:
            self.set(instance, q)

            def gradient(g: Any) -> Any:
                returned = backward.call(q, self.form, first=(instance,), grad_output=g)
                returned = getattr(instance, "dinputs", None) if returned is None else returned
                return returned[0] if isinstance(returned, tuple) and self.formula in DROPOUTS else returned

            if self.formula in DROPOUTS:
                share = 1.0
                if self.form.unscaled:
                    share = masked.share_of_unscaled(q, lambda x: self.output(instance, q, x))
                return {"grad_input": masked.gradient(q, lambda x: self.output(instance, q, x), gradient) / share}
            self.output(instance, q, q.arrays["input"])
            found = gathered(instance, backward, gradient(q.grad_output), results_of(f"{self.formula}_backward"))
            return {name: taken(held, q, self.form, name) for name, held in found.items()}

        return run

    def instance(self, question: Question) -> Any:
        """A new one for the sizes and options of ``question``."""
        switches = ("affine", "track_running_stats", "elementwise_affine")
        given: dict[str, Any] = {role: True for role in switches if role in self.new}
        for role in ("weight", "bias"):
            if role in self.new and isinstance(self.new.default(role), bool):
                given[role] = True
        return self.new.call(question, self.form, **given)

    def output(self, instance: Any, question: Question, x: Any) -> Any:
        """That of a forward of ``x``."""
        found = self.forward.call(question, self.form, first=(instance,), input=x)
        if found is None:
            return getattr(instance, "output", None)  # kept, not returned
        return found[0] if isinstance(found, tuple) else found

    def place(self, instance: Any, role: str) -> Place | None:
        """Where the weight, the bias or a running statistic is kept, by its name; None where there is none."""
        words = HELD[role].split()
        return next((one for one in holders.places(instance) if one.last in words and not one.gradient), None)

    def set(self, instance: Any, question: Question) -> None:
        """Give an instance the arrays of ``question``, and tell it whether it is in training."""
        for role in HELD:
            place, array = self.place(instance, role), question.arrays.get(role)
            if role == "bias" and place is not None and array is None:
                array = np.zeros_like(question.arrays["weight"])
            if place is None or array is None:
                continue
            held = place.get()
            new = spread(array, question, self.form)
            if held is not None and held.size == array.size and not self.form.spread:
                new = array.reshape(held.shape)
            place.set(np.array(new))
        mode(instance, bool(question.options.get("training", True)))


def mode(instance: Any, training: bool) -> None:
    """Put an instance into training or out of it: by its methods, or an attribute."""
    method = method_of(type(instance), ("train",) if training else ("eval", "test", "evaluate"))
    if method is not None:
        method(instance)
        return
    for name in TRAINING.split():
        held = getattr(instance, name, None)
        if isinstance(held, bool):
            setattr(instance, name, training)
        elif isinstance(held, str) and held in ("train", "test", "eval"):
            setattr(instance, name, "train" if training else "eval" if held == "eval" else "test")


def gathered(instance: Any, backward: Bound, returned: Any, every: tuple[str, ...]) -> Results:
    """What a backward gave: returned, or kept in attributes."""
    found: Results = {}
    if isinstance(returned, tuple | list):
        names = [gradient_of(one) for one in source.returns(backward.function) or ()]
        names = names if names and "" not in names else list(every)
        found |= dict(zip(names, returned, strict=False))
    elif returned is not None:
        found["grad_input"] = returned
    for place in holders.places(instance):
        held = place.get()
        if place.gradient in every and found.get(place.gradient) is None and held is not None:
            found[place.gradient] = held
        elif (
            place.last in HELD["weight"].split() + HELD["bias"].split()
            and getattr(place.owner, "grad", None) is not None
        ):
            role = "grad_weight" if place.last in HELD["weight"].split() else "grad_bias"
            found.setdefault(role, place.owner.grad)
    return found


def _forms(layer: Stateful, room: Takes) -> list[Form]:
    if layer.formula in NORMS:
        return norm_forms(layer.formula, layer.new)
    # Who scales in evaluation what is not scaled in training is right; that is seen where both are asked for.
    return [Form(), Form(unscaled=True)] if "training" in room.options else [Form()]


def _room(layer: Stateful) -> Takes:
    """What there is room for in the arguments, the attributes and the methods."""
    bounds = [one for one in (layer.new, layer.forward) if one is not None]
    methods = methods_of(layer.thing)
    names = {name for one in bounds for name in one.roles.values()}
    options = [role for role in OPTIONS if role in names and role != "training"]
    for one in bounds:
        options += further_options(layer.formula, one)
    held = source.attributes(layer.thing)
    switched = held & set(TRAINING.split()) or method_of(layer.thing, ("eval", "test", "evaluate"))
    if "training" in names or switched:
        options.append("training")
    kept = {name.lower().strip("_") for name in held}
    if layer.formula == "batch_norm" and all(kept & set(words.split()) for words in RUNNING):
        options.append("running_mean")
    elif layer.formula == "batch_norm":
        options = [one for one in options if one != "training"]
    constants = written_constants(layer.formula, methods, *bounds)
    if layer.formula in NORMS:
        constants.pop("weight", None)
        if not kept & set(HELD["weight"].split()):
            constants["weight"] = 0
    bias = bool(kept & set(HELD["bias"].split()))
    if layer.formula == "dropout":
        return Takes(tuple(options), ranks=dropout_ranks(layer.forward), constants=constants)
    if layer.formula not in NORMS:
        return Takes(tuple(options), constants=constants)
    return Takes(
        tuple(options), bias=bias, ranks=norm_ranks(layer.formula, methods, layer.forward), constants=constants
    )
