"""How the matrix products of a convolution are cut for BLAS and the cache: every constant, with its measurement.

A product K @ columns may be computed for some columns at a time, and a sum of products over many columns likewise: cut
anywhere, the result is the same up to rounding.  How long it takes is not the same at all.  Measured in float32 with
one thread on an Intel Xeon (Sapphire Rapids; 2 MB of second-level cache) with OpenBLAS 0.3.31; GFLOPS are thousands of
millions of additions and multiplications per second.
"""

from functools import lru_cache

import numpy as np

from reference.arguments import Array

# Of at most so many multiplications, OpenBLAS computes a product right where its factors lie, on processors with
# AVX-512.  Larger ones it copies into a form of its own first.  64 kernels of 288 weights, on 32 columns at a time: 144
# GFLOPS.  On 64, which are too many: 107.
# Its kernels for AVX2 have no such code: there no product is small.  On an AMD EPYC (Zen 3) the convolution of 32
# channels of 26 x 26 to 64 takes 29.1 ms in small products and 25.0 in long ones, of 16 channels of 28 x 28 to 16 8.1
# and 6.3.
AVX512 = ("AVX512_SKX", "X86_V4")  # NumPy's names for it, before 2.4 and since
SMALL_PRODUCT = 1_000_000 if set(AVX512) & set(np.show_config(mode="dicts")["SIMD Extensions"]["found"]) else 0
# The small ones go through the columns once for every few kernels, and fastest through 64 at a time: 16 kernels of 144
# weights on 32, 64, 96, 128 columns have 126, 147, 120, 108 GFLOPS.  Fewer than 32 gain nothing: 83 on 16.
FEWEST_COLUMNS, GOOD_COLUMNS = 32, 64
# More than 64 pay only for short columns, where a product is hardly longer than its call: as many as this leaves room
# for.  The first convolution of the network `formula` takes 0.12 ms on 832 columns at a time, 0.17 on 64.
SHORT_COLUMNS_BYTES = 40 * 1024
# Where no product is small, each copies its factors, and the longer it is the better: 256 kernels of 2,304 weights on
# 64, 128, 256, 512 columns have 122, 134, 140, 141 GFLOPS; their convolution (14 x 14 pixels) takes 115.8 ms with 512,
# 118.3 with 256.
MANY_COLUMNS = 512
# Small products of columns @ g^T would not pay, as their results are all added up.  64 kernels of 288 weights, summed
# over 64, 128, 256, 512 columns, have 101, 111, 118, 121 GFLOPS; with their copies, and 24 pixels in a row, it takes
# 14.1, 13.8, 13.5, 13.3 ms with 384, 512, 768 and 1,536.
MANY_TERMS = 768
# Blocks of columns wait in the second-level cache between copy and product.  With blocks of 128, 256, 512, 1,024 kB, a
# convolution of 16 channels of 28 x 28 to 16 takes 3.2, 2.6, 2.4, 2.6 ms.  640 kB make one block of all the columns of
# the network `formula`.
BLOCK_BYTES = 640 * 1024
# But a block repeats kH - 1 lines of the one above it, so it has some in any case: with 1, 4, 8 a convolution of 64
# channels of 56 x 56 to 64 takes 183, 166, 162 ms, its gradient of the kernels 163, 142, 139.
FEWEST_LINES = 8
# Blocks of gradients of columns.  With 128, 256, 512, 1,024, 2,048 kB the gradient of the image, for 32 channels of
# 26 x 26 to 64, takes 22.7, 21.1, 20.0, 19.9, 19.4 ms.
GRADIENT_BYTES = 1024 * 1024
# dL/dx from flipped kernels copies columns of the filters.  Else gradients of columns of the channels are added up.
# The first is faster up to so many times as many filters as channels: with 16 of each 2.8 instead of 4.2 ms (28 x 28),
# with 32 filters and 16 channels 1.5 and 1.6 (14 x 14), with 64 and 32 21 and 13.4 (26 x 26).
FLIPPED_FILTERS = 1.5


def columns_together(kernels: Array, count: int, outputs: int) -> int:
    """How many columns (of ``outputs`` pixels of ``count`` images each) the ``kernels`` (..., M, K) multiply at a time.

    The columns run over the images first.  So it is a divisor of ``count``, some images of one pixel; or a multiple
    that divides them all, some pixels of all images.

    >>> import numpy as np
    >>> from reference.products import columns_together
    >>> [columns_together(np.empty((filters, 144)), count=64, outputs=26) for filters in (512, 1024)]
    [832, 832]
    """
    filters, depth = kernels.shape[-2:]
    return _columns_together(filters, depth, kernels.itemsize, count, outputs, SMALL_PRODUCT)


def terms_together(count: int, outputs: int) -> int:
    """How many columns ``sum_of_products`` best has at a time; the same choice as above."""
    return _at_least(MANY_TERMS, _lengths(count, outputs))


def lines_together(size: int) -> int:
    """How many lines of ``size`` bytes make up a block of columns."""
    return max(BLOCK_BYTES // size, FEWEST_LINES)


def outputs_together(size: int) -> int:
    """How many outputs, whose gradients of columns have ``size`` bytes each, make up a block of those."""
    return GRADIENT_BYTES // max(1, size)


def multiply(kernels: Array, columns: Array, out: Array) -> None:
    """``out`` = ``kernels`` @ ``columns`` for each group: (G, P, B, M, L) = (G, M, K) @ (G, P, B, K, L)."""
    product = np.multiply if kernels.shape[2] == 1 else np.matmul  # of a column and a row: the same, and faster
    product(kernels[:, np.newaxis, np.newaxis], columns, out=out)


def sum_of_products(columns: Array, grads: Array) -> Array:
    """``columns`` @ ``grads``^T, added up for each group: (G, K, M) from (G, P, B, K, L) and (G, P, B, M, L)."""
    products = columns @ grads.swapaxes(3, 4)
    return np.asarray(products.sum((1, 2)))


@lru_cache
def _columns_together(filters: int, depth: int, itemsize: int, count: int, outputs: int, small_product: int) -> int:
    lengths = _lengths(count, outputs)
    most = min(small_product // (filters * depth), max(GOOD_COLUMNS, SHORT_COLUMNS_BYTES // (depth * itemsize)))
    small = [length for length in lengths if FEWEST_COLUMNS <= length <= most]
    return max(small) if small else _at_least(MANY_COLUMNS, lengths)


@lru_cache
def _lengths(count: int, outputs: int) -> tuple[int, ...]:
    """The divisors of ``count``, and its multiples by divisors of ``outputs``, from the least to the greatest."""
    images = {part for part in range(1, count + 1) if count % part == 0}
    pixels = {max(1, count * part) for part in range(1, outputs + 1) if outputs % part == 0}
    return tuple(sorted(images | pixels))


def _at_least(least: int, lengths: tuple[int, ...]) -> int:
    """The first of ``lengths`` that is ``least`` or more, or else the last."""
    return next((length for length in lengths if length >= least), lengths[-1])
