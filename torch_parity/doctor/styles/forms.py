"""How a student's code wants its arrays, where torch wants them otherwise: the order of the axes, one-hot targets."""

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

import reference
from torch_parity.doctor.question import Array, Question
from torch_parity.doctor.styles.losses import to_scores
from torch_parity.doctor.styles.names import NORMS

# Formulas whose images may be stored in another order.
IMAGES_TAKEN = (
    "conv2d",
    "conv_transpose2d",
    "max_pool2d",
    "avg_pool2d",
    "adaptive_avg_pool2d",
    "pad",
    "flatten",
    "relu",
)
# In words, for the reader.
IMAGES = {
    "NCHW": "",
    "NHWC": "images are stored (N, H, W, C)",
    "CHW": "it takes one image at a time, (C, H, W)",
    "HWC": "it takes one image at a time, (H, W, C)",
    "HW": "it takes one image of one channel at a time, (H, W)",
}
KERNELS = {
    "OIHW": "",
    "HWIO": "kernels are stored (kH, kW, C, O)",
    "OHWI": "kernels are stored (O, kH, kW, C)",
    "OHW": "kernels are stored (O, kH, kW)",
    "HWO": "kernels are stored (kH, kW, O)",
    "IHW": "there is one kernel, (C, kH, kW)",
    "HWI": "there is one kernel, (kH, kW, C)",
    "HW": "there is one kernel, (kH, kW)",
    "IOHW": "kernels are stored (C, O, kH, kW)",
    "O(IHW)": "kernels are stored as a matrix, (O, C kH kW)",
    "(IHW)O": "kernels are stored as a matrix, (C kH kW, O)",
    "O(HWI)": "kernels are stored as a matrix, (O, kH kW C)",
    "(HWI)O": "kernels are stored as a matrix, (kH kW C, O)",
}
# What there is one number of for each output, or for each channel.
PER_CHANNEL = ("weight", "bias", "running_mean", "running_var")
# Losses whose targets are numbers, not classes.
OF_NUMBERS = ("mse_loss", "binary_cross_entropy_with_logits")
ONE_SAMPLE = "the loss takes one sample at a time; the mean over the batch is taken here"


@dataclass(frozen=True)
class Form:
    """How arrays are handed over.  ``images``, ``outputs`` and ``kernels``: the axes by their letters.

    ``weights``: of a dense layer, "OI" or "IO".  ``columns``: its vectors are columns, (in, 1).  ``target``: "index",
    or "onehot".  ``scores``: "scores", or "probabilities" of them.  ``tensors``: torch's, not NumPy's.  ``pads``:
    the padding of ``pad`` is "all" four numbers, or "one".
    """

    images: str = "NCHW"
    outputs: str = "NCHW"
    kernels: str = "OIHW"
    weights: str = "OI"
    columns: bool = False
    target: str = "index"
    scores: str = "scores"
    tensors: bool = False
    pads: str = "all"
    one_number: bool = False  # a function of one number, called for each
    derivative: bool = False  # gives the derivative; the upstream gradient is multiplied by it here
    by_probabilities: bool = False  # a loss's gradient is that for the probabilities
    per_sample: bool = False  # a loss that is one number for each sample
    one_sample: bool = False  # a loss of one sample, called for each
    held_in: str = "arrays"  # parameters and gradients come as "arrays", or in a "list" or "dict" of them
    velocity: str = "none"  # the first velocity of an optimizer: "none" or "zeros"
    first_step: int = 1  # the number of an optimizer's first step
    by_output: bool = False  # a gradient that is handed the output, whatever the argument is called
    spread: bool = False  # what there is one of for each channel lies along the second axis of the images
    old_share: bool = False  # momentum is the share of the running statistics that is kept
    biased: bool = False  # the running variance is that of the batch as it stands in the formula
    unscaled: bool = False  # a dropout that scales in evaluation, not in training
    mask: str = "kept"  # what is True or 1 is kept, or 1 / (1 - p) stands there: "kept" or "scaled"

    @property
    def conventions(self) -> tuple[str, ...]:
        """What thereby differs from torch's way, in words."""
        said = [IMAGES[self.images], KERNELS[self.kernels]]
        said.append("weights are stored (in, out)" if self.weights == "IO" else "")
        said.append("vectors are columns, (in, 1)" if self.columns else "")
        said.append("targets are one-hot" if self.target == "onehot" else "")
        said.append("the loss takes probabilities, not scores" if self.scores == "probabilities" else "")
        said.append("its gradient is that for the probabilities" if self.by_probabilities else "")
        said.append("the padding is one number" if self.pads == "one" else "")
        said.append("it takes one number at a time" if self.one_number else "")
        said.append("the loss is one number for each sample; their mean is taken here" if self.per_sample else "")
        said.append(ONE_SAMPLE if self.one_sample else "")
        said.append("it gives the derivative; the upstream gradient is multiplied by it" if self.derivative else "")
        said.append("its argument is the output of the formula, not the input" if self.by_output else "")
        said.append("scales and statistics are stored as (1, C, 1, 1)" if self.spread else "")
        said.append("momentum is the share of the old running statistics" if self.old_share else "")
        said.append("the running variance is divided by n, not by n - 1" if self.biased else "")
        said.append("evaluation is scaled, by 1 - p, and training is not" if self.unscaled else "")
        said.append("the mask is scaled, by 1 / (1 - p)" if self.mask == "scaled" else "")
        said.append(f"parameters and gradients come in a {self.held_in}" if self.held_in != "arrays" else "")
        return tuple(filter(None, said))


def arranged(array: Any, have: str, want: str) -> Any:
    """``array`` whose axes are ``have`` as ``want``, by transposing: a view.  Axes of size 1 may come and go.

    What does not have these axes stays as it is.
    """
    array = np.asarray(array)
    if array.ndim != len(have):
        return array
    for letter in set(have) - set(want):
        axis = have.index(letter)
        if array.shape[axis] != 1:
            return array
        array, have = array[(slice(None),) * axis + (0,)], have.replace(letter, "")
    for letter in want:
        if letter not in have:
            array, have = array[..., None], have + letter
    return array.transpose([have.index(letter) for letter in want])


def kernels_given(weight: Array, order: str) -> Any:
    """Kernels (O, C, kH, kW) in another order; "O(IHW)" is a matrix with a row for each kernel."""
    flat = order.replace("(", "").replace(")", "")
    found = arranged(weight, "OIHW", flat)
    if flat == order:
        return found
    return found.reshape(len(found), -1) if order.startswith("O") else found.reshape(-1, found.shape[-1])


def kernels_taken(array: Any, order: str, weight: Array) -> Any:
    """What ``kernels_given`` gave, back as (O, C, kH, kW)."""
    flat = order.replace("(", "").replace(")", "")
    if flat != order:
        shape = arranged(weight, "OIHW", flat).shape
        if np.ndim(array) != 2 or np.size(array) != weight.size:
            return array
        array = np.asarray(array).reshape(shape)
    return arranged(array, flat, "OIHW")


def letters(array: Any) -> str:
    """The axes of torch's images: NCHW, or CHW without a batch."""
    return "NCHW"[4 - np.ndim(array) :] if np.ndim(array) <= 4 else ""


def probabilities(scores: Array) -> Array:
    """The softmax of scores (N, C), or of (C,)."""
    return np.asarray(reference.softmax(scores, scores.ndim - 1))


def one_hot(target: Array, question: Question) -> Array:
    """Class indices (N,) as (N, C), in the dtype of the scores; an ignored index has no 1."""
    scores = question.arrays["input"]
    classes = np.arange(scores.shape[-1])
    found: Array = (np.asarray(target)[..., None] == classes).astype(scores.dtype)
    return found


def tensor(value: Any) -> Any:
    """Arrays as tensors that share their memory; all else as it is."""
    torch = sys.modules["torch"]
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value)
    return value


def packed(array: Any, form: Form) -> Any:
    """A parameter, gradient or velocity as an optimizer wants it."""
    if form.held_in == "arrays":
        return array
    return [array] if form.held_in == "list" else {"W": array}


def unpacked(held: Any, form: Form) -> Any:
    """What ``packed`` packed."""
    if form.held_in == "arrays":
        return held
    return held[0] if form.held_in == "list" else held["W"]


def value(role: str, question: Question, form: Form) -> Any:
    """What the argument with this role is given; KeyError for a role that the question says nothing of."""
    found = _plain(role, question, form)
    return tensor(found) if form.tensors else found


def _plain(role: str, question: Question, form: Form) -> Any:
    arrays, options, formula = question.arrays, question.options, question.formula
    if role == "input" and form.by_output:
        return _of_forward("output", question, form)
    if role == "input":
        if form.scores == "probabilities" and formula == "nll_loss":
            return np.exp(arrays["input"])
        if form.scores == "probabilities":
            return probabilities(arrays["input"])
        return handed(arrays["input"], question, form)
    if role == "grad_output":
        upstream = question.grad_output
        assert upstream is not None
        return handed(upstream, question, form, "output")
    if role == "weight" and formula == "conv2d":
        return kernels_given(arrays["weight"], form.kernels)
    if role == "weight" and formula == "linear":
        return arrays["weight"] if form.weights == "OI" else arrays["weight"].T
    if role in PER_CHANNEL:
        return spread(arrays.get(role), question, form)
    if role == "mask":
        return mask_given(question, form)
    if role in ("beta1", "beta2"):
        return options["betas"][role == "beta2"]
    if role == "keep_prob":
        return 1 - options["p"]
    if role == "momentum" and form.old_share:
        return 1 - options["momentum"]
    if role in ("num_features", "num_channels"):
        return arrays["input"].shape[1]
    if role == "training":
        return options.get("training", True)
    if role == "pos_weight":
        return arrays.get(role)
    if role == "target":
        return (
            arrays["target"] if form.target == "index" or formula in OF_NUMBERS else one_hot(arrays["target"], question)
        )
    if role in ("output", "indices"):
        return _of_forward(role, question, form)
    if role == "input_shape":
        return handed(arrays["input"], question, form).shape
    if role == "weight_shape":
        return kernels_given(arrays["weight"], form.kernels).shape
    if role in ("kernel_size", "kernel_height", "kernel_width"):
        kernel = options["kernel_size"]
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        return {"kernel_size": kernel, "kernel_height": height, "kernel_width": width}[role]
    if role == "stride" and options["stride"] is None:
        return options["kernel_size"]
    if role == "pad":
        return options["pad"] if form.pads == "all" else options["pad"][0]
    if role == "output_mask":
        return (True, True, "bias" in arrays)
    if role == "return_indices":
        return False
    if role == "lr" and "lr" not in options:
        return 1.0
    return options[role]


def spread(array: Array | None, question: Question, form: Form) -> Any:
    """One number for each channel, along the second axis of the images where it is wanted so."""
    if array is None or not form.spread or array.ndim != 1:
        return array
    return array.reshape(1, -1, *(1,) * (question.arrays["input"].ndim - 2))


def mask_given(question: Question, form: Form) -> Array:
    """The mask as it is wanted."""
    mask = question.arrays["mask"]
    if form.spread:
        mask = mask[:, :, None, None]
    return mask / (1 - question.options["p"]) if form.mask == "scaled" else mask


def handed(array: Array, question: Question, form: Form, which: str = "input") -> Array:
    """Images, or a dense layer's vectors, as the student's code wants them: a view."""
    if question.formula == "softmax" and form.columns:
        return array[:, None]
    if question.formula == "linear":
        return array.T if form.columns and array.ndim == 2 else array
    if array.ndim < 3 and question.formula != "flatten":
        return array
    if question.formula == "flatten" and which == "output":
        return array
    order = form.images if which == "input" else form.outputs
    return np.asarray(arranged(array, letters(array), order)) if order != "NCHW" else array


def taken(array: Any, question: Question, form: Form, result: str) -> Any:
    """A result as torch has it; what has other axes than expected stays as it is.  Tensors stay tensors."""
    if form.per_sample and np.shape(array) == question.arrays["target"].shape[:1]:
        return array.mean()
    if array is None or form.tensors:
        return array
    formula = question.formula
    if form.by_probabilities and result == "grad_input":
        return to_scores(array, question)
    if formula == "softmax" and form.columns and np.ndim(array) == 2:
        return np.ravel(array)
    given = question.arrays.get("input")
    if formula == "conv2d" and result == "grad_weight":
        return array if form.kernels == "OIHW" else kernels_taken(array, form.kernels, question.arrays["weight"])
    if formula == "linear":
        if result == "grad_weight":
            return np.asarray(array).T if form.weights == "IO" else array
        if result in ("output", "grad_input") and form.columns:
            return np.asarray(array).T
    if formula in NORMS and result in ("grad_weight", "grad_bias", "running_mean", "running_var"):
        return _per_channel(array, question, form, result)
    if result == "grad_bias":
        # (1, O), (O, 1), (1, 1, 1, O): one number for each output, whatever axes of size 1 stand around it.
        return np.ravel(array) if np.size(array) in np.shape(array) else array
    if given is None or result == "grad_weight" or formula not in IMAGES_TAKEN:
        return array
    if formula == "flatten" and result == "output":
        return array
    order = form.images if result == "grad_input" else form.outputs
    if given.ndim < 3 or order == "NCHW":
        return array
    return arranged(array, order, "NCHW"[4 - given.ndim :])


def _per_channel(array: Any, question: Question, form: Form, result: str) -> Any:
    """One number for each channel, whatever axes of size 1 stand around it; the running variance with n - 1."""
    right = question.arrays.get({"grad_weight": "weight", "grad_bias": "weight"}.get(result, result))
    if right is not None and [n for n in np.shape(array) if n != 1] == [n for n in right.shape if n != 1]:
        array = np.reshape(array, right.shape)
    if form.biased and result == "running_var" and question.options["training"]:
        x = question.arrays["input"]
        axes = (0, *range(2, x.ndim))
        array = array + question.options["momentum"] * (x.var(axes, ddof=1) - x.var(axes))
    return array


def _of_forward(role: str, question: Question, form: Form) -> Array:
    """The right output, or the indices of the maxima, that a gradient is given."""
    function = getattr(reference, question.formula)
    with np.errstate(all="ignore"):
        if role == "indices":
            return np.asarray(
                reference.max_pool2d(question.arrays["input"], **question.options, return_indices=True)[1]
            )
        return handed(np.asarray(function(**question.arrays, **question.options)), question, form, "output")
