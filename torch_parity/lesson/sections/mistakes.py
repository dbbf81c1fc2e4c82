"""Common mistakes: all those that the proof is tried on."""

from torch_parity.lesson.section import Section

SECTION = Section(
    name="mistakes",
    title="Common mistakes",
    idea="Most wrong convolutions run without an error, and many even learn. These are the mistakes that people really "
    "make; the proof of this project is tried on every one of them, and rejects it.",
    question="Your convolution agrees with a library on a kernel of ones. What have you shown?",
    answer="Little. Such a kernel looks the same when it is flipped or transposed, so it hides both mistakes. Take "
    "numbers that are all different, an image that is not square, a stride that is not the kernel's size, and an "
    "upstream gradient that is not all ones.",
)
