"""MNIST as NumPy arrays, and the step from pixels to floats.

The complete data set ships beside this file, in ``data/mnist``, so nothing is ever downloaded.  Any other data set in
the same format (Fashion-MNIST, KMNIST, EMNIST, one's own) is read from its folder:

    data = mnist()                                # or mnist("path/to/folder"), or mnist("folder/emnist-letters")
    images = normalize(data.train_images[:64])    # (64, 1, 28, 28) float32, ready for a convolution
    labels = data.train_labels[:64]               # (64,) int64, ready for the cross-entropy

Sources: for the data and its IDX format, LeCun, Cortes & Burges, The MNIST database of handwritten digits (1998), see
``data/mnist/README.md``; for the layouts of folders, ``torchvision.datasets``.
"""

import contextlib
import gzip
import math
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from reference.arguments import Array

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
BUNDLED = Path(__file__).parent / "data" / "mnist"

# A header may claim anything, and a gzip stream of 1 MB unpack to 1 GB, so a limit is set on a data set in memory.  The
# largest usual one, EMNIST's byclass, takes 0.65 GB; a buffer that grows to 768 MiB stays below 1 GiB.
MAX_BYTES = 3 << 28
LABEL_BYTES = 9  # of a label in memory: as stored, and as int64
CHUNK_BYTES = 1 << 20  # read at a time

GZIP_MAGIC = b"\x1f\x8b"
UNSIGNED_BYTE = 0x08  # IDX's code for the type of the elements


class MNIST(NamedTuple):
    """A data set: pixels, 0 (background) to 255 (ink), and the class of each image.  The shapes noted are MNIST's.

    >>> from reference import datasets
    >>> data = datasets.mnist()
    >>> print(data.train_images[0, 5, 12:20], data.train_labels[0])  # where the pen sets in to write a 5
    [  3  18  18  18 126 136 175  26] 5
    """

    train_images: NDArray[np.uint8]  # (60000, 28, 28)
    train_labels: NDArray[np.int64]  # (60000,), 0 to 9
    test_images: NDArray[np.uint8]  # (10000, 28, 28)
    test_labels: NDArray[np.int64]  # (10000,)


def mnist(data_dir: str | os.PathLike[str] | None = None) -> MNIST:
    """The bundled MNIST, or the data set of the same format in the folder ``data_dir``.

    The four files, plain or ``.gz``, may lie in ``data_dir`` itself, in ``raw``, in ``MNIST/raw``, or in the only
    ``*/raw`` that holds any; the first of these with IDX files in it is read.  Names are MNIST's, such as
    ``train-images-idx3-ubyte``, or have one prefix on all four and ``test`` for ``t10k``, as in EMNIST.  Where several
    data sets lie side by side, as EMNIST's six do, the prefix is appended to the folder: ``EMNIST/raw/emnist-letters``,
    or for short ``EMNIST/emnist-letters``.  Pixels and labels come as they are stored (EMNIST's images are transposed).

    A plain file has no checksum, so nothing shows a changed pixel or label in it; gzip has one, and it is verified.

    Raises FileNotFoundError where a file is missing; ValueError where several data sets fit, a file is damaged, two
    files contradict each other, or all four together claim more than 768 MiB.

    >>> from reference import datasets
    >>> data = datasets.mnist()
    >>> data.train_images.shape, data.test_images.shape
    ((60000, 28, 28), (10000, 28, 28))
    >>> print(data.train_labels[:10])
    [5 0 4 1 9 2 1 3 1 4]
    """
    paths = _locate(BUNDLED if data_dir is None else Path(data_dir))
    _check_claims(paths)
    train_images, train_labels, test_images, test_labels = (read_idx(path) for path in paths)
    return MNIST(train_images, train_labels.astype(np.int64), test_images, test_labels.astype(np.int64))


def classes(data: MNIST) -> int:
    """How many scores a network for ``data`` needs: one for each label from 0 to the largest, and at least 2.

    Labels stay as they are stored.  Those of EMNIST's letters run from 1 to 26, which makes 27 classes, of which class
    0 has no example, as in ``torchvision.datasets.EMNIST``.

    >>> from reference import datasets
    >>> datasets.classes(datasets.mnist())
    10
    """
    return max(2, 1 + max(int(data.train_labels.max()), int(data.test_labels.max())))


def normalize(
    images: NDArray[np.uint8], mean: float = 0.1307, std: float = 0.3081, dtype: DTypeLike = np.float32
) -> Array:
    """``(images / 255 - mean) / std``: uint8 pixels (N, H, W) -> floats (N, 1, H, W) of ``dtype`` float32 or float64.

    ``mean`` and ``std`` are those of pixels scaled to [0, 1]; the defaults are MNIST's training images'.

    Pixels must become floats before any arithmetic: uint8 counts modulo 256, so 200 + 100 is 44 there and 0 - 1 is 255,
    and a convolution of raw pixels would be wrong without any sign of it.

    Rounds as torch does in ``from_numpy(images).to(dtype).div(255).sub(mean).div(std)``, bit for bit: each of the three
    steps rounds once, in ``dtype``, and so do the constants beforehand.

    Raises TypeError for pixels that are not uint8 and for another ``dtype``, ValueError for another rank and for a
    ``std`` that is not positive.

    >>> import numpy as np
    >>> from reference import datasets
    >>> pixels = np.array([[[0, 51, 255]]], np.uint8)
    >>> print(datasets.normalize(pixels, mean=0, std=1))  # 0 / 255, 51 / 255, 255 / 255
    [[[[0.  0.2 1. ]]]]
    >>> print(datasets.normalize(pixels, mean=0.5, std=0.5))
    [[[[-1.  -0.6  1. ]]]]
    """
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
        got = images.dtype if isinstance(images, np.ndarray) else type(images).__name__
        raise TypeError(f"images must be a NumPy array of uint8 pixels, got {got}")
    if images.ndim != 3:
        raise ValueError(f"images must be (N, H, W), got shape {images.shape}")
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"dtype must be float32 or float64, got {dtype}")
    if not std > 0:
        raise ValueError(f"std must be positive, got {std}")
    pixels = images.astype(dtype)[:, np.newaxis]  # (N, 1, H, W); a copy, so that the steps can work in place
    pixels /= 255
    pixels -= float(mean)
    pixels /= float(std)
    return pixels


def read_idx(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """The uint8 array, rank 1 to 4, in the IDX file ``path``, plain or gzip'ed (told by its first bytes, not its name).

    Memory follows what the file really holds, never what its header claims, and reading stops one byte past the claim.

    Raises ValueError, naming the file, for anything but one complete, undamaged array of 1 byte to 768 MiB.

    >>> from reference import datasets
    >>> print(datasets.read_idx(datasets.BUNDLED / "t10k-labels-idx1-ubyte.gz")[:5])
    [7 2 1 0 4]
    """
    with _opened(path) as (stream, shape):
        return _elements(stream, shape)


@contextlib.contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[tuple[BinaryIO, tuple[int, ...]]]:
    """The IDX file ``path``, unpacked and read as far as the elements, and the shape that its header claims.

    What goes wrong with the content, here and in the ``with`` block, becomes a ValueError that names the file.
    """
    with Path(path).open("rb") as file:
        is_gzip = file.peek(2)[:2] == GZIP_MAGIC
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if is_gzip else file
        try:
            yield stream, _claimed_shape(stream)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ValueError(f"{path}: damaged gzip stream ({error}); need a complete, undamaged one") from error
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error


def _claimed_shape(stream: BinaryIO) -> tuple[int, ...]:
    """The shape in the header of ``stream``; the format is in ``data/mnist/README.md``."""
    magic = stream.read(4)
    if len(magic) < 4:
        raise ValueError(f"got {len(magic)} bytes in all, need an IDX header: 4 bytes, then the sizes")
    zero, type_code, rank = struct.unpack(">HBB", magic)
    if zero != 0:
        raise ValueError(f"got a file that begins with 0x{magic.hex()}, need an IDX file, which begins with 0x0000")
    if type_code != UNSIGNED_BYTE:
        raise ValueError(f"got IDX type code 0x{type_code:02x}, need 0x{UNSIGNED_BYTE:02x} (unsigned byte)")
    if not 1 <= rank <= 4:
        raise ValueError(f"got {rank} dimensions, need 1 to 4")

    sizes = stream.read(4 * rank)
    if len(sizes) < 4 * rank:
        raise ValueError(f"got {len(sizes)} bytes of sizes, need {4 * rank} for {rank} dimensions")
    shape = struct.unpack(f">{rank}I", sizes)
    wanted = math.prod(shape)  # Python integers: cannot overflow
    if not 0 < wanted <= MAX_BYTES:
        raise ValueError(f"got a header that claims shape {shape}, {wanted} bytes; need 1 to {MAX_BYTES}")
    return shape


def _elements(stream: BinaryIO, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The rest of ``stream``, which must fill ``shape``."""
    wanted = math.prod(shape)
    # One byte more than wanted: it shows a file that is too long, and lets gzip reach its end and test the checksum.
    data = bytearray()
    while chunk := stream.read(min(CHUNK_BYTES, wanted + 1 - len(data))):
        data += chunk
    if len(data) != wanted:
        got = f"only {len(data)}" if len(data) < wanted else f"more than {wanted}"
        raise ValueError(f"got {got} bytes after the header, need {wanted} for shape {shape}")
    return np.frombuffer(data, np.uint8).reshape(shape)


def _check_claims(paths: list[Path]) -> None:
    """Refuse four files that contradict each other or are too large together, by their headers, before all is read."""
    shapes = []
    for path in paths:
        with _opened(path) as (_, shape):
            shapes.append(shape)
    for images, labels in ((0, 1), (2, 3)):
        if len(shapes[images]) != 3 or len(shapes[labels]) != 1 or shapes[images][0] != shapes[labels][0]:
            raise ValueError(
                f"{paths[images]} has shape {shapes[images]} and {paths[labels]} has shape {shapes[labels]}; "
                "need images (N, H, W) and labels (N) with the same N"
            )
    if shapes[0][1:] != shapes[2][1:]:
        raise ValueError(
            f"{paths[0]} has images of shape {shapes[0][1:]} and {paths[2]} of {shapes[2][1:]}; "
            "training and test images need one height and width"
        )
    wanted = sum(math.prod(shape) * (LABEL_BYTES if len(shape) == 1 else 1) for shape in shapes)
    if wanted > MAX_BYTES:
        raise ValueError(f"{paths[0].parent} claims a data set of {wanted} bytes in memory; need at most {MAX_BYTES}")


def _locate(data_dir: Path) -> list[Path]:
    """The paths of training images, training labels, test images and test labels, found as ``mnist`` describes."""
    root, wanted = (data_dir, None) if data_dir.is_dir() else (data_dir.parent, data_dir.name)
    folders = [folder for folder in (root, root / "raw", root / "MNIST" / "raw") if _prefixes(folder, wanted)][:1]
    folders = folders or [folder for folder in sorted(root.glob("*/raw")) if _prefixes(folder, wanted)]
    if len(folders) > 1:
        raise ValueError(f"data_dir must hold one data set, got {root} with several: {_listing(folders, root)}")
    if not folders and wanted is not None:
        raise FileNotFoundError(
            f"data_dir must be a folder that holds {NAMES[0]}, or FOLDER/PREFIX of such files, got {data_dir}"
        )

    folder = folders[0] if folders else root
    prefixes = _prefixes(folder, wanted) or [""]
    if len(prefixes) > 1:
        names = [prefix.rstrip("-_") for prefix in prefixes]
        raise ValueError(
            f"{folder} must hold one data set, got several: {', '.join(names)}; append one, as in {folder / names[0]}"
        )
    files, prefix = _idx_files(folder), prefixes[0]
    paths = []
    for name in NAMES:
        path = files.get(prefix + name) or files.get(prefix + name.replace("t10k", "test"))
        if path is None:
            found = _listing(folder.iterdir(), folder)
            raise FileNotFoundError(f"{folder} must hold {prefix}{name} (or .gz), got {found}")
        paths.append(path)
    return paths


def _prefixes(folder: Path, wanted: str | None) -> list[str]:
    """What stands before MNIST's names in ``folder``, once for each data set; only ``wanted`` where that is given.

    It may be empty, and then is the only one unless another is wanted: so no data set is out of reach.
    """
    files = _idx_files(folder)
    prefixes = [name.removesuffix(NAMES[0]) for name in files if name.endswith(NAMES[0])]
    if files and not prefixes:
        prefixes = [""]  # training images are missing among other files: incomplete, which is not absent
    if wanted is not None:
        return [prefix for prefix in prefixes if prefix.rstrip("-_") == wanted.rstrip("-_")]
    return [""] if "" in prefixes else sorted(prefixes)


def _idx_files(folder: Path) -> dict[str, Path]:
    """The IDX files in ``folder`` by name: without ``.gz``, and with the hyphen where some copies have ``.idx``."""
    paths = sorted(folder.glob("*[-.]idx?-ubyte*"), reverse=True)  # "name.gz" before "name": the plain file stays
    return {path.name.removesuffix(".gz").replace(".idx", "-idx"): path for path in paths if path.is_file()}


def _listing(paths: Iterable[Path], folder: Path) -> str:
    """The first few of ``paths``, as seen from ``folder``."""
    names = sorted(path.relative_to(folder).as_posix() for path in paths)
    return ", ".join([*names[:8], "..."] if len(names) > 8 else names) or "nothing"
