"""What the doctor asks: one call of one formula, in torch's layouts and names, on numbers that were chosen for it."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load, save

Array = npt.NDArray[Any]

# The kinds of numbers, each of which tells apart what the others do not:
#   lattice     small integers: no sum of their products rounds
#   ties        only -1, 0 and 1: equal maxima, kinks
#   near        maxima that are equal but for 1e-9
#   negative    nothing above 0, so that a 0 which does not belong there wins
#   real        normally distributed numbers; these round
#   large       finite, but so large that a careless exponential overflows
#   nonfinite   NaN and infinities: what differs only there is a remark, not a mistake
JUDGED = ("lattice", "ties", "near", "negative", "real", "large")
NONFINITE = "nonfinite"


@dataclass(frozen=True, eq=False)  # each question is itself and no other, so that answers to it can be remembered
class Question:
    """One call of ``formula``, the name of a row of ``PAIRS``.

    ``arrays`` and ``options`` are the arguments by torch's names.  ``grad_output``, shaped like the output, asks for
    the gradients; None asks for the output.
    """

    formula: str
    kind: str
    arrays: dict[str, Array]
    options: dict[str, Any]
    grad_output: Array | None = None

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes that a wrong factor may be, by the letters of the formulas."""
        x = next(iter(self.arrays.values()))
        found: dict[str, int] = {}
        if self.formula in IN_ROWS and x.ndim == 2:
            found |= {"N": x.shape[0], "C" if self.formula != "linear" else "I": x.shape[1]}
        elif x.ndim == 4:
            found |= dict(zip("NCHW", x.shape, strict=True)) | {"H W": x.shape[2] * x.shape[3]}
        weight = self.arrays.get("weight")
        if self.formula in ("conv2d", "conv_transpose2d") and weight is not None:
            found |= {"O": weight.shape[self.formula != "conv2d"], "kH kW": weight.shape[2] * weight.shape[3]}
        if self.formula == "linear" and weight is not None:
            found["O"] = len(weight)
        if self.formula in ("max_pool2d", "avg_pool2d"):
            kernel = self.options["kernel_size"]
            found["kH kW"] = kernel * kernel if isinstance(kernel, int) else kernel[0] * kernel[1]
        if self.grad_output is not None and self.grad_output.ndim == 4:
            height, width = self.grad_output.shape[2:]
            found |= {"oH oW": height * width}
            if x.ndim == 4:
                found["N oH oW"] = x.shape[0] * height * width
        return found

    def __str__(self) -> str:
        """One line: shapes and options."""
        arrays = [f"{SHORT.get(name, name)} {'x'.join(map(str, a.shape))}" for name, a in self.arrays.items()]
        options = [
            f"{name} {value}" for name, value in self.options.items() if value not in USUAL_OPTIONS.get(name, (None, 0))
        ]
        return ", ".join(arrays + options)


# Formulas whose input may be rows.
IN_ROWS = (
    "linear", "softmax", "log_softmax", "cross_entropy", "nll_loss", "mse_loss", "binary_cross_entropy_with_logits",
    "batch_norm", "layer_norm",
)  # fmt: skip
# Options that a message need not mention.
USUAL_OPTIONS: dict[str, tuple[Any, ...]] = {
    "stride": (1, None), "dilation": (1,), "groups": (1,), "ignore_index": (-100,), "reduction": ("mean",),
    "count_include_pad": (True,), "start_dim": (1,), "end_dim": (-1,), "mode": ("constant",), "training": (True,),
    "norm_type": (2.0,), "approximate": ("none",),
}  # fmt: skip
# How a message calls the arrays.
SHORT = {"input": "x", "weight": "w", "bias": "b"}


def to_bytes(arrays: dict[str, Array], message: dict[str, Any]) -> bytes:
    """Arrays and a message as bytes that hold no code: a safetensors file, the message in its metadata."""
    lying_plain = {name: np.ascontiguousarray(a).reshape(np.shape(a)) for name, a in arrays.items()}
    return save(lying_plain, {"message": json.dumps(message)})


def from_bytes(content: bytes) -> tuple[dict[str, Array], dict[str, Any]]:
    """The arrays and the message of ``to_bytes``."""
    length = int.from_bytes(content[:8], "little")
    message = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["message"])
    return load(content), message


def question_to_bytes(question: Question, **message: Any) -> bytes:
    """A question, and what is to be done with it."""
    arrays = dict(question.arrays)
    if question.grad_output is not None:
        arrays["grad_output"] = question.grad_output
    said = {"formula": question.formula, "kind": question.kind, "options": question.options}
    return to_bytes(arrays, {**message, "question": said})


def question_from(arrays: dict[str, Array], said: dict[str, Any]) -> Question:
    """The question in what ``question_to_bytes`` made.  JSON has no tuples: lists become tuples again."""
    given = {name: array for name, array in arrays.items() if name != "grad_output"}
    options = {name: tuple(v) if isinstance(v, list) else v for name, v in said["options"].items()}
    return Question(said["formula"], said["kind"], given, options, arrays.get("grad_output"))
