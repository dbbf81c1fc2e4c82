"""Files that are either whole or refused: written atomically, and arrays with a checksum.

A file appears under its name only when all of it is on the disk; until then the old one stands, whatever stops the
program.  Arrays are safetensors files, which torch, JAX and other languages read, and which hold no code.  The format
has no checksum, so one is put into its metadata: a flipped bit is an error here, never another number.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

CHECKSUM = "sha256"


def write_atomically(path: str | os.PathLike[str], content: bytes) -> None:
    """Put ``content`` into the file ``path``, whole or not at all.  OSError where that fails; the old file stays."""
    target = Path(path)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def save_arrays(
    path: str | os.PathLike[str], arrays: Mapping[str, Array], metadata: Mapping[str, str] | None = None
) -> None:
    """Write ``arrays`` and ``metadata`` as a safetensors file with a checksum of both, atomically."""
    from safetensors.numpy import save

    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    texts = dict(metadata or {})
    write_atomically(path, save(whole, {**texts, CHECKSUM: _checksum(whole, texts)}))


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
