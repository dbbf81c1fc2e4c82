"""The sections, in the video's order: one small file each."""

from torch_parity.lesson.section import Section
from torch_parity.lesson.sections import convolution, deeper, filters, image

SECTIONS: tuple[Section, ...] = (
    image.SECTION,
    convolution.SECTION,
    filters.SECTION,
    deeper.SECTION,
)
