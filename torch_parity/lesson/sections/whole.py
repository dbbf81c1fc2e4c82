"""The whole network: the formulas one after another read a digit; and the network learns, in the page."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import reference
from reference import definition, nn, optim
from reference.datasets import BUNDLED, NAMES, normalize, read_idx
from torch_parity.doctor.stubs import heads
from torch_parity.files import load_arrays
from torch_parity.lesson.example import Array, Call, Example, Matrices, Result, UnequalError, prove
from torch_parity.lesson.packing import packed_floats, packed_pixels
from torch_parity.lesson.section import Demonstration, Section
from torch_parity.networks import formula

# How it was made is said beside it.
TRAINED, _ = load_arrays(Path(__file__).parents[1] / "data" / "formula.safetensors", checksum_required=True)
WEIGHTS = {name: torch.from_numpy(array) for name, array in TRAINED.items()}
ORDER = ("0.weight", "0.bias", "4.weight", "4.bias")
K, b, W, c = (TRAINED[name] for name in ORDER)

# How far the numbers of the whole network may be apart, in float64, on different machines and in different languages.
WITHIN = 1e-12

TEST_IMAGES, TEST_LABELS = read_idx(BUNDLED / f"{NAMES[2]}.gz"), read_idx(BUNDLED / f"{NAMES[3]}.gz")
# The first of each digit, and four hard ones: a 9, an 8, a 6 and another 9 that the network gets wrong.
PICKED = (0, 1, 2, 3, 4, 7, 8, 11, 30, 61, 62, 582, 2118, 2189)

SEED, ETA, ETAS, BATCH_SIZE, STEPS = 1, 0.1, (0.001, 0.01, 0.03, 0.1, 0.3, 1.0), 32, 20
DIGITS, HELD_OUT = 640, 200


def on_paper(drawn: Array) -> Matrices:
    """The loops of the definition, one after another."""
    x = (drawn[None, None] / 255 - 0.1307) / 0.3081
    maps = definition.relu(definition.conv2d(x, K, b))
    pooled, _ = definition.max_pool2d(maps, 2)
    scores = definition.linear(definition.flatten(pooled, 1), W, c)
    return {"scores": scores, "probabilities": definition.softmax(scores)}


def fast(drawn: Array) -> Matrices:
    """The layers of reference.nn."""
    network = formula(nn).double()
    network.load_state_dict(TRAINED)
    scores = network(normalize(drawn[None].astype(np.uint8), dtype=np.float64))
    return {"scores": scores, "probabilities": reference.softmax(scores, dim=1)}


def in_torch(drawn: torch.Tensor) -> dict[str, torch.Tensor]:
    """The layers of torch.nn: the same line builds the network."""
    network = formula(torch.nn).double()
    network.load_state_dict(WEIGHTS)
    scores = network((drawn[None, None] / 255 - 0.1307) / 0.3081)
    return {"scores": scores, "probabilities": scores.softmax(dim=1)}


def calls(given: Matrices, options: dict[str, Any]) -> list[Call]:
    """The formulas, each on what the one before gave."""
    kernels, bias, weight, dense_bias = (array.astype(np.float64) for array in (K, b, W, c))
    x = normalize(given["drawn"][None].astype(np.uint8), dtype=np.float64)
    plain = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
    return [
        Call("conv2d", {"input": x, "weight": kernels, "bias": bias}, plain, {"output": "maps"}),
        Call("relu", {"input": "maps"}, {}, {"output": "rectified"}),
        Call("max_pool2d", {"input": "rectified"}, {"kernel_size": 2}, {"output": "pooled"}),
        Call("flatten", {"input": "pooled"}, {"start_dim": 1, "end_dim": -1}, {"output": "flat"}),
        Call("linear", {"input": "flat", "weight": weight, "bias": dense_bias}, {}, {"output": "scores"}),
        Call("softmax", {"input": "scores"}, {"dim": 1}, {"output": "probabilities"}),
    ]


@dataclass(frozen=True)
class Chain(Section):
    """A section whose formulas follow one another, so that each rounds what the ones before it have rounded."""

    def example(self, given: Matrices, options: dict[str, Any]) -> Example:
        """Proven formula by formula; and the code shown, from the first formula to the last, gives the same."""
        prove(self.calls(given, options))
        ours = {name: np.asarray(array) for name, array in fast(given["drawn"]).items()}
        tensors = {name: torch.from_numpy(np.asarray(matrix, np.float64)) for name, matrix in given.items()}
        theirs = {name: tensor.detach().numpy() for name, tensor in self.in_torch(**tensors).items()}
        _check_near(f"{self.name}, a digit", ours, theirs)
        bounds = {name: np.full(array.shape, WITHIN) for name, array in ours.items()}
        return Example(options, given, {name: Result(ours[name], theirs[name], bounds[name]) for name in ours})


def _check_near(what: str, ours: Matrices, theirs: Matrices) -> None:
    """Raises UnequalError unless all numbers agree to 1e-12."""
    for name, array in ours.items():
        difference = float(np.abs(array - theirs[name]).max())
        if not difference <= WITHIN:
            raise UnequalError(f"{what}: {name} differs by {difference:.1e}")


def learn_numpy(network: Any, optimizer: Any, images: Array, labels: Array) -> float:
    """A step of training in reference.nn; returns the loss before it."""
    criterion = nn.CrossEntropyLoss()
    optimizer.zero_grad()
    loss = criterion(network(images), labels)
    network.backward(criterion.backward(), needs_input_grad=False)
    optimizer.step()
    return float(loss)


def learn_torch(network: Any, optimizer: Any, images: Array, labels: Array) -> float:
    """The same step in torch."""
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(network(torch.from_numpy(images)), torch.from_numpy(labels))
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.item()


def initial_weights() -> dict[str, Array]:
    """What the network that learns in the page is born with."""
    nn.manual_seed(SEED)
    weights: dict[str, Array] = formula(nn).float().state_dict()
    return weights


def digits_to_learn_from() -> tuple[Array, Array]:
    """The first of MNIST's training digits."""
    images, labels = (read_idx(BUNDLED / f"{name}.gz")[:DIGITS] for name in NAMES[:2])
    return images, labels.astype(np.int64)


def train(learn: Callable[[Any, Any, Array, Array], float], network: Any, optimizer: Any) -> list[float]:
    """The first steps, in float64; returns the losses."""
    images, labels = digits_to_learn_from()
    losses = []
    for step in range(STEPS):
        batch = np.arange(step * BATCH_SIZE, (step + 1) * BATCH_SIZE) % DIGITS
        losses.append(learn(network, optimizer, normalize(images[batch], dtype=np.float64), labels[batch]))
    return losses


def sides() -> dict[str, tuple[Any, list[float]]]:
    """The same network, trained by NumPy and by torch, and the losses of its steps."""
    initial = initial_weights()
    ours, theirs = formula(nn).double(), formula(torch.nn).double()
    ours.load_state_dict(initial)
    theirs.load_state_dict({name: torch.from_numpy(array) for name, array in initial.items()})
    return {
        "NumPy": (ours, train(learn_numpy, ours, optim.SGD(ours.parameters(), lr=ETA))),
        "torch": (theirs, train(learn_torch, theirs, torch.optim.SGD(theirs.parameters(), lr=ETA))),
    }


def after_training() -> dict[str, Matrices]:
    """What is left of the first steps, of NumPy's and of torch's: see ``summary`` in whole.js.

    Raises UnequalError where they differ by more than 1e-12.
    """
    after = {}
    for who, (network, losses) in sides().items():
        kernels, bias, weight, dense_bias = (np.asarray(network.state_dict()[name]) for name in ORDER)
        after[who] = {
            "losses": np.array([losses]), "kernels": kernels.reshape(8, 9), "sums": weight.sum(1)[None],
            "biases": np.concatenate([bias, dense_bias])[None], "squares": (weight**2).sum(1)[None],
        }  # fmt: skip
    _check_near(f"whole, {STEPS} steps of training", after["NumPy"], after["torch"])
    return after


def at_birth() -> dict[str, float]:
    """Loss and accuracy on the digits held out, before any training."""
    network = formula(nn).double()
    network.load_state_dict(initial_weights())
    scores = network(normalize(TEST_IMAGES[:HELD_OUT], dtype=np.float64))
    labels = TEST_LABELS[:HELD_OUT].astype(np.int64)
    loss = reference.cross_entropy(scores, labels)
    theirs = torch.nn.functional.cross_entropy(torch.from_numpy(scores), torch.from_numpy(labels))
    _check_near("whole, before training", {"loss": loss}, {"loss": theirs.numpy()})
    return {"loss": float(loss), "accuracy": float((scores.argmax(1) == labels).mean())}


def extra() -> dict[str, Any]:
    """Weights, digits, and what training them must give."""
    first = TEST_IMAGES[PICKED[0]]
    _check_near("whole, on paper", fast(first), on_paper(first))  # once: loops take their time
    initial, after = initial_weights(), after_training()
    images, labels = digits_to_learn_from()
    return {
        "picked": TEST_LABELS[list(PICKED)].tolist(),
        "shapes": {name: array.shape for name, array in TRAINED.items()},
        "trained": {name: packed_floats(array) for name, array in TRAINED.items()},
        "initial": {name: packed_floats(array) for name, array in initial.items()},
        "digits": {"images": packed_pixels(images), "labels": labels.tolist()},
        "held_out": {
            "images": packed_pixels(TEST_IMAGES[:HELD_OUT]), "labels": TEST_LABELS[:HELD_OUT].tolist(),
        },
        "at_birth": at_birth(), "within": WITHIN, "eta": ETA, "etas": ETAS, "batch_size": BATCH_SIZE, "steps": STEPS,
        "after": {who: {name: array.tolist() for name, array in left.items()} for who, left in after.items()},
    }  # fmt: skip


SECTION = Chain(
    name="whole",
    title="The whole network",
    idea="Put one after another, the formulas read a digit: 784 pixels go in, ten probabilities come out. Nobody told "
    "the network what a 7 looks like; it found its numbers by gradient descent.",
    formulas={
        "The network": r"Y = f(\mathrm{Dense}(\mathrm{Flatten}(\mathrm{Pool}(\mathrm{ReLU}(I * K)))))",
        "A step of training": r"K_{\mathrm{new}} = K_{\mathrm{old}} - \eta \, \frac{\partial L}{\partial K}",
    },
    on_paper=(on_paper,),
    fast=(fast, learn_numpy),
    in_torch=in_torch,
    exercise=heads("softmax"),
    question="How many numbers did the network have to learn, and how many of them are in its kernels?",
    answer=f"{sum(map(np.size, TRAINED.values())):,}: {W.size:,} weights and {c.size} biases in the dense layer, and "
    f"only {K.size} weights and {b.size} biases in the kernels. A kernel's nine weights are used at {26 * 26} places; "
    "a weight of the dense layer is used at one.",
    captions={
        "drawn": "the digit I, 28 × 28",
        "scores": "scores, of 0 to 9",
        "probabilities": "probabilities, of 0 to 9",
    },
    given={"drawn": TEST_IMAGES[PICKED[0]]},
    also=tuple({"drawn": TEST_IMAGES[i]} for i in PICKED[1:]),
    calls=calls,
    extra=extra,
    demonstrations=(
        Demonstration(
            "flattened-channels-last",
            "training: a network that has learned from numbers in this order reads as well as this one. The mistake is "
            "seen where the weights come from elsewhere, as these do",
            None,
        ),
    ),
)
