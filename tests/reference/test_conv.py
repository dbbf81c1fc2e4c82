"""Convolution: the rules where the formula leaves a choice, how it is computed, and its layer.

Each rule is a test by name: the numbers, worked by hand, say what the rule is, and torch, asked the same, shows that it
is torch's.  Sums of integers do not round, so there both sides must have the same numbers.
"""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import reference
from reference import nn, products
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


def results(x: Array, weight: Array, bias: Array, options: dict[str, Any]) -> list[Array]:
    """The output and all gradients."""
    y = reference.conv2d(x, weight, bias, **options)
    g = random_integers(y.shape, y.dtype, seed=7)
    return [y, *(grad for grad in reference.conv2d_backward(g, x, weight, **options) if grad is not None)]


def torchs(x: Array, weight: Array, bias: Array, options: dict[str, Any]) -> list[Array]:
    with torch_as_measured():
        shape = F.conv2d(tensor(x), tensor(weight), **options).shape
    g = random_integers(tuple(shape), x.dtype, seed=7)
    y, grads = differentiate(lambda x, k, b: F.conv2d(x, k, b, **options), (x, weight, bias), g)
    return [y, *grads]


@pytest.mark.parametrize("most", [1, 2, 3, 4, 5, 100])
@pytest.mark.parametrize(
    ("stride", "dilation", "groups"), [(1, 1, 1), (2, 1, 1), (4, 1, 2), (1, 3, 1), ((3, 2), (2, 1), 2), (2, 20, 1)]
)
def test_it_computes_the_same_in_blocks_of_any_size(
    stride: Any, dilation: Any, groups: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks that share lines with the next, a last one that is shorter, an image lower than a block."""
    x, weight, bias = random_integers((3, 4, 17, 6)), random_integers((6, 4 // groups, 3, 2)), random_integers((6,))
    padding = (20, 10) if dilation == 20 else (2, 1)
    options: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    expected = torchs(x, weight, bias, options)
    monkeypatch.setattr(reference.products, "lines_together", lambda size: most)
    monkeypatch.setattr(reference.products, "outputs_together", lambda size: most)
    for ours, wanted in zip(results(x, weight, bias, options), expected, strict=True):
        assert_equal(ours, wanted, EXACT)


@pytest.mark.parametrize("count", [1, 2, 6, 7])
@pytest.mark.parametrize("options", [{}, {"padding": 1, "stride": (1, 2)}, {"groups": 2, "dilation": (2, 1)}])
def test_it_computes_the_same_for_any_number_of_columns_at_a_time(
    count: int, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some images of one pixel, all of it, some pixels of all images, a whole row of them."""
    for kernel in ((3, 2), (1, 1)):
        x, bias = random_integers((count, 4, 7, 9)), random_integers((6,))
        weight = random_integers((6, 4 // options.get("groups", 1), *kernel))
        expected = torchs(x, weight, bias, options)
        width = expected[0].shape[-1]
        lengths = products._lengths(count, width)
        assert {1, count, count * width} <= set(lengths)
        for length in lengths:
            with monkeypatch.context() as patch:
                patch.setattr(products, "columns_together", lambda *arguments, length=length: length)
                patch.setattr(products, "terms_together", lambda *arguments, length=length: length)
                # The gradient of the image by sums has other widths, those of its blocks: here the same.
                patch.setattr(products, "outputs_together", lambda size, width=width: width)
                found = results(x, weight, bias, options)
            for ours, wanted in zip(found, expected, strict=True):
                assert_equal(ours, wanted, EXACT)


@pytest.mark.parametrize(
    ("count", "channels", "filters", "kernel", "options"),
    [
        (64, 32, 64, 3, {}),  # half of the batch at a time
        (64, 16, 16, 3, {"padding": 1}),
        (100, 16, 32, 3, {"padding": 1, "stride": 2}),
        (64, 6, 16, 5, {"padding": 2, "dilation": 2}),
        (64, 64, 64, 3, {"padding": 1}),  # no product is small
        (48, 12, 12, 3, {"padding": 1, "groups": 12}),
        (32, 1, 32, 3, {"padding": (0, 2)}),
    ],
)
def test_batches_as_in_training(count: int, channels: int, filters: int, kernel: int, options: dict[str, Any]) -> None:
    """Sizes at which the product of the matrices, and all that is cut for it, is as in a network."""
    x = random_integers((count, channels, 11, 12), np.float32)
    weight = random_integers((filters, channels // options.get("groups", 1), kernel, kernel), np.float32)
    bias = random_integers((filters,), np.float32)
    expected = torchs(x, weight, bias, options)
    for ours, wanted in zip(results(x, weight, bias, options), expected, strict=True):
        assert_equal(ours, wanted, EXACT)


@pytest.mark.parametrize("options", [{"stride": 2**62}, {"padding": 1, "stride": (2**62, 1)}, {"stride": (1, 2**40)}])
def test_a_stride_of_any_size_is_a_stride(options: dict[str, Any]) -> None:
    x, weight, bias = random_integers((2, 3, 4, 5)), random_integers((2, 3, 2, 3)), random_integers((2,))
    expected = torchs(x, weight, bias, options)
    for ours, wanted in zip(results(x, weight, bias, options), expected, strict=True):
        assert_equal(ours, wanted, EXACT)


@pytest.mark.parametrize("options", [{"dilation": (1, 2**40)}, {"dilation": (2**40, 2**61)}])
def test_a_kernel_of_one_pixel_may_have_any_dilation(options: dict[str, Any]) -> None:
    x, weight, bias = random_integers((2, 3, 4, 5)), random_integers((2, 3, 1, 1)), random_integers((2,))
    options = {**options, "padding": 1, "stride": 2}
    expected = torchs(x, weight, bias, options)
    for ours, wanted in zip(results(x, weight, bias, options), expected, strict=True):
        assert_equal(ours, wanted, EXACT)


def test_an_empty_batch_has_no_output_and_gradients_of_zero() -> None:
    for kernel in (1, 3):
        for padding in (0, 1):
            x, weight, bias = np.ones((0, 2, 5, 6)), np.ones((3, 2, kernel, kernel)), np.ones(3)
            y, grad_x, grad_weight, grad_bias = results(x, weight, bias, {"padding": padding})
            assert y.shape == (0, 3, 5 + 2 * padding - kernel + 1, 6 + 2 * padding - kernel + 1)
            assert_equal(grad_x, x)
            assert_equal(grad_weight, np.zeros_like(weight))
            assert_equal(grad_bias, np.zeros(3))


def test_the_number_of_columns_at_a_time_is_chosen_for_the_kernels_of_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    columns_together, terms_together = products.columns_together, products.terms_together

    def spy(kernels: Array, count: int, outputs: int) -> int:
        found.append((*kernels.shape[-2:], count, outputs))
        return columns_together(kernels, count, outputs)

    def spy_on_sums(count: int, outputs: int) -> int:
        found.append((count, outputs))
        return terms_together(count, outputs)

    monkeypatch.setattr(products, "columns_together", spy)
    monkeypatch.setattr(products, "terms_together", spy_on_sums)
    x, weight = random_integers((3, 4, 9, 8)), random_integers((10, 2, 3, 2))  # of a group: 5 filters, 2 * 3 * 2 taps
    y = reference.conv2d(x, weight, random_integers((10,)), groups=2)
    reference.conv2d_backward(y, x, weight, groups=2)
    # With three rows of ones; for the gradient of the image, of one row of the kernel, 2 * 2 taps; then the sums.
    assert found == [(5, 15, 3, 7), (4, 5, 3, 7), (3, 7)]


@pytest.mark.parametrize(
    ("turns", "shape", "options"),
    [
        (True, (3, 3, 3, 3), {"padding": 1}),
        (True, (4, 3, 3, 3), {"padding": 1}),  # 4 <= 1.5 * 3
        (True, (6, 3, 3, 3), {"padding": 2}),  # twice as many filters as channels, but more outputs than pixels
        (True, (4, 2, 3, 5), {"padding": "same", "dilation": 2, "groups": 2}),
        (True, (7, 3, 1, 1), {}),  # the columns are the image: no sums at all
        (False, (5, 3, 3, 3), {"padding": 1}),  # more filters
        (False, (6, 1, 3, 3), {"padding": 1, "groups": 2}),
        (False, (3, 3, 3, 3), {"padding": (0, 1)}),  # fewer outputs than pixels: 3 * 30 / 18 > 1.5 * 3
        (False, (3, 3, 5, 5), {"padding": 1}),  # 3 * 30 / 12
        (True, (3, 3, 3, 3), {"padding": (1, 0)}),  # 3 * 30 / 20
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
