"""Weights as users of torch hold them, brought into the form of a network here, or refused with what to write instead.

Files are safetensors, or what ``torch.save`` wrote of a state_dict or of a dictionary around one.  A pickle can run any
code when it is loaded, so torch.load may build nothing but tensors and plain values; whatever wants more is refused.
"""

import re
import warnings
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from torch_parity.files import CHECKSUM, load_arrays

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
Shapes = dict[str, Shape]

# Of batch normalisation: an integer among the weights.
COUNTER = "num_batches_tracked"
WRITE = "torch.save(model.state_dict(), 'weights.pt')"
# Where training scripts put the state_dict in what they save, the usual ones first.
ENTRIES = ("state_dict", "model_state_dict", "model", "model_state", "network", "net", "weights", "module")
# What DataParallel, DistributedDataParallel and AveragedModel, and torch.compile put before every name.
PREFIXES = ("module.", "_orig_mod.")
AVERAGED = "n_averaged"  # how many models an AveragedModel has averaged: no weight
HALVES = (torch.float16, torch.bfloat16)
# How other files begin that people take for weights.
STRANGERS = {
    b"version https://git-lfs": "is a pointer of Git LFS, not the file itself, which 'git lfs pull' fetches",
    b"\x89HDF": "is an HDF5 file, as Keras writes",
    b"\x93NUMPY": "is an array of NumPy",
    b"<": "is a web page, or other markup, perhaps instead of a download",
}


@dataclass(frozen=True)
class SavedWeights:
    """What a file holds: ``tensors`` by name, texts about them, and what a user should know of the way they were read.

    Where the file kept an order of its own, ``tensors`` are in it; those of a safetensors file, which sorts names, are
    sorted so that layer10 comes after layer2.
    """

    path: Path
    tensors: dict[str, torch.Tensor]
    metadata: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Naming:
    """A way to read the names in a file: the name there for each of a network's own, and what the way was."""

    names: dict[str, str]
    classes: int
    remarks: list[str]


@dataclass(frozen=True)
class FittedWeights:
    """The weights of a network: ``arrays`` by the network's own names, all float32 or all float64."""

    arrays: dict[str, Array]
    classes: int
    remarks: list[str]


# Files


def read_weights(path: Path) -> SavedWeights:
    """The weights in the file ``path``; what kind of file it is, its content says, not its name.

    Raises OSError where it cannot be read, ValueError, naming it, where it is damaged, no file of weights, or holds
    more than weights.
    """
    with path.open("rb") as file:
        head = file.read(64)
    # A safetensors file has a brace behind the length of its header, and that length may look like anything.
    if head[8:9] != b"{" and head.startswith((b"PK", b"\x80")):
        saved = _torch_file(path, is_zip=head.startswith(b"PK"))
    else:
        saved = _safetensors_file(path, head)
    for name, tensor in saved.tensors.items():
        plain = tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
        # A stretched tensor repeats its numbers: a small file can claim any shape.
        if not plain or tensor.untyped_storage().nbytes() < tensor.numel() * tensor.element_size():
            raise ValueError(f"{path} cannot be used: {name} is sparse, quantized, stretched or without numbers")
    return saved


def _safetensors_file(path: Path, head: bytes) -> SavedWeights:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in sorted(file.keys(), key=_counted)}
    except (SafetensorError, ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        if head[8:9] == b"{":
            raise ValueError(f"{path} is damaged or cut off ({error})") from error
        known = [text for start, text in STRANGERS.items() if head.lstrip().startswith(start)]
        what = "is empty" if not head else known[0] if known else "is no file of weights"
        raise ValueError(f"{path} {what}: needed is a safetensors file, or one by {WRITE}") from error
    if CHECKSUM in metadata:
        arrays, metadata = load_arrays(path)
        tensors = {name: torch.from_numpy(arrays[name]) for name in tensors}
    return SavedWeights(path, tensors, metadata)


def _counted(name: str) -> list[tuple[int, str]]:
    """A key to sort names by, in which numbers count as numbers."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _torch_file(path: Path, is_zip: bool) -> SavedWeights:
    """What torch.save wrote, since torch 1.6 in a zip archive, before as pickles one after another."""
    if is_zip:
        _check_archive(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old formats, which torch reads all the same
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files raise whatever torch stumbles on
        raise ValueError(f"{path} {_why_not(str(error))}") from error
    entry, tensors = _state_dict(content)
    if tensors is None:
        kind = f"a dictionary of {_listed(content)}" if isinstance(content, dict) else f"a {type(content).__name__}"
        raise ValueError(f"{path} holds {kind}, and no state_dict that can be told: write {WRITE}")
    remarks = [f"the weights are those under {entry}"] if entry else []
    return SavedWeights(path, {name: tensor.detach() for name, tensor in tensors.items()}, remarks=remarks)


def _check_archive(path: Path) -> None:
    """ValueError unless the zip archive ``path`` may be one that torch.save wrote."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path} is damaged or cut off ({error})") from error
    if any(name.endswith("/constants.pkl") for name in names):
        raise ValueError(
            f"{path} holds a program of TorchScript: write torch.save(torch.jit.load({path.name!r}).state_dict(), "
            "'weights.pt')"
        )
    if not any(name.endswith("/data.pkl") for name in names):
        what = "arrays of NumPy" if any(name.endswith(".npy") for name in names) else f"{_listed(names)}"
        raise ValueError(f"{path} is a zip archive of {what}, and not by torch.save: write {WRITE}")


def _why_not(error: str) -> str:
    """Why torch.load, which said ``error``, did not load a file."""
    if "Weights only load failed" not in error:
        return f"is damaged or cut off ({error.splitlines()[0] if error else 'it ends too soon'})"
    wanted = re.search(r"(?:GLOBAL|[Cc]lass|function) ([A-Za-z_][\w.]*)", error)
    if wanted is None:
        return f"holds a pickle that torch.load with weights_only=True does not read: write {WRITE}"
    return (
        f"holds more than weights, {wanted[1]}, and loading that could run any code: nothing of it was loaded.  "
        f"If you trust the file, load it where it was made and write the weights alone: {WRITE}"
    )


def _state_dict(content: Any, depth: int = 3) -> tuple[str, dict[str, torch.Tensor] | None]:
    """The state_dict in ``content``, and under which entry it stands there; none where there are none, or several.

    It is looked for ``depth`` dictionaries deep: one may hold itself.
    """
    if not isinstance(content, dict) or depth == 0:
        return "", None
    if content and all(isinstance(name, str) and isinstance(one, torch.Tensor) for name, one in content.items()):
        return "", content
    found = {name: _state_dict(one, depth - 1) for name, one in content.items() if isinstance(name, str)}
    whole = [name for name, (_, tensors) in found.items() if tensors is not None]
    usual = [name for name in ENTRIES if name in whole]
    if not usual and len(whole) != 1:
        return "", None
    name = (usual or whole)[0]
    entry, tensors = found[name]
    return f"{name!r}, {entry}".removesuffix(", "), tensors


def _listed(names: Iterable[Any]) -> str:
    """The first few names."""
    names = [str(name) for name in names]
    return ", ".join([*names[:8], "..."] if len(names) > 8 else names) or "nothing"


# Networks


def fit(saved: SavedWeights, build: Callable[..., Any], network: str, rename: bool) -> FittedWeights:
    """The weights of the network ``network`` that ``build`` makes, given ``nn`` and the number of classes.

    The prefixes of wrappers are taken off where names fit without them.  Where they fit neither way, ``rename`` lets
    layers be matched by their shapes, and those of one shape by their order.  Half precision is widened; a count that
    was converted with the weights is an integer again.
    ValueError, naming the file, where the weights do not fit, or cannot be used.
    """
    found = {name: tuple(one.shape) for name, one in saved.tensors.items() if name != AVERAGED}
    _check_dtypes(saved.path, [saved.tensors[name].dtype for name in found if not name.endswith(COUNTER)])
    naming = _naming(found, build, rename)
    if naming is None:
        raise ValueError(f"{saved.path} does not fit {network}: {_misfit(found, build)}")
    tensors = {own: saved.tensors[name] for own, name in naming.names.items()}
    remarks = [*saved.remarks, *naming.remarks]
    tensors |= {name: _count(tensor) for name, tensor in tensors.items() if name.endswith(COUNTER)}
    halves = sorted({_text(tensor.dtype) for tensor in tensors.values() if tensor.dtype in HALVES})
    if halves:
        remarks.append(f"{' and '.join(halves)} widened to float32, which changes no number")
    arrays = {name: (one.float() if one.dtype in HALVES else one).numpy() for name, one in tensors.items()}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(
                f"{saved.path} cannot be used: {name} has numbers that are not finite, as after training that diverged"
            )
    return FittedWeights(arrays, naming.classes, remarks)


def _count(tensor: torch.Tensor) -> torch.Tensor:
    """A count as integers, as torch takes it; 0 where half precision could not hold it."""
    return tensor.double().nan_to_num(0, 0, 0).long() if tensor.is_floating_point() else tensor


def fitting(saved: SavedWeights, networks: dict[str, Callable[..., Any]]) -> list[str]:
    """The names of those ``networks`` whose weights these could be."""
    found = {name: tuple(one.shape) for name, one in saved.tensors.items() if name != AVERAGED}
    return [name for name, build in networks.items() if _naming(found, build, rename=True) is not None]


def _check_dtypes(path: Path, dtypes: Iterable[torch.dtype]) -> None:
    """ValueError unless all are float32, but for what can be widened to it, or all are float64."""
    kinds = set(dtypes)
    if not kinds or not (kinds == {torch.float64} or kinds <= {torch.float32, *HALVES}):
        raise ValueError(
            f"{path} must hold weights of float32 or of float64, got {', '.join(sorted(map(_text, kinds))) or 'none'}; "
            "float16 and bfloat16 are widened to float32"
        )


def _text(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _misfit(found: Shapes, build: Callable[..., Any]) -> str:
    """The first parameter that is not as the network needs it."""
    bare, _ = _without_prefixes(found)
    shapes = {name: found[bare[name]] for name in bare} if len(bare) == len(found) else found
    last = list(_shapes(build, 1))[-1]
    needed = _shapes(build, max(1, shapes[last][0]) if shapes.get(last) else 1)
    name = next(name for name in [*needed, *shapes] if shapes.get(name) != needed.get(name))
    all_found = _listed(f"{name} {shape}" for name, shape in found.items())
    return f"{name} has shape {shapes.get(name, 'none')}, needs {needed.get(name, 'none')}; the file has {all_found}"


def _naming(found: Shapes, build: Callable[..., Any], rename: bool) -> Naming | None:
    """The first way to read the names in which all shapes fit, for any number of classes that they could mean."""
    if len(found) != len(_shapes(build, 1)):
        return None
    bare, prefixes = _without_prefixes(found)
    ways: list[tuple[dict[str, str], list[str]]] = [({name: name for name in found}, [])]
    if prefixes:
        ways.append((bare, [f"names without {' and '.join(prefixes)}"]))
    counts = [shape[0] for shape in reversed(found.values()) if shape and shape[0] > 0]  # the last layer's first
    needs = {classes: _shapes(build, classes) for classes in counts}
    for classes, needed in needs.items():
        for names, remarks in ways:
            if {own: found[name] for own, name in names.items()} == needed:
                return Naming(names, classes, remarks)
    for classes, needed in needs.items() if rename else ():
        matched = _by_shape(found, needed)
        if matched is not None:
            layers = {_layer(theirs): _layer(own) for own, theirs in matched.items()}
            told = ", ".join(f"{theirs or 'the one without a name'} is {own}" for theirs, own in layers.items())
            return Naming(matched, classes, [f"layers matched by shape and order: {told}"])
    return None


def _shapes(build: Callable[..., Any], classes: int) -> Shapes:
    """Of the network's parameters; without numbers, since a file may claim a billion classes."""
    with torch.device("meta"):
        network = build(torch.nn, classes)
    if not isinstance(network, torch.nn.Module):
        raise ValueError(f"the function must return a network made from its argument nn, got {type(network).__name__}")
    return {name: tuple(one.shape) for name, one in network.state_dict().items()}


def _without_prefixes(names: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """The names by what is left of them without the prefixes of wrappers, and which of these there were."""
    bare, prefixes = {}, set()
    for name in names:
        rest = name
        while prefix := next((prefix for prefix in PREFIXES if rest.startswith(prefix)), ""):
            rest = rest.removeprefix(prefix)
            prefixes.add(prefix)
        bare[rest] = name
    return bare, sorted(prefixes)


def _layer(name: str) -> str:
    return name.rpartition(".")[0]


def _by_shape(found: Shapes, needed: Shapes) -> dict[str, str] | None:
    """The name in ``found`` for each in ``needed``, where both have as many layers of each form; else None.

    The form of a layer is the shapes of its parameters by the last part of their names, weight and bias.
    """
    theirs, ours = _layers_by_form(found), _layers_by_form(needed)
    if {form: len(layers) for form, layers in theirs.items()} != {form: len(layers) for form, layers in ours.items()}:
        return None
    layers = {own: their for form in ours for own, their in zip(ours[form], theirs[form], strict=True)}
    return {name: f"{layers[_layer(name)]}.{name.rpartition('.')[2]}".removeprefix(".") for name in needed}


def _layers_by_form(shapes: Shapes) -> dict[frozenset[tuple[str, Shape]], list[str]]:
    layers: dict[str, set[tuple[str, Shape]]] = {}
    for name, shape in shapes.items():
        layer, _, parameter = name.rpartition(".")
        layers.setdefault(layer, set()).add((parameter, shape))
    forms: dict[frozenset[tuple[str, Shape]], list[str]] = {}
    for layer, parameters in layers.items():
        forms.setdefault(frozenset(parameters), []).append(layer)
    return forms
