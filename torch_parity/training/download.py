"""MNIST and Fashion-MNIST from the web, into the folders where torchvision keeps them.

Each file is known beforehand by its size and its SHA-256, so nothing else is accepted, wherever it comes from, and no
more than that size is read.  Mirrors are tried in turn, over https alone, and redirects must stay there.
"""

import gzip
import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from reference.datasets import NAMES
from torch_parity.files import write_atomically

CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class Source:
    """Where a data set comes from, and where it goes."""

    folder: str  # torchvision's name for it
    mirrors: tuple[str, ...]  # to which a file's name is appended
    files: tuple[tuple[int, str], ...]  # of each of NAMES as published, gzip'ed: bytes and SHA-256


SOURCES = {
    # The mirrors of torchvision and of TensorFlow Datasets.
    "mnist": Source(
        "MNIST",
        ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
        (
            (9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
            (28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
            (1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
            (4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
        ),
    ),
    # Its authors' bucket, which torchvision reads without TLS, their repository, and the mirror of Keras.
    "fashion-mnist": Source(
        "FashionMNIST",
        (
            "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        ),
        (
            (26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
            (29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
            (4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
            (5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
        ),
    ),
}


def download(
    name: str,
    folder: str | os.PathLike[str],
    *,
    on_url: Callable[[str], None] | None = None,
    sources: Mapping[str, Source] = SOURCES,
    scheme: str = "https",
    timeout: float = 30,
    longest: float = 1800,
) -> Path:
    """Fetch the data set ``name`` of ``sources`` into ``folder``.  Gives back the folder of its files, for ``mnist``.

    That is torchvision's, such as ``folder/FashionMNIST/raw``.  A file that is there is checked and, if it is the right
    one, not fetched; else it is replaced as soon as the right one has arrived in full.  ``on_url`` is called with each
    URL before it is tried.  ``scheme`` is that of all URLs, redirects included; a mirror is given up after ``timeout``
    seconds of silence, and when a file has taken ``longest`` seconds.

    Raises ValueError for an unknown name, and where an unpacked file that would be read instead differs from the
    published one; OSError, with all that was tried and what to do, where no mirror has a file, and where it cannot be
    written.
    """
    if name not in sources:
        raise ValueError(f"download must be one of {', '.join(sources)}, got {name!r}")
    source = sources[name]
    raw = Path(folder).expanduser() / source.folder / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    mirrors = _Mirrors(source.mirrors, scheme, timeout, longest, on_url)
    for stem, (size, sha256) in zip(NAMES, source.files, strict=True):
        path = raw / f"{stem}.gz"
        if not _is(path, size, sha256):
            write_atomically(path, mirrors.fetch(path.name, size, sha256, by_hand=raw))
        _check_unpacked(raw / stem, path)
    return raw


def _is(path: Path, size: int, sha256: str) -> bool:
    """Whether the file ``path`` exists and is that one."""
    return path.is_file() and path.stat().st_size == size and _sha256(path.read_bytes()) == sha256


def _sha256(content: bytes | bytearray) -> str:
    return hashlib.sha256(content).hexdigest()


def _check_unpacked(plain: Path, packed: Path) -> None:
    """ValueError where the file ``plain``, which is read before ``packed``, holds anything else."""
    if plain.is_file():
        content = gzip.decompress(packed.read_bytes())
        if not _is(plain, len(content), _sha256(content)):
            raise ValueError(f"{plain} would be read, but is not what {packed.name} beside it holds; remove it")


class _Mirrors:
    """Gives files whose size and SHA-256 are known, from the first mirror that has them."""

    def __init__(
        self,
        starts: tuple[str, ...],
        scheme: str,
        timeout: float,
        longest: float,
        on_url: Callable[[str], None] | None,
    ) -> None:
        self.starts, self.scheme, self.timeout, self.longest = list(starts), f"{scheme}://", timeout, longest
        self.on_url = on_url
        self.opener = urllib.request.build_opener(_Redirects(self.scheme))

    def fetch(self, name: str, size: int, sha256: str, by_hand: Path) -> bytes:
        """The file ``name``.  OSError where no mirror has it: a user may put it into the folder ``by_hand``."""
        failures = []
        for url in [start + name for start in self.starts]:
            if self.on_url is not None:
                self.on_url(url)
            try:
                return self._read(url, size, sha256)
            except (OSError, http.client.HTTPException, ValueError) as error:
                failures.append(f"  {url}: {error or type(error).__name__}")
                self.starts.append(self.starts.pop(0))  # the next file is asked of the others first
        raise OSError(
            f"no mirror gave {name}:\n" + "\n".join(failures) + "\n"
            f"Try again later; or put {', '.join(f'{stem}.gz' for stem in NAMES)}\n"
            f"into {by_hand} by hand, and read them with --data-dir {by_hand}"
        )

    def _read(self, url: str, size: int, sha256: str) -> bytes:
        """The file at ``url``.  OSError, HTTPException or ValueError for anything but that file."""
        if not url.startswith(self.scheme):
            raise ValueError(f"need a URL that starts with {self.scheme}")
        content = bytearray()
        deadline = time.monotonic() + self.longest
        with self.opener.open(url, timeout=self.timeout) as response:
            # One byte more than wanted shows a file that is too long, and an endless one ends there.
            while chunk := response.read1(min(CHUNK_BYTES, size + 1 - len(content))):
                content += chunk
                if len(content) < size and time.monotonic() > deadline:
                    raise TimeoutError(f"got {len(content)} of {size} bytes in {self.longest} seconds")
        if len(content) != size:
            got = f"only {len(content)}" if len(content) < size else f"more than {size}"
            raise OSError(f"got {got} bytes, need {size}")
        if _sha256(content) != sha256:
            raise OSError(f"got another file of that size, with SHA-256 {_sha256(content)}")
        return bytes(content)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to URLs of one scheme."""

    def __init__(self, scheme: str) -> None:
        self.scheme = scheme

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The request to follow with.  URLError for another scheme."""
        if not newurl.startswith(self.scheme):
            raise urllib.error.URLError(f"redirected to {newurl}, need {self.scheme}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
