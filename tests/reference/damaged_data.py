"""Data sets damaged in every way that a disk, a download or a prankster may, each read and judged.

Imports no torch, so that the memory of a process that runs this is what reading takes.
"""

import gzip
import json
import random
import shutil
import struct
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from reference import datasets

COUNT, HEIGHT, WIDTH, TESTS = 6, 7, 5, 4


def idx(array: Any) -> bytes:
    return header(*array.shape) + bytes(array.tobytes())


def header(*shape: int) -> bytes:
    return b"\0\0\x08" + struct.pack(f">B{len(shape)}I", len(shape), *shape)


ARRAYS = [
    np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    for shape in ((COUNT, HEIGHT, WIDTH), (COUNT,), (TESTS, HEIGHT, WIDTH), (TESTS,))
]
BOMBS = [
    gzip.compress(header(*claimed) + bytes(1 << 24), 1)
    for claimed in ((COUNT, HEIGHT, WIDTH), (COUNT,), (1 << 20, 1 << 20, 1))
]

Damage = Callable[[random.Random, bytes], bytes]


def flips(rng: random.Random, content: bytes, end: int | None = None) -> bytes:
    damaged = bytearray(content)
    for bit in rng.sample(range(8 * (end or len(content))), rng.randint(1, 8)):
        damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


def header_flip(rng: random.Random, content: bytes) -> bytes:
    """One bit in the header: of a plain file it changes the claim, of a gzip'ed one perhaps nothing but a date."""
    bit = rng.randrange(64)
    return content[: bit // 8] + bytes([content[bit // 8] ^ 1 << bit % 8]) + content[bit // 8 + 1 :]


def another_shape(rng: random.Random, content: bytes) -> bytes:
    """A whole file whose array has another shape or more or fewer elements; some claim terabytes."""
    rank = rng.randint(1, 4)
    claimed = [rng.choice((0, 1, 2, COUNT + 1, 77, 1 << 16, 1 << 31, (1 << 32) - 1)) for _ in range(rank)]
    encoded = header(*claimed) + rng.randbytes(rng.choice((0, 1, 6, 500)))
    return gzip.compress(encoded) if rng.random() < 0.5 else encoded


def another_count(rng: random.Random, content: bytes) -> bytes:
    """A whole file of a size that does not go with the other one of its pair."""
    shape = rng.choice(((COUNT + 1, HEIGHT, WIDTH), (TESTS - 1, HEIGHT, WIDTH), (COUNT - 1,), (TESTS + 1,)))
    return idx(np.zeros(shape, np.uint8))


DAMAGES: dict[str, Damage] = {
    "cut": lambda rng, content: content[: rng.randrange(len(content))],
    "longer": lambda rng, content: content + rng.randbytes(rng.randint(1, 9)),
    "header flip": header_flip,
    "another shape": another_shape,
    "another count": another_count,
    "noise": lambda rng, content: rng.randbytes(rng.randint(0, 600)),
    "noise after gzip's magic number": lambda rng, content: b"\x1f\x8b\x08" + rng.randbytes(rng.randint(0, 600)),
    "zeros": lambda rng, content: bytes(len(content)),
    "bomb": lambda rng, content: rng.choice(BOMBS),
    "gzip flips": flips,
    "plain flips": lambda rng, content: content[:8] + flips(rng, content[8:]),
}
# With these the file may still be the same data set; else it must be refused.
MAY_BE_HARMLESS = {"header flip", "gzip flips"}


def read_damaged(folder: Path, count: int, seed: int) -> Counter[str]:
    """Read ``count`` data sets with one file damaged.  Gives back how often each damage was done.

    AssertionError for one that is neither refused, by a ValueError or OSError, nor read as it was.  Where bits flip in
    a plain file, behind the first size, nothing may show it but the sizes, so pixels and labels are not compared.
    """
    rng, done = random.Random(seed), Counter[str]()
    for _ in range(count):
        kind = rng.choice(list(DAMAGES))
        is_gzip = kind == "gzip flips" or (kind != "plain flips" and rng.random() < 0.5)
        contents = [gzip.compress(idx(array), mtime=0) if is_gzip else idx(array) for array in ARRAYS]
        which = rng.randrange(4)
        contents[which] = DAMAGES[kind](rng, contents[which])
        for name, content in zip(datasets.NAMES, contents, strict=True):
            (folder / name).write_bytes(content)
        try:
            got: Any = datasets.mnist(folder)
        except (ValueError, OSError) as error:
            assert str(folder) in str(error), error  # noqa: PT017  (either outcome is fine)
        else:
            assert kind == "plain flips" or kind in MAY_BE_HARMLESS, (kind, contents[which])
            for read, array in zip(got, ARRAYS, strict=True):
                assert read.shape == array.shape, kind
                assert kind == "plain flips" or (read == array).all(), kind
        done[kind] += 1
    return done


def write_largest(folder: Path, *shapes: tuple[int, ...]) -> None:
    """A data set of zeros, which gzip packs a thousand times smaller."""
    for name, shape in zip(datasets.NAMES, shapes, strict=True):
        with gzip.open(folder / f"{name}.gz", "wb", compresslevel=1) as file:
            file.write(header(*shape))
            rest = int(np.prod(shape))
            while rest:
                rest -= file.write(bytes(min(rest, 1 << 24)))


def main() -> None:
    """Read a thousand damaged data sets and the two largest undamaged ones; print how many, and the peak of memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        done = read_damaged(folder, 1000, seed=2)
        count, side = datasets.MAX_BYTES // 10 - 9, 20_000
        for shapes in (
            [(count, 1, 1), (count,), (1, 1, 1), (1,)],
            [(1, side, side), (1,), (1, side, side), (1,)],
        ):
            shutil.rmtree(folder)
            folder.mkdir()
            write_largest(folder, *shapes)
            assert datasets.mnist(folder).train_images.shape == shapes[0]
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    print(json.dumps({"read": done.total(), "peak_mib": peak}))


if __name__ == "__main__":
    main()
