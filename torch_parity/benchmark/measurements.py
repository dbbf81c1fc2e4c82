"""What can be measured: each function yields one dictionary, ready for JSON, for each line of its table."""

from collections.abc import Iterable, Iterator
from typing import Any

from torch_parity.benchmark import peers, scaling
from torch_parity.benchmark.processes import Processes
from torch_parity.benchmark.subjects import CHANNELS_LAST, NUMPY, TORCH
from torch_parity.benchmark.timing import TOTAL

Measurement = dict[str, Any]


def comparison(processes: Processes, names: Iterable[str], batch_size: int) -> Iterator[Measurement]:
    """The subjects ``names`` in NumPy and in torch: name, and the keys of ``timing.summary``."""
    for name in names:
        yield {"name": name, **processes.compare("comparison", name=name, batch_size=batch_size)}


def beside_peers(processes: Processes, networks: Iterable[str], batch_size: int) -> Iterator[Measurement]:
    """The layers of ``networks`` in the reference and its peers: network, name, and the keys of ``timing.summary``."""
    for network in networks:
        for layer in peers.layers(network, processes.seed):
            found = processes.compare("peer", network=network, layer=layer, batch_size=batch_size)
            yield {"network": network, "name": layer, **found}


def growth(processes: Processes, layers: Iterable[str]) -> Iterator[Measurement]:
    """Time and peak memory of ``layers`` as each size doubles.

    Keys: name; grows, what does; sizes, each as ``scaling.Size``; milliseconds and megabytes, by side: values and
    exponent.
    """
    for layer in layers:
        for grows in scaling.GROWS[layer]:
            sizes = scaling.sizes(grows)
            times = processes.compare("growing", layer=layer, sizes=sizes)["phases"][TOTAL]["milliseconds"]
            row: Measurement = {"name": layer, "grows": grows, "sizes": [size._asdict() for size in sizes]}
            for side in (NUMPY, TORCH):
                values = [times[f"{side} {number}"]["median"] for number in range(len(sizes))]
                row.setdefault("milliseconds", {})[side] = _series(values)
                values = [_megabytes(processes, layer, side, size) for size in sizes]
                row.setdefault("megabytes", {})[side] = _series(values)
            yield row


def large_memory(processes: Processes) -> Measurement:
    """Peak memory of one large convolution: size, megabytes by side, and ratio, NumPy's to that of each other side."""
    sides = (NUMPY, TORCH, CHANNELS_LAST)
    found = {side: _megabytes(processes, "conv3x3", side, scaling.LARGE) for side in sides}
    ratio = {side: found[NUMPY] / found[side] for side in sides[1:]}
    return {"size": scaling.LARGE._asdict(), "megabytes": found, "ratio": ratio}


def profiles(processes: Processes, names: Iterable[str], batch_size: int) -> Iterator[Measurement]:
    """Where the time of NumPy's side of the subjects goes: name, and the keys of ``profile.profile``."""
    for name in names:
        yield {"name": name, **processes.run("instructions", name=name, batch_size=batch_size, seed=processes.seed)}


def _series(values: list[float]) -> Measurement:
    return {"values": values, "exponent": scaling.exponent(values)}


def _megabytes(processes: Processes, layer: str, side: str, size: scaling.Size) -> float:
    found: int = processes.run("peak", keep_memory=False, layer=layer, side=side, size=size, seed=processes.seed)
    return found / 1e6
