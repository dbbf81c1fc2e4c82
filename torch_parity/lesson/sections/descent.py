"""Gradient descent: a step against the gradient, and what becomes of the loss after twenty."""

# ruff: noqa: N806

from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from reference import conv2d, conv2d_backward, definition, optim
from torch_parity.doctor.stubs import heads
from torch_parity.lesson.example import Array, Call, Matrices, UnequalError
from torch_parity.lesson.section import Demonstration, Section
from torch_parity.lesson.sections import convolution

IMAGE = convolution.IMAGE
SOUGHT = convolution.KERNEL  # the kernel that made the wanted output
TARGET = definition.conv2d(IMAGE[None, None], SOUGHT[None, None])[0, 0].astype(int)
KERNEL = np.array([[0, 1, 0], [0, 1, 0], [0, 1, 0]])  # where descent starts
STEPS = 20
TOLERANCE = 1e-12  # of the loss at the start, or of the loss itself where it has grown
ETAS = (0.001, 0.0001, 0.0003, 0.0018, 0.002, 0.003, 0.01, 0.1, 1)


def slope(image: Array, kernel: Array, target: Array) -> tuple[Array, Array]:
    """y - t, which is the gradient of the loss with respect to the output, and dL/dK."""
    x, K = image[None, None].astype(np.float64), kernel[None, None].astype(np.float64)
    g = conv2d(x, K) - target
    _, grad_kernel, _ = conv2d_backward(g, x, K, output_mask=(False, True, False))
    assert grad_kernel is not None
    return g[0, 0], grad_kernel[0, 0]


def calls(given: Matrices, options: dict[str, Any]) -> list[Call]:
    """One step; and the output and the gradient of the loss where the step starts."""
    image, kernel = given["image"], given["kernel"]
    plain = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
    undamped = {"momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False, "maximize": False}
    return [
        Call(
            "sgd",
            {"parameter": kernel, "grads": given["grad_kernel"][None]},
            {"lr": options["eta"], **undamped},
            {"output": "new_kernel"},
        ),
        Call(
            "conv2d",
            {"input": image[None, None], "weight": kernel[None, None]},
            plain,
            {"output": "output", "grad_weight": "slope"},
            slope(image, kernel, given["target"])[0],
        ),
    ]


def in_torch(
    image: torch.Tensor, target: torch.Tensor, kernel: torch.Tensor, grad_kernel: torch.Tensor, eta: float
) -> dict[str, torch.Tensor]:
    """The loss and its gradient; then one step with the gradient that stands in the figure."""
    K = torch.nn.Parameter(kernel.clone())
    y = F.conv2d(image[None, None], K[None, None])
    loss = ((y - target) ** 2).sum() / 2
    (slope,) = torch.autograd.grad(loss, K)
    K.grad = grad_kernel
    torch.optim.SGD([K], lr=eta).step()
    return {"output": y, "slope": slope, "new_kernel": K}


def path_in_numpy(eta: float) -> list[float]:
    """The loss before each of STEPS steps, and after the last."""
    kernel = optim.Parameter(KERNEL.astype(np.float64))
    optimizer = optim.SGD([kernel], lr=eta)
    losses = []
    for _ in range(STEPS + 1):
        g, kernel.grad = slope(IMAGE, kernel.data, TARGET)
        losses.append(float((g**2).sum() / 2))
        optimizer.step()
    return losses


def path_in_torch(eta: float) -> list[float]:
    """The same by automatic differentiation."""
    image, target = (torch.from_numpy(matrix.astype(np.float64)) for matrix in (IMAGE, TARGET))
    kernel = torch.nn.Parameter(torch.from_numpy(KERNEL.astype(np.float64)))
    optimizer = torch.optim.SGD([kernel], lr=eta)
    losses = []
    for _ in range(STEPS + 1):
        loss = ((F.conv2d(image[None, None], kernel[None, None]) - target) ** 2).sum() / 2
        (kernel.grad,) = torch.autograd.grad(loss, kernel)
        losses.append(loss.item())
        optimizer.step()
    return losses


def paths() -> dict[str, Any]:
    """The losses of twenty steps, for every learning rate; proven."""
    found = []
    for eta in ETAS:
        ours, theirs = path_in_numpy(eta), path_in_torch(eta)
        allowed = [TOLERANCE * max(loss, theirs[0]) for loss in theirs]
        for step, (a, b, bound) in enumerate(zip(ours, theirs, allowed, strict=True)):
            if not abs(a - b) <= bound:
                raise UnequalError(f"descent.losses, eta {eta}, step {step}: {a} and torch's {b}")
        found.append({"eta": eta, "numpy": [ours], "torch": [theirs], "bound": [allowed]})
    return {"paths": found}


def limit() -> float:
    """The learning rate above which every further step makes the loss larger: 2 / its largest curvature."""
    seen = np.lib.stride_tricks.sliding_window_view(IMAGE, KERNEL.shape).reshape(TARGET.size, -1)
    return float(2 / np.linalg.eigvalsh(seen.T @ seen).max())


SECTION = Section(
    name="descent",
    title="Gradient descent",
    idea="The gradient points to where the loss rises fastest, so each weight takes a small step the other way. The "
    "learning rate η says how small: too small, and little happens; too large, and the step ends higher than it began.",
    formulas={
        "One step": r"K_{new} = K_{old} - \eta \, \frac{\partial L}{\partial K}",
        "The loss below": r"L = \frac{1}{2} \sum_{i,j} \left( y_{i,j} - t_{i,j} \right)^2, \qquad "
        r"g_{i,j} = \frac{\partial L}{\partial y_{i,j}} = y_{i,j} - t_{i,j}",
    },
    on_paper=(definition.sgd_step,),
    fast=(optim.sgd._update,),
    in_torch=in_torch,
    captions={
        "kernel": "old kernel K",
        "grad_kernel": "gradient dL/dK",
        "new_kernel": "new kernel K",
        "image": "image x",
        "output": "output y = x ∗ K",
        "target": "wanted output t",
        "slope": "dL/dK of this loss",
        "losses": "loss L now, and after 1, 2, … steps",
        "eta": "learning rate η",
    },
    given={
        "kernel": KERNEL,
        "grad_kernel": slope(IMAGE, KERNEL, TARGET)[1].astype(int),
        "image": IMAGE,
        "target": TARGET,
    },
    editable=("kernel", "grad_kernel"),
    options={"eta": ETAS},
    calls=calls,
    extra=paths,
    exercise=heads("sgd"),
    question="Why does the loss explode when η is too large, though every step goes downhill?",
    answer="A step trusts the slope where it begins, but the slope changes on the way. This loss is a valley: a step "
    "that is too long ends on the opposite side, higher up, where the slope is steeper, and the next step is longer "
    f"still. For this image that begins at η = {limit():.4f}, which is 2 divided by the largest curvature of the loss.",
    demonstrations=(
        Demonstration(
            "climbing",
            "a gradient of 0: on the valley's floor nobody moves",
            {"kernel": SOUGHT.tolist(), "grad_kernel": np.zeros_like(SOUGHT).tolist()},
        ),
    ),
)
