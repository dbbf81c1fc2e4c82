"""The layers of real networks, equal to torch; the large ones at length."""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from tests.torch_parity.proof.real_networks import HISTORIC_NETWORKS, Conv, Dense, Pool, network_cases, products
from torch_parity.proof.bounds import magnitudes
from torch_parity.proof.cases import LATTICE, Case
from torch_parity.proof.pairs import Pair, pair_named
from torch_parity.proof.prove import prove

# Products of a layer that is proven in a moment.
SMALL = 2_100_000


def check(network: str, largest: int | None) -> int:
    count = 0
    for name, formula, case in network_cases(network, largest=largest):
        different = {result: verdict.message for result, verdict in prove(pair_named(formula), case).items()}
        assert not any(different.values()), f"{name}: {different}"
        count += 1
    return count


@pytest.mark.parametrize("network", HISTORIC_NETWORKS)
def test_small_layers_agree(network: str) -> None:
    assert check(network, SMALL) >= 2


@pytest.mark.slow
@pytest.mark.parametrize("network", HISTORIC_NETWORKS)
def test_all_layers_agree(network: str) -> None:
    assert check(network, None) == 2 * len(set(HISTORIC_NETWORKS[network]))


def chain(network: str) -> Iterator[tuple[Conv | Pool | Dense, Conv | Pool | Dense]]:
    layers = HISTORIC_NETWORKS[network]
    return itertools.pairwise(layers)


def size_after(layer: Conv | Pool) -> int:
    return (layer.size + 2 * layer.padding - layer.kernel) // layer.stride + 1


@pytest.mark.parametrize("network", ["LeNet-5", "AlexNet", "VGG-16", "MobileNet v1"])
def test_each_layer_takes_what_the_one_before_gives(network: str) -> None:
    """The tables against themselves: channels and sizes fit, but for repeated layers, which stand once."""
    for before, after in chain(network):
        if isinstance(before, Dense):
            assert isinstance(after, Dense)
            assert after.inputs == before.outputs
            continue
        channels = before.filters if isinstance(before, Conv) else before.channels
        if isinstance(after, Dense):
            # LeNet-5's last convolution and global pooling leave one pixel.
            assert after.inputs == channels * size_after(before) ** 2
        else:
            assert after.channels == channels
            assert after.size == size_after(before)


def test_parameters_add_up_to_those_of_the_papers() -> None:
    """VGG-16 has 138 million; the repeated layers of the table are added here."""
    repeated = [Conv(256, 256, 3, 56, 1, 1), Conv(512, 512, 3, 28, 1, 1), *[Conv(512, 512, 3, 14, 1, 1)] * 2]
    total = 0
    for layer in [*HISTORIC_NETWORKS["VGG-16"], *repeated]:
        if isinstance(layer, Conv):
            total += layer.filters * (layer.channels // layer.groups * layer.kernel**2 + 1)
        elif isinstance(layer, Dense):
            total += layer.outputs * (layer.inputs + 1)
    assert total == 138_357_544


def test_products_of_a_layer() -> None:
    assert products(Conv(3, 64, 3, 224, 1, 1)) == 224 * 224 * 9 * 3 * 64
    assert products(Conv(64, 64, 3, 112, 2, 1, 64)) == 56 * 56 * 9 * 64
    assert products(Dense(84, 10)) == 840
    assert products(Pool("max_pool2d", 6, 2, 28, 2)) == 14 * 14 * 4 * 6


def test_the_lattice_stays_exact() -> None:
    """The longest sum of any layer: pixels for a weight, products for an output, filters times taps for a pixel."""
    longest = 0
    for layers in HISTORIC_NETWORKS.values():
        for layer in layers:
            if isinstance(layer, Conv):
                fan_in = layer.channels // layer.groups * layer.kernel**2
                fan_out = layer.filters // layer.groups * layer.kernel**2
                longest = max(longest, fan_in, fan_out, 2 * size_after(layer) ** 2)
            elif isinstance(layer, Dense):
                longest = max(longest, layer.inputs)
    assert longest * LATTICE**2 + LATTICE < 2**24


def test_magnitudes_on_the_lattice_are_below_the_limit() -> None:
    """The same, measured on the layer with the longest sums among the small ones."""
    pair: Pair = pair_named("conv2d")
    cases: list[Case] = [c for _, f, c in network_cases("LeNet-5", ("lattice",)) if f == "conv2d"]
    for case in cases:
        output = pair.forward(**case.arrays, **case.arguments)
        found = magnitudes(pair.twin, case, case.upstream(output.shape), pair.gradients)
        assert max(np.abs(result).max() for result in found.values()) < 2**24
