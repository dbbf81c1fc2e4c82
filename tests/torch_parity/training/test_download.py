"""Downloads from a server on this machine that misbehaves in every way: only the right files arrive."""

import gzip
import hashlib
import http.server
import re
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reference.datasets import NAMES, mnist
from tests.reference.damaged_data import ARRAYS, idx
from torch_parity.training.download import SOURCES, Source, download

GZ = [f"{name}.gz" for name in NAMES]
# Random pixels cannot be packed: the largest file takes several chunks.
PIXELS = np.random.default_rng(5).integers(0, 256, (300, 28, 28), np.uint8)
FILES = {
    name: gzip.compress(idx(array), mtime=0)
    for name, array in zip(GZ, [PIXELS, PIXELS[:, 0, 0], PIXELS[:9], PIXELS[:9, 1, 1]], strict=True)
}
TRAIN_IMAGES = GZ[0]
SUMS = tuple((len(content), hashlib.sha256(content).hexdigest()) for content in FILES.values())

Reply = Callable[["Handler"], None]


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with what the first folder of the path is called: see ``REPLIES``."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        REPLIES[self.path.split("/")[1]](self)

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    def send(self, content: bytes, length: int | None = None, code: int = 200) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def redirect(self, url: str) -> None:
        self.send_response(302)
        self.send_header("Location", url)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


def endless(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    sent = 0
    try:
        while sent < 1 << 28:
            sent += handler.wfile.write(bytes(1 << 16))
    except OSError:
        handler.server.endless_sent = sent  # type: ignore[attr-defined]


def drip(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(100):
            handler.wfile.write(b"\x1f")
            time.sleep(0.02)
    except OSError:
        pass


def garbage(handler: Handler) -> None:
    handler.wfile.write(b"no HTTP at all\r\n\r\n")


REPLIES: dict[str, Reply] = {
    "good": lambda handler: handler.send(FILES[handler.name]),
    "drop": lambda handler: handler.send(FILES[handler.name][:1000], len(FILES[handler.name])),
    "short": lambda handler: handler.send(FILES[handler.name][:1000]),
    "other": lambda handler: handler.send(FILES[handler.name][:-1] + b"\x7f"),
    "page": lambda handler: handler.send(b"<html>Please log in to this network</html>"),
    "endless": endless,
    "drip": drip,
    "hang": lambda handler: time.sleep(2),
    "garbage": garbage,
    "missing": lambda handler: handler.send(b"no such file", code=404),
    "moved": lambda handler: handler.redirect(f"/good/{handler.name}"),
    "to-file": lambda handler: handler.redirect("file:///etc/hostname"),
    "to-ftp": lambda handler: handler.redirect("ftp://127.0.0.1/file"),
    "to-https": lambda handler: handler.redirect(f"https://127.0.0.1:9/good/{handler.name}"),
    "loop": lambda handler: handler.redirect(handler.path),
}
REASONS = {
    "drop": "got only 1000 bytes, need",
    "short": "got only 1000 bytes, need",
    "other": "got another file of that size, with SHA-256",
    "page": "got only 42 bytes, need",
    "endless": f"got more than {SUMS[0][0]} bytes, need",
    "drip": "bytes in 0.4 seconds",
    "hang": "timed out",
    "garbage": "no HTTP at all",
    "missing": "HTTP Error 404",
    "to-file": "file:///etc/hostname",
    "to-ftp": "redirected to ftp://127.0.0.1/file, need http://",
    "to-https": "redirected to https://127.0.0.1:9/good/train-images-idx3-ubyte.gz, need http://",
    "loop": "infinite loop",
}
IMPATIENT: dict[str, dict[str, float]] = {"drip": {"longest": 0.4}, "hang": {"timeout": 0.4}}


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked = []  # type: ignore[attr-defined]
        server.endless_sent = 0  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Fetch:
    """Downloads from the server's folders ``mirrors``, tried in turn."""

    def __init__(self, server: Any, folder: Path) -> None:
        self.server, self.folder, self.urls = server, folder, list[str]()

    def __call__(self, *mirrors: str, **options: Any) -> Path:
        start = f"http://127.0.0.1:{self.server.server_port}"
        source = Source("Digits", tuple(f"{start}/{mirror}/" for mirror in mirrors), SUMS)
        self.server.asked.clear()
        options = {"scheme": "http", "on_url": self.urls.append, **options}
        return download("digits", self.folder, sources={"digits": source}, **options)

    @property
    def asked(self) -> list[str]:
        return [path[1:] for path in self.server.asked]


@pytest.fixture
def fetch(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fetch:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return Fetch(server, tmp_path)


def assert_complete(folder: Path) -> None:
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES


def test_what_arrives_is_read_as_torchvisions_folder(fetch: Fetch) -> None:
    folder = fetch("good")
    assert folder == fetch.folder / "Digits/raw"
    assert_complete(folder)
    for data in (mnist(folder), mnist(fetch.folder)):
        assert (data.train_images == PIXELS).all()
        assert (data.test_labels == PIXELS[:9, 1, 1]).all()
    assert fetch.asked == [f"good/{name}" for name in GZ]
    assert [url.partition("/good/")[2] for url in fetch.urls] == GZ
    assert stat.S_IMODE((folder / TRAIN_IMAGES).stat().st_mode) == 0o644


def test_what_is_there_is_not_fetched_again(fetch: Fetch) -> None:
    fetch("good")
    assert_complete(fetch("good"))
    assert fetch.asked == []
    assert_complete(fetch())  # not even a mirror is needed


def test_a_tilde_is_ones_home(fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(fetch.folder))
    fetch.folder = Path("~/data")
    folder = fetch("good")
    assert folder == Path.home() / "data/Digits/raw"
    assert_complete(folder)


@pytest.mark.parametrize("damage", [lambda content: content[:-9], lambda content: content[:-1] + b"\x7f"])
def test_a_damaged_file_is_fetched_again(fetch: Fetch, damage: Callable[[bytes], bytes]) -> None:
    path = fetch("good") / GZ[2]
    path.write_bytes(damage(path.read_bytes()))
    assert_complete(fetch("good"))
    assert fetch.asked == [f"good/{GZ[2]}"]


@pytest.mark.parametrize("mirror", REASONS)
def test_a_bad_mirror_is_reported_and_leaves_what_is_there(fetch: Fetch, mirror: str) -> None:
    folder = fetch.folder / "Digits/raw"
    folder.mkdir(parents=True)
    (folder / TRAIN_IMAGES).write_bytes(b"an old file")
    with pytest.raises(OSError, match=r"^no mirror gave train-images-idx3-ubyte.gz:\n") as caught:
        fetch(mirror, **IMPATIENT.get(mirror, {}))
    text = str(caught.value)
    assert re.search(rf"^  http://127\.0\.0\.1:\d+/{mirror}/{TRAIN_IMAGES}: .*{re.escape(REASONS[mirror])}", text, re.M)
    assert text.endswith(f"put {', '.join(GZ)}\ninto {folder} by hand, and read them with --data-dir {folder}")
    assert [path.name for path in folder.iterdir()] == [TRAIN_IMAGES]
    assert (folder / TRAIN_IMAGES).read_bytes() == b"an old file"


@pytest.mark.parametrize("mirror", REASONS)
def test_after_a_bad_mirror_the_next_one_is_tried_and_kept(fetch: Fetch, mirror: str) -> None:
    assert_complete(fetch(mirror, "good", **IMPATIENT.get(mirror, {})))
    assert fetch.asked[-4:] == [f"good/{name}" for name in GZ]
    assert set(fetch.asked[:-4]) == {f"{mirror}/{TRAIN_IMAGES}"}


def test_a_file_that_is_complete_after_the_time_is_taken(fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(handler: Handler) -> None:
        time.sleep(1.2 if handler.name == GZ[3] else 0)  # of few bytes, which come at once
        REPLIES["good"](handler)

    monkeypatch.setitem(REPLIES, "late", late)
    assert_complete(fetch("late", longest=1))


def test_what_arrived_before_a_failure_stays(fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    first = {GZ[0]: REPLIES["good"], GZ[1]: REPLIES["good"]}
    monkeypatch.setitem(REPLIES, "half", lambda handler: first.get(handler.name, REPLIES["missing"])(handler))
    with pytest.raises(OSError, match=GZ[2]):
        fetch("half")
    assert_complete(fetch("good"))
    assert fetch.asked == [f"good/{name}" for name in GZ[2:]]


def test_no_more_is_read_of_an_endless_file_than_is_wanted(fetch: Fetch) -> None:
    fetch.server.endless_sent = 0
    with pytest.raises(OSError, match="more than"):
        fetch("endless")
    deadline = time.monotonic() + 5
    while not fetch.server.endless_sent and time.monotonic() < deadline:
        time.sleep(0.01)
    assert 0 < fetch.server.endless_sent < 1 << 25  # what the sockets hold on top of it


def test_a_good_redirect_is_followed(fetch: Fetch) -> None:
    assert_complete(fetch("moved"))
    assert fetch.asked[:2] == [f"moved/{TRAIN_IMAGES}", f"good/{TRAIN_IMAGES}"]


def test_no_server(fetch: Fetch) -> None:
    source = Source("Digits", ("http://127.0.0.1:9/a/", "http://127.0.0.1:9/b/"), SUMS)
    with pytest.raises(OSError, match=r"127\.0\.0\.1:9/a/.*refused.*\n.*127\.0\.0\.1:9/b/.*refused"):
        download("digits", fetch.folder, sources={"digits": source}, scheme="http", timeout=1)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "file:///etc/", "nonsense"])
def test_https_alone_is_spoken(tmp_path: Path, url: str) -> None:
    with pytest.raises(OSError, match="need a URL that starts with https://"):
        download("digits", tmp_path, sources={"digits": Source("Digits", (url,), SUMS)})


def test_an_unpacked_file_that_differs_is_not_passed_over(fetch: Fetch) -> None:
    """It would be read in place of the one that was checked."""
    plain = fetch("good") / NAMES[0]
    plain.write_bytes(gzip.decompress(FILES[TRAIN_IMAGES]))
    fetch("good")
    plain.write_bytes(idx(ARRAYS[0]))
    with pytest.raises(ValueError, match=rf"{NAMES[0]} would be read, but is not what {TRAIN_IMAGES} .* remove it"):
        fetch("good")
    assert plain.read_bytes() == idx(ARRAYS[0])


def test_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="download must be one of mnist, fashion-mnist, got 'cifar'"):
        download("cifar", tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        download("mnist", tmp_path / "file")


@pytest.mark.parametrize("name", SOURCES)
def test_the_sources_are_complete(name: str) -> None:
    source = SOURCES[name]
    assert len(source.mirrors) > 1
    assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in source.mirrors)
    sizes, sums = zip(*source.files, strict=True)
    assert len(set(sums)) == len(NAMES)
    assert all(re.fullmatch("[0-9a-f]{64}", one) for one in sums)
    assert sizes[0] > sizes[2] > sizes[1] > sizes[3] > 4000
