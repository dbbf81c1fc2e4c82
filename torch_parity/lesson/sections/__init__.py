"""The sections, in the video's order: one small file each."""

from torch_parity.lesson.section import Section
from torch_parity.lesson.sections import (
    backpropagation,
    convolution,
    cross_entropy,
    deeper,
    dense,
    descent,
    filters,
    image,
    mistakes,
    pooling,
    relu,
    whole,
)

SECTIONS: tuple[Section, ...] = (
    image.SECTION,
    convolution.SECTION,
    relu.SECTION,
    pooling.SECTION,
    filters.SECTION,
    dense.SECTION,
    cross_entropy.SECTION,
    backpropagation.SECTION,
    descent.SECTION,
    whole.SECTION,
    deeper.SECTION,
    mistakes.SECTION,
)
