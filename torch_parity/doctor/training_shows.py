"""Mistakes that no formula shows, but training does: in pixels, rates and labels, and in gradients that stay.

What each shows was measured: the network ``formula`` on MNIST, from five seeds, in NumPy and in torch, with a rate of
0.02, momentum 0.9 and batches of 64, for 100 steps.  The ranges are those of all runs, rounded outwards.
"""

from dataclasses import dataclass

from torch_parity.doctor.candidates import General
from torch_parity.doctor.pixel_values import DIVIDED_TWICE, FLOORED, NOT_DIVIDED, STAY_UINT8, WRAPPED

Range = tuple[float, float]

BATCHES_TOLD = (1, 2, 10, 100)  # whose losses are told; the loss of a batch is that before its step
GUESSING = "2.30, or ln 10, is the loss of guessing among ten classes."
CONDITIONS = (
    "The network is the video's, with 8 kernels, on MNIST; rate 0.02, momentum 0.9, batches of 64, five seeds, in "
    "NumPy and in torch."
)


@dataclass(frozen=True)
class Course:
    """How training went: the losses of ``BATCHES_TOLD``, and after the last the percentage of the test images."""

    losses: tuple[Range, Range, Range, Range]
    percent: Range

    def __str__(self) -> str:
        """In words."""
        first, second, tenth, last = map(between, self.losses)
        return (
            f"the loss is {first} on the first batch, {second} on the second, {tenth} on the tenth and {last} on the "
            f"100th; then {between(self.percent)} % of the test images are right"
        )


def between(ends: Range) -> str:
    """A range in words."""
    return f"{ends[0]:g} to {ends[1]:g}"


@dataclass(frozen=True)
class Shown(General):
    """A mistake, and how training goes with it; ``more`` is what the numbers do not say."""

    course: Course
    more: str = ""


AT_FIRST: Range = (2.2, 2.4)
RIGHT = Course((AT_FIRST, AT_FIRST, (1.7, 2.1), (0.2, 0.8)), (88, 91))
RAW = Course(((30, 70), (60, 550), (2.2, 2.4), (2.2, 2.4)), (11, 12))

SHOWN_BY_TRAINING = {
    one.name: one
    for one in (
        Shown(
            NOT_DIVIDED,
            "The pixels stay 0..255, where a network wants numbers about as large as 1.",
            "Divide: images / 255 (in float32: images.astype(np.float32) / 255).",
            RAW,
            "The first loss tells, before anything is learned. After 100 steps every ReLU gives 0 for every image, and "
            "no gradient comes back to the kernels.",
        ),
        Shown(
            STAY_UINT8,
            "The pixels stay integers of 8 bits, 0..255, which wrap around: 3 - 5 is 254.",
            "Make floats and divide: images.astype(np.float32) / 255.",
            RAW,
            "That is where the layers take them and multiply by floats, as NumPy does; torch and this reference refuse "
            "them.",
        ),
        Shown(
            DIVIDED_TWICE,
            "The pixels are divided by 255 twice, so that no number is above 0.004.",
            "Divide once; who loads the images may have divided them already: look at images.max().",
            Course((AT_FIRST, AT_FIRST, AT_FIRST, AT_FIRST), (10, 12)),
            "The first loss is right, and nothing is learned: the images are nearly black.",
        ),
        Shown(
            FLOORED,
            "The result of the division is rounded down to integers: only a pixel of 255 is 1, all others are 0.",
            "images / 255, not images // 255, and no astype(np.uint8) or astype(int) after it.",
            Course((AT_FIRST, AT_FIRST, AT_FIRST, (2.0, 2.2)), (26, 34)),
        ),
        Shown(
            WRAPPED,
            "A number is subtracted from pixels of 8 bits, which wrap around: 3 - 33 is 226, and black nearly white.",
            "Make floats first: images.astype(np.float32), then subtract.",
            Course(((2.2, 2.8), (2.3, 6.9), (2.1, 2.4), (0.4, 1)), (71, 83)),
            "It learns, only worse: measured with a mean of 33 and a deviation of 78.6, which are MNIST's.",
        ),
        Shown(
            "learning-rate-too-large",
            "Steps are so long that they lead past every minimum.",
            "Divide the rate by 10 until the loss falls; 0.02 with momentum 0.9 does here, and 0.2 still does.",
            Course((AT_FIRST, (2.3, 6.9), (1.6, 2.6), (2.2, 2.4)), (8, 11)),
            "Measured with a rate of 1. The first loss is right, for it comes before the first step.",
        ),
        Shown(
            "gradients-not-zeroed",
            "Gradients are added to those of all batches before.",
            "optimizer.zero_grad() before each backward; in code of one's own dK = ... for each batch, not dK += ...",
            Course((AT_FIRST, AT_FIRST, (1, 1.6), (3.4, 9.5)), (9, 11)),
            "It begins better than right training, for the sum of gradients is one more momentum, which never fades; "
            "then the loss climbs.",
        ),
        Shown(
            "labels-shuffled",
            "Images and labels are not in the same order: one of them was shuffled, or sorted, without the other.",
            "One order for both: order = rng.permutation(len(images)); images[order], labels[order].",
            Course((AT_FIRST, AT_FIRST, AT_FIRST, AT_FIRST), (7, 13)),
            "The loss stays at that of guessing. Look at an image beside its label.",
        ),
    )
}
