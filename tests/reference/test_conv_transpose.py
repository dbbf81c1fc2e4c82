"""Transposed convolution: the rules where the formula leaves a choice, whose adjoint it is, and its layer.

Each rule is a test by name: the numbers, worked by hand, say what the rule is, and torch, asked the same, shows that it
is torch's.  Sums of integers do not round, so there both sides must have the same numbers.
"""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import reference
from reference import definition, nn, products
from tests.reference.comparing import (
    EXACT,
    INF,
    NAN,
    Array,
    assert_bits,
    assert_equal,
    both_dtypes,
    differentiate,
    forward_and_backward,
    image,
    in_torch,
    random_integers,
)
from torch_parity.proof.backend import tensor, torch_as_measured


def check(x: Array, kernel: Array, expected: Array, bias: Array | None = None, **options: Any) -> None:
    """Reference, definition and torch give ``expected``, bit for bit."""
    assert_bits(reference.conv_transpose2d(x, kernel, bias, **options), expected)
    assert_bits(definition.conv_transpose2d(x, kernel, bias, **options), expected)
    theirs = F.conv_transpose2d(tensor(x), tensor(kernel), None if bias is None else tensor(bias), **options)
    assert_bits(theirs.numpy(), expected)


def results(x: Array, weight: Array, bias: Array, options: dict[str, Any]) -> list[Array]:
    """The output and all gradients."""
    y = reference.conv_transpose2d(x, weight, bias, **options)
    g = random_integers(y.shape, y.dtype, seed=7)
    return [y, *(grad for grad in reference.conv_transpose2d_backward(g, x, weight, **options) if grad is not None)]


def torchs(x: Array, weight: Array, bias: Array, options: dict[str, Any]) -> list[Array]:
    with torch_as_measured():
        shape = F.conv_transpose2d(tensor(x), tensor(weight), **options).shape
    g = random_integers(tuple(shape), x.dtype, seed=7)
    y, grads = differentiate(lambda x, k, b: F.conv_transpose2d(x, k, b, **options), (x, weight, bias), g)
    return [y, *grads]


# What is stamped where.


def test_a_pixel_stamps_the_kernel_as_it_is() -> None:
    check(image([0, 2]), image([1, 10], [100, 1000]), image([0, 2, 20], [0, 200, 2000]))


def test_stamps_stand_a_stride_apart_and_add_up_where_they_meet() -> None:
    x, kernel = image([1, 2]), image([1, 10, 100])
    check(x, kernel, image([1, 12, 120, 200]))  # 1 10 100 and, a pixel further, 2 20 200
    check(x, kernel, image([1, 10, 102, 20, 200]), stride=(1, 2))
    check(x, kernel, image([1, 10, 100, 0, 2, 20, 200]), stride=(1, 4))  # and zeros in between


def test_dilated_stamps_have_gaps_that_others_fill() -> None:
    check(image([1, 2]), image([1, 10]), image([1, 2, 10, 20]), dilation=2)


def test_padding_is_cut_off_either_end() -> None:
    x, kernel = image([1, 2]), image([1, 10, 100])
    check(x, kernel, image([12, 120]), padding=(0, 1))
    check(x, kernel, image([10, 102, 20]), padding=(0, 1), stride=(1, 2))


def test_output_padding_adds_at_the_end_alone_and_has_the_bias() -> None:
    x, kernel, bias = image([1, 2]), image([1, 10]), np.array([5], np.float32)
    expected = image([6, 15, 7, 25, 5], [5, 5, 5, 5, 5])
    check(x, kernel, expected, bias, stride=2, output_padding=1)
    _, (grad_bias,) = differentiate(
        lambda b: F.conv_transpose2d(tensor(x), tensor(kernel), b, stride=2, output_padding=1), (bias,), expected
    )
    _, _, ours = reference.conv_transpose2d_backward(expected, x, kernel, stride=2, output_padding=1)
    assert_bits(ours, [83])  # every pixel, the added ones too
    assert_bits(grad_bias, [83])


def test_output_padding_brings_back_what_the_padding_would_cut_off() -> None:
    x, kernel = image([1, 2]), image([1, 10, 100])
    check(x, kernel, image([10, 102, 20]), stride=(1, 2), padding=(0, 1))
    check(x, kernel, image([10, 102, 20, 200]), stride=(1, 2), padding=(0, 1), output_padding=(0, 1))


def test_output_padding_may_reach_the_stride_if_the_dilation_is_larger() -> None:
    """A convolution would then see one window more in the output: that one is none of this formula."""
    x, kernel = image([1, 2]), image([1, 10])
    check(x, kernel, image([1, 2, 0, 10, 20, 0, 0], *[[0] * 7] * 2), dilation=3, output_padding=2)
    g = image(np.arange(7), *[[100] * 7] * 2)
    grads = reference.conv_transpose2d_backward(g, x, kernel, dilation=3, output_padding=2)
    _, theirs = differentiate(
        lambda x, k, b: F.conv_transpose2d(x, k, b, dilation=3, output_padding=2),
        (x, kernel, np.zeros(1, np.float32)),
        g,
    )
    for ours, torchs_grad, wanted in zip(grads, theirs, (image([30, 41]), image([2, 11]), [1421]), strict=True):
        assert_bits(ours, wanted)
        assert_bits(torchs_grad, wanted)


def test_a_kernel_of_one_pixel_may_add_pixels_too() -> None:
    """Not the image times a weight, though the stride is 1 and nothing is cut off."""
    check(image([1, 2]), image([3]), image([3, 6, 0], [0, 0, 0]), dilation=2, output_padding=1)
    x, weight, bias = random_integers((2, 3, 4, 5)), random_integers((3, 2, 1, 1)), random_integers((2,))
    for added in ((1, 0), (0, 1), (2, 1)):
        options = {"dilation": 3, "output_padding": added}
        for ours, theirs in zip(results(x, weight, bias, options), torchs(x, weight, bias, options), strict=True):
            assert_equal(ours, theirs, EXACT)


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2), (2, 3), ((3, 1), (1, 2))])
def test_output_padding_is_smaller_than_stride_or_dilation(stride: Any, dilation: Any) -> None:
    x, kernel = image([1, 2], [3, 4]), image([1, 2], [3, 4])
    most = np.maximum(stride, dilation) - np.zeros(2, int)
    for added in ((int(most[0]) - 1, int(most[1]) - 1), (int(most[0]), 0), (0, int(most[1]))):
        options: dict[str, Any] = {"stride": stride, "dilation": dilation, "output_padding": added}
        if added[0] < most[0] and added[1] < most[1]:
            theirs = F.conv_transpose2d(tensor(x), tensor(kernel), **options)
            assert_equal(reference.conv_transpose2d(x, kernel, **options), theirs.numpy(), EXACT)
            continue
        with pytest.raises(ValueError, match="output_padding must be smaller than stride"):
            reference.conv_transpose2d(x, kernel, **options)
        with pytest.raises(RuntimeError, match="output padding must be smaller than either stride or dilation"):
            F.conv_transpose2d(tensor(x), tensor(kernel), **options)


def test_padding_may_be_larger_than_the_kernel() -> None:
    """The first and the last stamps are cut off altogether."""
    check(image([1, 2, 3, 4, 5]), image([1, 10]), image([23, 34]), padding=(0, 2))
    # Nothing but the bias is left where no stamp reaches.
    x, kernel, bias = image([1]), image([1]), np.array([7], np.float32)
    check(x, kernel, image([7, 7, 7]), bias, stride=(1, 6), padding=(0, 1), output_padding=(0, 4))


@pytest.mark.parametrize("padding", [(1, 3), (2, 0), (0, 2)])
def test_an_output_without_pixels_is_an_error(padding: tuple[int, int]) -> None:
    """In torch too, in double precision; in single precision oneDNN gives an empty output."""
    x, kernel = np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2))
    with pytest.raises(ValueError, match="padding must leave at least 1 row and column"):
        reference.conv_transpose2d(x, kernel, padding=padding)
    with pytest.raises(RuntimeError, match="Output size is too small"):
        F.conv_transpose2d(tensor(x), tensor(kernel), padding=padding)


def test_groups_have_channels_of_their_own() -> None:
    """Two groups of two channels, each of which stamps one output channel: 1 2 and 3 4, times 1 10 100 1000."""
    x = np.arange(1.0, 5).reshape(1, 4, 1, 1)
    kernels = np.array([1.0, 10, 100, 1000]).reshape(4, 1, 1, 1)
    check(x, kernels, np.array([21.0, 4300]).reshape(1, 2, 1, 1), groups=2)
    # Depthwise, with two output channels for each one that comes in.
    check(x, np.concatenate([kernels, -kernels], 1), np.array([[1, -1], [20, -20], [300, -300], [4000, -4000]]).reshape(
        1, 8, 1, 1
    ), groups=4)  # fmt: skip


# Whose adjoint it is.


@pytest.mark.parametrize("stride", [1, 2, (3, 2)])
@pytest.mark.parametrize("dilation", [1, (2, 1)])
@pytest.mark.parametrize("padding", [0, 1, (2, 4)])
@pytest.mark.parametrize("groups", [1, 2])
def test_it_is_the_adjoint_of_the_convolution(stride: Any, dilation: Any, padding: Any, groups: int) -> None:
    """<conv2d(u), x> = <u, conv_transpose2d(x)>, for every size of u that the convolution maps to the size of x.

    On integers both sides are exact.  The convolution is torch's, too: so its witness does not share a line of code.
    """
    (down, right), (over, beside), (top, left) = (
        (value, value) if isinstance(value, int) else value for value in (stride, dilation, padding)
    )
    weight = random_integers((4, 3, 3, 2))
    options = {"stride": stride, "dilation": dilation, "padding": padding, "groups": groups}
    height, width = 4 * down + 2 * over + 1 - 2 * top, 4 * right + beside + 1 - 2 * left
    if min(height, width) < 1:
        height, width = height + 3 * down, width + 5 * right
    sizes = set()
    for below, after in np.ndindex(down, right):
        u = random_integers((2, 3 * groups, height + below, width + after), seed=1)
        y = reference.conv2d(u, weight, **options)
        x = random_integers(y.shape, seed=2)
        stamped = reference.conv_transpose2d(x, weight, output_padding=(below, after), **options)
        assert stamped.shape == u.shape
        assert (y * x).sum() == (u * stamped).sum()
        assert (F.conv2d(tensor(u), tensor(weight), **options).numpy() * x).sum() == (u * stamped).sum()
        sizes.add(y.shape)
    assert len(sizes) == 1
    assert np.abs(stamped).sum() > 0


def test_its_output_is_the_convolutions_gradient_and_its_gradient_the_convolution() -> None:
    u, weight = random_integers((2, 6, 9, 8)), random_integers((4, 3, 3, 2))
    options: dict[str, Any] = {"stride": 2, "padding": 1, "groups": 2}
    y = reference.conv2d(u, weight, **options)
    x = random_integers(y.shape, seed=1)
    grad_u, grad_weight, _ = reference.conv2d_backward(x, u, weight, **options)
    assert grad_u is not None
    assert grad_weight is not None
    more = {**options, "output_padding": (0, 0)}
    assert_equal(reference.conv_transpose2d(x, weight, **more), grad_u)
    grad_x, other_grad_weight, _ = reference.conv_transpose2d_backward(u, x, weight, **more)
    assert grad_x is not None
    assert other_grad_weight is not None
    assert_equal(grad_x, y)
    assert_equal(other_grad_weight, grad_weight)


def test_gradients_by_hand() -> None:
    x, kernel, g = image([1, 2]), image([1, 10, 100]), image([1, 2, 3, 4, 5])
    grads = reference.conv_transpose2d_backward(g, x, kernel, stride=2)
    # Each pixel the part of g under its stamp, each tap the places 0 2, 1 3, 2 4 where it was stamped times 1 2.
    expected = image([1 + 20 + 300, 3 + 40 + 500]), image([1 + 2 * 3, 2 + 2 * 4, 3 + 2 * 5]), [15]
    _, theirs = differentiate(
        lambda x, k, b: F.conv_transpose2d(x, k, b, stride=2), (x, kernel, np.zeros(1, np.float32)), g
    )
    for ours, torchs_grad, wanted in zip(grads, theirs, expected, strict=True):
        assert_bits(ours, wanted)
        assert_bits(torchs_grad, wanted)


# Numbers that are not finite.


@both_dtypes
@pytest.mark.parametrize("pixel", [INF, -INF, NAN])
def test_a_zero_weight_does_not_hide_an_infinite_pixel(pixel: float, dtype: Any) -> None:
    x, kernel = image([1, pixel], dtype=dtype), image([3, 0], dtype=dtype)
    check(x, kernel, image([3, 3 * pixel, NAN], dtype=dtype))  # 1*3, 1*0 + inf*3, inf*0


@both_dtypes
def test_a_pixel_reaches_only_what_it_stamps(dtype: Any) -> None:
    x, kernel = image([1, INF, 1, 1], dtype=dtype), image([1, 1], dtype=dtype)
    check(x, kernel, image([1, INF, INF, 2, 1], dtype=dtype))
    check(x, kernel, image([INF, INF, 2], dtype=dtype), padding=(0, 1))


def test_an_infinite_pixel_that_stamped_where_all_is_cut_off_makes_the_gradient_of_that_weight_nan() -> None:
    """It meets a gradient of 0 there, and inf * 0 is NaN.  So it is in torch's float64; oneDNN leaves it out."""
    x, kernel, g = np.array([[[[INF, 1.0]]]]), np.array([[[[1.0, 1.0]]]]), np.array([[[[3.0]]]])
    _, grad_weight, _ = reference.conv_transpose2d_backward(g, x, kernel, padding=(0, 1))
    assert_bits(grad_weight, [[[[NAN, INF]]]])  # inf*0 + 1*3, and inf*3 + 1*0
    _, (theirs,) = differentiate(lambda k: F.conv_transpose2d(tensor(x), k, padding=(0, 1)), (kernel,), g)
    assert_bits(theirs, [[[[NAN, INF]]]])


@pytest.mark.parametrize("number", [NAN, INF])
def test_a_weight_that_is_not_finite_reaches_only_what_it_is_stamped_on(number: float) -> None:
    weight, ones = np.ones((2, 2, 3, 3)), np.ones((1, 2, 3, 3))
    weight[0, 0, 0, 0] = number
    for padding in (0, 1):
        output = reference.conv_transpose2d(ones, weight, padding=padding)
        np.testing.assert_array_equal(output, definition.conv_transpose2d(ones, weight, padding=padding))
        assert np.isfinite(output).any()
        assert not np.isfinite(output).all()


# How it is computed changes no result.


@pytest.mark.parametrize("most", [1, 3, 100])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 2, "output_padding": 1, "padding": 1},
        {"stride": (4, 1), "padding": (3, 1), "groups": 2, "output_padding": (3, 0)},
        {"dilation": 3, "output_padding": (2, 1), "padding": (0, 2)},
        {"stride": 2, "dilation": 4, "output_padding": (3, 2), "groups": 2},
    ],
)
def test_it_computes_the_same_in_blocks_of_any_size(
    options: dict[str, Any], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = options.get("groups", 1)
    x, weight, bias = random_integers((3, 4, 9, 6)), random_integers((4, 6 // groups, 3, 2)), random_integers((6,))
    expected = torchs(x, weight, bias, options)
    monkeypatch.setattr(products, "lines_together", lambda size: most)
    monkeypatch.setattr(products, "outputs_together", lambda size: most)
    for ours, wanted in zip(results(x, weight, bias, options), expected, strict=True):
        assert_equal(ours, wanted, EXACT)


@pytest.mark.parametrize("filters", [0.0, 100.0])
@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("added", [0, (1, 0), (0, 1)])
def test_stamping_and_sliding_the_turned_kernels_are_the_same(
    filters: float, padding: int, added: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "FLIPPED_FILTERS", filters)
    x, weight, bias = random_integers((2, 4, 5, 6)), random_integers((4, 3, 3, 2)), random_integers((3,))
    options = {"padding": padding, "dilation": 2, "output_padding": added}
    for ours, wanted in zip(results(x, weight, bias, options), torchs(x, weight, bias, options), strict=True):
        assert_equal(ours, wanted, EXACT)


@pytest.mark.parametrize(
    ("count", "channels", "filters", "kernel", "options"),
    [
        (64, 32, 16, 4, {"stride": 2, "padding": 1}),  # the generators' way to twice the size
        (64, 16, 16, 2, {"stride": 2}),
        (64, 16, 16, 3, {"padding": 1}),
        (48, 12, 12, 3, {"stride": 2, "padding": 1, "output_padding": 1, "groups": 12}),
    ],
)
def test_batches_as_in_training(count: int, channels: int, filters: int, kernel: int, options: dict[str, Any]) -> None:
    x = random_integers((count, channels, 7, 6), np.float32)
    weight = random_integers((channels, filters // options.get("groups", 1), kernel, kernel), np.float32)
    bias = random_integers((filters,), np.float32)
    for ours, wanted in zip(results(x, weight, bias, options), torchs(x, weight, bias, options), strict=True):
        assert_equal(ours, wanted, EXACT)


def test_an_empty_batch_has_no_output_and_gradients_of_zero() -> None:
    for kernel in (1, 3):
        for stride in (1, 2):
            x, weight, bias = np.ones((0, 2, 5, 6)), np.ones((2, 3, kernel, kernel)), np.ones(3)
            y, grad_x, grad_weight, grad_bias = results(x, weight, bias, {"stride": stride})
            assert y.shape == (0, 3, 4 * stride + kernel, 5 * stride + kernel)
            assert_equal(grad_x, x)
            assert_equal(grad_weight, np.zeros_like(weight))
            assert_equal(grad_bias, np.zeros(3))


@pytest.mark.parametrize("mask", list(np.ndindex(2, 2, 2)))
def test_each_gradient_may_be_asked_for_alone(mask: tuple[int, ...]) -> None:
    x, weight, g = random_integers((2, 4, 3, 5)), random_integers((4, 3, 2, 3)), random_integers((2, 3, 6, 11))
    options: dict[str, Any] = {"stride": 2, "output_padding": (0, 0)}
    full = reference.conv_transpose2d_backward(g, x, weight, **options)
    wanted = tuple(bool(entry) for entry in mask)
    found = reference.conv_transpose2d_backward(g, x, weight, **options, output_mask=wanted)  # type: ignore[arg-type]
    for one, grad, expected in zip(wanted, found, full, strict=True):
        assert (grad is not None) == one
        if grad is not None:
            assert expected is not None
            assert_equal(grad, expected)


# The layer.


@both_dtypes
@pytest.mark.parametrize("padding", [0, 2, (1, 0), [0, 1]])
def test_the_layer(padding: Any, dtype: Any) -> None:
    for kernel, dilation, groups, bias in (((2, 3), 1, 1, True), ((3, 4), (2, 1), 2, False), (5, 3, 1, True)):
        for stride, added in ((1, 0), ((2, 3), (1, 0)), (2, 1)):
            layer, twin = (
                side.ConvTranspose2d(4, 6, kernel, stride, padding, added, groups, bias, dilation)
                for side in (nn, torch.nn)
            )
            if dtype == np.float64:
                layer.double(), twin.double()
            weights = {n: random_integers(p.data.shape, dtype, i) for i, (n, p) in enumerate(layer.named_parameters())}
            layer.load_state_dict(weights)
            twin.load_state_dict(in_torch(weights))
            for shape in ((3, 4, 8, 7), (4, 8, 7)):
                for ours, theirs in forward_and_backward(layer, twin, random_integers(shape, dtype, 9)).values():
                    assert_equal(ours, theirs, EXACT)
                layer.zero_grad(), twin.zero_grad()


@pytest.mark.parametrize("shape", [(2, 4, 3, 5), (4, 3, 5)])
def test_the_layer_makes_the_size_that_it_is_asked_for(shape: tuple[int, ...]) -> None:
    """Instead of what its output_padding says: the size alone, or a whole shape, whose other entries nobody reads."""
    layer, twin = (side.ConvTranspose2d(4, 2, 2, (3, 2), (0, 1), (2, 0)).double() for side in (nn, torch.nn))
    twin.load_state_dict(in_torch(layer.state_dict()))
    x = random_integers(shape)
    for height in range(7, 12):
        for width in range(7, 11):
            for size in ((height, width), [99] * (len(shape) - 2) + [height, width]):
                if 8 <= height < 11 and 8 <= width < 10:
                    ours, theirs = layer(x, size), twin(tensor(x), size)
                    assert ours.shape == tuple(theirs.shape)
                    assert ours.shape[-2:] == (height, width)
                else:
                    with pytest.raises(ValueError, match="output_size must be between 8 x 8 and 10 x 9"):
                        layer(x, size)
                    with pytest.raises(ValueError, match="requested an output size"):
                        twin(tensor(x), size)
    assert layer(x).shape == tuple(twin(tensor(x)).shape)


def test_the_layer_remembers_the_size_that_it_made() -> None:
    layer = nn.ConvTranspose2d(1, 1, 2, 2, bias=False).double()
    assert layer(np.ones((1, 1, 2, 2)), output_size=(5, 4)).shape == (1, 1, 5, 4)
    assert layer.backward(np.ones((1, 1, 5, 4))) is not None
    assert layer(np.ones((1, 1, 2, 2))).shape == (1, 1, 4, 4)


def test_no_other_padding_mode() -> None:
    for side in (nn, torch.nn):
        with pytest.raises(ValueError, match=r"zeros|\"zeros\""):
            side.ConvTranspose2d(1, 1, 1, padding_mode="reflect")
