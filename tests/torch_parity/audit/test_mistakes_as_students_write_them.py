"""Each mistake is the one that people make: written out as plain code, it has the same results as the entry.

The code below knows nothing of the table or of ``reference``: loops over windows, im2col, lines of NumPy.  It takes the
arrays of a case ``a``, its other arguments ``o`` and the upstream gradient g, for batches of images, and gives back
what it gets wrong: y or a gradient, as ``WRITTEN_OUT`` says.
"""
# The variables are the letters of the formulas.
# ruff: noqa: E741, N803, N806

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from torch_parity.audit.mistakes import MISTAKES
from torch_parity.proof.cases import Case
from torch_parity.proof.compare import compare
from torch_parity.proof.pairs import Pair, pair_named
from torch_parity.proof.prove import numbered_case, reference_results

Array = Any
Arrays = dict[str, Any]
Options = dict[str, Any]
F64 = np.dtype(np.float64)
NAMED = {mistake.name: mistake for mistake in MISTAKES}


def two(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[-1])


# ---- convolution


def conv_setup(a: Arrays, o: Options) -> tuple[Array, Array, tuple[int, int], tuple[int, int], tuple[int, int]]:
    """The padded image, the kernels, stride, dilation and padding."""
    padding = two(o["padding"])
    x = np.pad(a["input"], ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    return x, a["weight"], two(o["stride"]), two(o["dilation"]), padding


def conv_outputs(x: Array, K: Array, stride: Any, dilation: Any) -> tuple[int, int]:
    rows, columns = (
        (n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(x.shape[2:], K.shape[2:], stride, dilation, strict=True)
    )
    return rows, columns


def places(i: int, j: int, K: Array, stride: Any, dilation: Any) -> tuple[slice, slice]:
    """The rows and columns under the kernel."""
    top, left = i * stride[0], j * stride[1]
    return (
        slice(top, top + dilation[0] * (K.shape[2] - 1) + 1, dilation[0]),
        slice(left, left + dilation[1] * (K.shape[3] - 1) + 1, dilation[1]),
    )


def kernel_flipped(a: Arrays, o: Options, g: Array) -> Array:
    x, K, stride, dilation, _ = conv_setup(a, o)
    oH, oW = conv_outputs(x, K, stride, dilation)
    y = np.zeros((len(x), len(K), oH, oW), x.dtype)
    for n, f, i, j in np.ndindex(y.shape):
        rows, columns = places(i, j, K, stride, dilation)
        y[n, f, i, j] = (x[n, :, rows, columns] * np.rot90(K[f], 2, axes=(1, 2))).sum() + a["bias"][f]
    return y


def groups_interleaved(a: Arrays, o: Options, g: Array) -> Array:
    x, K, stride, dilation, _ = conv_setup(a, o)
    G = o["groups"]
    oH, oW = conv_outputs(x, K, stride, dilation)
    y = np.zeros((len(x), len(K), oH, oW), x.dtype)
    for n, f, i, j in np.ndindex(y.shape):
        rows, columns = places(i, j, K, stride, dilation)
        mine = [c for c in range(x.shape[1]) if c % G == f // (len(K) // G)]
        y[n, f, i, j] = sum((x[n, c, rows, columns] * k).sum() for c, k in zip(mine, K[f], strict=True)) + a["bias"][f]
    return y


def weights_as_iohw(a: Arrays, o: Options, g: Array) -> Array:
    x, K, stride, dilation, _ = conv_setup(a, o)
    oH, oW = conv_outputs(x, K, stride, dilation)
    filters, channels, kH, kW = K.shape
    stored = K.ravel().reshape(channels, filters, kH, kW)
    y = np.zeros((len(x), filters, oH, oW), x.dtype)
    for n, f, i, j in np.ndindex(y.shape):
        rows, columns = places(i, j, K, stride, dilation)
        y[n, f, i, j] = sum((x[n, c, rows, columns] * stored[c, f]).sum() for c in range(channels)) + a["bias"][f]
    return y


def cropped(dx: Array, a: Arrays, padding: tuple[int, int]) -> Array:
    H, W = a["input"].shape[2:]
    return dx[:, :, padding[0] : padding[0] + H, padding[1] : padding[1] + W]


def overlap_overwritten(a: Arrays, o: Options, g: Array) -> Array:
    x, K, stride, dilation, padding = conv_setup(a, o)
    dx = np.zeros_like(x)
    for n in range(len(x)):
        for i in range(g.shape[2]):
            for j in range(g.shape[3]):
                rows, columns = places(i, j, K, stride, dilation)
                dx[n, :, rows, columns] = (g[n, :, i, j, None, None, None] * K).sum(axis=0)
    return cropped(dx, a, padding)


def columns_overwritten(a: Arrays, o: Options, g: Array) -> Array:
    """As col2im in Saitoh's book, but for the plus."""
    x, K, (sH, sW), (dH, dW), padding = conv_setup(a, o)
    (N, C, _, _), (O, _, kH, kW), (oH, oW) = x.shape, K.shape, g.shape[2:]
    dcol = g.transpose(0, 2, 3, 1).reshape(-1, O) @ K.reshape(O, -1)
    dcol = dcol.reshape(N, oH, oW, C, kH, kW).transpose(0, 3, 4, 5, 1, 2)
    dx = np.zeros_like(x)
    for m in range(kH):
        for k in range(kW):
            dx[:, :, m * dH : m * dH + sH * oH : sH, k * dW : k * dW + sW * oW : sW][:, :, :oH, :oW] = dcol[:, :, m, k]
    return cropped(dx, a, padding)


def filters_overwritten(a: Arrays, o: Options, g: Array) -> Array:
    """As the naive loop of CS231n, but for the plus."""
    x, K, stride, dilation, padding = conv_setup(a, o)
    dx = np.zeros_like(x)
    for n, f, i, j in np.ndindex(g.shape):
        rows, columns = places(i, j, K, stride, dilation)
        dx[n, :, rows, columns] = K[f] * g[n, f, i, j]
    return cropped(dx, a, padding)


def naive_input_gradient(x: Array, K: Array, g: Array, stride: Any, dilation: Any) -> Array:
    dx = np.zeros_like(x)
    for n, f, i, j in np.ndindex(g.shape):
        rows, columns = places(i, j, K, stride, dilation)
        dx[n, :, rows, columns] += K[f] * g[n, f, i, j]
    return dx


def padding_gradient_wrong_corner(a: Arrays, o: Options, g: Array) -> Array:
    x, K, stride, dilation, _ = conv_setup(a, o)
    H, W = a["input"].shape[2:]
    return naive_input_gradient(x, K, g, stride, dilation)[:, :, :H, :W]


def padding_gradient_kept(a: Arrays, o: Options, g: Array) -> Array:
    x, K, stride, dilation, _ = conv_setup(a, o)
    return naive_input_gradient(x, K, g, stride, dilation)


def input_gradient_unflipped(a: Arrays, o: Options, g: Array) -> Array:
    """A full convolution of the gradient, with the kernel as it is.  Stride 1."""
    x, K, _, (dH, dW), padding = conv_setup(a, o)
    kH, kW = K.shape[2:]
    wide = np.pad(g, ((0, 0), (0, 0), (dH * (kH - 1),) * 2, (dW * (kW - 1),) * 2))
    dx = np.zeros_like(x)
    for r, q in np.ndindex(x.shape[2:]):
        rows, columns = places(r, q, K, (1, 1), (dH, dW))
        dx[:, :, r, q] = np.einsum("nomk,ocmk->nc", wide[:, :, rows, columns], K)
    return cropped(dx, a, padding)


def bias_gradient_averaged(a: Arrays, o: Options, g: Array) -> Array:
    return g.mean(axis=(0, 2, 3))


# ---- padding, ReLU, pooling, flatten, dense


def edge_repeated(a: Arrays, o: Options, g: Array) -> Array:
    left, right, top, bottom = o["pad"]
    return np.pad(a["input"], ((0, 0), (0, 0), (top, bottom), (left, right)), mode="symmetric")


def copies_forgotten(a: Arrays, o: Options, g: Array) -> Array:
    left, _, top, _ = o["pad"]
    H, W = a["input"].shape[2:]
    return g[:, :, top : top + H, left : left + W]


def slope_one_at_zero(a: Arrays, o: Options, g: Array) -> Array:
    dx = g.copy()
    dx[a["input"] < 0] = 0
    return dx


def pool_setup(a: Arrays, o: Options, fill: float) -> tuple[Array, tuple[int, int], Callable[[int, int], Any]]:
    """The padded image, the padding, and where the window of an output lies in it."""
    kernel = two(o["kernel_size"])
    stride = kernel if o["stride"] is None else two(o["stride"])
    padding, dilation = two(o["padding"]), two(o.get("dilation", 1))
    x = np.pad(a["input"], ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2), constant_values=fill)
    return x, padding, lambda i, j: places(i, j, np.empty((1, 1, *kernel)), stride, dilation)


def ties_to_all(a: Arrays, o: Options, g: Array) -> Array:
    x, padding, at = pool_setup(a, o, -np.inf)
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(g.shape):
        rows, columns = at(i, j)
        window = x[n, c, rows, columns]
        dx[n, c, rows, columns] += g[n, c, i, j] * (window == window.max())
    return cropped(dx, a, padding)


def ties_split(a: Arrays, o: Options, g: Array) -> Array:
    x, padding, at = pool_setup(a, o, -np.inf)
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(g.shape):
        rows, columns = at(i, j)
        mask = x[n, c, rows, columns] == x[n, c, rows, columns].max()
        dx[n, c, rows, columns] += np.where(mask, g[n, c, i, j] / x.dtype.type(mask.sum()), 0)
    return cropped(dx, a, padding)


def ties_to_last(a: Arrays, o: Options, g: Array) -> Array:
    """The positions in the plane."""
    x, padding, at = pool_setup(a, o, -np.inf)
    width = a["input"].shape[3]
    indices = np.zeros(g.shape, np.int64)
    for n, c, i, j in np.ndindex(g.shape):
        rows, columns = at(i, j)
        best = -np.inf
        for row in range(x.shape[2])[rows]:
            for column in range(x.shape[3])[columns]:
                if x[n, c, row, column] >= best and x[n, c, row, column] > -np.inf:
                    best = x[n, c, row, column]
                    indices[n, c, i, j] = (row - padding[0]) * width + column - padding[1]
    return indices


def padded_with_zero(a: Arrays, o: Options, g: Array) -> Array:
    x, _, at = pool_setup(a, o, 0)
    y = np.zeros_like(g)
    for i, j in np.ndindex(g.shape[2:]):
        y[:, :, i, j] = x[:, :, *at(i, j)].max(axis=(2, 3))
    return y


def pooling_gradient_overwritten(a: Arrays, o: Options, g: Array) -> Array:
    x, padding, at = pool_setup(a, o, -np.inf)
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(g.shape):
        window, under = x[n, c, *at(i, j)], dx[n, c, *at(i, j)]
        under[np.unravel_index(window.argmax(), window.shape)] = g[n, c, i, j]
    return cropped(dx, a, padding)


def average_gradient_overwritten(a: Arrays, o: Options, g: Array) -> Array:
    x, padding, at = pool_setup(a, o, 0)
    kH, kW = two(o["kernel_size"])
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(g.shape):
        dx[n, c, *at(i, j)] = g[n, c, i, j] / x.dtype.type(kH * kW)
    return cropped(dx, a, padding)


def reciprocal(a: Arrays, o: Options, g: Array) -> Array:
    x, _, at = pool_setup(a, o, 0)
    kH, kW = two(o["kernel_size"])
    y = np.zeros_like(g)
    for i, j in np.ndindex(g.shape[2:]):
        y[:, :, i, j] = x[:, :, *at(i, j)].sum(axis=(2, 3)) * (1 / x.dtype.type(kH * kW))
    return y


def flattened_channels_last(a: Arrays, o: Options, g: Array) -> Array:
    x = a["input"]
    return np.array([np.stack(list(image), axis=-1).ravel() for image in x])


def weights_as_in_out(a: Arrays, o: Options, g: Array) -> Array:
    outputs, inputs = a["weight"].shape
    return a["input"] @ a["weight"].reshape(inputs, outputs) + a["bias"]


# ---- softmax, cross-entropy, SGD


def probabilities(x: Array, axis: int) -> Array:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def diagonal_only(a: Arrays, o: Options, g: Array) -> Array:
    p = probabilities(a["input"], o["dim"])
    return g * p * (1 - p)


def log_with_epsilon(a: Arrays, o: Options, g: Array) -> Array:
    return np.log(probabilities(a["input"], o["dim"]) + 1e-7)


def epsilon_in_the_logarithm(a: Arrays, o: Options, g: Array) -> Array:
    p = probabilities(a["input"], 1)
    return -np.log(p[np.arange(len(p)), a["target"]] + 1e-7).mean()


def softmax_over_the_batch(a: Arrays, o: Options, g: Array) -> Array:
    p = probabilities(a["input"], 0)
    return -np.log(p[np.arange(len(p)), a["target"]]).mean()


def gradient_not_averaged(a: Arrays, o: Options, g: Array) -> Array:
    dx = probabilities(a["input"], 1)
    dx[np.arange(len(dx)), a["target"]] -= 1
    return g * dx


def averaged_twice(a: Arrays, o: Options, g: Array) -> Array:
    p = probabilities(a["input"], 1)
    return -np.log(p[np.arange(len(p)), a["target"]]).mean() / len(p)


def dampened_at_once(a: Arrays, o: Options, g: Array) -> Array:
    K, v = a["parameter"].copy(), 0 * a["parameter"]
    for grad in a["grads"]:
        d = (-grad if o["maximize"] else grad) + o["weight_decay"] * K
        if o["momentum"]:
            v = o["momentum"] * v + (1 - o["dampening"]) * d
            d = d + o["momentum"] * v if o["nesterov"] else v
        K = K - o["lr"] * d
    return K


def weight_decay_after_momentum(a: Arrays, o: Options, g: Array) -> Array:
    K, v = a["parameter"].copy(), None
    for grad in a["grads"]:
        d = -grad if o["maximize"] else grad
        if o["momentum"]:
            v = d if v is None else o["momentum"] * v + (1 - o["dampening"]) * d
            d = d + o["momentum"] * v if o["nesterov"] else v
        K = K - o["lr"] * (d + o["weight_decay"] * K)
    return K


def momentum_forgotten_between_steps(a: Arrays, o: Options, g: Array) -> Array:
    K = a["parameter"].copy()
    for grad in a["grads"]:
        v = (-grad if o["maximize"] else grad) + o["weight_decay"] * K
        K = K - o["lr"] * (v + o["momentum"] * v if o["nesterov"] else v)
    return K


# ---- which cases the plain code is written for


def batch(a: Arrays, o: Options) -> bool:
    return np.ndim(a["input"]) == 4 and 0 < a["input"].size < 200


def plain_conv(a: Arrays, o: Options) -> bool:
    return batch(a, o) and not isinstance(o["padding"], str) and "bias" in a


def one_group(a: Arrays, o: Options) -> bool:
    return plain_conv(a, o) and o["groups"] == 1


def stride_one(a: Arrays, o: Options) -> bool:
    return one_group(a, o) and two(o["stride"]) == (1, 1)


def grows(a: Arrays, o: Options) -> bool:
    return np.ndim(a["input"]) == 4 and len(o["pad"]) == 4 and min(o["pad"]) >= 0


def grows_by_reflection(a: Arrays, o: Options) -> bool:
    return grows(a, o) and o["mode"] == "reflect"


def whole_windows(a: Arrays, o: Options) -> bool:
    return batch(a, o) and o["ceil_mode"] is False


def plain_mean(a: Arrays, o: Options) -> bool:
    return whole_windows(a, o) and o["count_include_pad"] is True and o["divisor_override"] is None


def from_channels_on(a: Arrays, o: Options) -> bool:
    x = a["input"]
    return x.ndim > 2 and x.size > 0 and (o["start_dim"] % x.ndim, o["end_dim"] % x.ndim) == (1, x.ndim - 1)


def matrix(a: Arrays, o: Options) -> bool:
    return a["weight"].ndim == 2 and a["weight"].size > 0 and "bias" in a


def some_scores(a: Arrays, o: Options) -> bool:
    return bool(a["input"].ndim > 0 and a["input"].size > 0)


def plain_loss(a: Arrays, o: Options) -> bool:
    plain = a["input"].ndim == 2 and a["input"].size and a["target"].dtype.kind != "f" and "weight" not in a
    mean = o["reduction"] == "mean" and o["label_smoothing"] == 0
    return bool(plain and mean and not (a["target"] == o["ignore_index"]).any())


def with_momentum(a: Arrays, o: Options) -> bool:
    return bool(o["momentum"] > 0 and o["lr"] > 0)


def anything(a: Arrays, o: Options) -> bool:
    return True


Students = Callable[[Arrays, Options, Array], Array]
WRITTEN_OUT: list[tuple[Students, str, Callable[[Arrays, Options], bool]]] = [
    (kernel_flipped, "output", one_group),
    (groups_interleaved, "output", plain_conv),
    (weights_as_iohw, "output", one_group),
    (overlap_overwritten, "grad_input", one_group),
    (columns_overwritten, "grad_input", one_group),
    (filters_overwritten, "grad_input", one_group),
    (padding_gradient_wrong_corner, "grad_input", one_group),
    (padding_gradient_kept, "grad_input", one_group),
    (input_gradient_unflipped, "grad_input", stride_one),
    (bias_gradient_averaged, "grad_bias", plain_conv),
    (edge_repeated, "output", grows_by_reflection),
    (copies_forgotten, "grad_input", grows),
    (slope_one_at_zero, "grad_input", anything),
    (ties_to_all, "grad_input", batch),
    (ties_split, "grad_input", batch),
    (ties_to_last, "indices", batch),
    (padded_with_zero, "output", whole_windows),
    (pooling_gradient_overwritten, "grad_input", batch),
    (average_gradient_overwritten, "grad_input", plain_mean),
    (reciprocal, "output", plain_mean),
    (flattened_channels_last, "output", from_channels_on),
    (weights_as_in_out, "output", matrix),
    (diagonal_only, "grad_input", some_scores),
    (log_with_epsilon, "output", some_scores),
    (epsilon_in_the_logarithm, "output", plain_loss),
    (softmax_over_the_batch, "output", plain_loss),
    (gradient_not_averaged, "grad_input", plain_loss),
    (averaged_twice, "output", plain_loss),
    (dampened_at_once, "output", with_momentum),
    (weight_decay_after_momentum, "output", with_momentum),
    (momentum_forgotten_between_steps, "output", with_momentum),
]


def lattice_cases(pair: Pair, written_for: Callable[[Arrays, Options], bool]) -> Iterator[Case]:
    """Twelve cases of small integers, in double precision."""
    found = 0
    for index in range(0, 3000 * len(pair.kinds), len(pair.kinds)):
        case = numbered_case(pair, 80, index, (F64,))
        if written_for(case.arrays, case.arguments):
            found += 1
            yield case
            if found == 12:
                return
    raise AssertionError(f"only {found} cases")


@pytest.mark.parametrize(
    ("students", "name", "written_for"), WRITTEN_OUT, ids=[students.__name__ for students, _, _ in WRITTEN_OUT]
)
def test_the_entry_is_what_people_write(
    students: Students, name: str, written_for: Callable[[Arrays, Options], bool]
) -> None:
    """Bit for bit where integers do not round; within the rounding bound of the formula where they do."""
    mistake = NAMED[students.__name__.replace("_", "-")]
    right = pair_named(mistake.formula)
    planted = mistake.plant(right)
    wrong = 0
    for case in lattice_cases(right, written_for):
        entry, g = reference_results(planted, case)
        written = np.asarray(students(case.arrays, case.arguments, g))
        bound = right.expected(case, g).get(name)
        verdict = compare(entry[name], written, bound)
        assert verdict.equal, f"{case}: {verdict.message}"
        truth = reference_results(right, case)[0][name]
        wrong += not compare(truth, written, bound).equal
    assert wrong >= 2


def test_twenty_are_written_out_and_some_of_every_formula() -> None:
    names = {students.__name__.replace("_", "-") for students, _, _ in WRITTEN_OUT}
    assert len(names) >= 20
    assert {NAMED[name].formula for name in names} == {mistake.formula for mistake in MISTAKES}
