"""The notebook's cells judge what stands in them."""

from typing import Any

import numpy as np
import pytest
import torch

from reference import definition
from torch_parity.lesson.cells import CASES, check, section, verdict
from torch_parity.lesson.example import Array
from torch_parity.lesson.sections.convolution import IMAGE, KERNEL

GIVEN = {"image": IMAGE, "kernel": KERNEL, "bias": np.zeros((1, 1))}
OPTIONS = {"stride": 1, "padding": 0, "dilation": 1, "flip": False}


def conv2d(x: Array, K: Array, b: Array, stride: int = 1, padding: int = 0) -> Any:  # noqa: N803
    return definition.conv2d(x, K, b, stride, padding)


def named(name: str, function: Any) -> Any:
    function.__name__ = name
    return function


def test_a_section_has_a_name() -> None:
    assert section("convolution").title == "Convolution"


def test_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    output = definition.conv2d(IMAGE[None, None], KERNEL[None, None])
    verdict("convolution", GIVEN, OPTIONS, {"output": output}, {"output": torch.from_numpy(output)})
    said = capsys.readouterr().out
    assert "output, NumPy:\n[[-6. 14. 15.]" in said
    assert "output, torch:\n[[-6. 14. 15.]" in said
    assert "equal bit for bit: 9 numbers" in said


def test_the_verdict_on_real_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    given = {**GIVEN, "image": IMAGE / 10}
    output = definition.conv2d(given["image"][None, None], KERNEL[None, None])
    verdict("convolution", given, OPTIONS, {"output": output}, {"output": torch.from_numpy(output + 1e-16)})
    assert "equal within the bound of rounding: " in capsys.readouterr().out


def test_the_verdict_on_what_differs(capsys: pytest.CaptureFixture[str]) -> None:
    output = definition.conv2d(IMAGE[None, None], KERNEL[None, None])
    with pytest.raises(AssertionError, match="output: NumPy and torch differ"):
        verdict("convolution", GIVEN, OPTIONS, {"output": output}, {"output": torch.from_numpy(output + 1)})
    assert "DIFFERENT" in capsys.readouterr().out


def test_a_right_function_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    check(conv2d, "convolution")
    assert capsys.readouterr().out == f"Right: equal to the reference in {CASES} of {CASES} cases.\n"


def test_a_function_that_is_not_written_yet(capsys: pytest.CaptureFixture[str]) -> None:
    def unwritten(x: Array, K: Array, b: Array, stride: int = 1, padding: int = 0) -> None:  # noqa: N803
        """As the stub is."""

    check(named("conv2d", unwritten), "convolution")
    assert capsys.readouterr().out.startswith("Not written yet.")


def test_a_wrong_function_is_shown_where(capsys: pytest.CaptureFixture[str]) -> None:
    def wrong(x: Array, K: Array, b: Array, stride: int = 1, padding: int = 0) -> Any:  # noqa: N803
        return definition.conv2d(x, K, b, stride, padding) + (padding == 2)

    check(named("conv2d", wrong), "convolution")
    said = capsys.readouterr().out
    assert said.startswith("Different in case ")
    assert "padding =\n2\n" in said
    assert "expected\n" in said


def test_a_known_mistake_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    def flipped(x: Array, K: Array, b: Array, stride: int = 1, padding: int = 0) -> Any:  # noqa: N803
        return definition.conv2d(x, K[:, :, ::-1, ::-1], b, stride, padding)

    check(named("conv2d", flipped), "convolution")
    said = capsys.readouterr().out
    assert said.startswith("Different in case 1: output\n\nconv2d  (understood as conv2d; ")
    assert "[kernel-flipped]" in said
    assert "output expected    yours" in said


def test_a_step_of_training_is_named_as_its_stub_is(capsys: pytest.CaptureFixture[str]) -> None:
    def sgd_step(K: Array, grad: Array, lr: float = 0.001) -> Any:  # noqa: N803
        return K + lr * grad

    check(sgd_step, "descent")
    assert "[climbing]" in capsys.readouterr().out


def test_a_function_that_breaks_down_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(x: Array, K: Array, b: Array, stride: int = 1, padding: int = 0) -> Any:  # noqa: N803
        return x @ x[0, 0, 0, :2]

    check(named("conv2d", broken), "convolution")
    assert capsys.readouterr().out.startswith("conv2d raises ValueError: matmul")


def test_gradients_are_judged_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    def conv2d_backward(g: Array, x: Array, K: Array, stride: int = 1, padding: int = 0) -> Any:  # noqa: N803
        return definition.conv2d_backward(g, x, K, stride, padding)

    check(conv2d_backward, "convolution")
    assert capsys.readouterr().out.startswith("Right: ")
    check(named("conv2d_backward", lambda grad_output: grad_output), "convolution")
    said = capsys.readouterr().out
    assert said == "conv2d_backward returns 1 of 3 results: grad_input, grad_weight, grad_bias\n"


def test_an_argument_that_nobody_knows(capsys: pytest.CaptureFixture[str]) -> None:
    check(named("conv2d", lambda picture: picture), "convolution")
    assert "what its argument picture means is not known here" in capsys.readouterr().out


def test_a_function_without_cases(capsys: pytest.CaptureFixture[str]) -> None:
    check(named("sharpen", lambda x: x), "convolution")
    assert "no cases for sharpen" in capsys.readouterr().out
