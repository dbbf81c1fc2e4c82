"""Wrong formulas that people really write, by name.  The proof must reject each one.

A mistake changes the arguments of a formula, its result, or one named step of it, and leaves the rest alone; so
mistakes combine: ``plant`` one after another.  Each row says what was done wrong, and what one sees when it was.
"""

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt

import reference
from reference import windows
from torch_parity.proof.pairs import Pair

# The module: in the package, the function of the same name hides it.
reference_cross_entropy: Any = sys.modules["reference.cross_entropy"]

Array = npt.NDArray[Any]
Forward = Callable[..., Any]  # the arguments by name -> output
Backward = Callable[[Array, dict[str, Array], dict[str, Any], Any], Any]  # (g, arrays, options, output) -> gradients


@dataclasses.dataclass(frozen=True)
class Mistake:
    """One wrong formula: ``forward`` and ``backward`` turn the right function into the wrong one; None leaves it."""

    name: str
    formula: str
    explanation: str
    signature: str
    forward: Callable[[Forward], Forward] | None = None
    backward: Callable[[Backward], Backward] | None = None

    def plant(self, pair: Pair) -> Pair:
        """The pair with this mistake on the reference's side."""
        forward = pair.forward if self.forward is None else self.forward(pair.forward)
        backward = pair.backward if self.backward is None else self.backward(pair.backward)
        return dataclasses.replace(pair, forward=forward, backward=backward)


def _arguments(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Forward], Forward]:
    """Call the right formula with wrong arguments: ``change`` gets them by name, gives back those to replace."""
    return lambda right: lambda **given: right(**{**given, **change(given)})


def _result(change: Callable[[Any, dict[str, Any]], Any]) -> Callable[[Forward], Forward]:
    """Change the right result: ``change`` gets it and the arguments."""
    return lambda right: lambda **given: change(right(**given), given)


def _instead(wrong: Callable[..., Any]) -> Callable[[Forward], Forward]:
    """Another formula altogether."""
    return lambda right: wrong


def _gradient_arguments(change: Callable[..., tuple[Any, Any, Any, Any]]) -> Callable[[Backward], Backward]:
    """Call the right gradient with wrong arguments (g, arrays, options, output)."""
    return lambda right: lambda g, a, o, y: right(*change(g, a, o, y))


def _gradients(**changes: Callable[..., Array]) -> Callable[[Backward], Backward]:
    """Change single gradients of a right backward: 'input', 'weight', 'bias' or 'target', from (gradient, g, a, o)."""
    order = ("input", "weight", "bias")

    def planted(right: Backward) -> Backward:
        def wrong(g: Array, a: dict[str, Array], o: dict[str, Any], y: Any) -> list[Any]:
            grads = list(right(g, a, o, y))
            for name, change in changes.items():
                index = 1 if name == "target" else order.index(name)
                if grads[index] is not None:
                    grads[index] = change(grads[index], g, a, o)
            return grads

        return wrong

    return planted


def _gradient_step(target: Any, name: str, wrong: Callable[..., Any]) -> Callable[[Backward], Backward]:
    """Take one named step of the gradient wrongly: the function ``name`` of a module of the reference."""

    def planted(right: Backward) -> Backward:
        def faulty(g: Array, a: dict[str, Array], o: dict[str, Any], y: Any) -> Any:
            with _step(target, name, wrong):
                return right(g, a, o, y)

        return faulty

    return planted


def _forward_step(target: Any, name: str, wrong: Callable[..., Any]) -> Callable[[Forward], Forward]:
    """Take one named step of the formula wrongly."""

    def planted(right: Forward) -> Forward:
        def faulty(**given: Any) -> Any:
            with _step(target, name, wrong):
                return right(**given)

        return faulty

    return planted


@contextlib.contextmanager
def _step(target: Any, name: str, wrong: Callable[..., Any]) -> Iterator[None]:
    with mock.patch.object(target, name, wrong), np.errstate(all="ignore"):
        yield


def _both(value: Any) -> tuple[int, int]:
    spelled = (value,) if isinstance(value, int) else tuple(value)
    return spelled[0], spelled[-1]


def _flipped(weight: Array) -> Array:
    return weight[..., ::-1, ::-1]


def _overwrite(
    seen: Array,
    frame: Array,
    down: windows.Taps,
    across: windows.Taps,
    i: slice = windows.EVERY,
    j: slice = windows.EVERY,
) -> None:
    """unslide with = for +=."""
    for m in range(len(down)):
        for k in range(len(across)):
            frame[..., down[m], across[k]][..., i, j] = seen[..., m, k, :, :]


# ---- convolution


def _padded_amounts(a: dict[str, Array], o: dict[str, Any]) -> tuple[int, int, int, int]:
    """(left, right, top, bottom) that the padding argument stands for."""
    if isinstance(o["padding"], str):
        if o["padding"] == "valid":
            return 0, 0, 0, 0
        dilation = _both(o["dilation"])
        (top, bottom), (left, right) = (
            windows.same_padding(k, d) for k, d in zip(a["weight"].shape[2:], dilation, strict=True)
        )
        return left, right, top, bottom
    height, width = _both(o["padding"])
    return width, width, height, height


def _padded_gradient(g: Array, a: dict[str, Array], o: dict[str, Any]) -> tuple[Array, tuple[int, int, int, int]]:
    """The gradient of the padded image, and the padding."""
    amounts = _padded_amounts(a, o)
    image = reference.pad(a["input"], amounts)
    grad, _, _ = reference.conv2d_backward(
        g, image, a["weight"], stride=o["stride"], dilation=o["dilation"], groups=o["groups"]
    )
    assert grad is not None
    return grad, amounts


def _wrong_corner(grad: Array, g: Array, a: dict[str, Array], o: dict[str, Any]) -> Array:
    height, width = a["input"].shape[-2:]
    return _padded_gradient(g, a, o)[0][..., :height, :width]


def _stride_ignored(grad: Array, g: Array, a: dict[str, Array], o: dict[str, Any]) -> Array:
    """The gradients pushed together: output pixel (i, j) is taken to have seen the window at (i, j)."""
    image = reference.pad(a["input"], _padded_amounts(a, o))
    dense = reference.conv2d(image, a["weight"], None, 1, 0, o["dilation"], o["groups"])
    spread = np.zeros_like(dense)
    spread[..., : g.shape[-2], : g.shape[-1]] = g
    wrong, _, _ = reference.conv2d_backward(
        spread, image, a["weight"], dilation=o["dilation"], groups=o["groups"], output_mask=(True, False, False)
    )
    assert wrong is not None
    left, right, top, bottom = _padded_amounts(a, o)
    return wrong[..., top : wrong.shape[-2] - bottom, left : wrong.shape[-1] - right]


def _groups_mixed(given: dict[str, Any]) -> dict[str, Any]:
    x, groups = given["input"], given["groups"]
    channels = np.arange(x.shape[-3]).reshape(groups, -1).T.ravel()  # channel c goes to group c mod G
    return {"input": np.take(x, channels, axis=-3)}


def _one_sided(given: dict[str, Any]) -> dict[str, Any]:
    """All the padding before the image, none after it."""
    left, right, top, bottom = _padded_amounts(given, given)
    return {"input": reference.pad(given["input"], (left + right, 0, top + bottom, 0)), "padding": 0}


def _same_before(given: dict[str, Any]) -> dict[str, Any]:
    """The odd pixel of 'same' padding before the image."""
    if given["padding"] != "same":
        return {}
    left, right, top, bottom = _padded_amounts(given, given)
    return {"input": reference.pad(given["input"], (right, left, bottom, top)), "padding": 0}


def _swap(value: Any) -> Any:
    return value if isinstance(value, int | str) else tuple(value)[::-1]


def _mean_bias(grad: Array, g: Array, a: dict[str, Array], o: dict[str, Any]) -> Array:
    return np.asarray(grad / grad.dtype.type(max(1, g.size // max(1, grad.size))))


def _read_as(shape: Callable[[Any], tuple[int, ...]], order: tuple[int, ...]) -> Callable[[dict[str, Any]], Any]:
    """The numbers of the kernels in the order that they have in memory, read as if stored in another layout."""
    return lambda given: {"weight": given["weight"].reshape(shape(given["weight"].shape)).transpose(order)}


def _wrapped_bytes(output: Array, given: dict[str, Any]) -> Array:
    """What integers of 8 bits without sign leave of the sum."""
    return np.asarray(np.mod(output, 256), output.dtype)


# ---- pooling


def _shared_ties(split: bool) -> Callable[[Backward], Backward]:
    def planted(right: Backward) -> Backward:
        def wrong(g: Array, a: dict[str, Array], o: dict[str, Any], y: Any) -> list[Any]:
            x, output = a["input"], y[0]
            # Each tap's share of the window's gradient: all of it, or its part among the tied.
            grad = np.zeros_like(x)
            rows, columns, frame = _pooling_frame(x, o)
            taps = [(m, k) for m in range(rows.kernel) for k in range(columns.kernel)]
            tied = [frame[..., rows.taps[m], columns.taps[k]] == output for m, k in taps]
            count = np.maximum(sum(t.astype(x.dtype) for t in tied), 1) if split else np.ones((), x.dtype)
            spread = np.zeros_like(frame)
            for (m, k), t in zip(reversed(taps), reversed(tied), strict=True):
                spread[..., rows.taps[m], columns.taps[k]] += np.where(t, g / count, 0)
            grad[...] = spread[..., rows.inside, columns.inside]
            return [grad]

        return wrong

    return planted


def _pooling_frame(x: Array, o: dict[str, Any]) -> tuple[windows.Windows, windows.Windows, Array]:
    kernel = _both(o["kernel_size"])
    stride = kernel if o["stride"] is None else _both(o["stride"])
    rows, columns = (
        windows.pool_windows(n, k, s, p, d, o["ceil_mode"])
        for n, k, s, p, d in zip(
            x.shape[-2:], kernel, stride, _both(o["padding"]), _both(o.get("dilation", 1)), strict=True
        )
    )
    return rows, columns, windows.padded(x, rows, columns, fill=-np.inf)


def _last_tie(**given: Any) -> Any:
    """The last of equal maxima: the formula run on the image turned by 180 degrees, where that is possible."""
    x = given["input"]
    options = {name: value for name, value in given.items() if name != "input"}
    rows, columns, frame = _pooling_frame(x, options)
    output, indices = reference.max_pool2d(x, **options, return_indices=True)
    position = np.full(frame.shape[-2:], -1)
    position[rows.inside, columns.inside] = np.arange(x.shape[-2] * x.shape[-1]).reshape(x.shape[-2:])
    for m in range(rows.kernel):
        for k in range(columns.kernel):
            where = np.broadcast_to(position[rows.taps[m], columns.taps[k]], output.shape)
            tied = (frame[..., rows.taps[m], columns.taps[k]] == output) & (where >= 0)
            indices = np.where(tied, where, indices)
    return output, indices


def _assigned_maxima(g: Array, a: dict[str, Array], o: dict[str, Any], y: Any) -> list[Array]:
    """The gradient of overlapping windows written, not added, to the maximum."""
    x = a["input"]
    grad = np.zeros(x.shape, x.dtype)
    planes = grad.reshape(*x.shape[:-2], -1)
    np.put_along_axis(planes, y[1].reshape(*x.shape[:-2], -1), g.reshape(*x.shape[:-2], -1), axis=-1)
    return [planes.reshape(x.shape)]


def _zero_padded_maximum(result: Any, given: dict[str, Any]) -> Any:
    output, indices = result
    x = given["input"]
    rows, columns, _ = _pooling_frame(x, given)
    frame = windows.padded(np.zeros(x.shape[-2:]), rows, columns, fill=1)
    sees_padding = np.zeros(output.shape[-2:], bool)
    for m in range(rows.kernel):
        for k in range(columns.kernel):
            sees_padding |= frame[rows.taps[m], columns.taps[k]].astype(bool)
    return np.where(sees_padding & (output < 0), output.dtype.type(0), output), indices


def _without_nan(result: Any, given: dict[str, Any]) -> Any:
    """The maximum of the numbers, as np.fmax or a comparison `if x > best` finds it."""
    x = np.where(np.isnan(given["input"]), -np.inf, given["input"]).astype(given["input"].dtype)
    options = {name: value for name, value in given.items() if name != "input"}
    return reference.max_pool2d(x, **options, return_indices=True)


def _reciprocal(**given: Any) -> Array:
    """The sum times 1/D."""
    x = given["input"]
    one = reference.avg_pool2d(np.ones_like(x), **{**_options(given), "divisor_override": 1})
    mean = reference.avg_pool2d(np.ones_like(x), **_options(given))
    total = reference.avg_pool2d(x, **{**_options(given), "divisor_override": 1})
    if given["divisor_override"] is not None or given["count_include_pad"]:
        # With padding counted the divisor is not the number of pixels; leave those alone.
        return total * np.asarray(1 / np.asarray(given["divisor_override"] or _full(given), x.dtype), x.dtype)
    return total * (mean / one)


def _full(given: dict[str, Any]) -> int:
    height, width = _both(given["kernel_size"])
    return height * width


def _options(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name != "input"}


# ---- padding and flatten


def _symmetric(**given: Any) -> Array:
    """Reflection at the border between pixels instead of at the edge pixel."""
    if given["mode"] != "reflect":
        return reference.pad(**given)
    x = given["input"]
    for i in range(len(given["pad"]) // 2):
        axis, (before, after) = x.ndim - 1 - i, given["pad"][2 * i : 2 * i + 2]
        t = np.arange(-before, x.shape[axis] + after)
        t = np.where(t < 0, -t - 1, np.where(t >= x.shape[axis], 2 * x.shape[axis] - 1 - t, t))
        x = np.take(x, t.clip(0, x.shape[axis] - 1), axis=axis)
    return np.asarray(x)


def _pairs_turned(amounts: tuple[int, ...]) -> tuple[int, ...]:
    pairs = [amounts[i : i + 2] for i in range(0, len(amounts), 2)]
    return tuple(amount for pair in reversed(pairs) for amount in pair)


def _channels_last(**given: Any) -> Array:
    x = given["input"]
    right = reference.flatten(**given)
    first, last = (given[name] % max(1, x.ndim) for name in ("start_dim", "end_dim"))
    if x.ndim < 2 or first == last:
        return right
    return np.asarray(np.moveaxis(x, first, last).reshape(right.shape))


# ---- dense, softmax, cross-entropy, SGD


def _softmax_unshifted(input: Array, dim: int) -> Array:
    powers = np.exp(input)
    return np.asarray(powers / np.sum(powers, axis=dim, keepdims=True)) if input.ndim else powers / powers


def _next_dim(given: dict[str, Any]) -> dict[str, Any]:
    return {"dim": (given["dim"] + 1) % max(1, given["input"].ndim)}


def _probabilities_loss(log: Callable[[Array], Array]) -> Forward:
    """Cross-entropy in two steps: softmax, then ``log`` of the probabilities."""

    def wrong(**given: Any) -> Array:
        with _step(reference_cross_entropy, "log_softmax", lambda x, axis: log(reference.softmax(x, axis))):
            return reference.cross_entropy(**given)

    return wrong


def _mean_over(count: Callable[[Array, dict[str, Any]], float]) -> Callable[[Forward], Forward]:
    """The mean with a divisor of one's own."""

    def planted(right: Forward) -> Forward:
        def wrong(**given: Any) -> Any:
            if given["reduction"] != "mean":
                return right(**given)
            total = right(**{**given, "reduction": "sum"})
            return np.asarray(np.divide(total, total.dtype.type(count(total, given))))

        return wrong

    return planted


def _samples(given: dict[str, Any]) -> int:
    x = given["input"]
    return int(x.size // max(1, x.shape[min(1, x.ndim - 1)]))


def _ignored(given: dict[str, Any]) -> int:
    target = given["target"]
    return 0 if target.dtype.kind == "f" else int((target == given.get("ignore_index", -100)).sum())


def _ignored_counted(right: Forward) -> Forward:
    def wrong(**given: Any) -> Any:
        loss = right(**given)
        counted = _samples(given) - _ignored(given)
        if given["reduction"] != "mean" or not counted:
            return loss
        return np.asarray(loss * loss.dtype.type(counted / _samples(given)))

    return wrong


def _smoothing_over_others(given: dict[str, Any]) -> dict[str, Any]:
    """e/(C-1) for the other classes, 1 - e for the target: the same as smoothing by e C/(C-1)."""
    classes = given["input"].shape[min(1, given["input"].ndim - 1)]
    e = given["label_smoothing"]
    return {"label_smoothing": min(1.0, e * classes / max(1, classes - 1))}


def _sgd(order: Callable[..., Any]) -> Callable[[Forward], Forward]:
    """An update of one's own: ``order`` gets K, g, v, the step and the options, gives back the new K and v."""

    def wrong(parameter: Array, grads: Array, **o: Any) -> Array:
        k, v = parameter, None
        for step, grad in enumerate(grads):
            k, v = order(k, -grad if o["maximize"] else grad, v, step, o)
        return np.asarray(k, parameter.dtype)

    return _instead(wrong)


def _late_decay(k: Array, g: Array, v: Array | None, step: int, o: dict[str, Any]) -> tuple[Array, Array]:
    v = g if v is None else o["momentum"] * v + (1 - o["dampening"]) * g
    d = g + o["momentum"] * v if o["nesterov"] else v if o["momentum"] else g
    return k - o["lr"] * (d + o["weight_decay"] * k), v


def _dampened_at_once(k: Array, g: Array, v: Array | None, step: int, o: dict[str, Any]) -> tuple[Array, Array]:
    g = g + o["weight_decay"] * k
    v = (1 - o["dampening"]) * g + (0 if v is None else o["momentum"] * v)
    d = g + o["momentum"] * v if o["nesterov"] else v if o["momentum"] else g
    return k - o["lr"] * d, v


MISTAKES = (
    # Convolution.
    Mistake(
        "kernel-flipped", "conv2d",
        "The kernel is turned by 180 degrees, as the mathematician's convolution has it.",
        "Right for symmetric kernels and 1x1; else the output of another kernel.",
        forward=_arguments(lambda a: {"weight": _flipped(a["weight"])}),
    ),
    Mistake(
        "kernel-transposed", "conv2d",
        "Height and width of the kernel are swapped.",
        "Right for symmetric kernels; a shape error or another output shape where kH != kW.",
        forward=_arguments(lambda a: {"weight": a["weight"].swapaxes(-1, -2)}),
    ),
    Mistake(
        "stride-swapped", "conv2d",
        "(height, width) of the stride are taken as (width, height).",
        "Right for equal strides; else another output shape.",
        forward=_arguments(lambda a: {"stride": _swap(a["stride"])}),
    ),
    Mistake(
        "padding-swapped", "conv2d",
        "(height, width) of the padding are taken as (width, height).",
        "Right for equal paddings; else another output shape.",
        forward=_arguments(lambda a: {"padding": _swap(a["padding"])}),
    ),
    Mistake(
        "weights-as-iohw", "conv2d",
        "The kernels are stored O,I,kH,kW and read as I,O,kH,kW.",
        "Right for one input channel or one output channel; else kernels are shuffled.",
        forward=_arguments(_read_as(lambda s: (s[1], s[0], s[2], s[3]), (1, 0, 2, 3))),
    ),
    Mistake(
        "weights-as-hwio", "conv2d",
        "The kernels are stored O,I,kH,kW and read as kH,kW,I,O, the layout of TensorFlow.",
        "Everything is shuffled but a single 1x1 kernel.",
        forward=_arguments(_read_as(lambda s: (s[2], s[3], s[1], s[0]), (3, 2, 0, 1))),
    ),
    Mistake(
        "first-channel-only", "conv2d",
        "The sum runs over the kernel, not over the input channels.",
        "Right for grey images; colour loses green and blue.",
        forward=_arguments(lambda a: {"weight": a["weight"] * (np.arange(a["weight"].shape[1]) == 0)[:, None, None]
                                      .astype(a["weight"].dtype)}),
    ),
    Mistake(
        "bias-forgotten", "conv2d",
        "The bias is not added.",
        "Every output channel is off by one number.",
        forward=_arguments(lambda a: {"bias": None}),
    ),
    Mistake(
        "dilation-ignored", "conv2d",
        "The taps of the kernel stand side by side.",
        "Right for dilation 1; else a larger output.",
        forward=_arguments(lambda a: {"dilation": 1}),
    ),
    Mistake(
        "groups-interleaved", "conv2d",
        "Input channel c goes to group c mod G instead of the groups taking contiguous parts.",
        "Right for one group and depthwise; else the outputs of other channels.",
        forward=_arguments(_groups_mixed),
    ),
    Mistake(
        "padding-on-one-side", "conv2d",
        "All the padding is put above and to the left.",
        "The output is shifted by the padding.",
        forward=_arguments(_one_sided),
    ),
    Mistake(
        "same-padding-before", "conv2d",
        "For an even kernel, the odd pixel of 'same' padding is put above and to the left.",
        "Right for odd kernels; for even ones the output is shifted by a pixel.",
        forward=_arguments(_same_before),
    ),
    Mistake(
        "uint8-wrap-around", "conv2d",
        "Pixels and sums are unsigned bytes: they wrap around at 256, and negative sums become large.",
        "Right between 0 and 255; dark edges turn bright.",
        forward=_result(_wrapped_bytes),
    ),
    Mistake(
        "weight-gradient-flipped", "conv2d",
        "The weight gradient is turned by 180 degrees, as if the forward convolution flipped its kernel.",
        "Right for 1x1 kernels; training learns mirrored kernels that do not fit.",
        backward=_gradients(weight=lambda grad, g, a, o: _flipped(grad)),
    ),
    Mistake(
        "weight-gradient-averaged", "conv2d",
        "The weight gradient is divided by the batch size, though the loss is a mean already.",
        "Right for a batch of one; else training is slower by the batch size.",
        backward=_gradients(
            weight=lambda grad, g, a, o: grad / grad.dtype.type(len(a["input"]) if a["input"].ndim == 4 else 1)
        ),
    ),
    Mistake(
        "input-gradient-unflipped", "conv2d",
        "The input gradient uses the kernel as it is where it needs it turned by 180 degrees.",
        "Right for symmetric kernels; deeper layers learn nonsense.",
        backward=_gradient_arguments(lambda g, a, o, y: (g, {**a, "weight": _flipped(a["weight"])}, o, y)),
    ),
    Mistake(
        "padding-gradient-kept", "conv2d",
        "The gradient of the padding is not cut off.",
        "Right without padding; else the input gradient is too large by the padding.",
        backward=_gradients(input=lambda grad, g, a, o: _padded_gradient(g, a, o)[0]),
    ),
    Mistake(
        "padding-gradient-wrong-corner", "conv2d",
        "The gradient of the padding is cut off at the bottom and right only.",
        "Right without padding; else the input gradient is shifted by the padding.",
        backward=_gradients(input=_wrong_corner),
    ),
    Mistake(
        "stride-ignored-in-gradient", "conv2d",
        "The gradient of a strided convolution is not spread out by the stride.",
        "Right for stride 1; else the gradient crowds into the top left corner.",
        backward=_gradients(input=_stride_ignored),
    ),
    Mistake(
        "overlap-overwritten", "conv2d",
        "Where windows overlap, gradients are written with = instead of added with +=.",
        "Right where windows do not overlap; else only one window's gradient is left.",
        backward=_gradient_step(windows, "unslide", _overwrite),
    ),
    Mistake(
        "bias-gradient-averaged", "conv2d",
        "The bias gradient is the mean of the upstream gradient instead of its sum.",
        "Too small by N oH oW: biases hardly learn.",
        backward=_gradients(bias=_mean_bias),
    ),
    Mistake(
        "bias-gradient-over-batch-only", "conv2d",
        "The bias gradient is summed over the batch, not over rows and columns.",
        "An array (O, oH, oW) where (O,) belongs.",
        backward=_gradients(bias=lambda grad, g, a, o: g.sum(axis=0) if g.ndim == 4 else g),
    ),
    # Padding.
    Mistake(
        "edge-repeated", "pad",
        "Reflection repeats the edge pixel, as NumPy's 'symmetric' does.",
        "Every mirrored pixel is off by one place.",
        forward=_instead(lambda **given: _symmetric(**given)),
    ),
    Mistake(
        "rows-before-columns", "pad",
        "The amounts are taken as (top, bottom, left, right): torch counts from the last dimension.",
        "Right for equal amounts; else another output shape.",
        forward=_arguments(lambda a: {"pad": _pairs_turned(a["pad"])}),
    ),
    Mistake(
        "copies-forgotten", "pad",
        "The gradient is cut out of the middle; what the copies at the border got is lost.",
        "Right for constants; else border pixels learn too little.",
        backward=_gradients(input=lambda grad, g, a, o: reference.pad_backward(g, a["input"].shape, o["pad"])),
    ),
    # ReLU.
    Mistake(
        "slope-one-at-zero", "relu",
        "The gradient passes where x >= 0 instead of x > 0.",
        "Right but at exact zeros, which are frequent after a ReLU or with integer pixels.",
        backward=_gradients(input=lambda grad, g, a, o: np.where(~(a["input"] < 0), g, g.dtype.type(0))),
    ),
    Mistake(
        "masked-by-gradient", "relu",
        "The gradient passes where it is positive itself.",
        "Negative gradients vanish: weights move one way only.",
        backward=_gradients(input=lambda grad, g, a, o: np.where(g > 0, g, g.dtype.type(0))),
    ),
    Mistake(
        "relu-swallows-nan", "relu",
        "NaN becomes 0, since no comparison with it is true.",
        "A broken number disappears, and with it the chance to find where it came from.",
        forward=_result(lambda y, a: np.where(a["input"] > 0, a["input"], y.dtype.type(0))),
    ),
    Mistake(
        "gradient-multiplied-by-mask", "relu",
        "The gradient is multiplied by 0 or 1 instead of selected.",
        "Right for finite numbers; an infinite gradient times 0 is NaN.",
        backward=_gradients(input=lambda grad, g, a, o: np.multiply(g, ~(a["input"] <= 0), dtype=g.dtype)),
    ),
    Mistake(
        "leaky", "relu",
        "Below 0 a hundredth of x is kept.",
        "Small negative outputs where zeros belong.",
        forward=_result(lambda y, a: np.where(a["input"] < 0, a["input"] / y.dtype.type(100), y)),
    ),
    # Max pooling.
    Mistake(
        "ties-to-all", "max_pool2d",
        "Every pixel that equals the maximum gets the whole gradient.",
        "Right for random numbers; after a ReLU most windows are tied, and gradients multiply.",
        backward=_shared_ties(split=False),
    ),
    Mistake(
        "ties-split", "max_pool2d",
        "Pixels that equal the maximum share the gradient.",
        "Right for random numbers; a fair choice, but not the one that torch makes.",
        backward=_shared_ties(split=True),
    ),
    Mistake(
        "ties-to-last", "max_pool2d",
        "Of equal maxima the last one wins, as with >= for >.",
        "Right for random numbers; among ties the gradient goes to another pixel.",
        forward=_instead(_last_tie),
    ),
    Mistake(
        "padded-with-zero", "max_pool2d",
        "Padding is 0 instead of minus infinity.",
        "Right after a ReLU; negative maxima at the border become 0.",
        forward=_result(_zero_padded_maximum),
    ),
    Mistake(
        "floor-for-ceil", "max_pool2d",
        "ceil_mode is ignored.",
        "Right where windows leave no rest; else a row or column is missing.",
        forward=_arguments(lambda a: {"ceil_mode": False}),
    ),
    Mistake(
        "pooling-swallows-nan", "max_pool2d",
        "NaN loses every comparison, so the maximum of the other pixels is taken.",
        "A broken number disappears.",
        forward=_result(_without_nan),
    ),
    Mistake(
        "pooling-gradient-overwritten", "max_pool2d",
        "A pixel that is the maximum of several windows gets the gradient of the last one.",
        "Right where windows do not overlap.",
        backward=lambda right: _assigned_maxima,
    ),
    Mistake(
        "stride-defaults-to-one", "max_pool2d",
        "Without a stride the window moves by one pixel; it should move by its own size.",
        "An output that hardly shrinks.",
        forward=_arguments(lambda a: {"stride": 1 if a["stride"] is None else a["stride"]}),
    ),
    # Average pooling.
    Mistake(
        "divided-by-kernel", "avg_pool2d",
        "Every window is divided by kH kW, whatever part of it counts.",
        "Right inside; border windows are too small without count_include_pad or with ceil_mode.",
        forward=_arguments(lambda a: {"divisor_override": a["divisor_override"] or _full(a)}),
    ),
    Mistake(
        "pad-not-counted", "avg_pool2d",
        "Padding is left out of the count by default.",
        "Right inside; border windows are too large.",
        forward=_arguments(lambda a: {"count_include_pad": False}),
    ),
    Mistake(
        "reciprocal", "avg_pool2d",
        "The sum is multiplied by 1/D instead of divided by D: two roundings for one.",
        "The last bit differs, where D is no power of two.",
        forward=_instead(lambda **given: _reciprocal(**given)),
    ),
    Mistake(
        "pooling-gradient-not-divided", "avg_pool2d",
        "Each pixel gets the window's whole gradient.",
        "Too large by the size of the window.",
        backward=_gradient_arguments(lambda g, a, o, y: (g, a, {**o, "divisor_override": 1}, y)),
    ),
    Mistake(
        "average-gradient-overwritten", "avg_pool2d",
        "Where windows overlap, gradients are written with = instead of added with +=.",
        "Right where windows do not overlap.",
        backward=_gradient_step(windows, "unslide", _overwrite),
    ),
    # Flatten.
    Mistake(
        "flattened-channels-last", "flatten",
        "The elements are read with the first of the merged dimensions running fastest, as from N,H,W,C memory.",
        "Right for one channel; else the dense layer's weights meet other pixels.",
        forward=_instead(lambda **given: _channels_last(**given)),
    ),
    Mistake(
        "flattened-batch", "flatten",
        "The first dimension is merged too: the images of a batch become one.",
        "One long row where a batch belongs.",
        forward=_arguments(lambda a: {"start_dim": 0}),
    ),
    # Dense.
    Mistake(
        "weights-as-in-out", "linear",
        "The weights are stored (out, in) and read as (in, out).",
        "Right for a single output; else all connections are shuffled.",
        forward=_arguments(lambda a: {"weight": a["weight"].reshape(a["weight"].shape[::-1]).T}),
    ),
    Mistake(
        "dense-bias-gradient-averaged", "linear",
        "The bias gradient is the mean over the batch instead of the sum.",
        "Right for a batch of one.",
        backward=_gradients(bias=_mean_bias),
    ),
    Mistake(
        "silent-float64", "linear",
        "A constant of double precision turns everything into float64.",
        "Right numbers, twice the memory and half the speed; nothing says so.",
        forward=_result(lambda y, a: y.astype(np.float64)),
    ),
    # Softmax.
    Mistake(
        "no-max-subtraction", "softmax",
        "exp is taken of the scores as they are.",
        "Right for small scores; above 88 (float32) infinity over infinity is NaN.",
        forward=_instead(_softmax_unshifted),
    ),
    Mistake(
        "wrong-dimension", "softmax",
        "The probabilities sum to 1 over another dimension.",
        "Columns sum to 1 instead of rows.",
        forward=_arguments(_next_dim),
    ),
    Mistake(
        "diagonal-only", "softmax",
        "The gradient is y (1 - y) g, as if each score moved its own probability alone.",
        "Right for the sigmoid; the sum over the other classes is missing.",
        backward=lambda right: lambda g, a, o, y: [g * y * (1 - y)],
    ),
    Mistake(
        "log-of-softmax", "log_softmax",
        "The logarithm is taken of the rounded probability.",
        "Right for likely classes; unlikely ones become minus infinity.",
        forward=_instead(lambda input, dim: np.log(reference.softmax(input, dim))),
    ),
    Mistake(
        "log-with-epsilon", "log_softmax",
        "A small number is added so that the logarithm stays finite: log(p + 1e-7).",
        "Right to 7 digits for likely classes; unlikely ones never get below -16.",
        forward=_instead(lambda input, dim: np.log(reference.softmax(input, dim) + input.dtype.type(1e-7))),
    ),
    Mistake(
        "sum-of-gradients-forgotten", "log_softmax",
        "The gradient is g - softmax, as it is for the cross-entropy of one class.",
        "Right where the upstream gradients sum to 1.",
        backward=lambda right: lambda g, a, o, y: [g - np.exp(y)],
    ),
    # Cross-entropy.
    Mistake(
        "summed-not-averaged", "cross_entropy",
        "The loss is not divided by the number of samples.",
        "Too large by the batch size.",
        forward=_arguments(lambda a: {"reduction": "sum" if a["reduction"] == "mean" else a["reduction"]}),
    ),
    Mistake(
        "averaged-twice", "cross_entropy",
        "The loss is divided by the number of samples in the formula and again in the batch.",
        "Right for a batch of one; else too small.",
        forward=_mean_over(lambda total, a: _samples(a) ** 2),
    ),
    Mistake(
        "gradient-not-averaged", "cross_entropy",
        "The gradient is y_hat - y without the division by the number of samples.",
        "Steps are too large by the batch size, and training may blow up.",
        backward=_gradient_arguments(
            lambda g, a, o, y: (g, a, {**o, "reduction": "sum" if o["reduction"] == "mean" else o["reduction"]}, y)
        ),
    ),
    Mistake(
        "epsilon-in-the-logarithm", "cross_entropy",
        "log(p + 1e-7) keeps the loss finite.",
        "Right to 7 digits for good predictions; bad ones never cost more than 16.",
        forward=_instead(_probabilities_loss(lambda p: np.log(p + p.dtype.type(1e-7)))),
    ),
    Mistake(
        "double-softmax", "cross_entropy",
        "The network ends in a softmax, and the loss takes another one.",
        "The loss stays close to log C, and training is slow.",
        forward=_arguments(lambda a: {"input": reference.softmax(a["input"], min(1, a["input"].ndim - 1))}),
    ),
    Mistake(
        "softmax-over-the-batch", "cross_entropy",
        "The probabilities sum to 1 over the batch instead of the classes.",
        "Right for none; the samples compete with one another.",
        forward=_forward_step(
            reference_cross_entropy, "log_softmax", lambda x, axis: reference.log_softmax(x, 0)
        ),
    ),
    Mistake(
        "smoothing-over-other-classes", "cross_entropy",
        "Label smoothing gives e/(C-1) to the wrong classes and none to the right one.",
        "Close, but the right class gets e/C too little.",
        forward=_arguments(_smoothing_over_others),
    ),
    Mistake(
        "weights-not-normalised", "cross_entropy",
        "The weighted losses are divided by the number of samples instead of the sum of their weights.",
        "Right where the weights average to 1.",
        forward=_mean_over(lambda total, a: _samples(a) - _ignored(a)),
    ),
    Mistake(
        "ignored-samples-counted", "cross_entropy",
        "Samples of class ignore_index add nothing to the loss but count in the mean.",
        "Right where nothing is ignored; else too small.",
        forward=_ignored_counted,
    ),
    # Gradient descent.
    Mistake(
        "weight-decay-after-momentum", "sgd",
        "Weight decay is added to the step instead of the gradient, so momentum does not see it.",
        "Right without momentum, and in the first step.",
        forward=_sgd(_late_decay),
    ),
    Mistake(
        "dampened-at-once", "sgd",
        "Dampening is applied in the first step too.",
        "Right without dampening; else the first steps are too small.",
        forward=_sgd(_dampened_at_once),
    ),
    Mistake(
        "nesterov-ignored", "sgd",
        "The look ahead is left out.",
        "Right without nesterov.",
        forward=_arguments(lambda a: {"nesterov": False}),
    ),
    Mistake(
        "climbing", "sgd",
        "The gradient is added instead of subtracted.",
        "The loss grows.",
        forward=_arguments(lambda a: {"maximize": not a["maximize"]}),
    ),
    Mistake(
        "momentum-forgotten-between-steps", "sgd",
        "The velocity starts anew in every step.",
        "Right in the first step only.",
        forward=_sgd(lambda k, g, v, step, o: _late_decay(k, g + o["weight_decay"] * k, None, step,
                                                         {**o, "weight_decay": 0.0})),
    ),
)  # fmt: skip
