"""Files that are either whole or refused: written atomically, and arrays with a checksum.

A file appears under its name only when all of it is on the disk; until then the old one stands, whatever stops the
program.  Arrays are safetensors files, which torch, JAX and other languages read, and which hold no code.  The format
has no checksum, so one is put into its metadata: a flipped bit is an error here, never another number.
"""

import contextlib
import errno
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

CHECKSUM = "sha256"


def check_writable(path: str | os.PathLike[str]) -> None:
    """Find out before long work whether ``write_atomically`` could write ``path``, which stays as it is.

    OSError where it could not.
    """
    target = _target(path)
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    handle, part = _new_part(target)
    os.close(handle)
    os.unlink(part)


def write_atomically(path: str | os.PathLike[str], content: bytes) -> None:
    """Put ``content`` into the file ``path``, whole or not at all.  OSError where that fails; the old file stays.

    Who may read it is as after ``open(path, "wb")``: what the umask leaves to a new file, and what an old one allowed.
    """
    target = _target(path)
    handle, part = _new_part(target)
    try:
        with os.fdopen(handle, "wb") as file:
            with contextlib.suppress(FileNotFoundError):
                shutil.copymode(target, part)  # before there is anything in it to read
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise


def _target(path: str | os.PathLike[str]) -> Path:
    """The file itself, where ``path`` is a link to it: the link is to stay one."""
    return Path(os.path.realpath(path))


def _new_part(target: Path) -> tuple[int, Path]:
    """A new file beside ``target``, opened for writing, and its name.  OSError, with the name of ``target``."""
    part = target.with_name(f".{target.name}.{secrets.token_hex(8)}.part")
    # The system itself takes the umask off: asking for it means setting it, for all threads.
    try:
        return os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), part
    except OSError as error:
        error.filename = str(target)  # the one that was asked for
        raise


def save_arrays(
    path: str | os.PathLike[str], arrays: Mapping[str, Array], metadata: Mapping[str, str] | None = None
) -> None:
    """Write ``arrays`` and ``metadata`` as a safetensors file with a checksum of both, atomically.

    The same arrays and metadata always give the same bytes.
    """
    from safetensors.numpy import save

    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    texts = dict(metadata or {})
    write_atomically(path, _in_order(save(whole, {**texts, CHECKSUM: _checksum(whole, texts)})))


def _in_order(content: bytes) -> bytes:
    """The safetensors file ``content`` with its metadata sorted: the library writes them in a random order.

    The format: 8 bytes with the length of the header, little-endian; the header, JSON, filled up with spaces to a
    multiple of 8; the numbers, whose places are counted from the end of the header.
    """
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[end:]


def load_arrays(
    path: str | os.PathLike[str], checksum_required: bool = False
) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays and the metadata in a safetensors file.

    The checksum is verified where there is one; other programs write none.  Nothing is read of a file whose header does
    not fit its size, whatever it claims.  Raises OSError where the file cannot be read, ValueError, naming it, where it
    is damaged or lacks a ``checksum_required``.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            metadata = dict(file.metadata() or {})
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, no dictionary
    except (SafetensorError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path}: damaged, or no safetensors file ({error})") from error
    expected = metadata.pop(CHECKSUM, None)
    if expected is None and checksum_required:
        raise ValueError(f"{path}: damaged, or written by another program: the checksum is missing")
    if expected not in (None, _checksum(arrays, metadata)):
        raise ValueError(f"{path}: damaged: the content does not fit its checksum")
    return arrays, metadata


def _checksum(arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> str:
    """SHA-256 over names, dtypes, shapes, numbers and metadata."""
    digest = hashlib.sha256(json.dumps(sorted(metadata.items())).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(json.dumps([name, array.dtype.str, list(array.shape)]).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
