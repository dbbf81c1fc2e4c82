"""The file to complete: every formula is in it, and the doctor understands it, empty and complete."""

import ast
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reference
from reference import definition
from reference.batch_norm import running_statistics
from tests.torch_parity.doctor.entries import examined, written
from torch_parity.doctor.command import main
from torch_parity.doctor.report import summary, unwritten
from torch_parity.doctor.stubs import STUBS, heads, stubs, write_stubs
from torch_parity.lesson.cells import LETTERS
from torch_parity.lesson.sections import SECTIONS
from torch_parity.proof.pairs import PAIRS

EVERY = [pair.name for pair in PAIRS]
FORMULAS = {*EVERY} | {f"{pair.name}_backward" for pair in PAIRS if pair.gradients}
LESSON = {name for name in FORMULAS if STUBS[name].section}


def functions(text: str) -> list[ast.FunctionDef]:
    return [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]


def test_every_formula_and_every_gradient_has_its_stub() -> None:
    assert set(STUBS) == FORMULAS
    assert len(LESSON) == 21
    assert {function.name for function in functions(stubs("a.py"))} == LESSON - {"sgd"} | {"sgd_step"}
    steps = {"sgd", "rmsprop", "adam", "adamw"}
    assert {function.name for function in functions(stubs("a.py", EVERY))} == FORMULAS - steps | {
        f"{name}_step" for name in steps
    }


def test_others_than_the_lessons_are_asked_for() -> None:
    text = stubs("a.py", ["sigmoid", "adam"])
    assert [function.name for function in functions(text)] == ["sigmoid", "sigmoid_backward", "adam_step"]
    assert "lesson" not in text
    assert "lesson" in stubs("a.py", ["relu"])
    with pytest.raises(ValueError, match=r"no formula is called 'bach_norm'; there are conv2d, "):
        stubs("a.py", ["bach_norm"])


def test_the_command_writes_what_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    assert main(["--new", str(path), "--only", "relu", "--only", "mse_loss,tanh"]) == 0
    assert {function.name.removesuffix("_backward") for function in functions(path.read_text(encoding="utf-8"))} == {
        "relu", "tanh", "mse_loss",
    }  # fmt: skip


def test_a_stub_has_its_formula_its_reason_and_its_place_in_the_lesson() -> None:
    texts = {function.name: ast.get_docstring(function) or "" for function in functions(stubs("a.py", EVERY))}
    for pair in PAIRS:
        for name in {pair.name, f"{pair.name}_backward"} & FORMULAS:
            text = texts[STUBS[name].name or name]
            assert pair.formula in text
            in_the_lesson = re.search(rf"#({'|'.join(section.name for section in SECTIONS)})$", text)
            assert (in_the_lesson is not None) == (name in LESSON), text
            if not STUBS[name].hint:  # the definition's own words
                (said,) = re.findall(
                    r"\n\n(.*?)\n\n(?:Source: |>>> )", inspect.getdoc(getattr(definition, name)) or "", re.S
                )
                assert said in text


def test_nothing_is_left_of_a_definitions_examples_and_sources() -> None:
    assert not re.search(r">>>|Source:", stubs("a.py", EVERY))
    assert max(map(len, stubs("a.py", EVERY).splitlines())) <= 120


def test_the_lesson_shows_the_same_heads() -> None:
    exercises = [section.exercise for section in SECTIONS]
    for names in (
        ("conv2d",),
        ("relu", "relu_backward"),
        ("linear", "linear_backward"),
        ("conv2d_backward",),
        ("sgd",),
    ):
        assert heads(*names) in exercises


def test_every_argument_is_one_that_the_reference_or_the_letters_know() -> None:
    known = {"grad", "grads", "max_norm", "y", "m", "v", "pad", "gamma", "beta", "alpha", "beta1", "beta2", *LETTERS}
    for name in FORMULAS - {"sgd", "rmsprop", "adam", "adamw", "clip_grad_norm"}:
        known |= set(inspect.signature(getattr(reference, name)).parameters)
    for function in functions(stubs("a.py", EVERY)):
        assert {argument.arg for argument in function.args.args} <= known | {"lr", "weight_decay"}


def test_the_file_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    write_stubs(path)
    assert "scripts/doctor.py mine.py" in path.read_text(encoding="utf-8")
    path.write_text("work of a night", encoding="utf-8")
    with pytest.raises(FileExistsError, match=r"mine.py exists already, and stays as it is"):
        write_stubs(path)
    assert path.read_text(encoding="utf-8") == "work of a night"


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ends in .py, got .*layers.txt"):
        write_stubs(tmp_path / "layers.txt")
    assert not list(tmp_path.iterdir())


def test_the_doctor_understands_every_stub_and_finds_it_not_written_yet(tmp_path: Path) -> None:
    found = examined(written(tmp_path, stubs("layers.py", EVERY)))
    assert {entry.subject.name for entry in found} == FORMULAS
    assert all(unwritten(entry) for entry in found)
    assert summary(found) == f"0 of {len(FORMULAS)} right, {len(FORMULAS)} not written yet"


# The stubs, completed.
SOLUTIONS: dict[str, Callable[..., Any]] = {
    "conv2d": lambda x, K, b, stride, padding: reference.conv2d(x, K, b, stride, padding),  # noqa: N803
    "conv2d_backward": lambda g, x, K, stride, padding: reference.conv2d_backward(  # noqa: N803
        g, x, K, stride=stride, padding=padding
    ),
    "pad": reference.pad,
    "pad_backward": reference.pad_backward,
    "relu": reference.relu,
    "relu_backward": reference.relu_backward,
    "max_pool2d": reference.max_pool2d,
    "max_pool2d_backward": lambda g, x, kernel_size, stride: reference.max_pool2d_backward(
        g, reference.max_pool2d(x, kernel_size, stride, return_indices=True)[1], x.shape
    ),
    "avg_pool2d": reference.avg_pool2d,
    "avg_pool2d_backward": lambda g, x, kernel_size, stride: reference.avg_pool2d_backward(
        g, x.shape, kernel_size, stride
    ),
    "flatten": lambda x: reference.flatten(x, 1),
    "flatten_backward": reference.flatten_backward,
    "linear": reference.linear,
    "linear_backward": reference.linear_backward,
    "softmax": reference.softmax,
    "softmax_backward": reference.softmax_backward,
    "log_softmax": reference.log_softmax,
    "log_softmax_backward": reference.log_softmax_backward,
    "cross_entropy": reference.cross_entropy,
    "cross_entropy_backward": lambda x, t: reference.cross_entropy_backward(np.ones(()), x, t)[0],
    "sgd_step": lambda K, grad, lr: K - lr * grad,  # noqa: N803
}
ONE = np.ones(())


def batch_norm(x: Any, gamma: Any, beta: Any, mean: Any, var: Any, training: bool, momentum: float, eps: float) -> Any:
    y = reference.batch_norm(x, mean, var, gamma, beta, training, momentum, eps)
    if training:
        mean[:], var[:] = running_statistics(x, mean, var, momentum)
    return y


def adam(K: Any, grad: Any, m: Any, v: Any, t: int, lr: float, beta1: float, beta2: float, eps: float) -> Any:  # noqa: N803
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    return K - lr * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps), m, v


def rmsprop(K: Any, grad: Any, v: Any, lr: float, alpha: float, eps: float) -> Any:  # noqa: N803
    v = alpha * v + (1 - alpha) * grad**2
    return K - lr * grad / (np.sqrt(v) + eps), v


def clip_grad_norm(grads: Any, max_norm: float) -> Any:
    norm = np.sqrt(sum((g**2).sum() for g in grads))
    return [g * min(1, max_norm / (norm + 1e-6)) for g in grads]


SOLUTIONS |= {
    **{
        f"{name}{end}": getattr(reference, f"{name}{end}")
        for name in ("leaky_relu", "sigmoid", "tanh", "silu", "adaptive_avg_pool2d")
        for end in ("", "_backward")
    },
    "gelu": lambda x, approximate: reference.gelu(x, approximate=approximate),
    "gelu_backward": lambda g, x, approximate: reference.gelu_backward(g, x, approximate=approximate),
    "conv_transpose2d": reference.conv_transpose2d,
    "conv_transpose2d_backward": lambda g, x, K, s, p, added: reference.conv_transpose2d_backward(  # noqa: N803
        g, x, K, stride=s, padding=p, output_padding=added
    ),
    "batch_norm": batch_norm,
    "batch_norm_backward": lambda g, x, gamma, eps: reference.batch_norm_backward(
        g, x, None, None, gamma, training=True, eps=eps
    ),
    "dropout": lambda x, mask, p, training: reference.dropout(x, p, training, mask=mask),
    "dropout_backward": reference.dropout_backward,
    "dropout2d": lambda x, mask, p, training: reference.dropout2d(x, p, training, mask=mask),
    "dropout2d_backward": reference.dropout2d_backward,
    "layer_norm": lambda x, gamma, beta, eps: reference.layer_norm(x, gamma.shape, gamma, beta, eps),
    "layer_norm_backward": lambda g, x, gamma, eps: reference.layer_norm_backward(g, x, gamma.shape, gamma, eps=eps),
    "group_norm": reference.group_norm,
    "group_norm_backward": lambda g, x, groups, gamma, eps: reference.group_norm_backward(g, x, groups, gamma, eps=eps),
    "nll_loss": reference.nll_loss,
    "nll_loss_backward": lambda x, t: reference.nll_loss_backward(ONE, x, t),
    "mse_loss": reference.mse_loss,
    "mse_loss_backward": lambda x, t: reference.mse_loss_backward(ONE, x, t)[0],
    "binary_cross_entropy_with_logits": reference.binary_cross_entropy_with_logits,
    "binary_cross_entropy_with_logits_backward": lambda x, t: reference.binary_cross_entropy_with_logits_backward(
        ONE, x, t
    )[0],
    "rmsprop_step": rmsprop,
    "adam_step": adam,
    "adamw_step": lambda K, grad, m, v, t, lr, beta1, beta2, eps, weight_decay: adam(  # noqa: N803
        K - lr * weight_decay * K, grad, m, v, t, lr, beta1, beta2, eps
    ),
    "clip_grad_norm": clip_grad_norm,
}


def test_the_stubs_completed_are_all_equal(tmp_path: Path) -> None:
    text = stubs("layers.py", EVERY).replace("import numpy as np", f"from {__name__} import SOLUTIONS")
    for function in functions(text):
        call = f"return SOLUTIONS[{function.name!r}]({', '.join(argument.arg for argument in function.args.args)})"
        text = text.replace("raise NotImplementedError", call, 1)
    found = examined(written(tmp_path, text))
    assert summary(found) == f"{len(FORMULAS)} of {len(FORMULAS)} right"
