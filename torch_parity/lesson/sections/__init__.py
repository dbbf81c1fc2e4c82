"""The sections, in the video's order: one small file each."""

from torch_parity.lesson.section import Section
from torch_parity.lesson.sections import convolution, mistakes

SECTIONS: tuple[Section, ...] = (
    convolution.SECTION,
    mistakes.SECTION,
)
