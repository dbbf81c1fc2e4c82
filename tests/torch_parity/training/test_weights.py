"""Weights as users of torch hold them are read, whatever they are wrapped in; the rest is refused, and runs nothing."""

import argparse
import io
import os
import pickle
import random
import re
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from torch_parity.files import save_arrays
from torch_parity.networks import NETWORKS
from torch_parity.training.predict import Classifier
from torch_parity.training.weights import SavedWeights, fitting, read_weights


class ExampleNet(torch.nn.Module):
    """The layers of PyTorch's MNIST example, under its names."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = torch.nn.Conv2d(1, 32, 3), torch.nn.Conv2d(32, 64, 3)
        self.dropout1 = torch.nn.Dropout(0.25)
        self.fc1, self.fc2 = torch.nn.Linear(9216, 128), torch.nn.Linear(128, 10)


IMAGE = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)


def state(network: str = "formula", classes: int = 10) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return dict(NETWORKS[network](torch.nn, classes).state_dict())


def prefixed(prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + name: tensor for name, tensor in state().items()}


def assert_loaded(classifier: Classifier, expected: dict[str, torch.Tensor]) -> None:
    """Both sides have the ``expected`` weights, and use them."""
    for name, tensor in expected.items():
        np.testing.assert_array_equal(classifier.numpy.state_dict()[name], tensor.numpy())
        assert torch.equal(classifier.torch.state_dict()[name], tensor)
    assert classifier.predict(IMAGE).largest_difference < 1e-6


# Files


def in_training() -> dict[str, Any]:
    """What a training script saves: more than weights, but nothing that could run."""
    model = NETWORKS["formula"](torch.nn)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    return {
        "epoch": 3,
        "optimizer": optimizer.state_dict(),
        "scheduler": schedule.state_dict(),
        "loss": 0.25,
        "args": None,
    }


def one_parameter_in_training() -> dict[str, Any]:
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.grad = torch.ones(2)
    optimizer = torch.optim.SGD([parameter], lr=0.1, momentum=0.9)
    optimizer.step()
    return {"optimizer": optimizer.state_dict()}


def holding_itself(**entries: Any) -> dict[str, Any]:
    content = dict(entries)
    content["self"] = content
    return content


TORCH_FILES: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "state_dict": (lambda: OrderedDict(state()), []),
    "parameters": (lambda: {name: torch.nn.Parameter(tensor) for name, tensor in state().items()}, []),
    "under state_dict": (
        lambda: {**in_training(), "state_dict": state()},
        ["the weights are those under 'state_dict'"],
    ),
    "under model": (lambda: {"model": state(), **in_training()}, ["the weights are those under 'model'"]),
    "under model_state_dict": (
        lambda: {**in_training(), "model_state_dict": state()},
        ["the weights are those under 'model_state_dict'"],
    ),
    "for images of channels last": (
        lambda: {
            n: one.contiguous(memory_format=torch.channels_last) if one.ndim == 4 else one for n, one in state().items()
        },
        [],
    ),
    "beside the state of one parameter": (
        lambda: {**one_parameter_in_training(), "lenet": state()},
        ["the weights are those under 'lenet'"],
    ),
    "holding itself": (lambda: holding_itself(model=state()), ["the weights are those under 'model'"]),
    "under a name of their own": (lambda: {**in_training(), "lenet": state()}, ["the weights are those under 'lenet'"]),
    "two deep": (lambda: {"model": {"state_dict": state()}}, ["the weights are those under 'model', 'state_dict'"]),
    "the usual one of two": (
        lambda: {"ema": {name: 0 * one for name, one in state().items()}, "model": state()},
        ["the weights are those under 'model'"],
    ),
    "DataParallel": (lambda: prefixed("module."), ["names without module."]),
    "torch.compile": (lambda: prefixed("_orig_mod."), ["names without _orig_mod."]),
    "both": (lambda: prefixed("module._orig_mod."), ["names without _orig_mod. and module."]),
    "AveragedModel": (
        lambda: {"n_averaged": torch.tensor(7), **prefixed("module.")},
        ["names without module."],
    ),
}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", TORCH_FILES)
def test_what_torch_save_writes_is_read(name: str, zipped: bool, tmp_path: Path) -> None:
    """In the format of today and in that before torch 1.6; the name of the file does not matter."""
    content, remarks = TORCH_FILES[name]
    torch.save(content(), tmp_path / "weights", _use_new_zipfile_serialization=zipped)
    classifier = Classifier(tmp_path / "weights", "formula")
    assert classifier.remarks == remarks
    assert_loaded(classifier, state())


def test_any_number_of_classes_in_float64(tmp_path: Path) -> None:
    weights = {name: tensor.double() for name, tensor in state("lenet5", 47).items()}
    torch.save({"state_dict": weights}, tmp_path / "weights.pth")
    classifier = Classifier(tmp_path / "weights.pth", "lenet5")
    assert classifier.classes == 47
    assert classifier.dtype == np.float64
    assert_loaded(classifier, weights)


def test_real_wrappers_of_torch(tmp_path: Path) -> None:
    model = NETWORKS["formula"](torch.nn)
    wrapped = {
        "parallel": torch.nn.DataParallel(model),
        "averaged": torch.optim.swa_utils.AveragedModel(model),
    }
    for name, wrapper in wrapped.items():
        torch.save(wrapper.state_dict(), tmp_path / name)
        assert_loaded(Classifier(tmp_path / name, "formula"), model.state_dict())


def test_weights_saved_on_a_gpu(tmp_path: Path) -> None:
    """There is none here: torch writes the device as text before the numbers, and this is another text."""
    torch.save(state(), tmp_path / "cpu.pt")
    with zipfile.ZipFile(tmp_path / "cpu.pt") as saved, zipfile.ZipFile(tmp_path / "gpu.pt", "w") as changed:
        for name in saved.namelist():
            content = saved.read(name)
            if name.endswith("/data.pkl"):
                assert content.count(b"X\x03\x00\x00\x00cpu") > 0
                content = content.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
            changed.writestr(name, content)
    assert_loaded(Classifier(tmp_path / "gpu.pt", "formula"), state())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's own parts
def test_a_compiled_network(tmp_path: Path) -> None:
    model = NETWORKS["formula"](torch.nn)
    compiled: Any = torch.compile(model)
    torch.save(torch.nn.DataParallel(compiled).state_dict(), tmp_path / "weights")
    assert_loaded(Classifier(tmp_path / "weights", "formula"), model.state_dict())


@pytest.mark.parametrize("length", [0x780, 0x4B50])
def test_a_safetensors_file_that_begins_as_another(length: int, tmp_path: Path) -> None:
    """The length of its header stands first, and these are how a pickle and a zip archive begin."""

    def content(note: str) -> bytes:
        return safetensors.torch.save(state(), {"network": "formula", "note": note})

    missing = length - int.from_bytes(content("")[:8], "little")
    (tmp_path / "weights").write_bytes(content("-" * missing))
    assert content("-" * missing).startswith((b"\x80", b"PK"))
    assert_loaded(Classifier(tmp_path / "weights"), state())


@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_widened_and_said(dtype: torch.dtype, suffix: str, tmp_path: Path) -> None:
    weights = {name: tensor.to(dtype) for name, tensor in state().items()}
    path = tmp_path / f"weights.{suffix}"
    torch.save(weights, path) if suffix == "pt" else safetensors.torch.save_file(weights, path)
    classifier = Classifier(path, "formula")
    name = str(dtype).removeprefix("torch.")
    assert classifier.remarks == [f"{name} widened to float32, which changes no number"]
    assert_loaded(classifier, {name: tensor.float() for name, tensor in weights.items()})


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_the_count_of_batch_normalisation_stays_an_integer(dtype: torch.dtype, suffix: str, tmp_path: Path) -> None:
    """Also where it was converted with the weights; float16 holds no 70,000, and says infinity."""
    network = NETWORKS["resnet-small"](torch.nn)
    for batches, in_float16 in ((3, 3), (1 << 16, 0)):
        for converted in (False, True):
            tensors = {
                name: torch.tensor(batches) if name.endswith("tracked") else one.to(dtype)
                for name, one in network.state_dict().items()
            }
            if converted:
                tensors = {name: one.to(dtype) for name, one in tensors.items()}
            path = tmp_path / f"weights.{suffix}"
            torch.save(tensors, path) if suffix == "pt" else safetensors.torch.save_file(tensors, path)
            classifier = Classifier(path, "resnet-small")
            expected = in_float16 if converted and dtype == torch.float16 else batches
            for state in (classifier.numpy.state_dict(), classifier.torch.state_dict()):
                count = np.asarray(state["bn1.num_batches_tracked"])
                assert (int(count), str(count.dtype), count.shape) == (expected, "int64", ())
            assert bool(classifier.remarks) == (dtype in (torch.float16, torch.bfloat16))


def test_halves_in_a_file_of_ours_and_beside_float32(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {name: tensor.numpy() for name, tensor in state().items()}
    arrays["0.bias"] = arrays["0.bias"].astype(np.float16)
    save_arrays(tmp_path / "weights", arrays, {"network": "formula"})
    classifier = Classifier(tmp_path / "weights")
    assert classifier.remarks == ["float16 widened to float32, which changes no number"]
    np.testing.assert_array_equal(classifier.numpy[0].bias.data, arrays["0.bias"])


def test_safetensors_need_no_metadata_of_ours(tmp_path: Path) -> None:
    for number, metadata in enumerate(({}, {"format": "pt"}, {"network": "formula", "author": "someone"})):
        for content in (state(), prefixed("module."), prefixed("_orig_mod.")):
            safetensors.torch.save_file(content, tmp_path / f"{number}", metadata)
            assert_loaded(Classifier(tmp_path / f"{number}", None if "network" in metadata else "formula"), state())


class Evil:
    """A pickle that runs a command when it is loaded."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.system, (f"touch '{self.trace}'",)


@pytest.mark.parametrize("wrap", [lambda evil: evil, lambda evil: {**state(), "5.bias": evil}], ids=["bare", "beside"])
@pytest.mark.parametrize("way", ["zip", "legacy", "pickle"])
def test_a_pickle_that_wants_to_run_something_is_refused(way: str, wrap: Any, tmp_path: Path) -> None:
    trace, path = tmp_path / "trace", tmp_path / "weights.pt"
    content = wrap(Evil(trace))
    if way == "pickle":
        path.write_bytes(pickle.dumps(content, protocol=2))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=way == "zip")
    wanted = r"\w+\.system|torch\.storage\._load_from_bytes"  # the second is how a plain pickle has tensors
    text = rf"weights.pt (holds more than weights, ({wanted}), and loading that could run|holds a pickle that)"
    with pytest.raises(ValueError, match=text) as refused:
        Classifier(path, "formula")
    assert "torch.save(model.state_dict(), 'weights.pt')" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not trace.exists()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if way == "zip":  # the very file would have done it
            torch.load(path, weights_only=False)
            assert trace.exists()


MORE_THAN_WEIGHTS: dict[str, tuple[Any, str]] = {
    "a whole model": (NETWORKS["formula"](torch.nn), "more than weights, torch.nn.modules.container.Sequential, and"),
    "a model of one's own": (ExampleNet(), r"more than weights, tests\.\S+.ExampleNet, and loading that could run"),
    "arguments": ({"model": state(), "args": argparse.Namespace(lr=1)}, "more than weights, argparse.Namespace, and"),
    "NumPy": ({"model": state(), "loss": np.float64(1)}, r"more than weights, numpy\.\S+, and loading"),
    "a list": (list(state().values()), "holds a list, and no state_dict that can be told"),
    "a tensor": (torch.ones(3), "holds a Tensor, and no state_dict"),
    "no weights": ({"epoch": 3, "loss": 0.5}, "holds a dictionary of epoch, loss, and no state_dict"),
    "an optimizer's": (
        one_parameter_in_training()["optimizer"],
        "a dictionary of state, param_groups, and no state_dict",
    ),
    "nothing": ({}, "holds a dictionary of nothing, and no state_dict"),
    "two models": ({"generator": state(), "critic": state()}, "a dictionary of generator, critic, and no state_dict"),
    "many entries": ({f"e{number}": number for number in range(20)}, "dictionary of e0, .*, e7, ..., and no"),
}


@pytest.mark.parametrize("name", MORE_THAN_WEIGHTS)
def test_what_is_more_or_less_than_weights_is_refused_with_what_to_write(name: str, tmp_path: Path) -> None:
    content, text = MORE_THAN_WEIGHTS[name]
    for zipped in (True, False):
        torch.save(content, tmp_path / "weights.pt", _use_new_zipfile_serialization=zipped)
        with pytest.raises(ValueError, match=text) as refused:
            Classifier(tmp_path / "weights.pt", "formula")
        assert "torch.save(model.state_dict(), 'weights.pt')" in str(refused.value)
        assert "damaged" not in str(refused.value)


def script() -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own end
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), file)
    return file.getvalue()


def archive(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, b"content")
    return file.getvalue()


OTHER_FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "is empty: needed is a safetensors file, or one by torch.save"),
    "text": (lambda: b"these are no weights at all", "is no file of weights: needed is a safetensors file"),
    "Git LFS": (lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a pointer of Git LFS"),
    "HTML": (lambda: b"\n<!DOCTYPE html>\n<html>", "is a web page"),
    "Keras": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(99), "is an HDF5 file, as Keras writes: needed is"),
    "npy": (lambda: b"\x93NUMPY\x01\x00" + bytes(99), "is an array of NumPy: needed is"),
    "npz": (lambda: archive("weight.npy"), "is a zip archive of arrays of NumPy, and not by torch.save: write"),
    "zip": (lambda: archive("notes.txt"), "is a zip archive of notes.txt, and not by torch.save: write"),
    "TorchScript": (
        script,
        r"holds a program of TorchScript: write torch.save\(torch.jit.load\('weights'\).state_dict",
    ),
    "pickle": (
        lambda: pickle.dumps({"a": 1}),
        "holds a pickle that torch.load with weights_only=True does not read: write",
    ),
}


@pytest.mark.parametrize("name", OTHER_FILES)
def test_other_files_are_called_by_what_they_are(name: str, tmp_path: Path) -> None:
    content, text = OTHER_FILES[name]
    (tmp_path / "weights").write_bytes(content())
    with pytest.raises(ValueError, match=f"^{re.escape(str(tmp_path / 'weights'))} {text}") as refused:
        read_weights(tmp_path / "weights")
    assert "\n" not in str(refused.value)
    assert "is damaged" not in str(refused.value)


def test_what_is_cut_off_is_called_damaged(tmp_path: Path) -> None:
    torch.save(state(), tmp_path / "zip")
    torch.save(state(), tmp_path / "legacy", _use_new_zipfile_serialization=False)
    safetensors.torch.save_file(state(), tmp_path / "safetensors")
    for name in ("zip", "legacy", "safetensors"):
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[:9000])
        with pytest.raises(ValueError, match=rf"{name} is damaged or cut off \(.+\)"):
            read_weights(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_damaged_files_of_torch_are_refused_or_fit(zipped: bool, tmp_path: Path) -> None:
    """Whatever the damage, there is no other error; a number may pass as another, but no shape."""
    path, rng, refused = tmp_path / "weights", random.Random(3), 0
    torch.save(state(), path, _use_new_zipfile_serialization=zipped)
    content = path.read_bytes()
    for number in range(60):
        copy = bytearray(content)
        place = rng.randrange(1200 if number % 2 else len(copy))
        copy[place : place + rng.randrange(9)] = rng.randbytes(4)
        path.write_bytes(copy)
        try:
            classifier = Classifier(path, "formula")
        except ValueError as error:
            assert str(path) in str(error)  # noqa: PT017  (either outcome is fine)
            refused += 1
        else:
            assert {name: one.shape for name, one in classifier.torch.state_dict().items()} == {
                name: one.shape for name, one in state().items()
            }
    assert refused > 20


ODD_TENSORS: dict[str, Callable[[], torch.Tensor]] = {
    "stretched": lambda: torch.ones(1).expand(1 << 40),  # a file of a kilobyte
    "without numbers": lambda: torch.ones(8, device="meta"),
    "sparse": lambda: torch.ones(8).to_sparse(),
}


@pytest.mark.parametrize("name", ODD_TENSORS)
def test_odd_tensors_are_refused(name: str, tmp_path: Path) -> None:
    torch.save({**state(), "0.bias": ODD_TENSORS[name]()}, tmp_path / "weights.pt")
    with pytest.raises(
        ValueError, match=r"weights.pt cannot be used: 0.bias is sparse, quantized, stretched or without"
    ):
        Classifier(tmp_path / "weights.pt", "formula")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent.pt"):
        Classifier(tmp_path / "absent.pt", "formula")


# Names


@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
def test_the_names_of_pytorchs_example_are_matched_by_shape_and_order(suffix: str, tmp_path: Path) -> None:
    weights, path = ExampleNet().state_dict(), tmp_path / f"mnist_cnn.{suffix}"
    weights = {"module." + name: tensor for name, tensor in weights.items()}
    torch.save(weights, path) if suffix == "pt" else safetensors.torch.save_file(weights, path)
    classifier = Classifier(path, "mnist-example")
    own = NETWORKS["mnist-example"](torch.nn).state_dict()
    assert_loaded(classifier, dict(zip(own, weights.values(), strict=True)))
    [remark] = classifier.remarks
    pairs = "module.conv1 is 0, module.conv2 is 2, module.fc1 is 6, module.fc2 is 8"
    assert remark == f"layers matched by shape and order: {pairs}"


ALIKE = """
def build(nn):
    layers = [nn.Flatten(), nn.Linear(784, 20)]
    for _ in range(11):
        layers += [nn.ReLU(), nn.Linear(20, 20)]
    return nn.Sequential(*layers, nn.ReLU(), nn.Linear(20, 10))
"""


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
def test_layers_of_one_shape_go_by_their_order(suffix: str, tmp_path: Path) -> None:
    """In a safetensors file, which sorts names, by the numbers in them: layer 10 comes after layer 2."""
    (tmp_path / "alike.py").write_text(ALIKE)
    network, path = f"{tmp_path / 'alike.py'}:build", tmp_path / f"weights.{suffix}"
    shapes = [(20, 784), *[(20, 20)] * 11, (10, 20)]
    weights = {}
    for number, shape in enumerate(shapes):
        weights[f"fc{number}.weight"] = torch.full(shape, number / 100)
        weights[f"fc{number}.bias"] = torch.full(shape[:1], number / 100)
    torch.save(weights, path) if suffix == "pt" else safetensors.torch.save_file(weights, path)
    classifier = Classifier(path, network)
    biases = [one[0] for name, one in classifier.numpy.state_dict().items() if name.endswith("bias")]
    np.testing.assert_array_equal(biases, np.array([number / 100 for number in range(13)], np.float32))


@pytest.mark.slow
def test_as_many_layers_of_each_shape_are_needed(tmp_path: Path) -> None:
    (tmp_path / "alike.py").write_text(ALIKE)
    shapes = [(20, 784), *[(20, 20)] * 10, (20, 784), (10, 20)]
    weights = {f"fc{number}.weight": torch.ones(shape) for number, shape in enumerate(shapes)}
    weights |= {f"fc{number}.bias": torch.ones(shape[:1]) for number, shape in enumerate(shapes)}
    torch.save(weights, tmp_path / "weights.pt")
    with pytest.raises(ValueError, match=r"weights.pt does not fit .*alike.py:build: 1.weight has shape none"):
        Classifier(tmp_path / "weights.pt", f"{tmp_path / 'alike.py'}:build")


def test_a_layer_saved_alone_has_no_name(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("def build(nn): return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))\n")
    layer = torch.nn.Linear(784, 10)
    torch.save(layer.state_dict(), tmp_path / "weights.pt")
    classifier = Classifier(tmp_path / "weights.pt", f"{tmp_path / 'one.py'}:build")
    assert classifier.remarks == ["layers matched by shape and order: the one without a name is 1"]
    assert_loaded(classifier, {"1." + name: tensor for name, tensor in layer.state_dict().items()})


def test_names_are_matched_only_where_the_network_is_named(tmp_path: Path) -> None:
    weights = ExampleNet().state_dict()
    safetensors.torch.save_file(weights, tmp_path / "weights", {"network": "mnist-example"})
    with pytest.raises(ValueError, match=r"does not fit mnist-example: 0.weight has shape none, needs .32, 1, 3, 3"):
        Classifier(tmp_path / "weights")
    safetensors.torch.save_file(weights, tmp_path / "weights")
    with pytest.raises(
        ValueError,
        match=r"does not say whose weights it holds: name the network, .*; its shapes are those of mnist-example$",
    ):
        Classifier(tmp_path / "weights")


def test_the_networks_that_fit() -> None:
    def names(tensors: dict[str, torch.Tensor]) -> list[str]:
        return fitting(SavedWeights(Path("weights"), tensors), NETWORKS)

    assert [names(state(network, 3)) for network in NETWORKS] == [[network] for network in NETWORKS]
    assert names({"w": torch.ones(3)}) == []


MISFITS: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "another network under prefixes": (
        lambda: {"module." + name: one for name, one in state("vgg-small").items()},
        "0.weight has shape .16, 1, 3, 3., needs .8, 1, 3, 3",
    ),
    "one more": (lambda: {**state(), "5.bias": torch.ones(3)}, "5.bias has shape .3,., needs none"),
    "other names and shapes": (
        lambda: {"conv1.weight": torch.ones(20, 1, 5, 5), "fc.weight": torch.ones(10, 1352)},
        "0.weight has shape none, .*; the file has conv1.weight .20, 1, 5, 5., fc.weight .10, 1352.$",
    ),
    "one less": (
        lambda: {n: one for n, one in state().items() if n != "4.bias"},
        "4.weight has shape .10, 1352., needs .1, 1352",
    ),
    "once with a prefix and once without": (
        lambda: {**state(), "module.0.bias": torch.ones(8)},
        "module.0.bias has shape .8,., needs none",
    ),
    "a bias of another length": (
        lambda: {
            ("c." if n[0] == "0" else "f.") + n[2:]: one for n, one in {**state(), "0.bias": torch.ones(9)}.items()
        },
        "0.weight has shape none, needs .8, 1, 3, 3",
    ),
    "a number": (lambda: {**state(), "4.bias": torch.tensor(1.0)}, "4.weight has shape .10, 1352., needs .1, 1352"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_what_does_not_fit_is_named(name: str, tmp_path: Path) -> None:
    content, text = MISFITS[name]
    torch.save(content(), tmp_path / "weights.pt")
    with pytest.raises(ValueError, match=rf"weights.pt does not fit formula: {text}"):
        Classifier(tmp_path / "weights.pt", "formula")


# One's own network


OWN = """
def build(nn, classes=10):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.flatten, self.fc = nn.Flatten(), nn.Linear(784, classes)

        def forward(self, x):
            return self.fc(self.flatten(x))

        def backward(self, grad, needs_input_grad=True):
            return self.flatten.backward(self.fc.backward(grad))

    return Net()
"""


def test_a_network_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "my_net.py").write_text(OWN)
    weights = {"fc.weight": torch.randn(12, 784) / 28, "fc.bias": torch.randn(12)}
    torch.save(weights, tmp_path / "weights.pt")
    classifier = Classifier(tmp_path / "weights.pt", f"{tmp_path / 'my_net.py'}:build")
    assert classifier.classes == 12
    assert_loaded(classifier, weights)


def test_a_file_of_weights_does_not_say_which_code_to_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    (tmp_path / "my_net.py").write_text(f"import pathlib\npathlib.Path({str(trace)!r}).touch()\n{OWN}")
    network = f"{tmp_path / 'my_net.py'}:build"
    safetensors.torch.save_file(
        {"fc.weight": torch.ones(2, 784), "fc.bias": torch.ones(2)}, tmp_path / "w", {"network": network}
    )
    with pytest.raises(
        ValueError, match=rf"w holds weights of {re.escape(network)}, .*: name the network, if you trust that code"
    ):
        Classifier(tmp_path / "w")
    assert not trace.exists()
    assert Classifier(tmp_path / "w", network).classes == 2


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return 7", "must return a network made from its argument nn, got int"),
        ("import torch; return torch.nn.Sequential(torch.nn.Linear(2, 1))", "given reference.nn, it made a Sequential"),
        ("return nn.Linear(2)", r"my_net.py, line 1: TypeError: "),
    ],
)
def test_a_function_that_makes_no_network_from_nn(body: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "my_net.py").write_text(f"def build(nn): {body}\n")
    torch.save({"0.weight": torch.ones(1, 2), "0.bias": torch.ones(1)}, tmp_path / "w.pt")
    with pytest.raises(ValueError, match=message):
        Classifier(tmp_path / "w.pt", f"{tmp_path / 'my_net.py'}:build")
