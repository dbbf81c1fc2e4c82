"""The learning rate inside the velocity: told where the rate can be changed, and the steps then differ from torch's."""

from pathlib import Path

import pytest

from tests.torch_parity.doctor.styles.asked import answers
from torch_parity.doctor.examination import Entry
from torch_parity.doctor.schedule import RATE_IN_VELOCITY

INSIDE, OUTSIDE = ("m * v - lr * g", "w + v"), ("m * v + g", "w - lr * v")

FUNCTION = """
def sgd_momentum(w, g, v, lr, m):
    v = {velocity}
    return {step}, v
"""
IN_PLACE = """
def sgd_momentum(w, g, v, lr=0.1, momentum=0.9):
    m = momentum
    v[:] = {velocity}
    w[:] = {step}
"""
CS231N = """
import numpy as np

def sgd_momentum(w, dw, config=None):
    m, lr, g = config["momentum"], config["learning_rate"], dw
    v = config.get("velocity", np.zeros_like(w))
    v = {velocity}
    config["velocity"] = v
    return {step}, config
"""
D2L = """
def sgd_momentum(params, states, hyperparams):
    m, lr = hyperparams["momentum"], hyperparams["lr"]
    for w, v in zip(params, states):
        g = w.grad
        v[:] = {velocity}
        w[:] = {step}
"""
DEEPLEARNING_AI = """
def update_parameters_with_momentum(parameters, grads, v, beta, learning_rate):
    m, lr = beta, learning_rate * (1 - beta)
    for k in list(parameters):
        w, g = parameters[k], grads["d" + k]
        v["d" + k] = (lambda v: {velocity})(v["d" + k])
        parameters[k] = (lambda v: {step})(v["d" + k])
    return parameters, v
"""
SAITOH = """
class Momentum:
    def __init__(self, lr=0.01, momentum=0.9):
        self.lr, self.momentum, self.v = lr, momentum, {{}}
    def update(self, params, grads):
        m, lr = self.momentum, self.lr
        for k, g in grads.items():
            w, v = params[k], self.v.get(k, 0)
            self.v[k] = v = {velocity}
            params[k] = {step}
"""
NNFS = """
class Optimizer_SGD:
    def __init__(self, learning_rate=1., decay=0., momentum=0.):
        self.learning_rate = self.current_learning_rate = learning_rate
        self.decay, self.iterations, self.momentum, self.v = decay, 0, momentum, {{}}
    def pre_update_params(self):
        if self.decay:
            self.current_learning_rate = self.learning_rate / (1 + self.decay * self.iterations)
    def update_params(self, layer):
        m, lr = self.momentum, self.current_learning_rate
        for k in ("weights", "biases"):
            w, g, v = getattr(layer, k), getattr(layer, "d" + k), self.v.get(k, 0)
            self.v[k] = v = {velocity}
            setattr(layer, k, {step})
    def post_update_params(self):
        self.iterations += 1
"""
CMU = """
class SGD:
    def __init__(self, model, lr=0.1, momentum=0):
        self.l, self.lr, self.mu = model.layers, lr, momentum
        self.v = [[0, 0] for _ in self.l]
    def step(self):
        m, lr = self.mu, self.lr
        for layer, kept in zip(self.l, self.v):
            for i, (k, dk) in enumerate((("W", "dLdW"), ("b", "dLdb"))):
                w, g, v = getattr(layer, k), getattr(layer, dk), kept[i]
                kept[i] = v = {velocity}
                setattr(layer, k, {step})
"""
TORCH = """
class SGD:
    def __init__(self, params, lr=0.01, momentum=0.0):
        self.params, {keeps}, self.m = list(params), lr, momentum
        self.v = [0] * len(self.params)
    def step(self):
        m, lr = self.m, {keeps}
        for i, p in enumerate(self.params):
            w, g, v = p.data, p.grad, self.v[i]
            self.v[i] = v = {velocity}
            p.data = {step}
"""
ATTRIBUTE = TORCH.replace("{keeps}", "self.learning_rate")
PRIVATE = TORCH.replace("{keeps}", "self._lr")
GROUPS = TORCH.replace(
    "{keeps}, self.m = list(params), lr, ", 'self.param_groups, self.m = list(params), [{{"lr": lr}}], '
)
GROUPS = GROUPS.replace("{keeps}", 'self.param_groups[0]["lr"]')
CONFIGURED = TORCH.replace("{keeps}, self.m = list(params), lr, ", 'self.config, self.m = list(params), {{"lr": lr}}, ')
CONFIGURED = CONFIGURED.replace("{keeps}", 'self.config["lr"]')
STEPS_WITH_RATE = """
class SGD:
    def __init__(self, momentum=0.0):
        self.m, self.v = momentum, 0
    def step(self, params, grads, lr):
        w, g, m, v = params, grads, self.m, self.v
        self.v = v = {velocity}
        return {step}
"""
OF_LAYERS = """
class SGD:
    def __init__(self, lr=0.1, momentum=0.9):
        self.lr, self.momentum, self.v = lr, momentum, {{}}
    def step(self, layers):
        m, lr = self.momentum, self.lr
        for i, layer in enumerate(layers):
            for k in layer.params:
                w, g, v = layer.params[k], layer.grads[k], self.v.get((i, k), 0)
                self.v[i, k] = v = {velocity}
                layer.params[k] = {step}
"""
EVERY = {
    "function": FUNCTION, "in place": IN_PLACE, "cs231n": CS231N, "d2l": D2L, "coursera": DEEPLEARNING_AI,
    "saitoh": SAITOH, "nnfs": NNFS, "cmu": CMU, "attribute": ATTRIBUTE, "private": PRIVATE, "groups": GROUPS,
    "configured": CONFIGURED, "step with rate": STEPS_WITH_RATE, "of layers": OF_LAYERS,
}  # fmt: skip
# The rate is taken once: at a fixed rate right, and no other can be had.
FROZEN = """
class SGD:
    def __init__(self, params, lr=0.01, momentum=0.0):
        self.params, self.m = list(params), momentum
        self.scaled = lambda g: lr * g
        self.v = [0] * len(self.params)
    def step(self):
        for i, p in enumerate(self.params):
            self.v[i] = self.m * self.v[i] + self.scaled(p.grad)
            p.data = p.data - self.v[i]
"""


def update(source: str, formula: tuple[str, str], folder: Path) -> Entry:
    (entry,) = answers(source.format(velocity=formula[0], step=formula[1]), folder).values()
    return entry


@pytest.mark.parametrize("style", EVERY)
def test_a_rate_inside_the_velocity_is_told_and_right(style: str, tmp_path: Path) -> None:
    entry = update(EVERY[style], INSIDE, tmp_path)
    assert entry.verdict == "equal", entry
    assert RATE_IN_VELOCITY in entry.conventions


@pytest.mark.parametrize("style", EVERY)
def test_nothing_is_told_of_torchs_own(style: str, tmp_path: Path) -> None:
    entry = update(EVERY[style], OUTSIDE, tmp_path)
    assert entry.verdict == "equal", entry
    assert RATE_IN_VELOCITY not in entry.conventions


def test_nothing_is_told_where_the_rate_cannot_be_changed(tmp_path: Path) -> None:
    entry = update(FROZEN.replace("{", "{{").replace("}", "}}"), INSIDE, tmp_path)
    assert (entry.verdict, entry.conventions) == ("equal", [])


def test_nothing_is_told_of_a_step_without_momentum(tmp_path: Path) -> None:
    entry = update("def sgd(w, g, lr):\n    return w - lr * g\n", INSIDE, tmp_path)
    assert (entry.verdict, entry.conventions) == ("equal", [])


def test_a_rate_in_the_velocity_and_in_the_step_is_a_mistake(tmp_path: Path) -> None:
    entry = update(FUNCTION, ("m * v + lr * g", "w - lr * v"), tmp_path)
    assert entry.verdict == "different"
    assert [mistake.name for mistake in entry.diagnoses[0].mistakes] == ["learning-rate-applied-twice"]
    assert RATE_IN_VELOCITY not in entry.conventions
