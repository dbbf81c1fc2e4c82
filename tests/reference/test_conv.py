"""Convolution: the rules where the formula leaves a choice, how it is computed, and its layer.

Each rule is a test by name: the numbers, worked by hand, say what the rule is, and torch, asked the same, shows that it
is torch's.  Sums of integers do not round, so there both sides must have the same numbers.
"""

import itertools
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import reference
from reference import nn
from tests.reference.comparing import (
    EXACT,
    INF,
    NAN,
    assert_bits,
    assert_equal,
    both_dtypes,
    differentiate,
    forward_and_backward,
    image,
    in_torch,
    random_integers,
    random_normal,
)
from torch_parity.proof.backend import tensor, torch_as_measured
from torch_parity.proof.compare import compare, same_bits


def test_the_kernel_is_not_flipped() -> None:
    x = image([1, 2, 3], [4, 5, 6], [7, 8, 9])
    kernel = image([1, 10], [0, 0])
    expected = image([21, 32], [54, 65])  # 1*1 + 10*2, where a flipped kernel gives 10*4 + 1*5
    assert_bits(reference.conv2d(x, kernel), expected)
    assert_bits(F.conv2d(tensor(x), tensor(kernel)).numpy(), expected)


def test_the_gradients_are_not_flipped_either() -> None:
    x = image([1, 2, 3], [4, 5, 6], [7, 8, 9])
    kernel = image([1, 10], [100, 1000])
    grad_output = image([0, 0], [0, 1])  # the window at the bottom right alone
    expected = image([0, 0, 0], [0, 1, 10], [0, 100, 1000]), image([5, 6], [8, 9]), np.ones(1, np.float32)
    grads = reference.conv2d_backward(grad_output, x, kernel)
    _, theirs = differentiate(F.conv2d, (x, kernel, np.zeros(1, np.float32)), grad_output)
    for ours, torchs, wanted in zip(grads, theirs, expected, strict=True):
        assert_bits(ours, wanted)
        assert_bits(torchs, wanted)


@pytest.mark.parametrize(
    ("kernel", "dilation", "expected"),
    [
        # One pixel of padding: none before, one after.
        ([[1, 1], [1, 1]], 1, [[12, 16, 9], [24, 28, 15], [15, 17, 9]]),
        # A span of 4 pads by 3: one before, two after.  Column taps -1 and 2: 10*3, 1, 2.
        ([[10, 1]], (1, 3), [[3, 10, 20], [6, 40, 50], [9, 70, 80]]),
    ],
)
def test_same_padding_with_an_even_kernel_pads_bottom_and_right(kernel: Any, dilation: Any, expected: Any) -> None:
    x, k = image([1, 2, 3], [4, 5, 6], [7, 8, 9]), image(*kernel)
    assert_bits(reference.conv2d(x, k, padding="same", dilation=dilation), image(*expected))
    _, (grad_x, grad_k) = differentiate(
        lambda x, k: F.conv2d(x, k, padding="same", dilation=dilation), (x, k), image(*expected)
    )
    with torch_as_measured():
        theirs = F.conv2d(tensor(x), tensor(k), padding="same", dilation=dilation)
    assert_bits(theirs.numpy(), image(*expected))
    grads = reference.conv2d_backward(image(*expected), x, k, padding="same", dilation=dilation)
    assert_bits(grads[0], grad_x)
    assert_bits(grads[1], grad_k)


def test_same_padding_with_a_stride_is_an_error() -> None:
    x = image([1, 2, 3], [4, 5, 6], [7, 8, 9])
    for stride in (2, (1, 2), (2, 1)):
        with pytest.raises(ValueError, match="stride must be 1"):
            reference.conv2d(x, x, stride=stride, padding="same")
        with pytest.raises(RuntimeError, match="not supported for strided"):
            F.conv2d(tensor(x), tensor(x), stride=stride, padding="same")
        with pytest.raises(ValueError, match="stride must be 1"):
            nn.Conv2d(1, 1, 3, stride=stride, padding="same")
        with pytest.raises(ValueError, match="not supported for strided"):
            torch.nn.Conv2d(1, 1, 3, stride=stride, padding="same")


@both_dtypes
@pytest.mark.parametrize("pixel", [INF, -INF, NAN])
def test_a_zero_weight_does_not_hide_an_infinite_pixel(pixel: float, dtype: Any) -> None:
    x = image([1, pixel, 2], dtype=dtype)
    kernel = image([3, 0], dtype=dtype)
    expected = image([NAN, 3 * pixel], dtype=dtype)  # 3*1 + inf*0, and 3*inf + 0*2
    assert_bits(reference.conv2d(x, kernel), expected)
    assert_bits(F.conv2d(tensor(x), tensor(kernel)).numpy(), expected)


@both_dtypes
def test_a_zero_gradient_does_not_hide_an_infinite_pixel_from_the_weight(dtype: Any) -> None:
    x = image([1, INF, 2], dtype=dtype)
    kernel = image([3, 1], dtype=dtype)
    grad_output = image([1, 0], dtype=dtype)
    expected = image([NAN, INF], dtype=dtype)  # 1*1 + 0*inf, and 1*inf + 0*2
    _, (_, grad_k) = differentiate(F.conv2d, (x, kernel), grad_output)
    assert_bits(reference.conv2d_backward(grad_output, x, kernel)[1], expected)
    assert_bits(grad_k, expected)


def test_an_infinite_weight_on_zero_padding_is_nan() -> None:
    # What torch gives depends on its backend, so only the rule of the reference is held here.
    output = reference.conv2d(image([1, 2]), image([1, 1, INF]), padding=(0, 1))
    assert_bits(output, image([INF, NAN]))  # 0*1 + 1*1 + 2*inf, and 1*1 + 2*1 + 0*inf


@pytest.mark.parametrize("weight_value", [np.nan, np.inf])
def test_a_weight_that_is_not_finite_reaches_only_the_pixels_it_sees(weight_value: float) -> None:
    """The gradient of a convolution is a convolution, but padding it with 0 must not bring in 0 * inf."""
    weight, ones = np.ones((2, 2, 3, 3)), np.ones((1, 2, 3, 3))
    weight[0, 0, 0, 0] = weight_value
    grad, _, _ = reference.conv2d_backward(ones, ones, weight, padding=1)
    assert grad is not None
    _, (theirs,) = differentiate(lambda x: F.conv2d(x, tensor(weight), padding=1), (ones,), ones)
    np.testing.assert_array_equal(grad, theirs)
    assert np.isfinite(grad).any()


def test_single_precision_overflows_in_single_precision() -> None:
    """1e30 * 1e30 - 1e30 * 1e30 is 0 in double precision; here it is NaN, or infinite if products are not rounded."""
    x, k = image([1e30, 1e30]), image([1e30, -1e30])
    assert not np.isfinite(reference.conv2d(x, k)).any()
    assert not np.isfinite(F.conv2d(tensor(x), tensor(k)).numpy()).any()
    # The gradient of the weight adds up over two images.
    batch, upstream = np.concatenate([x, -x]), np.full((2, 1, 1, 1), 1e30, np.float32)
    _, grad_weight, _ = reference.conv2d_backward(upstream, batch, k)
    _, (theirs,) = differentiate(lambda k: F.conv2d(tensor(batch), k), (k,), upstream)
    for grad in (grad_weight, theirs):
        assert grad is not None
        assert not np.isfinite(grad).any()


# How it is computed changes no result: blocks, products of matrices, and the gradient as a convolution.


@pytest.mark.parametrize("block_bytes", [1, 1000, 3000, 5000])
@pytest.mark.parametrize(("stride", "dilation", "groups"), [(1, 1, 1), (2, 1, 1), ((3, 2), (2, 1), 2)])
def test_it_computes_the_same_in_blocks_of_any_size(
    stride: Any, dilation: Any, groups: int, block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, weight, bias = random_integers((3, 4, 17, 6)), random_integers((6, 4 // groups, 3, 2)), random_integers((6,))
    options: dict[str, Any] = {"stride": stride, "padding": (2, 1), "dilation": dilation, "groups": groups}
    y = reference.conv2d(x, weight, bias, **options)
    g = random_integers(y.shape)
    whole = [y, *reference.conv2d_backward(g, x, weight, **options)]
    monkeypatch.setattr(reference.conv, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(reference.conv, "ROW_BYTES", block_bytes)
    blocks = [reference.conv2d(x, weight, bias, **options), *reference.conv2d_backward(g, x, weight, **options)]
    for ours, wanted in zip(blocks, whole, strict=True):
        assert ours is not None
        assert wanted is not None
        assert_equal(ours, wanted, EXACT)


@pytest.mark.parametrize("small_product", [1, 200, 5000])
@pytest.mark.parametrize("filters", [1, 3, 64])
def test_it_computes_the_same_whatever_the_product_of_its_matrices(
    filters: int, small_product: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large one is cut into small ones, where they stay long."""
    x, weight, bias = random_integers((3, 2, 9, 8)), random_integers((filters, 2, 3, 3)), random_integers((filters,))
    y = reference.conv2d(x, weight, bias)
    g = random_integers(y.shape)
    whole = [y, *reference.conv2d_backward(g, x, weight)]
    monkeypatch.setattr(reference.conv, "SMALL_PRODUCT", small_product)
    monkeypatch.setattr(reference.conv, "LONG_ROW", 3)
    monkeypatch.setattr(reference.conv, "LONG_SUM", 3)
    parts = [reference.conv2d(x, weight, bias), *reference.conv2d_backward(g, x, weight)]
    for ours, wanted in zip(parts, whole, strict=True):
        assert ours is not None
        assert wanted is not None
        assert_equal(ours, wanted, EXACT)


def test_what_makes_a_product_large_is_its_multiplications(monkeypatch: pytest.MonkeyPatch) -> None:
    conv = reference.conv
    found = []
    part_length = conv._part_length

    def spy(length: int, each: int, least: int) -> int:
        found.append((length, each, least))
        return part_length(length, each, least)

    monkeypatch.setattr(conv, "_part_length", spy)
    x, weight = random_integers((3, 4, 9, 8)), random_integers((10, 2, 3, 2))  # of a group: 5 filters, 2 * 3 * 2 taps
    y = reference.conv2d(x, weight, random_integers((10,)), groups=2)
    reference.conv2d_backward(y, x, weight, groups=2)
    outputs = 7 * 7 * 3
    assert set(found) == {
        (outputs, 5 * 13, conv.LONG_ROW),
        (outputs, 5 * 4, conv.LONG_ROW),  # of a row of the kernel: 2 * 2 taps
        (outputs, 13 * 5, conv.LONG_SUM),
    }


def test_products_are_cut_into_equal_parts_that_are_small_but_long() -> None:
    """The fewest such parts, so that they are as long as they can be."""
    for length, each, least in itertools.product((1, 2, 7, 96, 97, 1000, 5040), (1, 30_000, 300_000), (1, 20, 64)):
        parts = [n for n in range(1, length + 1) if length % n == 0 and length // n >= least]
        small = [n for n in parts if length // n * each <= reference.conv.SMALL_PRODUCT]
        wanted = length // min(small) if small else length
        assert reference.conv._part_length(length, each, least) == wanted
    assert reference.conv._part_length(0, 5, 64) == 1  # of an empty batch


@pytest.mark.parametrize(
    ("turns", "shape", "options"),
    [
        (True, (3, 3, 3, 3), {"padding": 1}),
        (True, (6, 3, 3, 3), {"padding": 2}),  # twice as many filters as channels; more outputs than pixels
        (True, (4, 1, 3, 5), {"padding": "same", "dilation": 2, "groups": 2}),
        (True, (3, 3, 1, 1), {}),
        (False, (7, 3, 3, 3), {"padding": 1}),  # more filters
        (False, (6, 1, 3, 3), {"padding": 1, "groups": 2}),
        (False, (3, 3, 3, 3), {"padding": (0, 1)}),  # fewer outputs than pixels
        (False, (3, 3, 3, 3), {"padding": (1, 0)}),
        (False, (3, 3, 3, 3), {"padding": (3, 1)}),  # windows that see no pixel
        (False, (3, 3, 3, 3), {"padding": (1, 3)}),
        (False, (3, 3, 3, 3), {"padding": 4, "stride": (1, 2)}),
        (False, (3, 3, 3, 3), {"padding": 4, "stride": (2, 1)}),
    ],
)
def test_the_gradient_is_a_convolution_where_that_is_faster(
    turns: bool, shape: tuple[int, ...], options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the gradients of the columns are added up."""
    sums = []
    unslide = reference.windows.unslide

    def spy(*arguments: Any) -> None:
        sums.append(arguments)
        unslide(*arguments)

    monkeypatch.setattr(reference.windows, "unslide", spy)
    x, weight = random_integers((2, shape[1] * options.get("groups", 1), 5, 6)), random_integers(shape)
    g = random_integers(reference.conv2d(x, weight, **options).shape)
    grad, _, _ = reference.conv2d_backward(g, x, weight, **options)
    assert bool(sums) == (not turns)
    _, (theirs,) = differentiate(lambda x: F.conv2d(x, tensor(weight), **options), (x,), g)
    assert grad is not None
    assert_equal(grad, theirs, EXACT)


@pytest.mark.parametrize("filters", [1, 2])
def test_the_gradient_of_the_bias_may_be_asked_for_alone(filters: int) -> None:
    x, k = random_integers((2, 3, 4, 5)), random_integers((filters, 3, 2, 2))
    g = random_integers((2, filters, 3, 4), seed=1)
    grad_input, grad_weight, grad_bias = reference.conv2d_backward(g, x, k, output_mask=(False, False, True))
    assert grad_input is None
    assert grad_weight is None
    assert grad_bias is not None
    assert_equal(grad_bias, g.sum(axis=(0, 2, 3)))


def test_a_masked_gradient_is_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight, g = random_normal((2, 1, 6, 6)), random_normal((3, 1, 3, 3)), random_normal((2, 3, 4, 4))
    full = reference.conv2d_backward(g, x, weight)

    def fail(*arguments: Any) -> None:
        raise AssertionError("unslide collects the input's gradient, which nobody asked for")

    monkeypatch.setattr(reference.windows, "unslide", fail)
    for mask in ((False, True, True), (False, True, False), (False, False, True), (False, False, False)):
        for wanted, grad, expected in zip(
            mask, reference.conv2d_backward(g, x, weight, output_mask=mask), full, strict=True
        ):
            assert (grad is not None) == wanted
            if grad is not None:
                assert expected is not None
                np.testing.assert_allclose(grad, expected, rtol=1e-12)


# The layer.


@both_dtypes
@pytest.mark.parametrize("padding_mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [0, 2, (1, 3), [3, 0], "same", "valid"])
def test_the_layer_with_every_padding_mode(padding: Any, padding_mode: str, dtype: Any) -> None:
    for kernel, dilation, groups, bias in (((2, 3), 1, 1, True), ((3, 4), (2, 1), 2, False), (1, 3, 1, True)):
        for stride in (1,) if padding == "same" else (1, (2, 3)):
            layer, twin = (
                side.Conv2d(4, 6, kernel, stride, padding, dilation, groups, bias, padding_mode)
                for side in (nn, torch.nn)
            )
            if dtype == np.float64:
                layer.double(), twin.double()
            weights = {n: random_integers(p.data.shape, dtype, i) for i, (n, p) in enumerate(layer.named_parameters())}
            layer.load_state_dict(weights)
            twin.load_state_dict(in_torch(weights))
            for shape in ((3, 4, 8, 7), (4, 8, 7)):
                for name, (ours, theirs) in forward_and_backward(layer, twin, random_integers(shape, dtype, 9)).items():
                    verdict = compare(ours, theirs, EXACT)
                    assert verdict.equal, f"{name}: {verdict.message}"
                layer.zero_grad(), twin.zero_grad()


def test_a_padding_mode_without_input_gradient_leaves_the_parameters_gradients() -> None:
    layer = nn.Conv2d(2, 3, 3, padding=2, padding_mode="reflect")
    x, g = random_normal((2, 2, 5, 6), np.float32), random_normal((2, 3, 7, 8), np.float32)
    layer(x)
    layer.backward(g)
    kept = [parameter.grad for parameter in layer.parameters()]
    layer.zero_grad()
    assert layer.backward(g, needs_input_grad=False) is None
    for parameter, grad in zip(layer.parameters(), kept, strict=True):
        assert parameter.grad is not None
        assert grad is not None
        assert same_bits(parameter.grad, grad).all()
