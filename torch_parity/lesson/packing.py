"""Digits and weights as text for the page, which ``javascript/datasets.js`` unpacks."""

from base64 import b64encode

import numpy as np
import numpy.typing as npt

from torch_parity.lesson.example import Array


def packed_pixels(images: npt.NDArray[np.uint8]) -> str:
    """Four of five pixels are 0, so a 0 is followed by how many zeros stand there, up to 255."""
    packed, zeros = bytearray(), 0
    for pixel in [*images.ravel().tolist(), None]:
        if zeros and (pixel != 0 or zeros == 255):
            packed += bytes((0, zeros))
            zeros = 0
        if pixel == 0:
            zeros += 1
        elif pixel is not None:
            packed.append(pixel)
    return b64encode(packed).decode()


def packed_floats(array: Array) -> str:
    """As float32, the lowest byte first."""
    assert array.dtype == np.float32
    return b64encode(array.astype("<f4").tobytes()).decode()


def packed_doubles(array: Array) -> str:
    """As float64, the lowest byte first."""
    assert array.dtype == np.float64
    return b64encode(array.astype("<f8").tobytes()).decode()
