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


def residual(nn: Any) -> Any:
    """A class of blocks that add what they got to what they made of it, with layers of today around."""

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self, width: int) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
            self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
            self.gelu, self.relu = nn.GELU(), nn.ReLU()
            self.branch = [self.conv1, self.bn1, self.gelu, self.conv2, self.bn2]

        def forward(self, x: Any) -> Any:
            made = x
            for layer in self.branch:
                made = layer(made)
            return self.relu(x + made)

        def backward(self, grad_output: Any, needs_input_grad: bool = True) -> Any:
            grad = grad_sum = self.relu.backward(grad_output)
            for layer in reversed(self.branch):
                grad = layer.backward(grad)
            return grad_sum + grad

    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2),
        Block(4),
        nn.Dropout(0.25),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 10),
    )


def pytorchs_example(nn: Any) -> Any:
    """The network of PyTorch's MNIST example, its dropout and its names included; that calls functions between."""

    class Net(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(1, 32, 3, 1), nn.Conv2d(32, 64, 3, 1)
            self.dropout1, self.dropout2 = nn.Dropout(0.25), nn.Dropout(0.5)
            self.fc1, self.fc2 = nn.Linear(9216, 128), nn.Linear(128, 10)
            self.between = nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.ReLU()])

        def row(self) -> list[Any]:
            relu1, relu2, pool, flatten, relu3 = self.between
            first = [self.conv1, relu1, self.conv2, relu2, pool, self.dropout1, flatten]
            return [*first, self.fc1, relu3, self.dropout2, self.fc2]

        def forward(self, x: Any) -> Any:
            for layer in self.row():
                x = layer(x)
            return x

        def backward(self, grad_output: Any, needs_input_grad: bool = True) -> Any:
            for layer in reversed(self.row()):
                grad_output = layer.backward(grad_output)
            return grad_output

    return Net()


def alone(nn: Any) -> Any:
    """One layer, which is all of the network."""

    class Net(nn.Linear):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(784, 10)

        def forward(self, x: Any) -> Any:
            return super().forward(x.reshape(-1, 784))

    return Net()
