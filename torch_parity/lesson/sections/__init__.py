"""The sections, in the video's order: one small file each."""

from torch_parity.lesson.section import Section
from torch_parity.lesson.sections import convolution, whole

SECTIONS: tuple[Section, ...] = (convolution.SECTION, whole.SECTION)
