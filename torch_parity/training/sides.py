"""One side of training: a network with its loss, optimizer and schedule, in NumPy or in torch.

Both sides have the same methods; a step is forward, backward, update.
"""

import contextlib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

import reference
from torch_parity.masks import Masks, handed, masks_of
from torch_parity.training.calls import LayerCall, calls
from torch_parity.training.distributed import Group
from torch_parity.training.replicas import Replicas

Array = npt.NDArray[Any]

# The optimizers by name, and as both sides call them.
OPTIMIZERS = {"sgd": "SGD", "rmsprop": "RMSprop", "adam": "Adam", "adamw": "AdamW"}
# What an optimizer remembers of a parameter, by the names that it is kept under.
REMEMBERED = {
    "momentum": "momentum_buffer",
    **{name: name for name in ("step", "square_avg", "grad_avg", "exp_avg", "exp_avg_sq", "max_exp_avg_sq")},
}

# Makes the schedule of an optimizer from the side's own module ``lr_scheduler``.
Schedule = Callable[[Any, Any], Any]


class Side:
    """What both sides have: a network with its optimizer, and perhaps a schedule."""

    network: Any
    optimizer: Any
    scheduler: Any

    def scores(self) -> Array:
        """What the network made of each image of the last ``forward``, (N, classes)."""
        raise NotImplementedError

    def guesses(self) -> Array:
        """The class (N,) that each image of the last ``forward`` got."""
        return np.asarray(self.scores().argmax(axis=1))

    def update(self) -> None:
        """One step of the optimizer, and of the schedule."""
        self.optimizer.step()
        if self.scheduler is not None:
            self.scheduler.step()

    def calls(self, images: Array) -> tuple[list[LayerCall], Array]:
        """What each layer makes of ``images`` (N, C, H, W), one after another, and the network's scores.

        In evaluation: nothing is dropped.
        """
        self.network.eval()
        return calls(self.network, images)


class NumpySide(Side):
    """A network of ``reference.nn`` with its loss and optimizer.  A step is forward, backward, update."""

    def __init__(
        self,
        build: Callable[[Any], Any],
        dtype: str,
        optimizer: dict[str, Any],
        schedule: Schedule | None = None,
        thread_count: int = 1,
        group: Group | None = None,
    ) -> None:
        """``build`` makes the network from ``nn``; ``optimizer`` holds the optimizer's options (see ``_optimizer``).

        ``thread_count`` threads share each step where that is faster (replicas.py); ``group`` shares each batch.
        ValueError where ``build`` makes something else.
        """
        self.network = _built(build, reference.nn, torch.nn)
        try:
            inspect.signature(self.network.backward).bind(None, needs_input_grad=False)
        except TypeError as error:
            raise ValueError(
                f"{type(self.network).__name__} must define backward(self, grad_output, needs_input_grad=True), got "
                f"backward{inspect.signature(self.network.backward)}"
            ) from error
        if dtype == "float64":
            self.network.double()
        self.replicas = Replicas(self.network, thread_count)
        self.group = group
        self.optimizer = _optimizer(reference.optim, self.network.parameters(), optimizer)
        self.scheduler = None if schedule is None else schedule(reference.lr_scheduler, self.optimizer)

    def forward(self, images: Array, labels: Array, count: int | None = None) -> float:
        """The mean loss of ``images`` (N, C, H, W) and ``labels`` (N,).

        If they are a share of a batch of ``count`` images: what it contributes to the mean loss of all of them.
        """
        self.network.train()
        return self.replicas.forward(images, labels, len(images) if count is None else count)

    def backward(self) -> None:
        """The gradients of that loss, or with a group of that of the whole batch, and of it alone."""
        self.optimizer.zero_grad()
        self.replicas.backward()
        if self.group is not None:
            learned = [parameter for parameter in self.network.parameters() if parameter.grad is not None]
            sums = self.group.sum([parameter.grad for parameter in learned])
            for parameter, total in zip(learned, sums, strict=True):
                parameter.grad = total

    def scores(self) -> Array:
        """What the network made of each image of the last ``forward``, (N, classes)."""
        return self.replicas.scores()

    def masks(self) -> Masks:
        """What the dropout layers kept in the last ``forward``."""
        return masks_of(self.network)

    def close(self) -> None:
        """End the threads that share a step; a further one starts new ones."""
        self.replicas.close()

    def predict(self, images: Array) -> Array:
        """The class that each image (N, C, H, W) gets."""
        self.network.eval()
        return np.asarray(self.network(images).argmax(axis=1))

    def weights(self) -> dict[str, Array]:
        """All parameters by name, as they are."""
        return {name: parameter.data for name, parameter in self.network.named_parameters()}

    def state_dict(self) -> dict[str, Array]:
        """All parameters and buffers by name: what the network is loaded from."""
        found: dict[str, Array] = self.network.state_dict()
        return found

    def load_state_dict(self, arrays: dict[str, Array]) -> None:
        """Take them."""
        self.network.load_state_dict(arrays)

    def state(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """All that training goes on from: arrays by name, and numbers ready for JSON."""
        optimizer = self.optimizer.state_dict()
        return _state(self.state_dict(), optimizer, self.scheduler)

    def load_state(self, arrays: dict[str, Array], numbers: dict[str, Any]) -> None:
        """Go on from there."""
        weights, optimizer = _parts(arrays, numbers)
        self.load_state_dict(weights)
        self.optimizer.load_state_dict(optimizer)
        if self.scheduler is not None:
            self.scheduler.load_state_dict(numbers["scheduler"])


class TorchSide(Side):
    """The same in ``torch.nn``."""

    def __init__(
        self,
        build: Callable[[Any], Any],
        dtype: str,
        optimizer: dict[str, Any],
        weights: dict[str, Array],
        memory_format: torch.memory_format = torch.contiguous_format,
        schedule: Schedule | None = None,
        group: Group | None = None,
        masks: Callable[[], Masks] = dict,
    ) -> None:
        """``weights`` is the state_dict to start from; ``memory_format`` is that of images and kernels.

        ``group`` shares each batch.  ``masks`` gives what dropout layers keep in the next ``forward``; those that it
        does not name draw themselves.  ValueError where ``build`` makes something else, or other parameters.
        """
        self.memory_format = memory_format
        self.network = _built(build, torch.nn, reference.nn).to(memory_format=memory_format)
        if dtype == "float64":
            self.network.double()
        own = {name: tuple(tensor.shape) for name, tensor in self.network.state_dict().items()}
        given = {name: array.shape for name, array in weights.items()}
        for name in [*given, *own]:
            if own.get(name) != given.get(name):
                raise ValueError(
                    f"both sides must have the same parameters: {name} has shape {given.get(name, 'none')} in NumPy, "
                    f"{own.get(name, 'none')} in torch"
                )
        self.network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
        self.criterion = torch.nn.CrossEntropyLoss(reduction="mean" if group is None else "sum")
        self.optimizer = _optimizer(torch.optim, self.network.parameters(), optimizer)
        self.scheduler = None if schedule is None else schedule(torch.optim.lr_scheduler, self.optimizer)
        self.group, self.masks = group, masks
        self.shared: torch.nn.parallel.DistributedDataParallel | None = None
        if group is not None:
            self._shared(group)

    def _shared(self, group: Group) -> torch.nn.parallel.DistributedDataParallel:
        """The network, whose gradients are those of the whole batch."""
        if self.shared is None:
            with group.exchange():
                self.shared = torch.nn.parallel.DistributedDataParallel(self.network)
        return self.shared

    def forward(self, images: Array, labels: Array, count: int | None = None) -> float:
        """The mean loss of ``images`` (N, C, H, W) and ``labels`` (N,).

        With a group, they are a share of a batch of ``count`` images, and this is what it contributes to their loss.
        """
        batch, target = torch.from_numpy(images).to(memory_format=self.memory_format), torch.from_numpy(labels)
        self.network.train()
        if self.group is None:
            with handed(self.network, self.masks()):
                self.output = self.network(batch)
            self.loss = self.criterion(self.output, target)
            return float(self.loss.item())
        self.output = self._shared(self.group)(batch)
        share = self.criterion(self.output, target) / (len(images) if count is None else count)
        self.loss = share * self.group.size  # DistributedDataParallel takes the mean of the gradients, not their sum
        return float(share.item())

    def backward(self) -> None:
        """The gradients of that loss, or with a group of that of the whole batch, and of it alone."""
        self.optimizer.zero_grad()
        with contextlib.nullcontext() if self.group is None else self.group.exchange():
            self.loss.backward()

    def scores(self) -> Array:
        """What the network made of each image of the last ``forward``, (N, classes)."""
        return np.asarray(self.output.detach())

    def close(self) -> None:
        """Let go of the group, whose threads would run to the end of the program; a further step takes it up again."""
        self.shared = None

    def predict(self, images: Array) -> Array:
        """The class that each image (N, C, H, W) gets."""
        self.network.eval()
        with torch.no_grad():
            return np.asarray(self.network(torch.from_numpy(images)).argmax(dim=1).numpy())

    def weights(self) -> dict[str, Array]:
        """All parameters by name, as they are."""
        return {name: parameter.detach().numpy() for name, parameter in self.network.named_parameters()}

    def state_dict(self) -> dict[str, Array]:
        """All parameters and buffers by name: what the network is loaded from."""
        return {name: tensor.numpy() for name, tensor in self.network.state_dict().items()}

    def load_state_dict(self, arrays: dict[str, Array]) -> None:
        """Take them."""
        self.network.load_state_dict({name: torch.tensor(array) for name, array in arrays.items()})

    def state(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """All that training goes on from: arrays by name, and numbers ready for JSON."""
        optimizer = self.optimizer.state_dict()
        # Another dictionary: this one is the optimizer's own.
        state = {
            index: {name: tensor.numpy() for name, tensor in entry.items()}
            for index, entry in optimizer["state"].items()
        }
        return _state(self.state_dict(), {**optimizer, "state": state}, self.scheduler)

    def load_state(self, arrays: dict[str, Array], numbers: dict[str, Any]) -> None:
        """Go on from there."""
        weights, optimizer = _parts(arrays, numbers)
        self.load_state_dict(weights)
        parameters = list(self.network.parameters())
        for index, entry in optimizer["state"].items():
            for name, array in entry.items():
                entry[name] = torch.tensor(array)
                if name != "step" and array.shape != parameters[index].shape:  # torch itself does not look
                    raise ValueError(f"{name} {index} must have shape {tuple(parameters[index].shape)}")
        self.optimizer.load_state_dict(optimizer)
        if self.scheduler is not None:
            self.scheduler.load_state_dict(numbers["scheduler"])


def _built(build: Callable[[Any], Any], nn: Any, other: Any) -> Any:
    """The network that ``build`` makes from ``nn``.  ValueError where it, or a layer in it, is not one of ``nn``."""
    network = build(nn)
    if not isinstance(network, nn.Module | other.Module):
        raise ValueError(f"the function must return a network made from its argument nn, got {type(network).__name__}")
    layers = dict(network.named_modules())
    # One side's layer is no layer to the other, but a plain attribute.
    layers |= {f"{at}.{name}": one for at, layer in layers.items() for name, one in vars(layer).items()}
    for name, layer in layers.items():
        if isinstance(layer, other.Module):
            place = f"its attribute {name.removeprefix('.')}" if name else "it"
            raise ValueError(
                f"the function must make the network from its argument nn: given {nn.__name__}, {place} is a "
                f"{type(layer).__name__} of {other.__name__}"
            )
    return network


def _optimizer(module: Any, parameters: Any, options: dict[str, Any]) -> Any:
    """The optimizer of either side's ``module``.  ``options`` are its own, and "method": of OPTIMIZERS, else SGD."""
    method = options.get("method", "sgd")
    if method not in OPTIMIZERS:
        raise ValueError(f"method must be one of {', '.join(OPTIMIZERS)}, got {method!r}")
    return getattr(module, OPTIMIZERS[method])(parameters, **{n: one for n, one in options.items() if n != "method"})


def _state(
    weights: dict[str, Array], optimizer: dict[str, Any], scheduler: Any
) -> tuple[dict[str, Array], dict[str, Any]]:
    arrays = {f"weights/{name}": array for name, array in weights.items()}
    for index, entry in optimizer["state"].items():
        arrays |= {f"{kept}/{index}": entry[name] for kept, name in REMEMBERED.items() if name in entry}
    numbers = {"param_groups": optimizer["param_groups"], "scheduler": scheduler and scheduler.state_dict()}
    return arrays, numbers


def _parts(arrays: dict[str, Array], numbers: dict[str, Any]) -> tuple[dict[str, Array], dict[str, Any]]:
    """The state_dicts of network and optimizer from what ``_state`` made of them."""
    weights = {name.removeprefix("weights/"): array for name, array in arrays.items() if name.startswith("weights/")}
    state: dict[int, dict[str, Array]] = {}
    for name, array in arrays.items():
        kept, _, index = name.partition("/")
        if kept in REMEMBERED:
            state.setdefault(int(index), {})[REMEMBERED[kept]] = array
    return weights, {"state": state, "param_groups": numbers["param_groups"]}
