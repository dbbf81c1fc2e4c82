"""Steps of an update, each with its own learning rate: how that is changed in between, where the code has a place."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from torch_parity.doctor.question import Array, Question

# The option of a question with a rate for each step.
EVERY = "lrs"
# What a rate is called that is kept, in small letters and without underscores around it.
KEPT = {
    *("lr", "learning_rate", "learn_rate", "learningrate", "l_rate", "lrate", "eta", "alpha", "rate", "step_size"),
    *("current_learning_rate", "current_lr"),
}


def steps(question: Question) -> Iterator[tuple[Array, Question]]:
    """The gradient of each step, and the question as it is then, with the rate of that step."""
    grads = question.arrays["grads"]
    for grad, lr in zip(grads, question.options.get(EVERY, (question.options["lr"],) * len(grads)), strict=True):
        yield grad, replace(question, options={**question.options, "lr": lr})


def set_rate(holder: Any, question: Question) -> None:
    """Where rates change from step to step, set that of ``question`` where ``holder`` keeps it.

    An optimizer keeps it in an attribute, in a dictionary that is one, or as torch's in its groups.  Where it is
    in none of these, it was taken when the optimizer was made, and stays.
    """
    rates = question.options.get(EVERY)
    if rates is None:
        return
    places = [holder]
    if not isinstance(holder, dict):
        held = vars(holder)
        places = [held, *(one for one in held.values() if isinstance(one, dict)), *held.get("param_groups", [])]
    for place in places:
        for name, value in place.items():
            if str(name).lower().strip("_") in KEPT and isinstance(value, float) and value in rates:
                place[name] = question.options["lr"]
