from pathlib import Path

import pytest

from tests.torch_parity.doctor.styles.answers import answers, mistaken, proven
from torch_parity.doctor.styles.cs231n.updates import MEMORY_GIVEN

UPDATES = """
import numpy as np

def rmsprop(w, dw, config=None):
    if config is None:
        config = {}
    config.setdefault("learning_rate", 1e-2)
    config.setdefault("decay_rate", 0.99)
    config.setdefault("epsilon", 1e-8)
    config.setdefault("cache", np.zeros_like(w))

    cache = config["decay_rate"] * config["cache"] + (1 - config["decay_rate"]) * dw ** 2
    next_w = w - config["learning_rate"] * dw / (np.sqrt(cache) + config["epsilon"])
    config["cache"] = cache
    return next_w, config

def adam(w, dw, config=None):
    if config is None:
        config = {}
    config.setdefault("learning_rate", 1e-3)
    config.setdefault("beta1", 0.9)
    config.setdefault("beta2", 0.999)
    config.setdefault("epsilon", 1e-8)
    config.setdefault("m", np.zeros_like(w))
    config.setdefault("v", np.zeros_like(w))
    config.setdefault("t", 0)

    beta1, beta2 = config["beta1"], config["beta2"]
    config["t"] += 1
    config["m"] = beta1 * config["m"] + (1 - beta1) * dw
    config["v"] = beta2 * config["v"] + (1 - beta2) * (dw * dw)
    mt = config["m"] / (1 - beta1 ** config["t"])
    vt = config["v"] / (1 - beta2 ** config["t"])
    next_w = w - config["learning_rate"] * mt / (np.sqrt(vt) + config["epsilon"])
    return next_w, config
"""

# With a loop over the numbers, in place, and with names of their own in between.
LOOPS = """
import numpy as np

def rmsprop(w, dw, config):
    config.setdefault("cache", np.zeros(w.shape))
    alpha, cache = config["decay_rate"], config["cache"]
    for i in np.ndindex(w.shape):
        cache[i] = alpha * cache[i] + (1 - alpha) * dw[i] * dw[i]
        w[i] -= config["learning_rate"] * dw[i] / (cache[i] ** 0.5 + config["epsilon"])
    return w, config

def adam(w, dw, config):
    lr, beta1, beta2, eps = (config[k] for k in ("learning_rate", "beta1", "beta2", "epsilon"))
    m, v, t = config.get("m", 0 * w), config.get("v", 0 * w), config.get("t", 1)
    next_w, m, v = w.copy(), m.copy(), v.copy()
    for i in np.ndindex(w.shape):
        m[i] += (1 - beta1) * (dw[i] - m[i])
        v[i] += (1 - beta2) * (dw[i] ** 2 - v[i])
        next_w[i] += -lr * (m[i] / (1 - beta1 ** t)) / (np.sqrt(v[i] / (1 - beta2 ** t)) + eps)
    return next_w, {**config, "m": m, "v": v, "t": t + 1}
"""


@pytest.mark.parametrize("source", [UPDATES, LOOPS])
def test_right_updates_are_equal(source: str, tmp_path: Path) -> None:
    found = answers(source, tmp_path)
    assert {key: (entry.subject.style, entry.verdict, entry.conventions) for key, entry in found.items()} == {
        ("rmsprop", "rmsprop"): ("cs231n", "equal", []),
        ("adam", "adam"): ("cs231n", "equal", []),
    }


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("rmsprop", ('    config.setdefault("cache", np.zeros_like(w))\n',)),
        ("adam", tuple(f'    config.setdefault("{kept}", {value})\n' for kept, value in
                       (("m", "np.zeros_like(w)"), ("v", "np.zeros_like(w)"), ("t", "0")))),
    ],
)  # fmt: skip
def test_what_is_kept_may_be_given_at_the_beginning(name: str, lines: tuple[str, ...], tmp_path: Path) -> None:
    source = UPDATES
    for line in lines:
        source = mistaken(source, line, "")
    entry = answers(source, tmp_path, (name,))[name, name]
    assert (entry.verdict, entry.conventions) == ("equal", [MEMORY_GIVEN[name]])


@pytest.mark.parametrize(
    ("name", "right", "wrong", "mistake"),
    [
        ("rmsprop", '(np.sqrt(cache) + config["epsilon"])', 'np.sqrt(cache + config["epsilon"])',
         "rmsprop-epsilon-in-the-root"),
        ("rmsprop", "np.sqrt(cache)", "cache", "rmsprop-root-forgotten"),
        ("rmsprop", 'config["decay_rate"] * config["cache"] + (1 - config["decay_rate"]) *',
         '(1 - config["decay_rate"]) * config["cache"] + config["decay_rate"] *', "rmsprop-alpha-on-the-wrong-term"),
        ("rmsprop", '+ (1 - config["decay_rate"]) * dw', "+ dw", "rmsprop-squares-added-up"),
        ("rmsprop", "dw ** 2", "np.abs(dw)", "rmsprop-absolute-value-for-square"),
        ("rmsprop", 'config["cache"] = cache\n', "\n", "rmsprop-mean-forgotten-between-steps"),
        ("adam", "next_w = w - config[\"learning_rate\"] * mt / (np.sqrt(vt)",
         'next_w = w - config["learning_rate"] * config["m"] / (np.sqrt(config["v"])', "adam-bias-uncorrected"),
        ("adam", '(np.sqrt(vt) + config["epsilon"])', 'np.sqrt(vt + config["epsilon"])', "adam-epsilon-in-the-root"),
        ("adam", '(np.sqrt(vt) + config["epsilon"])',
         '((np.sqrt(config["v"]) + config["epsilon"]) / np.sqrt(1 - beta2 ** config["t"]))',
         "adam-epsilon-before-the-correction"),
        ("adam", "np.sqrt(vt)", "vt", "adam-root-forgotten"),
        ("adam", "(dw * dw)", "dw", "adam-gradient-not-squared"),
        ("adam", "(dw * dw)", "np.abs(dw)", "adam-absolute-value-for-square"),
        ("adam", 'beta1, beta2 = config["beta1"], config["beta2"]', 'beta2, beta1 = config["beta1"], config["beta2"]',
         "adam-betas-swapped"),
        ("adam", "return next_w, config", 'return next_w, {**config, "m": 0 * w, "v": 0 * w, "t": 0}',
         "adam-means-forgotten-between-steps"),
    ],
)  # fmt: skip
def test_mistakes_are_named(name: str, right: str, wrong: str, mistake: str, tmp_path: Path) -> None:
    entry = answers(mistaken(UPDATES, right, wrong), tmp_path, (name,))[name, name]
    assert entry.verdict == "different"
    assert proven(entry) == {"output": [mistake]}


def test_steps_counted_after_they_are_used_are_counted_from_0(tmp_path: Path) -> None:
    count = '    config["t"] += 1\n'
    source = mistaken(mistaken(UPDATES, count, ""), '(np.sqrt(vt) + config["epsilon"])\n',
                      '(np.sqrt(vt) + config["epsilon"])\n' + count)  # fmt: skip
    entry = answers(source, tmp_path, ("adam",))["adam", "adam"]
    assert proven(entry) == {"output": ["adam-steps-counted-from-0"]}


def test_an_update_without_a_config_is_not_the_assignments(tmp_path: Path) -> None:
    source = "def adam(w, dw, lr): return w\ndef rmsprop(w, dw, config, lr): return w\n"
    assert not [entry for entry in answers(source, tmp_path).values() if entry.subject.style == "cs231n"]
