"""Prove a whole network equal, layer by layer: what ``check_parity --network`` and ``--module`` do."""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

import reference
from torch_parity.image_networks import IMAGE_NETWORKS
from torch_parity.machine import machine
from torch_parity.masks import handed
from torch_parity.networks import NETWORKS, explaining, named, own_module
from torch_parity.pages import network_text
from torch_parity.proof.recording import Recording, record
from torch_parity.proof.whole import (
    FARTHEST,
    Distance,
    Ends,
    LayerProof,
    distances,
    numpy_calls,
    numpy_network,
    prove_layers,
    randomized,
)

MODES = {"training": True, "eval": False}


@dataclass
class Subject:
    """A network to be proven: torch's, and how to build NumPy's where one source builds both."""

    name: str
    shape: tuple[int, ...]
    network: torch.nn.Module
    build: Callable[..., Any] | None
    origin: Any  # the file of one's own that it comes from


def main(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Prove it in both modes, and stop at the first layer that differs."""
    start = time.perf_counter()
    try:
        subject = _from_source(arguments) if arguments.network else _from_module(arguments)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    out = sys.stderr if arguments.json else sys.stdout
    passes: list[dict[str, Any]] = []
    equal = True
    for mode in MODES:
        layers, found, equal = _prove_pass(subject, mode, arguments.seed, parser, out)
        ends = [{**asdict(one), "share": _number(one.share)} for one in found]
        passes.append({"mode": mode, "layers": [_layer(one) for one in layers], "distances": ends})
        if not equal:
            break
    seconds = time.perf_counter() - start
    count = sum(len(one["layers"]) for one in passes)
    verdict = "EQUAL" if equal else "DIFFERENT"
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(f"\n{verdict}: {count} layers, {seconds:.0f} seconds, {memory / 2**30:.1f} GiB of memory at most", file=out)
    if arguments.json:
        given = {"network": subject.name, "input": subject.shape, "seed": arguments.seed}
        facts = {"machine": machine(), "seconds": seconds, "memory": memory, "equal": equal, "passes": passes}
        print(json.dumps({"arguments": given, **facts}, indent=2))
    return 0 if equal else 1


def _from_source(arguments: argparse.Namespace) -> Subject:
    name = arguments.network
    if name not in {**IMAGE_NETWORKS, **NETWORKS} and ".py" not in name:
        raise ValueError(f"--network must be one of {names()}, or FILE.py:FUNCTION, got {name!r}")
    build = IMAGE_NETWORKS.get(name) or named(name)
    shape = arguments.input or ((2, 3, 224, 224) if name in IMAGE_NETWORKS else (2, 1, 28, 28))
    torch.manual_seed(arguments.seed)
    return Subject(name, shape, randomized(build(torch.nn), arguments.seed), build, build)


def _from_module(arguments: argparse.Namespace) -> Subject:
    if arguments.input is None:
        raise ValueError("--module needs the shape of the input: --input 2,3,224,224")
    torch.manual_seed(arguments.seed)
    origin, network = own_module(arguments.module, torch.nn.Module)
    return Subject(origin.name, arguments.input, network.double(), None, origin)


def _prove_pass(
    subject: Subject, mode: str, seed: int, parser: argparse.ArgumentParser, out: Any
) -> tuple[list[LayerProof], list[Distance], bool]:
    """One forward and one backward pass: each layer, then the whole; and whether all is equal."""
    image = torch.randn(subject.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    subject.network.train(MODES[mode])
    ours: Ends | Exception | None = None
    if subject.build is not None:
        try:
            with explaining(subject.origin):
                ours = _numpy_alone(subject.build, subject.network, image, seed)
        except Exception as error:  # told after the layers, of which one may say why
            ours = error
    with handed(subject.network, ours.masks if isinstance(ours, Ends) else {}):
        recording = _recorded(subject, image, seed, parser)
    if MODES[mode]:  # before the first pass alone, and not before it is known that the network can be recorded
        print(network_text.network_header(subject.name, subject.shape, seed), file=out)
    print(network_text.mode_header(mode), file=out)
    layers = []
    for proof in prove_layers(recording):
        layers.append(proof)
        print(network_text.layer_line(proof), file=out, flush=True)
        if proof.difference:
            print(network_text.layer_failure(proof, mode), file=out)
            return layers, [], False
    if isinstance(ours, Exception):
        print(network_text.end_error(ours), file=out)
        return layers, [], False
    found = distances(recording, numpy_calls(recording) if ours is None else ours)
    print(network_text.distance_line(found), file=out, flush=True)
    near = all(one.near for one in found)
    if not near:
        print(network_text.end_failure(found, FARTHEST), file=out)
    return layers, found, near


def _numpy_alone(build: Callable[[Any], Any], network: torch.nn.Module, image: torch.Tensor, seed: int) -> Ends:
    """NumPy's network of the weights that torch's has, in the same mode, before torch has computed anything."""
    reference.nn.manual_seed(seed)
    ours = build(reference.nn).double().train(network.training)
    ours.load_state_dict({name: tensor.numpy() for name, tensor in network.state_dict().items()})
    return numpy_network(ours, image.numpy(), seed)


def _recorded(subject: Subject, image: torch.Tensor, seed: int, parser: argparse.ArgumentParser) -> Recording:
    """torch's pass.  The program ends where torch's network itself fails, or uses what is no formula here."""
    try:
        with explaining(subject.origin):
            return record(subject.network, image, seed)
    except (ValueError, RuntimeError, TypeError, IndexError) as error:  # also torch's own, of what does not fit
        parser.error(f"{subject.name} on an input of shape {subject.shape}: {error}")


def _layer(proof: LayerProof) -> dict[str, Any]:
    results = {
        name: {
            "elements": one.elements,
            "identical": one.identical,
            "share": _number(one.share),
            "different": one.message,
        }
        for name, one in proof.verdicts.items()
    }
    return {
        "layer": proof.layer, "formula": proof.formula, "shape": proof.shape, "results": results,
        "difference": proof.difference,
    }  # fmt: skip


def _number(share: float | None) -> float | str | None:
    """JSON has no infinity."""
    return share if share is None or np.isfinite(share) else str(share)


def shape(text: str) -> tuple[int, ...]:
    """An option's value such as 2,3,224,224."""
    try:
        sizes = tuple(int(part) for part in text.split(","))
    except ValueError:
        sizes = ()
    if min(sizes, default=0) < 1:
        raise argparse.ArgumentTypeError(f"must be sizes such as 2,3,224,224, got {text!r}")
    return sizes


def names() -> str:
    """The networks that have a name, for the text of an option."""
    return ", ".join([*IMAGE_NETWORKS, *NETWORKS])
