"""The bundled MNIST is the real one, every usual folder is read, and no damaged file passes or takes much memory."""

import gzip
import hashlib
import json
import os
import random
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reference import datasets
from tests import ROOT
from tests.reference import damaged_data

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = datasets.NAMES
SHA256 = {
    TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
MIB = 1 << 20


def header(*shape: Any, magic: Any = b"\0\0\x08") -> Any:
    return magic + struct.pack(f">B{len(shape)}I", len(shape), *shape)


def idx(array: Any) -> Any:
    return header(*array.shape) + array.tobytes()


def small_data_set(seed: int = 0) -> Any:
    """The four arrays, in the order of ``datasets.NAMES``: 5 and 3 images of 7 x 6 pixels."""
    rng = np.random.default_rng(seed)
    shapes = (5, 7, 6), (5,), (3, 7, 6), (3,)
    return [rng.integers(0, 256, shape, np.uint8) for shape in shapes]


def write(folder: Path, arrays: Any, names: Any = datasets.NAMES, encode: Any = idx) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(names, arrays, strict=True):
        (folder / name).write_bytes(encode(array))


def gzipped_idx(array: Any) -> Any:
    return gzip.compress(idx(array))


GZ_NAMES = [f"{name}.gz" for name in datasets.NAMES]


def assert_read(folder: Path | str, arrays: Any) -> None:
    """``mnist(folder)`` gives exactly ``arrays``: the pixels as uint8, the labels as int64."""
    dtypes: list[Any] = [np.uint8, np.int64] * 2
    read: list[Any] = list(datasets.mnist(folder))
    for got, array, dtype in zip(read, arrays, dtypes, strict=True):
        assert got.dtype == dtype
        np.testing.assert_array_equal(got, array)


def message(error: Any, call: Any, *arguments: Any) -> str:
    """The message of the ``error`` that ``call`` raises."""
    with pytest.raises(error) as caught:
        call(*arguments)
    return str(caught.value)


# The bundled data


@pytest.fixture(scope="module")
def data() -> datasets.MNIST:
    return datasets.mnist()


@pytest.mark.parametrize("name", datasets.NAMES)
def test_the_bundled_files_are_the_published_ones(name: str) -> None:
    content = gzip.decompress((datasets.BUNDLED / f"{name}.gz").read_bytes())
    assert hashlib.sha256(content).hexdigest() == SHA256[name]


def test_the_readme_beside_the_data_states_authors_licence_and_sums() -> None:
    readme = (datasets.BUNDLED / "README.md").read_text(encoding="utf-8")
    for text in ("LeCun", "Cortes", "Burges", "CC BY-SA 3.0", *SHA256, *SHA256.values()):
        assert text in readme


def test_shapes_and_dtypes(data: datasets.MNIST) -> None:
    assert [array.shape for array in data] == [(60000, 28, 28), (60000,), (10000, 28, 28), (10000,)]
    assert [array.dtype for array in data] == [np.uint8, np.int64, np.uint8, np.int64]


def test_labels(data: datasets.MNIST) -> None:
    assert data.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert data.test_labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    train, test = np.bincount(data.train_labels), np.bincount(data.test_labels)
    assert train.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert test.tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert (train.sum(), test.sum()) == (60000, 10000)


def test_pixels_use_the_whole_range_and_the_border_is_background(data: datasets.MNIST) -> None:
    for images in (data.train_images, data.test_images):
        assert (images.min(), images.max()) == (0, 255)
        assert not images[:, 0, 0].any()
        assert not images[:, -1, -1].any()


def test_a_crop_is_a_part_of_the_padded_image() -> None:
    draw = np.random.default_rng(3)
    images = draw.integers(1, 256, (50, 6, 4)).astype(np.uint8)
    corners = draw.integers(0, 7, (50, 2))
    found = datasets.crop(images, 3, corners)
    assert found.shape == images.shape
    assert found.dtype == np.uint8
    for image, part, (row, column) in zip(images, found, corners, strict=True):
        padded = np.zeros((12, 10), np.uint8)
        padded[3:9, 3:7] = image
        assert np.array_equal(part, padded[row : row + 6, column : column + 4])
    assert np.array_equal(datasets.crop(images, 3, np.full((50, 2), 3)), images)
    assert not np.shares_memory(datasets.crop(images, 0, np.zeros((50, 2), int)), images)


def test_the_arrays_belong_to_the_caller(data: datasets.MNIST) -> None:
    assert all(array.flags.writeable and array.flags.c_contiguous for array in data)


# Folders


@pytest.mark.parametrize("layout", ["", "raw", "MNIST/raw", "FashionMNIST/raw"])
@pytest.mark.parametrize(("names", "encode"), [(datasets.NAMES, idx), (GZ_NAMES, gzipped_idx)], ids=["plain", "gz"])
def test_every_layout(tmp_path: Path, layout: Any, names: Any, encode: Any) -> None:
    arrays = small_data_set()
    write(tmp_path / layout, arrays, names, encode)
    assert_read(tmp_path, arrays)
    assert_read(str(tmp_path), arrays)


@pytest.mark.parametrize(
    "names",
    [
        [f"emnist-letters-{name.replace('t10k', 'test')}" for name in datasets.NAMES],
        [name.replace("t10k", "test") for name in datasets.NAMES],
        [name.replace("-idx", ".idx") for name in datasets.NAMES],
    ],
    ids=["prefix", "test for t10k", "dot"],
)
def test_other_names(tmp_path: Path, names: Any) -> None:
    arrays = small_data_set()
    write(tmp_path / "EMNIST/raw", arrays, names)
    assert_read(tmp_path, arrays)


def test_content_not_the_name_tells_gzip(tmp_path: Path) -> None:
    """Browsers and archive tools unpack a file without renaming it, or the reverse."""
    arrays = small_data_set()
    write(tmp_path / "a", arrays, GZ_NAMES, idx)
    write(tmp_path / "b", arrays, datasets.NAMES, gzipped_idx)
    assert_read(tmp_path / "a", arrays)
    assert_read(tmp_path / "b", arrays)


def test_the_plain_file_is_read_where_torchvision_left_both(tmp_path: Path) -> None:
    arrays = small_data_set()
    write(tmp_path, arrays)
    write(tmp_path, small_data_set(seed=1), GZ_NAMES, gzipped_idx)
    assert_read(tmp_path, arrays)


def test_the_plain_file_is_read_also_where_it_is_spelled_otherwise(tmp_path: Path) -> None:
    arrays = small_data_set()
    write(tmp_path, arrays, [name.replace("-idx", ".idx") for name in datasets.NAMES])
    write(tmp_path, small_data_set(seed=1), GZ_NAMES, gzipped_idx)
    assert_read(tmp_path, arrays)


def test_mnist_is_read_where_torchvision_keeps_several_data_sets(tmp_path: Path) -> None:
    arrays = small_data_set()
    write(tmp_path / "MNIST/raw", arrays)
    write(tmp_path / "FashionMNIST/raw", small_data_set(seed=1))
    assert_read(tmp_path, arrays)


def test_a_folder_with_the_name_of_a_file_is_passed_over(tmp_path: Path) -> None:
    arrays = small_data_set()
    write(tmp_path, arrays, [name.replace("-idx", ".idx") for name in datasets.NAMES])
    (tmp_path / TRAIN_IMAGES).mkdir()
    assert_read(tmp_path, arrays)


def test_several_data_sets_are_an_error(tmp_path: Path) -> None:
    write(tmp_path / "KMNIST/raw", small_data_set())
    write(tmp_path / "FashionMNIST/raw", small_data_set())
    text = message(ValueError, datasets.mnist, tmp_path)
    assert text == (
        f"data_dir must hold one data set, got {tmp_path} with several: FashionMNIST/raw, KMNIST/raw; "
        f"give one, as in {tmp_path}/FashionMNIST/raw"
    )
    assert_read(tmp_path / "FashionMNIST/raw", small_data_set())


def test_several_prefixes_are_an_error(tmp_path: Path) -> None:
    for prefix in ("emnist-digits-", "emnist-letters-"):
        write(tmp_path, small_data_set(), [prefix + name for name in datasets.NAMES])
    text = message(ValueError, datasets.mnist, tmp_path)
    assert text == (
        f"{tmp_path} must hold one data set, got several: emnist-digits, emnist-letters; "
        f"append one, as in {tmp_path / 'emnist-digits'}"
    )


# Files as unpackers leave them


@pytest.mark.parametrize("prefix", ["", "emnist-letters-"])
@pytest.mark.parametrize(
    ("folder", "file"),
    [
        ("{}", "{}"),  # some unpackers
        ("{}", "{}.gz"),
        ("{}.gz", "{}"),
        ("dot {}", "dot {}"),  # both with a dot: train-images.idx3-ubyte
        ("{}", "dot {}"),  # the dot that the archive remembers
        ("stem {}", "{}"),  # train-images
    ],
)
def test_a_file_may_lie_in_a_folder_of_its_own_name(tmp_path: Path, folder: str, file: str, prefix: str) -> None:
    def spelled(pattern: str, name: str) -> str:
        kind, _, rest = pattern.rpartition(" ")
        name = {"": name, "dot": name.replace("-idx", ".idx"), "stem": name.partition("-idx")[0]}[kind]
        return rest.format(prefix + name)

    arrays = small_data_set()
    for name, array in zip(datasets.NAMES, arrays, strict=True):
        write(tmp_path / spelled(folder, name), [array], [spelled(file, name)])
    assert_read(tmp_path, arrays)
    if prefix:
        assert_read(tmp_path / "emnist-letters", arrays)


@pytest.mark.parametrize(("folder", "file"), [("emnist-letters-", ""), ("", "emnist-letters-")])
def test_the_prefix_may_stand_in_one_of_both_names(tmp_path: Path, folder: str, file: str) -> None:
    """The name within an archive is often another."""
    arrays = small_data_set(seed=1)
    write(tmp_path, small_data_set(), [f"emnist-digits-{name}" for name in datasets.NAMES])
    for name, array in zip(datasets.NAMES, arrays, strict=True):
        write(tmp_path / f"{folder}{name}", [array], [f"{file}{name}"])
    assert_read(tmp_path / "emnist-letters", arrays)


def test_some_files_may_lie_in_folders_of_their_own_and_the_others_beside(tmp_path: Path) -> None:
    arrays = small_data_set()
    write(tmp_path / TRAIN_IMAGES, arrays[:1], [TRAIN_IMAGES])
    write(tmp_path, arrays[1:], datasets.NAMES[1:])
    assert_read(tmp_path, arrays)


def test_a_file_beside_comes_before_one_in_a_folder_of_its_own_and_plain_before_gz(tmp_path: Path) -> None:
    arrays, others = small_data_set(), small_data_set(seed=1)
    write(tmp_path, arrays, [name.replace("-idx", ".idx") for name in datasets.NAMES])
    for name, array in zip(datasets.NAMES, others, strict=True):
        write(tmp_path / name, [array], [name])
    assert_read(tmp_path, arrays)
    for path in tmp_path.glob("*.idx*"):
        path.unlink()
    for name in datasets.NAMES:
        write(tmp_path / name, [arrays[0]], [f"{name}.gz"], gzipped_idx)
    assert_read(tmp_path, others)


def test_a_folder_that_holds_another_part_than_its_name_says_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, small_data_set()[:3], datasets.NAMES[:3])
    write(tmp_path / TEST_LABELS, small_data_set()[:1], [TRAIN_LABELS])
    (tmp_path / TEST_LABELS / TEST_LABELS).mkdir()
    text = message(FileNotFoundError, datasets.mnist, tmp_path)
    there = ", ".join([TEST_IMAGES, f"{TEST_LABELS}/", TRAIN_IMAGES, TRAIN_LABELS])
    assert text == f"{tmp_path} must hold {TEST_LABELS} (or .gz, or test for t10k), got {there}"


def test_the_only_folder_with_data_is_read_whatever_its_name(tmp_path: Path) -> None:
    """EMNIST's archive unpacks into ``gzip``."""
    arrays = small_data_set()
    (tmp_path / "other").mkdir()
    write(tmp_path / "gzip", arrays, [f"emnist-mnist-{name}.gz" for name in datasets.NAMES], gzipped_idx)
    assert_read(tmp_path, arrays)
    assert_read(tmp_path / "emnist-mnist", arrays)
    write(tmp_path / "FashionMNIST/raw", small_data_set(seed=1))
    assert_read(tmp_path, small_data_set(seed=1))


def test_training_images_that_are_missing_are_named_with_the_prefix_of_the_others(tmp_path: Path) -> None:
    write(tmp_path, small_data_set()[1:], [f"digits-{name}" for name in datasets.NAMES[1:]])
    text = message(FileNotFoundError, datasets.mnist, tmp_path)
    assert text.startswith(f"{tmp_path} must hold digits-{TRAIN_IMAGES} (or .gz), got digits-t10k-")


def test_a_tilde_is_ones_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    arrays = small_data_set()
    write(tmp_path / "data", arrays)
    assert_read("~/data", arrays)
    assert_read(Path("~") / "data", arrays)
    text = message(FileNotFoundError, datasets.mnist, "~/absent")
    assert f"got {tmp_path / 'absent'}, which is neither" in text


# QMNIST, whose labels are integers in eight columns

QMNIST_NAMES = [
    "qmnist-train-images-idx3-ubyte", "qmnist-train-labels-idx2-int",
    "qmnist-test-images-idx3-ubyte", "qmnist-test-labels-idx2-int",
]  # fmt: skip


def write_labels(path: Path, labels: Any, code: int = 0x0C) -> None:
    """As big-endian integers of ``code``."""
    dtype = {0x0B: ">i2", 0x0C: ">i4"}[code]
    path.write_bytes(header(*labels.shape, magic=bytes([0, 0, code])) + labels.astype(dtype).tobytes())


def write_qmnist(folder: Path) -> Any:
    """The four files of QMNIST; gives back the arrays that ``mnist`` should read."""
    arrays = small_data_set()
    write(folder, arrays, QMNIST_NAMES)
    for place in (1, 3):
        table = np.random.default_rng(place).integers(0, 2**31, (len(arrays[place]), 8))
        table[:, 0] = arrays[place]
        write_labels(folder / QMNIST_NAMES[place], table)
    return arrays


@pytest.mark.parametrize("folder", ["", "QMNIST/raw"])
@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gz"])
def test_the_class_is_the_first_column_of_qmnists_labels(tmp_path: Path, folder: str, compress: Any) -> None:
    arrays = write_qmnist(tmp_path / folder)
    for path in (tmp_path / folder).iterdir():
        path.write_bytes(compress(path.read_bytes()))
    (tmp_path / folder / "xnist-images-idx3-ubyte.xz").touch()
    assert_read(tmp_path, arrays)
    assert_read(tmp_path / folder / "qmnist", arrays)


@pytest.mark.parametrize("code", [0x0B, 0x0C])
def test_labels_may_be_integers_in_one_column(tmp_path: Path, code: int) -> None:
    arrays = small_data_set()
    write(tmp_path, arrays)
    for place in (1, 3):
        arrays[place] = arrays[place].astype(np.int64) + 300
        write_labels(tmp_path / datasets.NAMES[place], arrays[place], code)
    assert_read(tmp_path, arrays)


@pytest.mark.parametrize("code", [0x0B, 0x0C])
def test_integers_are_read_in_this_machines_byte_order(tmp_path: Path, code: int) -> None:
    table = np.array([[1, -2, 300], [4, 5, -6]], {0x0B: np.int16, 0x0C: np.int32}[code])
    write_labels(tmp_path / "file", table, code)
    np.testing.assert_array_equal(datasets.read_idx(tmp_path / "file"), table, strict=True)


@pytest.mark.parametrize(("columns", "code"), [(7, 0x0C), (8, 0x0B), (1, 0x0C)])
def test_a_table_that_is_not_qmnists_is_refused(tmp_path: Path, columns: int, code: int) -> None:
    write_qmnist(tmp_path)
    write_labels(tmp_path / QMNIST_NAMES[1], np.zeros((5, columns)), code)
    dtype = {0x0B: "int16", 0x0C: "int32"}[code]
    text = message(ValueError, datasets.mnist, tmp_path)
    assert text == (
        f"{tmp_path / QMNIST_NAMES[0]} has shape (5, 7, 6) and {tmp_path / QMNIST_NAMES[1]} has shape (5, {columns}) "
        f"of {dtype}; need images (N, H, W) and labels (N), or (N, 8) of int32 as QMNIST has them, with the same N"
    )


@pytest.mark.parametrize("wrong", [-1, 65536, 5 << 24])
def test_labels_that_no_network_could_have_are_refused(tmp_path: Path, wrong: int) -> None:
    """The last is a 5 with its bytes the wrong way round."""
    write(tmp_path, small_data_set())
    write_labels(tmp_path / TEST_LABELS, np.array([0, 65535, 7]))
    assert datasets.mnist(tmp_path).test_labels.tolist() == [0, 65535, 7]
    write_labels(tmp_path / TEST_LABELS, np.array([0, wrong, 7]))
    text = message(ValueError, datasets.mnist, tmp_path)
    low, high = min(wrong, 0), max(wrong, 7)
    assert text == f"{tmp_path / TEST_LABELS}: got labels from {low} to {high}, need 0 to 65535"


def test_images_of_integers_are_refused(tmp_path: Path) -> None:
    write(tmp_path, small_data_set())
    write_labels(tmp_path / TEST_IMAGES, small_data_set()[2])
    text = message(ValueError, datasets.mnist, tmp_path)
    assert text == f"{tmp_path / TEST_IMAGES} holds int32; need images of uint8"


def test_labels_of_integers_are_counted_as_they_lie_in_memory(tmp_path: Path) -> None:
    """As stored, turned round, and as int64: 72 bytes for a row of eight."""
    count = 12_000_000
    magic = [b"\0\0\x08", b"\0\0\x0c"] * 2
    shapes = [(count, 1, 1), (count, 8), (1, 1, 1), (1, 8)]
    for name, shape, one in zip(QMNIST_NAMES, shapes, magic, strict=True):
        (tmp_path / name).write_bytes(header(*shape, magic=one))
    text = message(ValueError, datasets.mnist, tmp_path)
    assert text == f"{tmp_path} claims a data set of {73 * (count + 1)} bytes in memory; need at most {3 << 28}"


# EMNIST, whose images are stored transposed


@pytest.mark.parametrize("height", [7, 6])
def test_transposed_images_are_turned_upright(tmp_path: Path, height: int) -> None:
    arrays = small_data_set()
    upright = [array[:, :height] if array.ndim == 3 else array for array in arrays]
    stored = [array.transpose(0, 2, 1) if array.ndim == 3 else array for array in upright]
    write(tmp_path, stored)
    assert_read(tmp_path, stored)
    read: list[Any] = list(datasets.mnist(tmp_path, transposed=True))
    for got, array in zip(read, upright, strict=True):
        np.testing.assert_array_equal(got, array)
        assert got.flags.c_contiguous


@pytest.mark.parametrize(
    ("folder", "prefix", "transposed"),
    [
        ("", "emnist-letters-", True),
        ("EMNIST/raw", "emnist-mnist-", True),
        ("my EMNIST", "", True),
        ("EMNIST/raw", "", True),
        ("EMNIST/other", "", False),
        ("", "qmnist-", False),
        ("KMNIST/raw", "", False),
        ("", "fakemnist-", False),
        ("", "", False),
    ],
)
def test_names_tell_what_is_transposed(tmp_path: Path, folder: str, prefix: str, transposed: bool) -> None:
    write(tmp_path / "data" / folder, small_data_set(), [prefix + name for name in datasets.NAMES])
    assert datasets.is_transposed(tmp_path / "data" / folder) is transposed


def test_names_in_folders_of_their_own_tell_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, array in zip(datasets.NAMES, small_data_set(), strict=True):
        write(tmp_path / f"emnist-digits-{name}", [array], [name])
    assert datasets.is_transposed(tmp_path)
    (tmp_path / "EMNIST").mkdir()
    write(tmp_path / "EMNIST", small_data_set())
    monkeypatch.chdir(tmp_path / "EMNIST")
    assert datasets.is_transposed(".")
    assert not datasets.is_transposed(None)


SPLITS = ("balanced", "byclass", "bymerge", "digits", "letters", "mnist")


def write_emnist(folder: Path) -> dict[str, Any]:
    """EMNIST as torchvision unpacks it, its six data sets side by side in one folder; gives back the arrays of each."""
    written = {split: small_data_set(seed) for seed, split in enumerate(SPLITS)}
    for split, arrays in written.items():
        write(folder, arrays, [f"emnist-{split}-{name.replace('t10k', 'test')}" for name in datasets.NAMES])
        (folder / f"emnist-{split}-mapping.txt").write_text("0 48\n")
    (folder / "gzip.zip").touch()
    return written


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("folder", ["EMNIST/raw", "EMNIST", "."])
def test_a_prefix_picks_one_of_several_data_sets(tmp_path: Path, split: str, folder: str) -> None:
    arrays = write_emnist(tmp_path / "EMNIST/raw")[split]
    write(tmp_path / "FashionMNIST/raw", small_data_set(seed=7))
    assert_read(tmp_path / folder / f"emnist-{split}", arrays)
    assert_read(f"{tmp_path / folder}/emnist-{split}-", arrays)


def test_each_of_torchvisions_data_sets_is_read_from_its_own_folder(tmp_path: Path) -> None:
    letters = write_emnist(tmp_path / "EMNIST/raw")["letters"]
    written = {name: small_data_set(seed) for seed, name in enumerate(("MNIST", "FashionMNIST", "KMNIST"), start=6)}
    for name, arrays in written.items():
        write(tmp_path / name / "raw", arrays)
        write(tmp_path / name / "raw", arrays, GZ_NAMES, gzipped_idx)
    for name, arrays in written.items():
        assert_read(tmp_path / name, arrays)
    assert_read(tmp_path / "EMNIST/emnist-letters", letters)
    assert_read(tmp_path, written["MNIST"])


def test_part_of_a_prefix_picks_nothing(tmp_path: Path) -> None:
    write_emnist(tmp_path / "EMNIST/raw")
    for name in ("emnist", "emnist-b", "letters", "emnist-letters-train-images-idx3-ubyte"):
        text = message(FileNotFoundError, datasets.mnist, tmp_path / "EMNIST" / name)
        assert f"or FOLDER/PREFIX of such files, got {tmp_path / 'EMNIST' / name}" in text


def test_files_without_a_prefix_come_first(tmp_path: Path) -> None:
    """So every one of the data sets can be picked."""
    plain, letters = small_data_set(seed=6), write_emnist(tmp_path)["letters"]
    write(tmp_path, plain)
    assert_read(tmp_path, plain)
    assert_read(tmp_path / "emnist-letters", letters)


def test_files_of_two_data_sets_are_not_mixed(tmp_path: Path) -> None:
    names = [("digits-" if "train" in name else "letters-") + name for name in datasets.NAMES]
    write(tmp_path, small_data_set(), names)
    text = message(FileNotFoundError, datasets.mnist, tmp_path)
    assert (
        "must hold digits-t10k-images-idx3-ubyte (or .gz, or test for t10k), got digits-train-images-idx3-ubyte, "
        in text
    )


@pytest.mark.parametrize("missing", datasets.NAMES)
def test_a_missing_file_is_named_with_the_folder_and_what_is_there(tmp_path: Path, missing: Any) -> None:
    folder = tmp_path / "MNIST/raw"
    write(folder, small_data_set())
    (folder / missing).unlink()
    there = ", ".join(sorted(name for name in datasets.NAMES if name != missing))
    text = message(FileNotFoundError, datasets.mnist, tmp_path)
    others = "or .gz, or test for t10k" if missing.startswith("t10k") else "or .gz"
    assert text == f"{folder} must hold {missing} ({others}), got {there}"


def test_a_folder_without_data(tmp_path: Path) -> None:
    text = message(FileNotFoundError, datasets.mnist, tmp_path)
    assert text == f"{tmp_path} must hold {TRAIN_IMAGES} (or .gz), got nothing"
    for number in range(9):
        (tmp_path / f"{number}.txt").touch()
    text = message(FileNotFoundError, datasets.mnist, tmp_path)
    assert text.endswith("got 0.txt, 1.txt, 2.txt, 3.txt, 4.txt, 5.txt, 6.txt, 7.txt, ...")


def test_what_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, what in (("absent", "neither"), ("file", f"a file; give its folder, {tmp_path}")):
        text = message(FileNotFoundError, datasets.mnist, tmp_path / name)
        assert text == (
            f"data_dir must be a folder that holds {TRAIN_IMAGES}, or FOLDER/PREFIX of such files, "
            f"got {tmp_path / name}, which is {what}"
        )


# Files that contradict each other


@pytest.mark.parametrize(
    ("which", "shape", "first", "second"),
    [
        (0, (4, 7, 6), f"{TRAIN_IMAGES} has shape (4, 7, 6)", f"{TRAIN_LABELS} has shape (5,)"),
        (0, (5, 42), f"{TRAIN_IMAGES} has shape (5, 42)", f"{TRAIN_LABELS} has shape (5,)"),
        (0, (5, 7, 6, 1), f"{TRAIN_IMAGES} has shape (5, 7, 6, 1)", f"{TRAIN_LABELS} has shape (5,)"),
        (1, (5, 1), f"{TRAIN_IMAGES} has shape (5, 7, 6)", f"{TRAIN_LABELS} has shape (5, 1)"),
        (3, (4,), f"{TEST_IMAGES} has shape (3, 7, 6)", f"{TEST_LABELS} has shape (4,)"),
        (2, (3, 6, 7), f"{TRAIN_IMAGES} has images of shape (7, 6)", f"{TEST_IMAGES} of (6, 7)"),
    ],
)
def test_a_contradiction_names_both_files(tmp_path: Path, which: Any, shape: Any, first: str, second: str) -> None:
    arrays = small_data_set()
    arrays[which] = np.zeros(shape, np.uint8)
    write(tmp_path, arrays)
    text = message(ValueError, datasets.mnist, tmp_path)
    assert first in text
    assert second in text
    assert "need" in text


def test_a_data_set_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    """Four files that agree and are each small enough; with labels as int64, their arrays would take 1 GB."""
    count = 100_000_000
    write(tmp_path, [(count, 1, 1), (count,), (1, 1, 1), (1,)], encode=lambda shape: header(*shape))
    text = message(ValueError, datasets.mnist, tmp_path)
    assert text == f"{tmp_path} claims a data set of {10 * count + 10} bytes in memory; need at most {3 << 28}"


def test_an_empty_data_set_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, [array[:0] for array in small_data_set()])
    text = message(ValueError, datasets.mnist, tmp_path)
    assert text == f"{tmp_path / TRAIN_IMAGES}: got a header that claims shape (0, 7, 6), 0 bytes; need 1 to {3 << 28}"


# One file


@pytest.mark.parametrize("shape", [(11,), (5, 3), (4, 3, 5), (2, 3, 1, 4)])
@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gz"])
def test_every_rank(tmp_path: Path, shape: Any, compress: Any) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    (tmp_path / "file").write_bytes(compress(idx(array)))
    got = datasets.read_idx(tmp_path / "file")
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, array, strict=True)


def test_a_gzip_file_of_several_members(tmp_path: Path) -> None:
    """Concatenated gzip files are one gzip file, says RFC 1952."""
    array = small_data_set()[0]
    content = idx(array)
    (tmp_path / "file").write_bytes(gzip.compress(content[:50]) + gzip.compress(content[50:]))
    np.testing.assert_array_equal(datasets.read_idx(tmp_path / "file"), array)


TERA = header(1 << 20, 1 << 20, 1)
OVERFLOW = header(0, (1 << 32) - 1, (1 << 32) - 1, (1 << 32) - 1)
DAMAGED = {
    "empty": (b"", "got 0 bytes in all, need an IDX header: 4 bytes"),
    "three bytes": (b"\0\0\x08", "got 3 bytes in all, need an IDX header: 4 bytes"),
    "no magic number": (b"PNG" + bytes(99), "got a file that begins with 0x504e4700, need an IDX file"),
    "second byte": (header(2, magic=b"\0\1\x08") + b"ab", "begins with 0x00010801, need an IDX file"),
    "type float32": (
        header(2, magic=b"\0\0\x0d") + bytes(8),
        "got IDX type code 0x0d, need one of 0x08 (uint8), 0x0b (int16), 0x0c (int32)",
    ),
    "type int8": (header(2, magic=b"\0\0\x09") + b"ab", "got IDX type code 0x09, need one of 0x08"),
    "cut in integers": (
        header(2, 3, magic=b"\0\0\x0c") + bytes(23),
        "got only 23 bytes after the header, need 24 for shape (2, 3) of int32",
    ),
    "integers above the limit": (
        header((3 << 27) + 1, magic=b"\0\0\x0b"),
        "claims shape (402653185,), 805306370 bytes; need",
    ),
    "rank 0": (header() + b"a", "got 0 dimensions, need 1 to 4"),
    "rank 5": (header(1, 1, 1, 1, 1) + b"a", "got 5 dimensions, need 1 to 4"),
    "cut in the sizes": (header(2, 3)[:-1], "got 7 bytes of sizes, need 8 for 2 dimensions"),
    "cut in the data": (header(2, 3) + b"abcde", "got only 5 bytes after the header, need 6 for shape (2, 3)"),
    "one byte too many": (header(2, 3) + b"abcdefg", "got more than 6 bytes after the header, need 6 for shape (2, 3)"),
    "size 0": (header(2, 0, 3), "got a header that claims shape (2, 0, 3), 0 bytes; need 1 to 805306368"),
    "overflow": (OVERFLOW, "got a header that claims shape (0, 4294967295, 4294967295, 4294967295), 0 bytes; need 1"),
    "terabyte": (TERA, "got a header that claims shape (1048576, 1048576, 1), 1099511627776 bytes; need 1 to"),
    "above the limit": (header((3 << 28) + 1), "claims shape (805306369,), 805306369 bytes; need 1 to 805306368"),
    "at the limit": (header(3 << 28) + b"abc", "got only 3 bytes after the header, need 805306368"),
}


def refusal(path: Any) -> Any:
    """The message with which ``read_idx`` refuses ``path``; doing so may take a few chunks of memory and no more."""
    tracemalloc.start()
    try:
        text = message(ValueError, datasets.read_idx, path)
        assert tracemalloc.get_traced_memory()[1] < 4 * MIB
    finally:
        tracemalloc.stop()
    assert text.startswith(f"{path}: ")
    return text


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gz"])
@pytest.mark.parametrize(("content", "text"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file(tmp_path: Path, content: Any, text: Any, compress: Any) -> None:
    (tmp_path / "file").write_bytes(compress(content))
    assert text in refusal(tmp_path / "file")


def flipped(content: Any, byte: int) -> Any:
    return content[:byte] + bytes([content[byte] ^ 1]) + content[byte + 1 :]


WHOLE = gzip.compress(idx(small_data_set()[0]), mtime=0)
DAMAGED_GZIP = {
    "cut in gzip's header": (WHOLE[:7], "ended before"),
    "cut in the stream": (WHOLE[:60], "ended before"),
    "cut in the checksum": (WHOLE[:-5], "ended before"),
    "cut in the length": (WHOLE[:-1], "ended before"),
    "method": (flipped(WHOLE, 2), "compression method"),
    "checksum": (flipped(WHOLE, -8), "CRC check failed"),
    "length": (flipped(WHOLE, len(WHOLE) - 4), "Incorrect length"),
    "stream": (WHOLE[:10] + b"\xff" + WHOLE[11:], "decompressing"),
    "more after the end": (WHOLE + b"more", "(what follows its end is no other one (b'mo'))"),
}


@pytest.mark.parametrize(("content", "reason"), DAMAGED_GZIP.values(), ids=DAMAGED_GZIP)
def test_a_damaged_gzip_stream(tmp_path: Path, content: Any, reason: Any) -> None:
    (tmp_path / "file").write_bytes(content)
    text = refusal(tmp_path / "file")
    assert "damaged gzip stream (" in text
    assert reason in text
    assert text.endswith("; need a complete, undamaged one")


def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    bomb = gzip.compress(header(2, 3) + bytes(64 * MIB), compresslevel=1)
    (tmp_path / "file").write_bytes(bomb)
    assert "got more than 6 bytes after the header, need 6 for shape (2, 3)" in refusal(tmp_path / "file")


def test_a_missing_path(tmp_path: Path) -> None:
    assert str(tmp_path / "absent") in message(FileNotFoundError, datasets.read_idx, tmp_path / "absent")


def damage(content: Any, end: Any, flips: int, rng: Any) -> Any:
    """``content`` with one to ``flips`` bits flipped before ``end``, or cut off there."""
    if rng.random() < 0.3:
        return content[: rng.randrange(end)]
    damaged = bytearray(content)
    for bit in rng.sample(range(8 * end), rng.randint(1, flips)):
        damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


@pytest.mark.parametrize(("is_gzip", "flips"), [(False, 1), (True, 3)], ids=["plain", "gz"])
def test_random_damage_is_refused_or_harmless(tmp_path: Path, is_gzip: bool, flips: int) -> None:
    """The checksum of gzip covers all.

    A plain file has none: nothing shows a changed pixel, nor two bits of the header that make (5, 7, 6) a (7, 5, 6);
    one bit there always shows.
    """
    array = np.arange(5 * 7 * 6, dtype=np.uint8).reshape(5, 7, 6) // 8  # repeats itself: gzip does compress it
    content = gzip.compress(idx(array), mtime=0) if is_gzip else idx(array)
    end = len(content) if is_gzip else len(header(5, 7, 6))
    rng, path = random.Random(0), tmp_path / "file"
    refused = 0
    for _ in range(300):
        path.write_bytes(damage(content, end, flips, rng))
        try:
            got = datasets.read_idx(path)
        except ValueError as error:
            assert str(error).startswith(f"{path}: ")  # noqa: PT017  (either outcome is fine, each with its check)
            refused += 1
        else:
            np.testing.assert_array_equal(got, array, strict=True)
    assert refused > 200


def test_damaged_data_sets_are_refused_or_harmless(tmp_path: Path) -> None:
    assert sum(damaged_data.read_damaged(tmp_path, count=100, seed=1).values()) == 100


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read from /proc")
def test_damaged_data_sets_take_less_than_a_gibibyte() -> None:
    """A thousand of them; and the largest that are read, which are undamaged, but gzip bombs all the same."""
    run = [sys.executable, "-m", "tests.reference.damaged_data"]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(run, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["read"] == 1000
    assert 700 < found["peak_mib"] < 1024


# Classes


@pytest.mark.parametrize(
    ("train", "test", "count"), [([0, 9], [3], 10), ([1, 26], [1, 26], 27), ([0, 3], [7], 8), ([0], [0], 2)]
)
def test_classes_reach_to_the_largest_label(train: Any, test: Any, count: int) -> None:
    images = np.zeros((2, 1, 1), np.uint8)
    assert datasets.classes(datasets.MNIST(images, np.array(train), images, np.array(test))) == count


def test_mnist_has_ten_classes(data: datasets.MNIST) -> None:
    assert datasets.classes(data) == 10


# Pixels to floats

EVERY_PIXEL = np.arange(256, dtype=np.uint8).reshape(2, 16, 8)
DTYPES = {np.float32: torch.float32, np.float64: torch.float64}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("mean", "std"), [(0.1307, 0.3081), (0.2860, 0.3530), (0.5, 0.5), (0, 1), (1 / 3, 1 / 7)])
def test_normalize_has_the_bits_of_torch(mean: float, std: float, dtype: Any) -> None:
    got = datasets.normalize(EVERY_PIXEL, mean, std, dtype)
    want = torch.from_numpy(EVERY_PIXEL).to(DTYPES[dtype]).div(255).sub(mean).div(std).unsqueeze(1).numpy()
    assert got.dtype == dtype
    assert got.shape == want.shape == (2, 1, 16, 8)
    assert got.tobytes() == want.tobytes()


def test_normalize_by_hand() -> None:
    black, white = datasets.normalize(np.array([[[0, 255]]], np.uint8)).ravel().tolist()
    assert black == pytest.approx(-0.42421, abs=1e-5)  # -0.1307 / 0.3081
    assert white == pytest.approx(2.82149, abs=1e-5)  # 0.8693 / 0.3081


def test_the_defaults_give_mnist_mean_0_and_standard_deviation_1(data: datasets.MNIST) -> None:
    images = datasets.normalize(data.train_images[:10000])
    assert images.dtype == np.float32
    assert images.mean(dtype=np.float64) == pytest.approx(0, abs=0.01)
    assert images.std(dtype=np.float64) == pytest.approx(1, abs=0.01)


def test_normalize_rounds_numpy_scalars_to_dtype_first() -> None:
    """A mean computed by NumPy is a float64 scalar, which would lift float32 arithmetic to float64."""
    got = datasets.normalize(EVERY_PIXEL, np.float64(0.1307), np.float64(0.3081))
    assert got.tobytes() == datasets.normalize(EVERY_PIXEL, 0.1307, 0.3081).tobytes()


def test_normalize_takes_any_strides_and_leaves_its_argument_alone() -> None:
    images = EVERY_PIXEL.copy()
    images.flags.writeable = False
    strided = images[:, ::-2, 1::3]
    np.testing.assert_array_equal(datasets.normalize(strided), datasets.normalize(images)[:, :, ::-2, 1::3])
    np.testing.assert_array_equal(images, EVERY_PIXEL)


@pytest.mark.parametrize(
    ("error", "arguments", "text"),
    [
        (TypeError, {"images": EVERY_PIXEL / 255}, "images must be a NumPy array of uint8 pixels, got float64"),
        (TypeError, {"images": EVERY_PIXEL.astype(int)}, "images must be a NumPy array of uint8 pixels, got int64"),
        (TypeError, {"images": EVERY_PIXEL.tolist()}, "images must be a NumPy array of uint8 pixels, got list"),
        (ValueError, {"images": EVERY_PIXEL[0]}, "images must be (N, H, W), got shape (16, 8)"),
        (ValueError, {"images": EVERY_PIXEL[:, None]}, "images must be (N, H, W), got shape (2, 1, 16, 8)"),
        (TypeError, {"dtype": np.uint8}, "dtype must be float32 or float64, got uint8"),
        (TypeError, {"dtype": np.float16}, "dtype must be float32 or float64, got float16"),
        (ValueError, {"std": 0}, "std must be positive, got 0"),
        (ValueError, {"std": float("nan")}, "std must be positive, got nan"),
    ],
)
def test_normalize_refuses(error: Any, arguments: Any, text: Any) -> None:
    assert message(error, lambda: datasets.normalize(**{"images": EVERY_PIXEL, **arguments})) == text
