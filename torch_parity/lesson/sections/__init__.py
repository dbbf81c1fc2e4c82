"""The sections, in the video's order: one small file each."""

from torch_parity.lesson.section import Section
from torch_parity.lesson.sections import (
    backpropagation,
    convolution,
    cross_entropy,
    dense,
    descent,
    mistakes,
    pooling,
    relu,
)

SECTIONS: tuple[Section, ...] = (
    convolution.SECTION,
    relu.SECTION,
    pooling.SECTION,
    dense.SECTION,
    cross_entropy.SECTION,
    backpropagation.SECTION,
    descent.SECTION,
    mistakes.SECTION,
)
