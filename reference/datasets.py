"""MNIST as NumPy arrays, and the step from pixels to floats.

The complete data set ships beside this file, in ``data/mnist``, so nothing is ever downloaded.  Any other data set in
the same format (Fashion-MNIST, KMNIST, QMNIST, EMNIST, one's own) is read from its folder:

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
import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from reference.arguments import Array

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
BUNDLED = Path(__file__).parent / "data" / "mnist"

# A header may claim anything, and a gzip stream of 1 MB unpack to 1 GB, so a limit is set on a data set in memory.  The
# largest usual one, EMNIST's byclass, takes 0.65 GB; a buffer that grows to 768 MiB stays below 1 GiB.
MAX_BYTES = 3 << 28
CHUNK_BYTES = 1 << 20  # read at a time

GZIP_MAGIC = b"\x1f\x8b"

# IDX's codes for the type of the elements.  (0x09, the signed byte, is one flipped bit away from the unsigned one.)
TYPES: dict[int, np.dtype[Any]] = {0x08: np.dtype(np.uint8), 0x0B: np.dtype(">i2"), 0x0C: np.dtype(">i4")}
QMNIST_COLUMNS = 8  # of a label there: the class, then who wrote the digit, on which form, ...
MAX_LABEL = (1 << 16) - 1  # a larger one is damage: a network would need as many scores

# A data set's prefix, its part, what it holds; some copies have ".idx" for "-idx"; QMNIST's labels end in "idx2-int".
STEM, END = r"(.*?)(train|t10k|test)[-_.](images|labels)", r"[-_.]idx\d[-_.](?:ubyte|short|int)"
FILE_NAME = re.compile(rf"{STEM}{END}(?:\.gz)?")
FOLDER_NAME = re.compile(rf"{STEM}(?:{END})?(?:\.gz)?")  # unpackers make one for each file


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


def mnist(data_dir: str | os.PathLike[str] | None = None, transposed: bool = False) -> MNIST:
    """The bundled MNIST, or the data set of the same format in the folder ``data_dir``, where ``~`` is one's home.

    The four files, plain or ``.gz``, may lie in ``data_dir`` itself, in ``raw``, in ``MNIST/raw``, or in the only
    ``*/raw``, else the only ``*``, that holds any; the first of these with IDX files in it is read.  Each may lie in a
    folder of its own name, as unpackers leave them.  Names are MNIST's, such as ``train-images-idx3-ubyte``, or have
    one prefix on all four and ``test`` for ``t10k``, as in EMNIST.  Where several data sets lie side by side, as
    EMNIST's six do, the prefix is appended to the folder: ``EMNIST/raw/emnist-letters``, or for short
    ``EMNIST/emnist-letters``.

    Pixels come as they are stored, those of ``transposed`` images (EMNIST's are, see ``is_transposed``) turned upright.
    Labels come as they are stored, too; of QMNIST's eight columns the first, which is the class.

    A plain file has no checksum, so nothing shows a changed pixel or label in it; gzip has one, and it is verified.

    Raises FileNotFoundError where a file is missing; ValueError where several data sets fit, a file is damaged, two
    files contradict each other, a label is below 0 or above 65535, or all four together claim more than 768 MiB.

    >>> from reference import datasets
    >>> data = datasets.mnist()
    >>> data.train_images.shape, data.test_images.shape
    ((60000, 28, 28), (10000, 28, 28))
    >>> print(data.train_labels[:10])
    [5 0 4 1 9 2 1 3 1 4]
    """
    paths = _locate(data_dir)
    _check_claims(paths)
    train_images, test_images = read_idx(paths[0]), read_idx(paths[2])
    if transposed:
        train_images, test_images = _transposed(train_images), _transposed(test_images)
    return MNIST(train_images, _read_labels(paths[1]), test_images, _read_labels(paths[3]))


def is_transposed(data_dir: str | os.PathLike[str] | None = None) -> bool:
    """Whether ``mnist(data_dir)`` would read images that are stored transposed, rows for columns, as EMNIST's are.

    Told by names: the files are called ``emnist-...``, or lie in a folder ``EMNIST`` or ``EMNIST/raw``.  Raises what
    ``mnist`` does for files that it does not find.

    >>> from reference import datasets
    >>> datasets.is_transposed()
    False
    """
    path = _locate(data_dir)[0].absolute()
    names = path.parts[-3 if path.parent.name == "raw" else -2 :]
    return any(re.search("(?<![a-z])emnist", name.lower()) for name in names)


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


def crop(images: NDArray[np.uint8], padding: int, corners: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Of each of ``images`` (N, H, W) a part of its own size, after ``padding`` pixels of 0 were laid around it.

    The part begins at row and column ``corners`` (N, 2), from 0 to 2 padding: (padding, padding) is the image itself,
    other corners move it.  With corners drawn at random, anew for every epoch, it is torchvision's RandomCrop.

    >>> import numpy as np
    >>> from reference.datasets import crop
    >>> images = np.array([[[1, 2], [3, 4]]], np.uint8)
    >>> print(crop(images, 1, np.array([[0, 1]]))[0])  # moved down
    [[0 0]
     [1 2]]
    """
    padded = np.pad(images, ((0, 0), (padding, padding), (padding, padding)))
    parts = np.lib.stride_tricks.sliding_window_view(padded, images.shape[1:], axis=(1, 2))
    return np.asarray(parts[np.arange(len(images)), corners[:, 0], corners[:, 1]])


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """The array, rank 1 to 4, in the IDX file ``path``, plain or gzip'ed (told by its first bytes, not its name).

    It is of uint8, as images are, or of int16 or int32, as labels may be.

    Memory follows what the file really holds, never what its header claims, and reading stops one byte past the claim.

    Raises ValueError, naming the file, for anything but one complete, undamaged array of 1 byte to 768 MiB.

    >>> from reference import datasets
    >>> print(datasets.read_idx(datasets.BUNDLED / "t10k-labels-idx1-ubyte.gz")[:5])
    [7 2 1 0 4]
    """
    with _opened(path) as (stream, shape, dtype):
        return _elements(stream, shape, dtype)


def _read_labels(path: Path) -> NDArray[np.int64]:
    """The class of each image in the IDX file ``path``."""
    labels = read_idx(path)
    labels = (labels[:, 0] if labels.ndim == 2 else labels).astype(np.int64)
    if labels.min() < 0 or labels.max() > MAX_LABEL:
        raise ValueError(f"{path}: got labels from {labels.min()} to {labels.max()}, need 0 to {MAX_LABEL}")
    return labels


def _transposed(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each of ``images`` (N, H, W) with rows for columns, (N, W, H); in place where it can be, which saves memory."""
    if images.shape[1] != images.shape[2]:
        return np.ascontiguousarray(images.swapaxes(1, 2))
    for image in images:
        image[...] = image.T
    return images


@contextlib.contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[tuple[BinaryIO, tuple[int, ...], np.dtype[Any]]]:
    """The IDX file ``path``, unpacked and read as far as the elements, and the shape and type that its header claims.

    What goes wrong with the content, here and in the ``with`` block, becomes a ValueError that names the file.
    """
    with Path(path).open("rb") as file:
        is_gzip = file.peek(2)[:2] == GZIP_MAGIC
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if is_gzip else file
        try:
            yield stream, *_claim(stream)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            reason = str(error).replace("Not a gzipped file", "what follows its end is no other one")
            raise ValueError(f"{path}: damaged gzip stream ({reason}); need a complete, undamaged one") from error
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error


def _claim(stream: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type in the header of ``stream``; the format is in ``data/mnist/README.md``."""
    magic = stream.read(4)
    if len(magic) < 4:
        raise ValueError(f"got {len(magic)} bytes in all, need an IDX header: 4 bytes, then the sizes")
    zero, type_code, rank = struct.unpack(">HBB", magic)
    if zero != 0:
        raise ValueError(f"got a file that begins with 0x{magic.hex()}, need an IDX file, which begins with 0x0000")
    if type_code not in TYPES:
        known = ", ".join(f"0x{code:02x} ({dtype.name})" for code, dtype in TYPES.items())
        raise ValueError(f"got IDX type code 0x{type_code:02x}, need one of {known}")
    if not 1 <= rank <= 4:
        raise ValueError(f"got {rank} dimensions, need 1 to 4")

    sizes = stream.read(4 * rank)
    if len(sizes) < 4 * rank:
        raise ValueError(f"got {len(sizes)} bytes of sizes, need {4 * rank} for {rank} dimensions")
    shape = struct.unpack(f">{rank}I", sizes)
    wanted = math.prod(shape) * TYPES[type_code].itemsize  # Python integers: cannot overflow
    if not 0 < wanted <= MAX_BYTES:
        raise ValueError(f"got a header that claims shape {shape}, {wanted} bytes; need 1 to {MAX_BYTES}")
    return shape, TYPES[type_code]


def _elements(stream: BinaryIO, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The rest of ``stream``, which must fill ``shape`` with ``dtype``; in the byte order of this machine."""
    wanted = math.prod(shape) * dtype.itemsize
    # One byte more than wanted: it shows a file that is too long, and lets gzip reach its end and test the checksum.
    data = bytearray()
    while chunk := stream.read(min(CHUNK_BYTES, wanted + 1 - len(data))):
        data += chunk
    if len(data) != wanted:
        got = f"only {len(data)}" if len(data) < wanted else f"more than {wanted}"
        raise ValueError(f"got {got} bytes after the header, need {wanted} for shape {shape} of {dtype.name}")
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _check_claims(paths: list[Path]) -> None:
    """Refuse four files that contradict each other or are too large together, by their headers, before all is read."""
    shapes, dtypes = [], []
    for path in paths:
        with _opened(path) as (_, shape, dtype):
            shapes.append(shape)
            dtypes.append(dtype)
    for images, labels in ((0, 1), (2, 3)):
        if dtypes[images] != np.uint8:
            raise ValueError(f"{paths[images]} holds {dtypes[images].name}; need images of uint8")
        qmnist = dtypes[labels] == TYPES[0x0C] and shapes[labels][1:] == (QMNIST_COLUMNS,)
        in_order = len(shapes[images]) == 3 and (len(shapes[labels]) == 1 or qmnist)
        if not in_order or shapes[images][0] != shapes[labels][0]:
            raise ValueError(
                f"{paths[images]} has shape {shapes[images]} and {paths[labels]} has shape {shapes[labels]} of "
                f"{dtypes[labels].name}; need images (N, H, W) and labels (N), or (N, {QMNIST_COLUMNS}) of int32 as "
                "QMNIST has them, with the same N"
            )
    if shapes[0][1:] != shapes[2][1:]:
        raise ValueError(
            f"{paths[0]} has images of shape {shapes[0][1:]} and {paths[2]} of {shapes[2][1:]}; "
            "training and test images need one height and width"
        )
    # Labels are in memory as stored, in this machine's byte order where that is another one, and as int64.
    copies = [1 if dtype.itemsize == 1 else 2 for dtype in dtypes]
    stored = [math.prod(shape) * dtype.itemsize for shape, dtype in zip(shapes, dtypes, strict=True)]
    wanted = sum(map(math.prod, zip(stored, copies, strict=True))) + 8 * (shapes[1][0] + shapes[3][0])
    if wanted > MAX_BYTES:
        raise ValueError(f"{paths[0].parent} claims a data set of {wanted} bytes in memory; need at most {MAX_BYTES}")


def _locate(data_dir: str | os.PathLike[str] | None) -> list[Path]:
    """The paths of training images, training labels, test images and test labels, found as ``mnist`` describes."""
    given = BUNDLED if data_dir is None else Path(data_dir).expanduser()
    root, wanted = (given, None) if given.is_dir() else (given.parent, given.name)
    folders = [folder for folder in (root, root / "raw", root / "MNIST" / "raw") if _prefixes(folder, wanted)][:1]
    for pattern in ("*/raw", "*"):
        folders = folders or [folder for folder in sorted(root.glob(pattern)) if _prefixes(folder, wanted)]
    if len(folders) > 1:
        several = _listing(folder.relative_to(root).as_posix() for folder in folders)
        raise ValueError(
            f"data_dir must hold one data set, got {root} with several: {several}; give one, as in {folders[0]}"
        )
    if not folders and wanted is not None:
        what = f"a file; give its folder, {root}" if given.is_file() else "neither"
        raise FileNotFoundError(
            f"data_dir must be a folder that holds {NAMES[0]}, or FOLDER/PREFIX of such files, got {given}, which is "
            f"{what}"
        )

    folder = folders[0] if folders else root
    prefixes = _prefixes(folder, wanted) or [""]
    if len(prefixes) > 1:
        names = [prefix.rstrip("-_") for prefix in prefixes]
        raise ValueError(
            f"{folder} must hold one data set, got several: {', '.join(names)}; append one, as in {folder / names[0]}"
        )
    files, prefix = _idx_files(folder), prefixes[0]
    for place, name in enumerate(NAMES):
        if (prefix, place) not in files:
            found = _listing(path.name + "/" * path.is_dir() for path in folder.glob("*"))
            others = "or .gz, or test for t10k" if "t10k" in name else "or .gz"
            raise FileNotFoundError(f"{folder} must hold {prefix}{name} ({others}), got {found}")
    return [files[prefix, place] for place in range(len(NAMES))]


def _prefixes(folder: Path, wanted: str | None) -> list[str]:
    """What stands before MNIST's names in ``folder``, once for each data set; only ``wanted`` where that is given.

    It may be empty, and then is the only one unless another is wanted: so no data set is out of reach.
    """
    files = _idx_files(folder)
    # Training images may be missing among other files: incomplete, which is not absent.
    prefixes = sorted({prefix for prefix, place in files if place == 0} or {prefix for prefix, _ in files})
    if wanted is not None:
        return [prefix for prefix in prefixes if prefix.rstrip("-_") == wanted.rstrip("-_")]
    return [""] if "" in prefixes else prefixes


def _idx_files(folder: Path) -> dict[tuple[str, int], Path]:
    """The IDX files in ``folder`` by their prefix and place in ``NAMES``.

    Of several in one place the plain file comes before ``.gz``, and both before one in a folder of its own.
    """
    paths = sorted(folder.glob("*"), key=lambda path: (path.suffix == ".gz", path.name))
    files: dict[tuple[str, int], Path] = {}
    for path in paths:
        if (key := _key(path.name, FILE_NAME)) and path.is_file():
            files.setdefault(key, path)
    for path in paths:
        if (key := _key(path.name, FOLDER_NAME)) and path.is_dir():
            for inside in sorted(path.glob("*"), key=lambda path: (path.suffix == ".gz", path.name)):
                own = _key(inside.name, FILE_NAME)  # perhaps without the prefix
                if own and own[1] == key[1] and inside.is_file():
                    files.setdefault((key[0] or own[0], key[1]), inside)
    return files


def _key(name: str, pattern: re.Pattern[str]) -> tuple[str, int] | None:
    """The prefix of the file or folder ``name``, and its place in ``NAMES``; None for other names."""
    match = pattern.fullmatch(name)
    if match is None:
        return None
    prefix, part, what = match.groups()
    return prefix, 2 * (part != "train") + (what == "labels")


def _listing(names: Iterable[str]) -> str:
    """The first few of ``names``."""
    names = sorted(names)
    return ", ".join([*names[:8], "..."] if len(names) > 8 else names) or "nothing"
