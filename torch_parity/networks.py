"""Architectures, each written once and built on both sides: pass ``reference.nn`` or ``torch.nn``.

Images are (N, 1, 28, 28), scores (N, classes).  ``own`` finds an architecture of one's own in a file.
"""

import contextlib
import inspect
import runpy
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch_parity.beside import Beside
from torch_parity.image_networks import residual_block


def formula(nn: Any, classes: int = 10) -> Any:
    """The video's formula, Y = f(Dense(Flatten(Pool(ReLU(I * K))))), with 8 kernels; f is in the loss."""
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 13 * 13, classes))


def lenet5(nn: Any, classes: int = 10) -> Any:
    """LeNet-5 (LeCun et al., 1998) with ReLU and max pooling, as it is taught today: the steps repeated twice."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, classes),
    )  # fmt: skip


def mnist_example(nn: Any, classes: int = 10) -> Any:
    """The network of PyTorch's MNIST example, without dropout."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 12 * 12, 128), nn.ReLU(), nn.Linear(128, classes),
    )  # fmt: skip


def vgg_small(nn: Any, classes: int = 10) -> Any:
    """The steps repeated, as VGG (Simonyan & Zisserman, 2015) does: two convolutions and a pooling, twice.

    In the end each channel is averaged over the whole image, and one dense layer scores the averages.
    """
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.AvgPool2d(7), nn.Flatten(), nn.Linear(32, classes),
    )  # fmt: skip


def resnet_small(nn: Any, classes: int = 10, width: int = 32) -> Any:
    """ResNet (He et al., 2016) for digits: a stem of ``width`` channels, halved, and two residual blocks.

    The second halves the image once more, and doubles the channels.  Dropout keeps the scores from relying on a few.
    """
    block = residual_block(nn)
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, width, 3, padding=1, bias=False), bn1=nn.BatchNorm2d(width), relu=nn.ReLU(),
            maxpool=nn.MaxPool2d(2), layer1=block(width, width), layer2=block(width, 2 * width, stride=2),
            avgpool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), dropout=nn.Dropout(0.3),
            fc=nn.Linear(2 * width, classes),
        )
    )  # fmt: skip


NETWORKS: dict[str, Callable[..., Any]] = {
    "formula": formula, "lenet5": lenet5, "mnist-example": mnist_example, "vgg-small": vgg_small,
    "resnet-small": resnet_small,
}  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """How a network is trained unless one says otherwise; the learning rate falls along a cosine."""

    epochs: int = 3
    batch_size: int = 64
    schedule: str = "cosine"
    lr: float = 0.02
    momentum: float = 0.9
    weight_decay: float = 0.0
    random_crop: int = 0


RECIPES = {
    "formula": Recipe(),
    "lenet5": Recipe(epochs=5),
    "mnist-example": Recipe(batch_size=32),
    "vgg-small": Recipe(epochs=5),
    "resnet-small": Recipe(epochs=14, batch_size=128, lr=0.1, weight_decay=5e-4, random_crop=1),
}


OWN_FILE = "network.py"  # what a run calls the copy that it keeps of a file of one's own
OWN_MODULES = "modules"  # the folder, in a run's, with copies of the modules beside that file that it imports


@dataclass(frozen=True)
class OwnNetwork:
    """A function of one's own that builds a network from ``nn``, and perhaps ``classes``; called as it is."""

    name: str  # of file and function, such as 'my_net.py:build'
    path: Path
    source: bytes
    build: Callable[..., Any] = field(repr=False)
    beside: Beside = field(repr=False)

    def __call__(self, nn: Any, classes: int = 10) -> Any:
        """The network.  ValueError, with file and line, where the function raises an error."""
        signature = inspect.signature(self.build)
        takes_classes = "classes" in signature.parameters
        try:
            signature.bind(nn, **({"classes": classes} if takes_classes else {}))
        except TypeError as error:
            function = self.name.rpartition(":")[2]
            raise ValueError(f"{self.path}: {function}{signature} must take one argument, nn") from error
        with explaining(self), self.beside.importable():
            return self.build(nn, classes=classes) if takes_classes else self.build(nn)


def own(text: str, copies: Path | None = None, stem: str | None = None) -> OwnNetwork:
    """The function that ``text`` names as FILE.py:FUNCTION.

    The file is run, as Python's import does, and finds what lies beside it.  A run's copy finds that in the folder
    ``copies``, and is called ``stem``, as it was.  Raises FileNotFoundError where there is no such file, ValueError,
    with file and line where there is one, where it cannot be run or has no such function.
    """
    ran = _ran(text, "a network of one's own must be given as FILE.py:FUNCTION", copies, stem)
    build = ran.contents.get(ran.name)
    if not callable(build):
        module = ran.contents["__name__"]
        found = [name for name, one in ran.contents.items() if inspect.isfunction(one) and one.__module__ == module]
        raise ValueError(f"{ran.file}: there is no function {ran.name!r}; its functions: {', '.join(found) or 'none'}")
    return ran.network(build)


def own_module(text: str, module: type[Any]) -> tuple[OwnNetwork, Any]:
    """The ``module`` (torch's class of all layers) that ``text`` names as FILE.py:NAME, and where it comes from.

    NAME is a module, or a class or function that makes one without arguments.  Raises what ``own`` raises.
    """
    ran = _ran(text, "a module of one's own must be given as FILE.py:NAME")
    file, name = ran.file, ran.name
    if name not in ran.contents:
        found = [n for n, one in ran.contents.items() if isinstance(one, module) or _makes(one, module, ran.path)]
        raise ValueError(f"{file}: there is no {name!r}; its modules, classes and functions: {', '.join(found)}")
    value = ran.contents[name]
    origin = ran.network(lambda: value)
    if not isinstance(value, module) and callable(value):
        try:
            inspect.signature(value).bind()
        except TypeError as error:
            raise ValueError(f"{file}: {name} must need no arguments: {error}") from error
        with explaining(origin), ran.beside.importable():
            value = value()
    if not isinstance(value, module):
        raise ValueError(f"{file}: {name} must be, or make, a torch.nn.Module, got {type(value).__name__}")
    return origin, value


def _makes(value: Any, module: type[Any], path: Path) -> bool:
    """Whether ``value`` is a class of modules, or a function, that the file ``path`` defines itself."""
    own = getattr(value, "__module__", None) == path.stem
    return own and (inspect.isfunction(value) or (inspect.isclass(value) and issubclass(value, module)))


@dataclass(frozen=True)
class _Ran:
    """What FILE.py:NAME names, after the file was run."""

    file: str  # as given
    name: str
    path: Path
    source: bytes
    contents: dict[str, Any]
    beside: Beside

    def network(self, build: Callable[..., Any]) -> OwnNetwork:
        return OwnNetwork(f"{self.path.name}:{self.name}", self.path, self.source, build, self.beside)


def _ran(text: str, needs: str, copies: Path | None = None, stem: str | None = None) -> _Ran:
    """The file of FILE.py:NAME, run; ValueError says what it ``needs`` where it is not given so."""
    file, _, name = text.rpartition(":")
    if not file.endswith(".py"):
        raise ValueError(f"{needs}, got {text!r}")
    path = Path(file).expanduser().resolve()
    if not path.is_file():
        raise FileNotFoundError(f"{file}: there is no such file")
    source = path.read_bytes()
    beside = Beside(path.parent if copies is None else copies, copies is not None)
    try:
        with beside.importable():
            contents = runpy.run_path(str(path), run_name=stem or path.stem)
            beside.note_imports(source)
    except (Exception, SystemExit) as error:  # a script may end the program
        missing = copies is not None and isinstance(error, ModuleNotFoundError)
        advice = f": the run has no copy of it; if it lay beside the file, copy it to {copies}" if missing else ""
        raise ValueError(_explained(error, path) + advice) from error
    return _Ran(file, name, path, source, contents, beside)


def named(name: str, folder: Path | None = None) -> Callable[..., Any]:
    """The function that builds the network ``name``: one of ``NETWORKS``, or one of one's own as ``own`` takes it.

    Of the latter ``folder``, a run's, may have the copies.  Raises what ``own`` raises, ValueError for an unknown name.
    """
    if name in NETWORKS:
        return NETWORKS[name]
    if ".py" not in name:
        raise ValueError(f"network must be one of {', '.join(NETWORKS)}, or FILE.py:FUNCTION, got {name!r}")
    if folder is not None and (folder / OWN_FILE).is_file():
        file, _, function = name.rpartition(":")
        copies = folder.resolve() / OWN_MODULES
        return own(f"{folder / OWN_FILE}:{function}", copies if copies.is_dir() else copies.parent, Path(file).stem)
    return own(name)


@contextlib.contextmanager
def explaining(build: object) -> Iterator[None]:
    """Inside, an error from code in the file of a network of one's own is a ValueError with file and line."""
    try:
        yield
    except Exception as error:
        if isinstance(build, OwnNetwork) and _lines(error, build.path):
            raise ValueError(_explained(error, build.path)) from error
        raise


def _explained(error: BaseException, path: Path) -> str:
    """The error in words, with the place in the file ``path`` where it came from."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{path}, line {error.lineno}: {error.msg}"
    what = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
    lines = _lines(error, path)
    return f"{path}, line {lines[-1]}: {what}" if lines else f"{path}: {what}"


def _lines(error: BaseException, path: Path) -> list[int | None]:
    """The lines of the file ``path`` that were being run when the error came, from the outermost call to the last."""
    return [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
