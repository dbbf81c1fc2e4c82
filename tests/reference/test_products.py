"""How products are cut: which lengths are possible, which is chosen, and that the products are right."""

import itertools
from importlib import import_module

import numpy as np
import pytest

from reference import products
from tests.reference.comparing import random_integers


@pytest.fixture
def avx512(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a processor whose OpenBLAS has its own code for small products."""
    monkeypatch.setattr(products, "SMALL_PRODUCT", 1_000_000)


def choice(filters: int, depth: int, count: int, outputs: int, dtype: type = np.float32) -> int:
    return products.columns_together(np.empty((2, filters, depth), dtype), count, outputs)


def test_a_part_is_some_images_of_one_pixel_or_some_pixels_of_all_images() -> None:
    assert products._lengths(6, 4) == (1, 2, 3, 6, 12, 24)
    assert products._lengths(1, 10) == (1, 2, 5, 10)
    assert products._lengths(7, 5) == (1, 7, 35)
    assert products._lengths(0, 3) == (1,)  # of no images: no division by 0


@pytest.mark.parametrize(
    ("filters", "depth", "count", "outputs", "columns"),
    [
        (16, 144, 64, 28, 64),  # 64 at a time are good
        (125, 125, 64, 28, 64),  # 125 * 125 * 64 are a million, and no more
        (64, 288, 64, 24, 32),  # 64 * 288 * 64 are over a million multiplications
        (64, 576, 64, 28, 896),  # 32 are too many as well: long rows, 14 pixels of all images
        (64, 576, 64, 48, 512),  # the first divisor of a row that is long enough
        (64, 576, 64, 7, 448),  # there is none: the whole row
        (8, 12, 64, 26, 832),  # short columns: 12 * 4 * 832 bytes are still under 40 kB
        (8, 12, 64, 52, 832),
        (16, 144, 1, 28, 28),  # fewer than 32 are never small: the whole row
        (16, 144, 1, 640, 64),
        (16, 144, 100, 28, 50),  # half the batch
    ],
)
@pytest.mark.usefixtures("avx512")
def test_columns_together(filters: int, depth: int, count: int, outputs: int, columns: int) -> None:
    assert choice(filters, depth, count, outputs) == columns


@pytest.mark.parametrize(("filters", "depth", "columns"), [(16, 144, 896), (64, 288, 896), (8, 12, 896)])
def test_no_product_is_small_without_avx512(
    monkeypatch: pytest.MonkeyPatch, filters: int, depth: int, columns: int
) -> None:
    monkeypatch.setattr(products, "SMALL_PRODUCT", 0)
    assert choice(filters, depth, 64, 28) == columns


def test_small_products_are_for_avx512() -> None:
    features = import_module("numpy._core._multiarray_umath").__cpu_features__
    assert (products.SMALL_PRODUCT > 0) == (features.get("AVX512_SKX", False) or features.get("X86_V4", False))


@pytest.mark.usefixtures("avx512")
def test_short_columns_are_measured_in_bytes() -> None:
    assert choice(8, 12, 64, 26, np.float64) == 128


def test_terms_together_are_many() -> None:
    for count, outputs, expected in ((64, 24, 768), (64, 26, 832), (64, 7, 448), (1, 28, 28), (800, 5, 800)):
        assert products.terms_together(count, outputs) == expected


def test_blocks_have_a_size_in_bytes_but_some_lines_at_least() -> None:
    assert products.lines_together(products.BLOCK_BYTES // 100) == 100
    assert products.lines_together(products.BLOCK_BYTES) == products.FEWEST_LINES
    assert products.outputs_together(products.GRADIENT_BYTES // 7) == 7
    assert products.outputs_together(0) == products.GRADIENT_BYTES  # of an empty batch


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_products_and_their_sums(depth: int) -> None:
    groups, parts, rows, filters, length = 2, 3, 4, 5, 6
    kernels = random_integers((groups, filters, depth))
    columns = random_integers((groups, parts, rows, depth, length), seed=1)
    out = np.empty((groups, parts, rows, filters, length))
    products.multiply(kernels, columns, out=out)
    sums = products.sum_of_products(columns, out)
    for g, p, b in itertools.product(range(groups), range(parts), range(rows)):
        np.testing.assert_array_equal(out[g, p, b], kernels[g] @ columns[g, p, b])
    for g in range(groups):
        expected = sum(columns[g, p, b] @ out[g, p, b].T for p in range(parts) for b in range(rows))
        np.testing.assert_array_equal(sums[g], expected)
