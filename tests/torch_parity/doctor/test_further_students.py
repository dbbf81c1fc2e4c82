"""The formulas beyond a plain network as students write them: right is equal, and a changed line is named."""

import sys
from pathlib import Path

import pytest

from tests.torch_parity.doctor.entries import written
from tests.torch_parity.doctor.further_students import FIRST, FOURTH, SECOND, THIRD
from torch_parity.doctor.examination import Entry, examine_all
from torch_parity.doctor.here import Here
from torch_parity.doctor.styles import understand
from torch_parity.doctor.subject import Subject
from torch_parity.doctor.worker import load

# What is changed, and where: the file, the function or class, the subject, the line, what stands there instead; and
# what each result that is wrong is called.
CHANGES: tuple[tuple[str, str, str, str, str, dict[str, str]], ...] = (
    (FIRST, "batch_norm", "batch_norm", "var * n / (n - 1)", "var", {"running_var": "biased-running-variance"}),
    (FIRST, "batch_norm", "batch_norm", "np.sqrt(var.reshape(shape) + eps)", "(np.sqrt(var.reshape(shape)) + eps)",
     {"output": "eps-outside-the-root"}),
    (FIRST, "BatchNorm2d", "batch_norm", "mu, var = self.running_mean, self.running_var",
     "mu, var = x.mean((0, 2, 3)), x.var((0, 2, 3))", {"output": "batch-statistics-in-eval"}),
    (FIRST, "BatchNorm2d", "batch_norm_backward", "(h - m(h) - self.xhat * m(h * self.xhat))", "h",
     {"grad_input": "statistics-taken-for-constants"}),
    (FIRST, "batch_norm_backward", "batch_norm_backward", "dgamma = np.sum(dout * xhat, axis=0)",
     "dgamma = np.sum(dout * x, axis=0)", {"grad_weight": "gamma-gradient-from-the-input", "grad_input": ""}),
    (SECOND, "BatchNormalization", "batch_norm_backward", "dxn = self.gamma * dout", "dxn = dout",
     {"grad_input": "gamma-missing-in-the-gradient"}),
    (SECOND, "batchnorm_backward", "batch_norm_backward", " - xhat * (dxhat * xhat).sum(axis=0)", "",
     {"grad_input": "way-through-variance-forgotten"}),
    (FIRST, "layer_norm", "layer_norm", "x.mean(axis=-1, keepdims=True)\n    var = x.var(axis=-1, keepdims=True)",
     "x.mean(axis=0)\n    var = x.var(axis=0)", {"output": "layer-norm-over-batch"}),
    (FIRST, "LayerNorm", "layer_norm_backward", "(h - h.mean(-1, keepdims=True) - self", "(h - self",
     {"grad_input": "layer-norm-mean-path-forgotten"}),
    (FIRST, "group_norm", "group_norm", "x.reshape(N, G, C // G, H, W)",
     "x.reshape(N, C // G, G, H, W).transpose(0, 2, 1, 3, 4)", {"output": ""}),
    (SECOND, "GroupNorm", "group_norm_backward", "(dout * self.weight[None, :, None, None])", "dout",
     {"grad_input": "group-norm-weight-forgotten-in-gradient"}),
    (FIRST, "Dropout", "dropout", " / (1 - self.p)", "", {"output": "dropout-not-scaled"}),
    (FIRST, "Dropout", "dropout",
     "        if not training:\n            self.mask = np.ones_like(x)\n            return x\n", "",
     {"output": "dropout-when-tested"}),
    (FIRST, "Dropout", "dropout", "> self.p) / (1 - self.p)", "< self.p) / self.p", {"output": "p-as-share-kept"}),
    (FIRST, "Dropout", "dropout", "> self.p) / (1 - self.p)", "> self.p / 2) / (1 - self.p)", {"output": ""}),
    (FIRST, "Dropout", "dropout_backward", "return dout * self.mask", "return dout * (self.mask > 0)",
     {"grad_input": "dropout-gradient-not-scaled"}),
    (FIRST, "Dropout", "dropout_backward", "return dout * self.mask", "return dout",
     {"grad_input": "dropout-gradient-not-masked"}),
    (FIRST, "Dropout", "dropout_backward", "return dout * self.mask",
     "return dout * (np.random.rand(*dout.shape) > self.p) / (1 - self.p)",
     {"grad_input": "dropout-gradient-another-mask"}),
    (SECOND, "dropout2d", "dropout2d", "size=x.shape[:2])\n    return x * mask[:, :, None, None]",
     "size=x.shape)\n    return x * mask", {"output": "channel-dropout-of-pixels"}),
    (SECOND, "Dropout2d", "dropout2d", "(x.shape[0], x.shape[1], 1, 1)", "(1, x.shape[1], 1, 1)",
     {"output": "channel-dropout-same-for-all-images"}),
    (SECOND, "Dropout2d", "dropout2d", "(x.shape[0], x.shape[1], 1, 1)", "(x.shape[0], 1, 1, 1)",
     {"output": "channel-dropout-of-images"}),
    (FIRST, "sigmoid", "sigmoid", "1 / (1 + np.exp(-z))", "np.exp(z) / (1 + np.exp(z))",
     {"output": "sigmoid-overflows"}),
    (FIRST, "Sigmoid", "sigmoid_backward", "grad * self.out * (1 - self.out)", "self.out * (1 - self.out)",
     {"grad_input": "sigmoid-upstream-forgotten"}),
    (SECOND, "Tanh", "tanh_backward", "self.y**2", "self.y", {"grad_input": "tanh-slope-not-squared"}),
    (FIRST, "leaky_relu", "leaky_relu", "np.where(x > 0, x, x * alpha)", "np.maximum(x, x * alpha)",
     {"output": "leaky-as-maximum"}),
    (FIRST, "leaky_relu_backward", "leaky_relu_backward", "np.where(x > 0, dout, dout * alpha)", "dout * (x > 0)",
     {"grad_input": "gradient-does-not-leak"}),
    (FIRST, "swish_backward", "silu_backward", "(s + x * s * (1 - s))", "s",
     {"grad_input": "silu-sigmoid-as-constant"}),
    (SECOND, "gelu", "gelu", "(x / math.sqrt(2))", "(x)", {"output": "gelu-root-of-two-forgotten"}),
    (SECOND, "adaptive_avg_pool2d", "adaptive_avg_pool2d", "-(-(i + 1) * H // oH)", "(i + 1) * H // oH",
     {"output": ""}),
    (SECOND, "conv_transpose2d", "conv_transpose2d", "] += stamp", "] = stamp", {"output": "stamps-overwritten"}),
    (FIRST, "mse", "mse_loss", "np.mean((y_true - y_pred) ** 2)", "np.mean((y_true - y_pred) ** 2) / 2",
     {"output": "error-halved"}),
    (FIRST, "nll_loss", "nll_loss", "-log_probs", "log_probs", {"output": "likelihood-not-negated"}),
    (SECOND, "BCEWithLogitsLoss", "binary_cross_entropy_with_logits_backward", " / self.targets.size", "",
     {"grad_input": "binary-gradient-not-averaged"}),
    (FIRST, "Adam", "adam", "mh = self.m[i] / (1 - self.betas[0] ** self.t)", "mh = self.m[i]", {"output": ""}),
    (FIRST, "Adam", "adam", "            mh = self.m[i] / (1 - self.betas[0] ** self.t)\n"
     "            vh = self.v[i] / (1 - self.betas[1] ** self.t)\n",
     "            mh, vh = self.m[i], self.v[i]\n", {"output": "adam-bias-uncorrected"}),
    (FIRST, "adam_update", "adam", "(1 - beta2) * dw * dw", "(1 - beta2) * dw",
     {"output": "adam-gradient-not-squared"}),
    (SECOND, "adamw_step", "adamw", "    w = w * (1 - lr * weight_decay)\n", "    g = g + weight_decay * w\n",
     {"output": "adamw-decay-coupled"}),
    (SECOND, "rmsprop_update", "rmsprop", "(np.sqrt(s) + epsilon)", "np.sqrt(s + epsilon)",
     {"output": "rmsprop-epsilon-in-the-root"}),
    (SECOND, "clip_grad_norm", "clip_grad_norm", "min(1.0, max_norm / (total + 1e-6))", "max_norm / (total + 1e-6)",
     {"output": "always-scaled-to-max-norm", "other": "always-scaled-to-max-norm"}),
)  # fmt: skip
# Formulas that are written twice at least.
FORMULAS = {
    "batch_norm", "layer_norm", "group_norm", "dropout", "dropout2d", "adaptive_avg_pool2d", "leaky_relu", "sigmoid",
    "tanh", "silu", "gelu", "conv_transpose2d", "mse_loss", "nll_loss", "binary_cross_entropy_with_logits", "rmsprop",
    "adam", "adamw", "clip_grad_norm",
}  # fmt: skip


def examined(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch, *only: str) -> list[Entry]:
    """The entries of a file, or of what is called so in it."""
    monkeypatch.setattr("sys.path", list(sys.path))
    monkeypatch.setattr("sys.argv", list(sys.argv))
    here = Here(understood(folder, text, *only))
    return list(examine_all(here.find(), here.ask))


def understood(folder: Path, text: str, *only: str) -> list[Subject]:
    """All that a file defines, or what is called so in it."""
    subjects, not_understood = understand(load(written(folder, text)), None, list(only), {}, None)
    assert not not_understood
    return subjects


def test_every_formula_is_written_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", list(sys.path))
    monkeypatch.setattr("sys.argv", list(sys.argv))
    found = [one.formula for text in (FIRST, SECOND) for one in understood(tmp_path, text)]
    assert set(found) == FORMULAS
    assert min(found.count(formula) for formula in FORMULAS) >= 2


@pytest.mark.parametrize("text", [FIRST, SECOND], ids=["first", "second"])
def test_right_code_is_equal(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = examined(tmp_path, text, monkeypatch)
    assert [entry.subject.found for entry in entries if not entry.equal] == []
    assert len(entries) > 25
    assert {entry.subject.formula for entry in entries} < FORMULAS


def test_right_code_that_keeps_to_other_conventions_is_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = examined(tmp_path, THIRD, monkeypatch)
    assert [entry.subject.found for entry in entries if not entry.equal] == []
    told = {entry.subject.found: entry.conventions for entry in entries}
    assert len(told) > 12
    assert told["Dropout.forward"] == ["evaluation is scaled, by 1 - p, and training is not"]
    assert told["Layer_Dropout.forward"] == told["Activation_Sigmoid.backward"] == []
    assert told["tanh_prime"] == ["it gives the derivative; the upstream gradient is multiplied by it"]


def test_other_shares_and_shapes_are_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = examined(tmp_path, FOURTH, monkeypatch)
    assert [entry.subject.found for entry in entries if not entry.equal] == []
    told = {entry.subject.found: entry.conventions for entry in entries}
    share = [
        "momentum is the share of the old running statistics",
        "the running variance is divided by n, not by n - 1",
    ]
    assert told["BatchNorm.forward"] == share
    assert told["batch_norm"] == ["scales and statistics are stored as (1, C, 1, 1)", *share]
    assert told["groupnorm"] == ["it has no weight", "it has no bias"]


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("batchnorm_forward(x, gamma, beta, options)", "nobody says what the argument options is"),
        ("dropout_forward(x, settings)", "nobody says what the argument settings is"),
        ("adam(w, dw, settings=None)", "no argument for the learning rate"),
        ("batch_norm(gamma, beta)", "no argument for input"),
    ],
)
def test_arguments_that_nobody_explains_are_not_guessed(head: str, reason: str, tmp_path: Path) -> None:
    _, (left,) = understand(load(written(tmp_path, f"def {head}:\n    return 1\n")), None, [], {}, None)
    assert reason in left.reason


def test_a_gradient_that_is_scaled_belongs_to_a_forward_that_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The convention of one half is no excuse for the other."""
    changed = FIRST.replace("return dout * self.mask", "return dout * (self.mask > 0)")
    entries = examined(tmp_path, changed, monkeypatch, "Dropout")
    assert [(entry.subject.name, entry.verdict) for entry in entries] == [
        ("dropout", "equal"), ("dropout_backward", "different"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "name", "subject", "line", "wrong", "called"), CHANGES, ids=[f"{c[1]}-{i}" for i, c in enumerate(CHANGES)]
)
def test_a_changed_line_is_named_and_never_otherwise(
    text: str,
    name: str,
    subject: str,
    line: str,
    wrong: str,
    called: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    head, definition, rest = text.partition(f"def {name}(" if f"def {name}(" in text else f"class {name}:")
    assert line in rest, line
    changed = head + definition + rest.replace(line, wrong, 1)
    (entry,) = [one for one in examined(tmp_path, changed, monkeypatch, name) if one.subject.name == subject]
    assert entry.verdict == "different"
    found = {one.result: [m.name for m in one.mistakes] for one in entry.diagnoses if one.certainty == "proven"}
    assert {result for result, verdict in entry.results.items() if verdict == "different"} == set(called)
    assert found == {result: [mistake] for result, mistake in called.items() if mistake}
