"""An argument of the wrong type is told what to write for it, and what is told works."""

from typing import Any

import numpy as np
import pytest

import reference
from reference import nn
from reference.arguments import check_floats
from reference.optim import SGD, Parameter

PIXELS = "; reference.datasets.normalize turns pixels (uint8) into floats, input.astype(np.float32) other numbers"


def message(call: Any) -> str:
    """The message of the TypeError that ``call`` raises."""
    with pytest.raises(TypeError) as caught:
        call()
    return str(caught.value)


def complaint(name: str, dtype: str, write: str) -> str:
    return f"{name} must be float32 or float64, got {dtype}; write {write}"


IMAGE, SCORES = np.ones((1, 1, 4, 4)), np.ones((2, 3), np.float32)
LABELS, ONE_HOT = np.array([0, 2]), np.array([[1, 0, 0], [0, 0, 1]])
KERNEL: Any = np.ones((1, 1, 2, 2), np.int64)
BIAS: Any = np.ones(1, np.int32)
MISTAKEN: dict[str, tuple[Any, str]] = {
    "integer kernel": (
        lambda: reference.conv2d(IMAGE, KERNEL),
        complaint("weight", "int64", "weight.astype(np.float64)"),
    ),
    "integer bias": (
        lambda: reference.conv2d(IMAGE, KERNEL.astype(np.float64), BIAS),
        complaint("bias", "int32", "bias.astype(np.float64)"),
    ),
    "kernel of a dense layer": (
        lambda: reference.linear(SCORES, np.ones((2, 3), np.uint8)),
        complaint("weight", "uint8", "weight.astype(np.float32)"),
    ),
    "one-hot labels": (
        lambda: reference.cross_entropy(SCORES, ONE_HOT),
        complaint("target", "int64", "target.astype(np.float32)"),
    ),
    "one-hot labels of bool": (
        lambda: reference.cross_entropy(SCORES, ONE_HOT == 1),
        complaint("target", "bool", "target.astype(np.float32)"),
    ),
    "class weights": (
        lambda: reference.cross_entropy(SCORES.astype(np.float64), LABELS, np.array([1, 2, 3])),
        complaint("weight", "int64", "weight.astype(np.float64)"),
    ),
    "class weights of a layer": (
        lambda: nn.CrossEntropyLoss(np.array([1, 2, 3]))(SCORES, LABELS),
        complaint("weight", "int64", "weight.astype(np.float32)"),
    ),
    "gradient from above": (  # comes first, and takes the dtype of what follows
        lambda: reference.relu_backward(np.ones((2, 3), np.int64), SCORES.astype(np.float64)),
        complaint("grad_output", "int64", "grad_output.astype(np.float64)"),
    ),
    "nothing to take the dtype of": (
        lambda: Parameter(np.ones(3, np.int64)),
        complaint("data", "int64", "data.astype(np.float32)"),
    ),
    "weights of a layer": (
        lambda: nn.Linear(1, 1).load_state_dict({"weight": np.ones((1, 1), np.int64), "bias": np.ones(1)}),
        complaint("state_dict['weight']", "int64", "state_dict['weight'].astype(np.float32)"),
    ),
    "half precision": (
        lambda: reference.relu(np.ones(3, np.float16)),
        complaint("input", "float16", "input.astype(np.float32)"),
    ),
    "mask": (
        lambda: reference.flatten(np.ones((2, 3), bool)),
        complaint("input", "bool", "input.astype(np.float32)"),
    ),
    "int32 classes": (
        lambda: reference.cross_entropy(SCORES, LABELS.astype(np.int32)),
        "target must be int64 or uint8 class indices, or probabilities shaped like input, got int32; "
        "write target.astype(np.int64)",
    ),
    "one-hot labels of too few classes": (
        lambda: reference.cross_entropy(SCORES, ONE_HOT[:, :2].astype(np.float32)),
        "target must be int64 or uint8 class indices, or probabilities shaped like input, got float32 of shape (2, 2), "
        "input (2, 3)",
    ),
    "pixels": (
        lambda: reference.conv2d(IMAGE.astype(np.uint8), KERNEL.astype(np.float32)),
        f"input must be float32 or float64, got uint8{PIXELS}",
    ),
    "integers": (lambda: reference.relu(LABELS), f"input must be float32 or float64, got int64{PIXELS}"),
    "complex numbers": (
        lambda: reference.relu(np.ones(3, np.complex64)),
        "input must be float32 or float64, got complex64",
    ),
}


@pytest.mark.parametrize(("call", "text"), MISTAKEN.values(), ids=MISTAKEN)
def test_the_hint_is_for_the_argument_that_is_wrong(call: Any, text: str) -> None:
    assert message(call) == text


def test_what_is_no_array_lends_no_dtype() -> None:
    arrays: dict[str, Any] = {"input": np.ones(1, np.int8), "weight": 1.0, "bias": np.ones(1, np.float64)}
    assert "input.astype(np.float64)" in message(lambda: check_floats(**arrays))


def test_what_the_hint_says_works() -> None:
    weight, target = np.array([1, 2, 3]).astype(np.float32), ONE_HOT.astype(np.float32)
    of_classes, of_one_hot = (reference.cross_entropy(SCORES, y, weight, reduction="sum") for y in (LABELS, target))
    assert of_classes == pytest.approx(4 * np.log(3))
    assert of_one_hot == pytest.approx(4 * np.log(3))
    int32 = LABELS.astype(np.int32)
    assert reference.cross_entropy(SCORES, int32.astype(np.int64), weight, reduction="sum") == of_classes
    assert reference.conv2d(IMAGE, KERNEL.astype(np.float64)).tolist() == [[[[4.0] * 3] * 3]]
    SGD([Parameter(np.ones(3, np.int64).astype(np.float32))])
