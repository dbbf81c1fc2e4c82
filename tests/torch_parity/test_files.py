"""Files are whole or refused."""

import json
import os
import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file
from safetensors.torch import load_file

from torch_parity.files import check_writable, load_arrays, save_arrays, write_atomically

ARRAYS: dict[str, Any] = {
    "0.weight": np.arange(24.0, dtype=np.float32).reshape(2, 3, 4).transpose(2, 0, 1),
    "0.bias": np.array([0.1, -0.0, np.inf]),
    "count": np.array(7),
}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "a.safetensors"
    save_arrays(path, ARRAYS, {"network": "formula"})
    return path


def test_arrays_come_back_bit_for_bit(saved: Path) -> None:
    arrays, metadata = load_arrays(saved, checksum_required=True)
    assert metadata == {"network": "formula"}
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].shape == array.shape
        assert arrays[name].dtype == array.dtype
        assert arrays[name].tobytes() == array.tobytes()


def test_torch_reads_them(saved: Path) -> None:
    tensors = load_file(saved)
    np.testing.assert_array_equal(tensors["0.weight"].numpy(), ARRAYS["0.weight"])


def test_the_same_content_is_the_same_file(tmp_path: Path) -> None:
    """Whatever the order in which the metadata are given, or would be written."""
    metadata = {"network": "formula", "classes": "10", "Zoë": '"\\\n\x01é'}
    names = [*metadata, *metadata]
    for number in range(20):
        some = {name: metadata[name] for name in names[number % 3 :][:3]}
        save_arrays(tmp_path / f"{number}", ARRAYS, some)
        assert load_arrays(tmp_path / f"{number}", checksum_required=True)[1] == metadata
    [content] = {(tmp_path / f"{number}").read_bytes() for number in range(20)}
    assert int.from_bytes(content[:8], "little") % 8 == 0  # so that numbers lie where processors like them
    assert load_file(tmp_path / "0").keys() == ARRAYS.keys()
    with safe_open(tmp_path / "0", framework="np") as file:
        assert metadata.items() <= file.metadata().items()


def test_files_of_other_programs_have_no_checksum(tmp_path: Path) -> None:
    save_file({"w": np.ones(3)}, tmp_path / "other.safetensors")
    arrays, metadata = load_arrays(tmp_path / "other.safetensors")
    assert list(arrays) == ["w"]
    assert metadata == {}
    with pytest.raises(ValueError, match=r"other.safetensors: damaged, or written by another program"):
        load_arrays(tmp_path / "other.safetensors", checksum_required=True)


def corrupt(content: bytes, kind: int, randoms: random.Random) -> bytes:
    """A damaged copy, and never the same."""
    if kind == 0:  # a flipped bit
        place = randoms.randrange(len(content))
        return content[:place] + bytes([content[place] ^ 1 << randoms.randrange(8)]) + content[place + 1 :]
    if kind == 1:  # cut off
        return content[: randoms.randrange(len(content))]
    if kind == 2:  # a header that claims another length, up to 2^64 bytes
        return struct.pack("<Q", randoms.getrandbits(randoms.randrange(1, 65)) ^ len(content)) + content[8:]
    if kind == 3:  # bytes of something else
        return randoms.randbytes(randoms.randrange(200))
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])  # another shape, up to terabytes
    name = randoms.choice([key for key in header if key != "__metadata__"])
    header[name]["shape"] = [randoms.choice([0, 1, 5, 1 << 20, 1 << 43])] * randoms.randrange(4)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + int.from_bytes(content[:8], "little") :]


def refused(path: Path, damaged: bytes, original: dict[str, Any]) -> bool:
    """Whether the file is refused; where it is not, it must hold the same numbers (a flip in the padding)."""
    path.write_bytes(damaged)
    try:
        arrays, metadata = load_arrays(path, checksum_required=True)
    except ValueError as error:
        return str(path) in str(error)
    assert metadata == {"network": "formula"}
    assert {name: (a.tobytes(), a.shape) for name, a in arrays.items()} == original
    return False


@pytest.mark.parametrize("count", [100, pytest.param(2000, marks=pytest.mark.slow)])
def test_damage_is_noticed(saved: Path, count: int) -> None:
    content = saved.read_bytes()
    original = {name: (array.tobytes(), array.shape) for name, array in ARRAYS.items()}
    randoms = random.Random(count)
    noticed = sum(refused(saved, corrupt(content, number % 5, randoms), original) for number in range(count))
    assert noticed > 0.9 * count


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a hole, which takes no room
    with pytest.raises(ValueError, match="huge: damaged, or no safetensors file"):
        load_arrays(path)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_the_new_file_is_on_the_disk_before_it_has_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    synced, replaced = os.fsync, os.replace

    def sync(handle: int) -> None:
        order.append("sync")
        synced(handle)

    def replace(source: str, target: Path) -> None:
        order.append("replace")
        replaced(source, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", replace)
    write_atomically(tmp_path / "file", b"new")
    assert order == ["sync", "replace"]


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_a_file_may_be_read_by_those_whom_open_would_let(umask: int, tmp_path: Path) -> None:
    def mode(name: str) -> int:
        return (tmp_path / name).stat().st_mode & 0o777

    before = os.umask(umask)
    try:
        (tmp_path / "opened").write_bytes(b"")
        write_atomically(tmp_path / "new", b"new")
        assert mode("new") == mode("opened") == 0o666 & ~umask
        for old in (0o600, 0o664):
            (tmp_path / "new").chmod(old)
            write_atomically(tmp_path / "new", b"newer")
            assert mode("new") == old
    finally:
        os.umask(before)


def test_the_file_behind_a_link_is_written(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "file")
    for content in (b"first", b"second"):
        write_atomically(tmp_path / "link", content)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "deep" / "file").read_bytes() == content


def test_whether_a_file_can_be_written_is_found_out_without_a_trace(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    for name in ("new", "old"):
        check_writable(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_bytes() == b"old"
    with pytest.raises(FileNotFoundError, match="nowhere"):
        check_writable(tmp_path / "nowhere" / "file")
    with pytest.raises(IsADirectoryError, match=tmp_path.name):
        check_writable(tmp_path)


def test_an_error_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere" / "file.json"
    with pytest.raises(FileNotFoundError) as when_writing:
        write_atomically(missing, b"")
    with pytest.raises(FileNotFoundError) as beforehand:
        check_writable(missing)
    for error in (when_writing, beforehand):
        assert str(missing) in str(error.value)
        assert ".part" not in str(error.value)
