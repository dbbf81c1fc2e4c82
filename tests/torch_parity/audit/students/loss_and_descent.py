"""Softmax, the losses and gradient descent, as students get them wrong."""
# The variables are the letters of the formulas.
# ruff: noqa: N803, N806

import numpy as np

from tests.torch_parity.audit.students.windows import Array, Arrays, Options, Students, WrittenFor


def probabilities(x: Array, axis: int) -> Array:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def diagonal_only(a: Arrays, o: Options, g: Array) -> Array:
    p = probabilities(a["input"], o["dim"])
    return g * p * (1 - p)


def log_with_epsilon(a: Arrays, o: Options, g: Array) -> Array:
    return np.log(probabilities(a["input"], o["dim"]) + 1e-7)


def epsilon_in_the_logarithm(a: Arrays, o: Options, g: Array) -> Array:
    p = probabilities(a["input"], 1)
    return -np.log(p[np.arange(len(p)), a["target"]] + 1e-7).mean()


def probabilities_clipped(a: Arrays, o: Options, g: Array) -> Array:
    p = np.clip(probabilities(a["input"], 1), 1e-7, 1 - 1e-7)
    return -np.log(p[np.arange(len(p)), a["target"]]).mean()


def softmax_over_the_batch(a: Arrays, o: Options, g: Array) -> Array:
    p = probabilities(a["input"], 0)
    return -np.log(p[np.arange(len(p)), a["target"]]).mean()


def gradient_not_averaged(a: Arrays, o: Options, g: Array) -> Array:
    dx = probabilities(a["input"], 1)
    dx[np.arange(len(dx)), a["target"]] -= 1
    return g * dx


def averaged_twice(a: Arrays, o: Options, g: Array) -> Array:
    p = probabilities(a["input"], 1)
    return -np.log(p[np.arange(len(p)), a["target"]]).mean() / len(p)


def dampened_at_once(a: Arrays, o: Options, g: Array) -> Array:
    K, v = a["parameter"].copy(), 0 * a["parameter"]
    for grad in a["grads"]:
        d = (-grad if o["maximize"] else grad) + o["weight_decay"] * K
        if o["momentum"]:
            v = o["momentum"] * v + (1 - o["dampening"]) * d
            d = d + o["momentum"] * v if o["nesterov"] else v
        K = K - o["lr"] * d
    return K


def weight_decay_after_momentum(a: Arrays, o: Options, g: Array) -> Array:
    K, v = a["parameter"].copy(), None
    for grad in a["grads"]:
        d = -grad if o["maximize"] else grad
        if o["momentum"]:
            v = d if v is None else o["momentum"] * v + (1 - o["dampening"]) * d
            d = d + o["momentum"] * v if o["nesterov"] else v
        K = K - o["lr"] * (d + o["weight_decay"] * K)
    return K


def momentum_forgotten_between_steps(a: Arrays, o: Options, g: Array) -> Array:
    K = a["parameter"].copy()
    for grad in a["grads"]:
        v = (-grad if o["maximize"] else grad) + o["weight_decay"] * K
        K = K - o["lr"] * (v + o["momentum"] * v if o["nesterov"] else v)
    return K


def normalised_over_everything(a: Arrays, o: Options, g: Array) -> Array:
    e = np.exp(a["input"] - np.max(a["input"]))
    return e / np.sum(e)


def negative_exponent(a: Arrays, o: Options, g: Array) -> Array:
    e = np.exp(-a["input"])
    return e / e.sum(axis=o["dim"], keepdims=True)


def softmax_sum_forgotten(a: Arrays, o: Options, g: Array) -> Array:
    return g * probabilities(a["input"], o["dim"])


def softmax_upstream_forgotten(a: Arrays, o: Options, g: Array) -> Array:
    p = probabilities(a["input"], o["dim"])
    return p * (1 - p)


def softmax_gradient_passed_on(a: Arrays, o: Options, g: Array) -> Array:
    return g


def maximum_subtracted_once(a: Arrays, o: Options, g: Array) -> Array:
    x = a["input"]
    return x - np.log(np.exp(x - x.max(axis=o["dim"], keepdims=True)).sum(axis=o["dim"], keepdims=True))


def log_diagonal_only(a: Arrays, o: Options, g: Array) -> Array:
    return g * (1 - probabilities(a["input"], o["dim"]))


def picked(a: Arrays) -> Array:
    """The probability of each sample's class."""
    return probabilities(a["input"], 1)[np.arange(len(a["input"])), a["target"]]


def one_hot(a: Arrays) -> Array:
    return np.eye(a["input"].shape[1])[a["target"]]


def averaged_over_classes(a: Arrays, o: Options, g: Array) -> Array:
    return -np.mean(one_hot(a) * np.log(probabilities(a["input"], 1)))


def minus_forgotten(a: Arrays, o: Options, g: Array) -> Array:
    return np.log(picked(a)).mean()


def labels_forgotten(a: Arrays, o: Options, g: Array) -> Array:
    return -np.log(probabilities(a["input"], 1)).sum() / len(a["input"])


def logarithm_to_base_2(a: Arrays, o: Options, g: Array) -> Array:
    return -np.log2(picked(a)).mean()


def logarithm_to_base_10(a: Arrays, o: Options, g: Array) -> Array:
    return -np.log10(picked(a)).mean()


def scores_as_probabilities(a: Arrays, o: Options, g: Array) -> Array:
    with np.errstate(all="ignore"):
        return -np.log(a["input"][np.arange(len(a["input"])), a["target"]]).mean()


def scores_as_log_probabilities(a: Arrays, o: Options, g: Array) -> Array:
    return -a["input"][np.arange(len(a["input"])), a["target"]].mean()


def one_hot_not_subtracted(a: Arrays, o: Options, g: Array) -> Array:
    return g * probabilities(a["input"], 1) / len(a["input"])


def one_subtracted_from_every_class(a: Arrays, o: Options, g: Array) -> Array:
    d = probabilities(a["input"], 1)
    d -= 1
    return g * d / len(d)


def gradient_for_probabilities(a: Arrays, o: Options, g: Array) -> Array:
    return g * -one_hot(a) / probabilities(a["input"], 1) / len(a["input"])


def cross_entropy_gradient_negated(a: Arrays, o: Options, g: Array) -> Array:
    return g * (one_hot(a) - probabilities(a["input"], 1)) / len(a["input"])


def gradient_averaged_twice(a: Arrays, o: Options, g: Array) -> Array:
    return g * (probabilities(a["input"], 1) - one_hot(a)) / len(a["input"]) / len(a["input"])


def gradient_averaged_over_classes(a: Arrays, o: Options, g: Array) -> Array:
    return g * (probabilities(a["input"], 1) - one_hot(a)) / a["input"].size


def of_class(a: Arrays) -> Array:
    """What the input says of each sample's class."""
    return a["input"][np.arange(len(a["input"])), a["target"]]


def logarithm_taken_twice(a: Arrays, o: Options, g: Array) -> Array:
    return -np.log(of_class(a)).mean()


def likelihood_not_negated(a: Arrays, o: Options, g: Array) -> Array:
    return of_class(a).mean()


def probabilities_given(a: Arrays, o: Options, g: Array) -> Array:
    p = np.exp(a["input"])
    return -p[np.arange(len(p)), a["target"]].mean()


def likelihoods_divided_by_their_number(a: Arrays, o: Options, g: Array) -> Array:
    return -(a["weight"][a["target"]] * of_class(a)).sum() / len(a["target"])


def ignored_likelihoods_counted(a: Arrays, o: Options, g: Array) -> Array:
    kept = a["target"] != o["ignore_index"]
    return -a["input"][kept, a["target"][kept]].sum() / len(kept)


def likelihood_gradient_on_every_class(a: Arrays, o: Options, g: Array) -> Array:
    dx = np.zeros(a["input"].shape)
    dx -= g / len(dx)
    return dx


def softmax_in_the_likelihoods_gradient(a: Arrays, o: Options, g: Array) -> Array:
    dx = np.zeros(a["input"].shape)
    dx[np.arange(len(dx)), a["target"]] = -g / len(dx)
    return dx - np.exp(a["input"]) * dx.sum(axis=1, keepdims=True)


def likelihood_gradient_not_averaged(a: Arrays, o: Options, g: Array) -> Array:
    dx = np.zeros(a["input"].shape)
    dx[np.arange(len(dx)), a["target"]] = -g
    return dx


def error_halved(a: Arrays, o: Options, g: Array) -> Array:
    return np.mean((a["input"] - a["target"]) ** 2) / 2


def squared_error_summed(a: Arrays, o: Options, g: Array) -> Array:
    return np.sum((a["input"] - a["target"]) ** 2)


def squared_error_averaged_over_rows(a: Arrays, o: Options, g: Array) -> Array:
    return np.sum((a["input"] - a["target"]) ** 2) / len(a["input"])


def absolute_error(a: Arrays, o: Options, g: Array) -> Array:
    return np.mean(np.abs(a["input"] - a["target"]))


def root_of_the_mean(a: Arrays, o: Options, g: Array) -> Array:
    return np.sqrt(np.mean((a["input"] - a["target"]) ** 2))


def slope_without_two(a: Arrays, o: Options, g: Array) -> Array:
    return g * (a["input"] - a["target"]) / a["input"].size


def target_less_input(a: Arrays, o: Options, g: Array) -> Array:
    return g * 2 * (a["target"] - a["input"]) / a["input"].size


def gradient_of_the_target_not_negated(a: Arrays, o: Options, g: Array) -> Array:
    return g * 2 * (a["input"] - a["target"]) / a["input"].size


def squared_error_gradient_not_averaged(a: Arrays, o: Options, g: Array) -> Array:
    return g * 2 * (a["input"] - a["target"])


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def binary(p: Array, t: Array) -> Array:
    return -(t * np.log(p) + (1 - t) * np.log(1 - p))


def sigmoid_applied_twice(a: Arrays, o: Options, g: Array) -> Array:
    return binary(sigmoid(sigmoid(a["input"])), a["target"]).mean()


def epsilon_beside_the_sigmoid(a: Arrays, o: Options, g: Array) -> Array:
    p, t = sigmoid(a["input"]), a["target"]
    return -(t * np.log(p + 1e-7) + (1 - t) * np.log(1 - p + 1e-7)).mean()


def second_answer_forgotten(a: Arrays, o: Options, g: Array) -> Array:
    return -(a["target"] * np.log(sigmoid(a["input"]))).mean()


def pos_weight_on_both_answers(a: Arrays, o: Options, g: Array) -> Array:
    return (a["pos_weight"] * binary(sigmoid(a["input"]), a["target"])).mean()


def binary_losses_averaged_over_rows(a: Arrays, o: Options, g: Array) -> Array:
    return binary(sigmoid(a["input"]), a["target"]).sum() / len(a["input"])


def slope_of_the_sigmoid_once_more(a: Arrays, o: Options, g: Array) -> Array:
    p = sigmoid(a["input"])
    return g * (p - a["target"]) * p * (1 - p) / p.size


def truth_less_prediction(a: Arrays, o: Options, g: Array) -> Array:
    return g * (a["target"] - sigmoid(a["input"])) / a["input"].size


def binary_gradient_not_averaged(a: Arrays, o: Options, g: Array) -> Array:
    return g * (sigmoid(a["input"]) - a["target"])


def decayed(grad: Array, K: Array, o: Options) -> Array:
    return (-grad if o["maximize"] else grad) + o["weight_decay"] * K


def exponential_average(a: Arrays, o: Options, g: Array) -> Array:
    K, v = a["parameter"].copy(), 0.0
    for grad in a["grads"]:
        v = o["momentum"] * v + (1 - o["momentum"]) * decayed(grad, K, o)
        K = K - o["lr"] * v
    return K


def velocity_subtracted(a: Arrays, o: Options, g: Array) -> Array:
    K, v = a["parameter"].copy(), 0.0
    for grad in a["grads"]:
        v = decayed(grad, K, o) - o["momentum"] * v
        K = K - o["lr"] * v
    return K


def velocity_updated_late(a: Arrays, o: Options, g: Array) -> Array:
    K, v = a["parameter"].copy(), 0.0
    for grad in a["grads"]:
        gradient = decayed(grad, K, o)
        K = K - o["lr"] * v
        v = o["momentum"] * v + gradient
    return K


def parameter_not_updated(a: Arrays, o: Options, g: Array) -> Array:
    def step(K: Array, gradient: Array) -> None:
        K = K - o["lr"] * gradient

    K = a["parameter"].copy()
    for grad in a["grads"]:
        step(K, decayed(grad, K, o))
    return K


def learning_rate_forgotten(a: Arrays, o: Options, g: Array) -> Array:
    K, v = a["parameter"].copy(), 0.0
    for grad in a["grads"]:
        v = o["momentum"] * v + decayed(grad, K, o)
        K = K - v
    return K


def learning_rate_applied_twice(a: Arrays, o: Options, g: Array) -> Array:
    K, v = a["parameter"].copy(), 0.0
    for grad in a["grads"]:
        v = o["momentum"] * v + o["lr"] * decayed(grad, K, o)
        K = K - o["lr"] * v
    return K


def weight_decay_forgotten(a: Arrays, o: Options, g: Array) -> Array:
    K, v = a["parameter"].copy(), 0.0
    for grad in a["grads"]:
        v = o["momentum"] * v + (-grad if o["maximize"] else grad)
        K = K - o["lr"] * v
    return K


def weight_decay_negated(a: Arrays, o: Options, g: Array) -> Array:
    K, v = a["parameter"].copy(), 0.0
    for grad in a["grads"]:
        v = o["momentum"] * v + (-grad if o["maximize"] else grad) - o["weight_decay"] * K
        K = K - o["lr"] * v
    return K


def weight_decay_doubled(a: Arrays, o: Options, g: Array) -> Array:
    K, v = a["parameter"].copy(), 0.0
    for grad in a["grads"]:
        v = o["momentum"] * v + (-grad if o["maximize"] else grad) + 2 * o["weight_decay"] * K
        K = K - o["lr"] * v
    return K


def weight_decay_without_learning_rate(a: Arrays, o: Options, g: Array) -> Array:
    K, v = a["parameter"].copy(), 0.0
    for grad in a["grads"]:
        v = o["momentum"] * v + (-grad if o["maximize"] else grad)
        K = K - o["lr"] * v - o["weight_decay"] * K
    return K


def dampening_forgotten(a: Arrays, o: Options, g: Array) -> Array:
    K, v = a["parameter"].copy(), 0.0
    for grad in a["grads"]:
        v = o["momentum"] * v + decayed(grad, K, o)
        K = K - o["lr"] * v
    return K


def some_scores(a: Arrays, o: Options) -> bool:
    return bool(a["input"].ndim > 0 and a["input"].size > 0)


def plain_loss(a: Arrays, o: Options) -> bool:
    plain = a["input"].ndim == 2 and a["input"].size and a["target"].dtype.kind != "f" and "weight" not in a
    mean = o["reduction"] == "mean" and o["label_smoothing"] == 0
    return bool(plain and mean and not (a["target"] == o["ignore_index"]).any())


def mean_likelihood(a: Arrays, o: Options) -> bool:
    return bool(a["input"].ndim == 2 and a["input"].size and o["reduction"] == "mean")


def plain_likelihood(a: Arrays, o: Options) -> bool:
    return mean_likelihood(a, o) and "weight" not in a and not (a["target"] == o["ignore_index"]).any()


def weighted_likelihood(a: Arrays, o: Options) -> bool:
    weighted = mean_likelihood(a, o) and "weight" in a and not (a["target"] == o["ignore_index"]).any()
    return bool(weighted and a["weight"][a["target"]].sum() > 0)


def ignoring_likelihood(a: Arrays, o: Options) -> bool:
    counted = int((a["target"] != o["ignore_index"]).sum())
    return mean_likelihood(a, o) and "weight" not in a and 0 < counted < a["target"].size


def plain_mean(a: Arrays, o: Options) -> bool:
    plain = o["reduction"] == "mean" and "weight" not in a and "pos_weight" not in a
    return bool(plain and a["input"].ndim > 1 and a["input"].size)


def weighs_one_answer(a: Arrays, o: Options) -> bool:
    return bool(o["reduction"] == "mean" and "weight" not in a and "pos_weight" in a and a["input"].size)


def with_momentum(a: Arrays, o: Options) -> bool:
    return bool(o["momentum"] > 0 and o["lr"] > 0)


def heavy_ball(a: Arrays, o: Options) -> bool:
    return with_momentum(a, o) and o["dampening"] == 0 and not o["nesterov"]


def dampened(a: Arrays, o: Options) -> bool:
    return with_momentum(a, o) and o["dampening"] > 0


WRITTEN_OUT: list[tuple[Students, str, WrittenFor]] = [
    (diagonal_only, "grad_input", some_scores),
    (log_with_epsilon, "output", some_scores),
    (epsilon_in_the_logarithm, "output", plain_loss),
    (probabilities_clipped, "output", plain_loss),
    (softmax_over_the_batch, "output", plain_loss),
    (gradient_not_averaged, "grad_input", plain_loss),
    (averaged_twice, "output", plain_loss),
    (dampened_at_once, "output", with_momentum),
    (weight_decay_after_momentum, "output", with_momentum),
    (momentum_forgotten_between_steps, "output", with_momentum),
    (normalised_over_everything, "output", some_scores),
    (negative_exponent, "output", some_scores),
    (softmax_sum_forgotten, "grad_input", some_scores),
    (softmax_upstream_forgotten, "grad_input", some_scores),
    (softmax_gradient_passed_on, "grad_input", some_scores),
    (maximum_subtracted_once, "output", some_scores),
    (log_diagonal_only, "grad_input", some_scores),
    (averaged_over_classes, "output", plain_loss),
    (minus_forgotten, "output", plain_loss),
    (labels_forgotten, "output", plain_loss),
    (logarithm_to_base_2, "output", plain_loss),
    (logarithm_to_base_10, "output", plain_loss),
    (scores_as_probabilities, "output", plain_loss),
    (scores_as_log_probabilities, "output", plain_loss),
    (one_hot_not_subtracted, "grad_input", plain_loss),
    (one_subtracted_from_every_class, "grad_input", plain_loss),
    (gradient_for_probabilities, "grad_input", plain_loss),
    (cross_entropy_gradient_negated, "grad_input", plain_loss),
    (gradient_averaged_twice, "grad_input", plain_loss),
    (gradient_averaged_over_classes, "grad_input", plain_loss),
    (logarithm_taken_twice, "output", plain_likelihood),
    (likelihood_not_negated, "output", plain_likelihood),
    (probabilities_given, "output", plain_likelihood),
    (likelihoods_divided_by_their_number, "output", weighted_likelihood),
    (ignored_likelihoods_counted, "output", ignoring_likelihood),
    (likelihood_gradient_on_every_class, "grad_input", plain_likelihood),
    (softmax_in_the_likelihoods_gradient, "grad_input", plain_likelihood),
    (likelihood_gradient_not_averaged, "grad_input", plain_likelihood),
    (error_halved, "output", plain_mean),
    (squared_error_summed, "output", plain_mean),
    (squared_error_averaged_over_rows, "output", plain_mean),
    (absolute_error, "output", plain_mean),
    (root_of_the_mean, "output", plain_mean),
    (slope_without_two, "grad_input", plain_mean),
    (target_less_input, "grad_input", plain_mean),
    (gradient_of_the_target_not_negated, "grad_target", plain_mean),
    (squared_error_gradient_not_averaged, "grad_input", plain_mean),
    (sigmoid_applied_twice, "output", plain_mean),
    (epsilon_beside_the_sigmoid, "output", plain_mean),
    (second_answer_forgotten, "output", plain_mean),
    (pos_weight_on_both_answers, "output", weighs_one_answer),
    (binary_losses_averaged_over_rows, "output", plain_mean),
    (slope_of_the_sigmoid_once_more, "grad_input", plain_mean),
    (truth_less_prediction, "grad_input", plain_mean),
    (binary_gradient_not_averaged, "grad_input", plain_mean),
    (exponential_average, "output", heavy_ball),
    (velocity_subtracted, "output", heavy_ball),
    (velocity_updated_late, "output", heavy_ball),
    (parameter_not_updated, "output", heavy_ball),
    (learning_rate_forgotten, "output", heavy_ball),
    (learning_rate_applied_twice, "output", heavy_ball),
    (weight_decay_forgotten, "output", heavy_ball),
    (weight_decay_negated, "output", heavy_ball),
    (weight_decay_doubled, "output", heavy_ball),
    (weight_decay_without_learning_rate, "output", heavy_ball),
    (dampening_forgotten, "output", dampened),
]
