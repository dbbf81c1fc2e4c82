"""RMSprop, Adam, AdamW and clipping, as students get them wrong."""
# The variables are the letters of the formulas.
# ruff: noqa: N803, N806

import math

import numpy as np

from tests.torch_parity.audit.students.windows import Array, Arrays, Options, Students, WrittenFor


def towards(grad: Array, K: Array, o: Options) -> Array:
    return (-grad if o["maximize"] else grad) + o["weight_decay"] * K


def rmsprop_epsilon_in_the_root(a: Arrays, o: Options, g: Array) -> Array:
    K, cache = a["parameter"].copy(), 0.0
    for grad in a["grads"]:
        dK = towards(grad, K, o)
        cache = o["alpha"] * cache + (1 - o["alpha"]) * dK**2
        K = K - o["lr"] * dK / np.sqrt(cache + o["eps"])
    return K


def rmsprop_root_forgotten(a: Arrays, o: Options, g: Array) -> Array:
    K, cache = a["parameter"].copy(), 0.0
    for grad in a["grads"]:
        dK = towards(grad, K, o)
        cache = o["alpha"] * cache + (1 - o["alpha"]) * dK**2
        K = K - o["lr"] * dK / (cache + o["eps"])
    return K


def rmsprop_alpha_on_the_wrong_term(a: Arrays, o: Options, g: Array) -> Array:
    K, cache = a["parameter"].copy(), 0.0
    for grad in a["grads"]:
        dK = towards(grad, K, o)
        cache = (1 - o["alpha"]) * cache + o["alpha"] * dK**2
        K = K - o["lr"] * dK / (np.sqrt(cache) + o["eps"])
    return K


def rmsprop_squares_added_up(a: Arrays, o: Options, g: Array) -> Array:
    K, cache = a["parameter"].copy(), 0.0
    for grad in a["grads"]:
        dK = towards(grad, K, o)
        cache = o["alpha"] * cache + dK**2
        K = K - o["lr"] * dK / (np.sqrt(cache) + o["eps"])
    return K


def rmsprop_momentum_before_scaling(a: Arrays, o: Options, g: Array) -> Array:
    K, cache, v = a["parameter"].copy(), 0.0, 0.0
    for grad in a["grads"]:
        dK = towards(grad, K, o)
        cache = o["alpha"] * cache + (1 - o["alpha"]) * dK**2
        v = o["momentum"] * v + dK
        K = K - o["lr"] * v / (np.sqrt(cache) + o["eps"])
    return K


def adam_bias_uncorrected(a: Arrays, o: Options, g: Array) -> Array:
    K, m, v = a["parameter"].copy(), 0.0, 0.0
    beta1, beta2 = o["betas"]
    for grad in a["grads"]:
        dK = towards(grad, K, o)
        m = beta1 * m + (1 - beta1) * dK
        v = beta2 * v + (1 - beta2) * dK**2
        K = K - o["lr"] * m / (np.sqrt(v) + o["eps"])
    return K


def adam_steps_counted_from_0(a: Arrays, o: Options, g: Array) -> Array:
    K, m, v = a["parameter"].copy(), 0.0, 0.0
    beta1, beta2 = o["betas"]
    for t in range(len(a["grads"])):
        dK = towards(a["grads"][t], K, o)
        m = beta1 * m + (1 - beta1) * dK
        v = beta2 * v + (1 - beta2) * dK**2
        m_hat, v_hat = m / np.float64(1 - beta1**t), v / np.float64(1 - beta2**t)
        K = K - o["lr"] * m_hat / (np.sqrt(v_hat) + o["eps"])
    return K


def adam_epsilon_in_the_root(a: Arrays, o: Options, g: Array) -> Array:
    K, m, v = a["parameter"].copy(), 0.0, 0.0
    beta1, beta2 = o["betas"]
    for t, grad in enumerate(a["grads"], 1):
        dK = towards(grad, K, o)
        m = beta1 * m + (1 - beta1) * dK
        v = beta2 * v + (1 - beta2) * dK**2
        K = K - o["lr"] * (m / (1 - beta1**t)) / np.sqrt(v / (1 - beta2**t) + o["eps"])
    return K


def adam_absolute_value_for_square(a: Arrays, o: Options, g: Array) -> Array:
    K, m, v = a["parameter"].copy(), 0.0, 0.0
    beta1, beta2 = o["betas"]
    for t, grad in enumerate(a["grads"], 1):
        dK = towards(grad, K, o)
        m = beta1 * m + (1 - beta1) * dK
        v = beta2 * v + (1 - beta2) * abs(dK)
        K = K - o["lr"] * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + o["eps"])
    return K


def adam_betas_swapped(a: Arrays, o: Options, g: Array) -> Array:
    K, m, v = a["parameter"].copy(), 0.0, 0.0
    beta2, beta1 = o["betas"]
    for t, grad in enumerate(a["grads"], 1):
        dK = towards(grad, K, o)
        m = beta1 * m + (1 - beta1) * dK
        v = beta2 * v + (1 - beta2) * dK**2
        K = K - o["lr"] * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + o["eps"])
    return K


def adamw_decay_coupled(a: Arrays, o: Options, g: Array) -> Array:
    K, m, v = a["parameter"].copy(), 0.0, 0.0
    beta1, beta2 = o["betas"]
    for t, grad in enumerate(a["grads"], 1):
        dK = towards(grad, K, o)
        m = beta1 * m + (1 - beta1) * dK
        v = beta2 * v + (1 - beta2) * dK**2
        K = K - o["lr"] * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + o["eps"])
    return K


def adamw_decay_without_learning_rate(a: Arrays, o: Options, g: Array) -> Array:
    K, m, v = a["parameter"].copy(), 0.0, 0.0
    beta1, beta2 = o["betas"]
    for t, grad in enumerate(a["grads"], 1):
        dK = -grad if o["maximize"] else grad
        m = beta1 * m + (1 - beta1) * dK
        v = beta2 * v + (1 - beta2) * dK**2
        K = K * (1 - o["weight_decay"])
        K = K - o["lr"] * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + o["eps"])
    return K


def clipped_each_by_its_own_norm(a: Arrays, o: Options, g: Array) -> Array:
    grad = a["first"]
    return grad * min(1, o["max_norm"] / (np.linalg.norm(grad) + 1e-6))


def always_scaled_to_max_norm(a: Arrays, o: Options, g: Array) -> Array:
    norm = math.sqrt(sum((grad**2).sum() for grad in (a["first"], a["second"])))
    return a["first"] * o["max_norm"] / (norm + 1e-6)


def values_clipped_instead_of_norm(a: Arrays, o: Options, g: Array) -> Array:
    return np.clip(a["first"], -o["max_norm"], o["max_norm"])


def norm_without_root(a: Arrays, o: Options, g: Array) -> Array:
    norm = sum((grad**2).sum() for grad in (a["first"], a["second"]))
    return a["first"] * min(1, o["max_norm"] / (norm + 1e-6))


def plain_rmsprop(a: Arrays, o: Options) -> bool:
    return bool(o["lr"] > 0 and o["eps"] > 0 and not o["centered"] and o["momentum"] == 0)


def rmsprop_with_momentum(a: Arrays, o: Options) -> bool:
    return bool(o["lr"] > 0 and o["eps"] > 0 and not o["centered"] and o["momentum"] > 0)


def plain_adam(a: Arrays, o: Options) -> bool:
    return bool(o["lr"] > 0 and o["eps"] > 0 and not o["amsgrad"] and not o["decoupled_weight_decay"])


def plain_adamw(a: Arrays, o: Options) -> bool:
    return bool(o["lr"] > 0 and o["eps"] > 0 and not o["amsgrad"])


def euclidean(a: Arrays, o: Options) -> bool:
    return bool(a["first"].ndim == 2 and o["norm_type"] == 2 and 0 < o["max_norm"] < math.inf)


WRITTEN_OUT: list[tuple[Students, str, WrittenFor]] = [
    (rmsprop_epsilon_in_the_root, "output", plain_rmsprop),
    (rmsprop_root_forgotten, "output", plain_rmsprop),
    (rmsprop_alpha_on_the_wrong_term, "output", plain_rmsprop),
    (rmsprop_squares_added_up, "output", plain_rmsprop),
    (rmsprop_momentum_before_scaling, "output", rmsprop_with_momentum),
    (adam_bias_uncorrected, "output", plain_adam),
    (adam_steps_counted_from_0, "output", plain_adam),
    (adam_epsilon_in_the_root, "output", plain_adam),
    (adam_absolute_value_for_square, "output", plain_adam),
    (adam_betas_swapped, "output", plain_adam),
    (adamw_decay_coupled, "output", plain_adamw),
    (adamw_decay_without_learning_rate, "output", plain_adamw),
    (clipped_each_by_its_own_norm, "output", euclidean),
    (always_scaled_to_max_norm, "output", euclidean),
    (values_clipped_instead_of_norm, "output", euclidean),
    (norm_without_root, "output", euclidean),
]
