"""The leaky ReLU, sigmoid, tanh, SiLU and GELU, as students get them wrong."""

import math

import numpy as np

from tests.torch_parity.audit.students.windows import Array, Arrays, Options, Students, WrittenFor


def leak_on_the_wrong_side(a: Arrays, o: Options, g: Array) -> Array:
    y = a["input"].copy()
    y[y > 0] *= o["negative_slope"]
    return y


def leak_added(a: Arrays, o: Options, g: Array) -> Array:
    y = a["input"].copy()
    y[y <= 0] += o["negative_slope"]
    return y


def leaky_as_maximum(a: Arrays, o: Options, g: Array) -> Array:
    return np.maximum(a["input"], o["negative_slope"] * a["input"])


def leak_of_one_hundredth(a: Arrays, o: Options, g: Array) -> Array:
    return np.where(a["input"] > 0, a["input"], 0.01 * a["input"])


def leak_left_out_of_the_gradient(a: Arrays, o: Options, g: Array) -> Array:
    return g.copy()


def gradient_does_not_leak(a: Arrays, o: Options, g: Array) -> Array:
    dx = g.copy()
    dx[a["input"] <= 0] = 0
    return dx


def leak_by_the_sign_of_the_output(a: Arrays, o: Options, g: Array) -> Array:
    y = np.where(a["input"] > 0, a["input"], o["negative_slope"] * a["input"])
    dx = g.copy()
    dx[y <= 0] *= o["negative_slope"]
    return dx


def leaky_slope_one_at_zero(a: Arrays, o: Options, g: Array) -> Array:
    dx = g.copy()
    dx[a["input"] < 0] *= o["negative_slope"]
    return dx


def leaky_slope_without_upstream(a: Arrays, o: Options, g: Array) -> Array:
    dx = np.ones_like(a["input"])
    dx[a["input"] <= 0] = o["negative_slope"]
    return dx


def sigmoid_function(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def sigmoid_falls(a: Arrays, o: Options, g: Array) -> Array:
    return 1 / (1 + np.exp(a["input"]))


def sigmoid_slope_of_input(a: Arrays, o: Options, g: Array) -> Array:
    x = a["input"]
    return x * (1 - x) * g


def sigmoid_taken_twice(a: Arrays, o: Options, g: Array) -> Array:
    def derivative(x: Array) -> Array:
        return sigmoid_function(x) * (1 - sigmoid_function(x))

    return derivative(sigmoid_function(a["input"])) * g


def sigmoid_upstream_forgotten(a: Arrays, o: Options, g: Array) -> Array:
    y = sigmoid_function(a["input"])
    return y * (1 - y)


def sigmoid_gradient_passed_on(a: Arrays, o: Options, g: Array) -> Array:
    return g


def tanh_of_half(a: Arrays, o: Options, g: Array) -> Array:
    return 2 / (1 + np.exp(-a["input"])) - 1


def tanh_slope_of_input(a: Arrays, o: Options, g: Array) -> Array:
    return (1 - a["input"] ** 2) * g


def tanh_slope_not_squared(a: Arrays, o: Options, g: Array) -> Array:
    return (1 - np.tanh(a["input"])) * g


def slope_of_sigmoid_for_tanh(a: Arrays, o: Options, g: Array) -> Array:
    y = np.tanh(a["input"])
    return y * (1 - y) * g


def tanh_upstream_forgotten(a: Arrays, o: Options, g: Array) -> Array:
    return 1 - np.tanh(a["input"]) ** 2


def silu_without_x(a: Arrays, o: Options, g: Array) -> Array:
    return sigmoid_function(a["input"])


def silu_slope_of_sigmoid(a: Arrays, o: Options, g: Array) -> Array:
    s = sigmoid_function(a["input"])
    return s * (1 - s) * g


def silu_sigmoid_as_constant(a: Arrays, o: Options, g: Array) -> Array:
    return sigmoid_function(a["input"]) * g


def silu_slope_of_output(a: Arrays, o: Options, g: Array) -> Array:
    y = a["input"] * sigmoid_function(a["input"])
    return y * (1 - y) * g


def silu_upstream_forgotten(a: Arrays, o: Options, g: Array) -> Array:
    s = sigmoid_function(a["input"])
    return s + a["input"] * s * (1 - s)


def erf(x: Array) -> Array:
    return np.array([math.erf(value) for value in x.ravel()]).reshape(x.shape)


def normal_share(x: Array) -> Array:
    return 0.5 * (1 + erf(x / np.sqrt(2)))


def gelu_always_approximated(a: Arrays, o: Options, g: Array) -> Array:
    x = a["input"]
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def gelu_never_approximated(a: Arrays, o: Options, g: Array) -> Array:
    return a["input"] * normal_share(a["input"])


def gelu_root_of_two_forgotten(a: Arrays, o: Options, g: Array) -> Array:
    return 0.5 * a["input"] * (1 + erf(a["input"]))


def gelu_cube_forgotten(a: Arrays, o: Options, g: Array) -> Array:
    return 0.5 * a["input"] * (1 + np.tanh(np.sqrt(2 / np.pi) * a["input"]))


def gelu_by_sigmoid(a: Arrays, o: Options, g: Array) -> Array:
    return a["input"] * sigmoid_function(1.702 * a["input"])


def gelu_density_forgotten(a: Arrays, o: Options, g: Array) -> Array:
    return normal_share(a["input"]) * g


def gelu_upstream_forgotten(a: Arrays, o: Options, g: Array) -> Array:
    x = a["input"]
    return normal_share(x) + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)


def numbers(a: Arrays, o: Options) -> bool:
    return bool(a["input"].size > 1)


def with_leak(a: Arrays, o: Options) -> bool:
    return bool(a["input"].size > 1 and o["negative_slope"] not in (0, 1))


def approximated(a: Arrays, o: Options) -> bool:
    return bool(a["input"].size > 1 and o["approximate"] == "tanh")


def exact(a: Arrays, o: Options) -> bool:
    return bool(a["input"].size > 1 and o["approximate"] == "none")


WRITTEN_OUT: list[tuple[Students, str, WrittenFor]] = [
    (leak_on_the_wrong_side, "output", with_leak),
    (leak_added, "output", with_leak),
    (leaky_as_maximum, "output", with_leak),
    (leak_of_one_hundredth, "output", with_leak),
    (leak_left_out_of_the_gradient, "grad_input", with_leak),
    (gradient_does_not_leak, "grad_input", with_leak),
    (leak_by_the_sign_of_the_output, "grad_input", with_leak),
    (leaky_slope_one_at_zero, "grad_input", with_leak),
    (leaky_slope_without_upstream, "grad_input", with_leak),
    (sigmoid_falls, "output", numbers),
    (sigmoid_slope_of_input, "grad_input", numbers),
    (sigmoid_taken_twice, "grad_input", numbers),
    (sigmoid_upstream_forgotten, "grad_input", numbers),
    (sigmoid_gradient_passed_on, "grad_input", numbers),
    (tanh_of_half, "output", numbers),
    (tanh_slope_of_input, "grad_input", numbers),
    (tanh_slope_not_squared, "grad_input", numbers),
    (slope_of_sigmoid_for_tanh, "grad_input", numbers),
    (tanh_upstream_forgotten, "grad_input", numbers),
    (silu_without_x, "output", numbers),
    (silu_slope_of_sigmoid, "grad_input", numbers),
    (silu_sigmoid_as_constant, "grad_input", numbers),
    (silu_slope_of_output, "grad_input", numbers),
    (silu_upstream_forgotten, "grad_input", numbers),
    (gelu_always_approximated, "output", exact),
    (gelu_never_approximated, "output", approximated),
    (gelu_root_of_two_forgotten, "output", exact),
    (gelu_cube_forgotten, "output", approximated),
    (gelu_by_sigmoid, "output", exact),
    (gelu_density_forgotten, "grad_input", exact),
    (gelu_upstream_forgotten, "grad_input", exact),
]
