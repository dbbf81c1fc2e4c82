"""The networks for photographs: their parts, and torchvision's names."""

import inspect
from typing import Any

import numpy as np
import pytest
import torch

import reference.nn
from reference.parameter import Parameter
from tests import ROOT
from tests.torch_parity.torchvision_names import torchvision_shapes
from torch_parity import image_networks
from torch_parity.image_networks import IMAGE_NETWORKS, residual_block

TORCHVISION = ("alexnet", "vgg11", "resnet18")


@pytest.fixture
def weightless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that need neither time nor memory: 133 million of them are half a gigabyte."""

    def zeros(shape: tuple[int, ...], fan_in: int) -> Parameter:
        return Parameter(np.broadcast_to(np.float32(0), shape))

    monkeypatch.setattr("reference.nn.linear.uniform", zeros)
    monkeypatch.setattr("reference.nn.conv.uniform", zeros)


def torch_shapes(network: str) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return {name: tuple(one.shape) for name, one in IMAGE_NETWORKS[network](torch.nn).state_dict().items()}


@pytest.mark.parametrize("network", TORCHVISION)
def test_the_names_and_shapes_are_torchvisions(network: str) -> None:
    assert [*torch_shapes(network).items()] == [*torchvision_shapes(network).items()]


@pytest.mark.parametrize("network", IMAGE_NETWORKS)
def test_both_sides_have_the_same_names_and_shapes(network: str, weightless: None) -> None:
    ours = IMAGE_NETWORKS[network](reference.nn)
    named = {**dict(ours.named_parameters()), **dict(ours.named_buffers())}
    assert {name: one.shape for name, one in named.items()} == torch_shapes(network)


def test_the_number_of_parameters_is_that_of_the_papers_and_of_torchvision() -> None:
    """Of MobileNet the paper has 4.2 million."""
    counts = {}
    for network, build in IMAGE_NETWORKS.items():
        with torch.device("meta"):
            counts[network] = sum(parameter.numel() for parameter in build(torch.nn).parameters())
    expected = {"alexnet": 61_100_840, "vgg11": 132_863_336, "resnet18": 11_689_512, "mobilenet-v1": 4_231_976}
    assert counts == expected


@pytest.mark.parametrize("network", IMAGE_NETWORKS)
def test_images_become_scores_of_the_classes_asked_for(network: str) -> None:
    with torch.device("meta"):
        assert IMAGE_NETWORKS[network](torch.nn, 7)(torch.zeros(2, 3, 224, 224)).shape == (2, 7)


def both_blocks(*arguments: int) -> tuple[Any, Any]:
    torch.manual_seed(0)
    theirs = residual_block(torch.nn)(*arguments).double()
    ours = residual_block(reference.nn)(*arguments).double()
    ours.load_state_dict({name: one.numpy() for name, one in theirs.state_dict().items()})
    return ours, theirs


@pytest.mark.parametrize(
    ("arguments", "downsample"), [((3, 3), False), ((3, 5), True), ((3, 3, 2), True), ((3, 5, 2), True)]
)
def test_a_residual_block_goes_forward_and_back_as_in_torch(arguments: tuple[int, ...], downsample: bool) -> None:
    ours, theirs = both_blocks(*arguments)
    assert (ours.downsample is not None) == downsample
    generator = np.random.default_rng(1)
    x = generator.standard_normal((2, 3, 6, 5))
    image = torch.from_numpy(x).requires_grad_()
    expected = theirs(image)
    grad_output = generator.standard_normal(tuple(expected.shape))
    expected.backward(torch.from_numpy(grad_output))
    np.testing.assert_allclose(ours(x), expected.detach().numpy(), rtol=0, atol=1e-13)
    assert image.grad is not None
    np.testing.assert_allclose(ours.backward(grad_output), image.grad.numpy(), rtol=0, atol=1e-13)
    for name, parameter in theirs.named_parameters():
        np.testing.assert_allclose(ours.get_parameter(name).grad, parameter.grad.numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("arguments", [(3, 3), (3, 5)])
def test_nobody_needs_to_ask_for_the_gradient_of_the_input(arguments: tuple[int, ...]) -> None:
    ours, _ = both_blocks(*arguments)
    x = np.random.default_rng(1).standard_normal((2, 3, 6, 5))
    y = ours(x)
    with_input = ours.backward(y)
    grads = {name: parameter.grad for name, parameter in ours.named_parameters()}
    ours.zero_grad()
    ours(x)
    assert with_input is not None
    assert ours.backward(y, needs_input_grad=False) is None
    assert all((grads[name] == parameter.grad).all() for name, parameter in ours.named_parameters())


def test_the_page_shows_the_block_as_it_is() -> None:
    page = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")
    shown = page.rpartition("```python\n")[2].partition("```")[0]
    source = inspect.getsource(image_networks)
    assert "def backward" in shown
    lines = [line.strip() for line in shown.splitlines() if not line.startswith("def ")]  # without types
    assert [line for line in lines if line not in source] == []


def test_blocks_of_one_side_have_one_class() -> None:
    assert residual_block(torch.nn) is residual_block(torch.nn)
    assert repr(residual_block(torch.nn)(2, 3)) == repr(residual_block(reference.nn)(2, 3))
