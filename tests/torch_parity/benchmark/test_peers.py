"""Every peer computes what the reference does."""

import numpy as np
import pytest

from torch_parity.benchmark import peers
from torch_parity.benchmark.subjects import NUMPY, check_equal
from torch_parity.networks import NETWORKS

LAYERS = [(network, layer) for network in NETWORKS for layer in peers.layers(network, seed=0)]


def test_every_convolution_and_pooling_of_the_networks_is_there() -> None:
    assert [layer for network, layer in LAYERS if network == "lenet5"] == [
        "conv5x5-1-6-28", "maxpool2x2-6-28", "conv5x5-6-16-14", "maxpool2x2-16-10",
    ]  # fmt: skip
    assert len(LAYERS) == 2 + 4 + 3 + 6 + 1


@pytest.mark.parametrize(("network", "layer"), LAYERS)
def test_every_peer_finds_the_same_outputs_and_gradients(network: str, layer: str) -> None:
    for name, (module, _) in peers.PEERS.items():
        pytest.importorskip(module or "numpy", reason=f"{name} is not installed")
    sides = peers.sides(network, layer, 3, seed=1)
    assert list(sides) == [NUMPY, *peers.PEERS]
    check_equal(sides)
    wanted = {"output", "grad_input"} | ({"grad_weight", "grad_bias"} if layer.startswith("conv") else set())
    for side in sides.values():
        results = side.results()
        assert wanted <= results.keys()
        assert all(results[name].dtype == np.float32 for name in wanted)


def test_a_peer_that_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "find_spec", lambda module: None)
    assert peers.missing() == ["MyGrad", "autograd"]
    assert list(peers.sides("formula", "conv3x3-1-8-28", 2, seed=0)) == [NUMPY, "course"]
