"""Networks of one's own, as people write them: classes, lists of layers, and mistakes."""

from typing import Any


def as_a_class(nn: Any) -> Any:
    """The usual class, with the half that NumPy needs."""

    class Net(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.relu, self.pool = nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2)
            self.flatten, self.fc1 = nn.Flatten(), nn.Linear(4 * 13 * 13, 10)

        def row(self) -> list[Any]:
            return [self.conv1, self.relu, self.pool, self.flatten, self.fc1]

        def forward(self, x: Any) -> Any:
            for layer in self.row():
                x = layer(x)
            return x

        def backward(self, grad_output: Any, needs_input_grad: bool = True) -> Any:
            for layer in reversed(self.row()):
                grad_output = layer.backward(grad_output)
            return grad_output

    return Net()


def nested(nn: Any) -> Any:
    """The same layers, not in one row."""
    features = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2))
    return nn.Sequential(features, nn.Flatten(), nn.Linear(676, 10))


def with_a_list(nn: Any) -> Any:
    """A class that computes something itself between its layers, which it has in a list."""

    class Net(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.flatten = nn.Flatten()
            self.dense = nn.ModuleList([nn.Linear(784, 12), nn.Linear(12, 10)])

        def forward(self, x: Any) -> Any:
            return self.dense[1](self.dense[0](self.flatten(x)) * 2)

        def backward(self, grad_output: Any, needs_input_grad: bool = True) -> Any:
            grad = self.dense[0].backward(self.dense[1].backward(grad_output) * 2, needs_input_grad)
            return self.flatten.backward(grad) if needs_input_grad else None

    return Net()


def alone(nn: Any) -> Any:
    """One layer, which is all of the network."""

    class Net(nn.Linear):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(784, 10)

        def forward(self, x: Any) -> Any:
            return super().forward(x.reshape(-1, 784))

    return Net()
