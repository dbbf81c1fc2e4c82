import re
from pathlib import Path

import pytest

from tests.torch_parity.doctor.styles.answers import answers, mistaken, proven
from torch_parity.doctor.styles.cs231n.normalization import BIASED, GRADIENT_ROWS, OF_IMAGES, SHARE_KEPT

# As the assignment's students write them: the gradient once by the computational graph, step by step, and once in
# closed form; those of images by those of vectors.
LAYERS = """
import numpy as np

def batchnorm_forward(x, gamma, beta, bn_param):
    mode = bn_param["mode"]
    eps = bn_param.get("eps", 1e-5)
    momentum = bn_param.get("momentum", 0.9)

    N, D = x.shape
    running_mean = bn_param.get("running_mean", np.zeros(D, dtype=x.dtype))
    running_var = bn_param.get("running_var", np.zeros(D, dtype=x.dtype))

    out, cache = None, None
    if mode == "train":
        mu = x.mean(axis=0)
        xmu = x - mu
        var = (xmu ** 2).mean(axis=0)
        std = np.sqrt(var + eps)
        ivar = 1 / std
        xhat = xmu * ivar
        out = gamma * xhat + beta
        running_mean = momentum * running_mean + (1 - momentum) * mu
        running_var = momentum * running_var + (1 - momentum) * var
        cache = (x, xhat, gamma, xmu, ivar, std, var, eps)
    elif mode == "test":
        xhat = (x - running_mean) / np.sqrt(running_var + eps)
        out = gamma * xhat + beta
    else:
        raise ValueError('Invalid forward batchnorm mode "%s"' % mode)

    bn_param["running_mean"] = running_mean
    bn_param["running_var"] = running_var
    return out, cache

def batchnorm_backward(dout, cache):
    x, xhat, gamma, xmu, ivar, std, var, eps = cache
    N, D = dout.shape
    # out = gamma * xhat + beta
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum(dout * xhat, axis=0)
    dxhat = dout * gamma
    # xhat = xmu * ivar
    divar = np.sum(dxhat * xmu, axis=0)
    dxmu = dxhat * ivar
    # ivar = 1 / std
    dstd = -1 / (std ** 2) * divar
    # std = sqrt(var + eps)
    dvar = 0.5 / np.sqrt(var + eps) * dstd
    # var = mean(xmu ** 2)
    dsq = np.ones((N, D)) * dvar / N
    dxmu = dxmu + 2 * xmu * dsq
    # xmu = x - mu
    dx1 = dxmu
    dmu = -np.sum(dxmu, axis=0)
    # mu = mean(x)
    dx2 = np.ones((N, D)) * dmu / N
    return dx1 + dx2, dgamma, dbeta

def batchnorm_backward_alt(dout, cache):
    x, xhat, gamma, xmu, ivar, std, var, eps = cache
    N = dout.shape[0]
    dbeta = dout.sum(axis=0)
    dgamma = (dout * xhat).sum(axis=0)
    dxhat = dout * gamma
    dx = ivar / N * (N * dxhat - dxhat.sum(axis=0) - xhat * (dxhat * xhat).sum(axis=0))
    return dx, dgamma, dbeta

def layernorm_forward(x, gamma, beta, ln_param):
    eps = ln_param.get("eps", 1e-5)
    mu = np.mean(x, axis=1, keepdims=True)
    var = np.var(x, axis=1, keepdims=True)
    std = np.sqrt(var + eps)
    x_norm = (x - mu) / std
    out = gamma * x_norm + beta
    return out, (x_norm, gamma, std, x)

def layernorm_backward(dout, cache):
    x_norm, gamma, std, x = cache
    N, D = x.shape
    dgamma = np.sum(dout * x_norm, axis=0)
    dbeta = np.sum(dout, axis=0)
    dx_norm = dout * gamma
    row_sums = np.sum(dx_norm, axis=1, keepdims=True)
    row_products = np.sum(dx_norm * x_norm, axis=1, keepdims=True)
    dx = (D * dx_norm - row_sums - x_norm * row_products) / (D * std)
    return dx, dgamma, dbeta

def spatial_batchnorm_forward(x, gamma, beta, bn_param):
    N, C, H, W = x.shape
    flat = x.transpose(0, 2, 3, 1).reshape(-1, C)
    out, cache = batchnorm_forward(flat, gamma, beta, bn_param)
    return out.reshape(N, H, W, C).transpose(0, 3, 1, 2), cache

def spatial_batchnorm_backward(dout, cache):
    N, C, H, W = dout.shape
    flat = dout.transpose(0, 2, 3, 1).reshape(-1, C)
    dx, dgamma, dbeta = batchnorm_backward_alt(flat, cache)
    return dx.reshape(N, H, W, C).transpose(0, 3, 1, 2), dgamma, dbeta

def spatial_groupnorm_forward(x, gamma, beta, G, gn_param):
    eps = gn_param.get("eps", 1e-5)
    N, C, H, W = x.shape
    grouped = x.reshape(N, G, C // G, H, W)
    mean = grouped.mean(axis=(2, 3, 4), keepdims=True)
    var = grouped.var(axis=(2, 3, 4), keepdims=True)
    grouped_norm = (grouped - mean) / np.sqrt(var + eps)
    x_norm = grouped_norm.reshape(N, C, H, W)
    out = gamma * x_norm + beta
    return out, (G, x, x_norm, mean, var, gamma, eps)

def spatial_groupnorm_backward(dout, cache):
    G, x, x_norm, mean, var, gamma, eps = cache
    N, C, H, W = x.shape
    dbeta = np.sum(dout, axis=(0, 2, 3), keepdims=True)
    dgamma = np.sum(dout * x_norm, axis=(0, 2, 3), keepdims=True)
    dx_norm = (dout * gamma).reshape(N, G, C // G, H, W)
    grouped = x.reshape(N, G, C // G, H, W)
    m = C // G * H * W
    inv_std = 1 / np.sqrt(var + eps)
    dvar = np.sum(dx_norm * (grouped - mean) * -0.5 * inv_std ** 3, axis=(2, 3, 4), keepdims=True)
    dmean = np.sum(-dx_norm * inv_std, axis=(2, 3, 4), keepdims=True)
    dmean = dmean + dvar * np.mean(-2 * (grouped - mean), axis=(2, 3, 4), keepdims=True)
    dx = dx_norm * inv_std + dvar * 2 * (grouped - mean) / m + dmean / m
    return dx.reshape(N, C, H, W), dgamma, dbeta

def affine_batchnorm_relu_forward(x, w, b, gamma, beta, bn_param):
    return None
"""

# The same with a loop over features, samples, or images and groups, and without help of the other functions.
LOOPS = """
import numpy as np

def batchnorm_forward(x, gamma, beta, bn_param):
    eps, momentum = bn_param["eps"], bn_param["momentum"]
    N, D = x.shape
    out, x_hat, inv_std = np.zeros((N, D)), np.zeros((N, D)), np.zeros(D)
    for d in range(D):
        if bn_param["mode"] == "train":
            mu = sum(x[n, d] for n in range(N)) / N
            var = sum((x[n, d] - mu) ** 2 for n in range(N)) / N
            bn_param["running_mean"][d] = momentum * bn_param["running_mean"][d] + (1 - momentum) * mu
            bn_param["running_var"][d] = momentum * bn_param["running_var"][d] + (1 - momentum) * var
        else:
            mu, var = bn_param["running_mean"][d], bn_param["running_var"][d]
        inv_std[d] = (var + eps) ** -0.5
        for n in range(N):
            x_hat[n, d] = (x[n, d] - mu) * inv_std[d]
            out[n, d] = gamma[d] * x_hat[n, d] + beta[d]
    return out, dict(x_hat=x_hat, inv_std=inv_std, gamma=gamma)

def batchnorm_backward(dout, cache):
    x_hat, inv_std, gamma = cache["x_hat"], cache["inv_std"], cache["gamma"]
    N, D = dout.shape
    dx, dgamma, dbeta = np.zeros((N, D)), np.zeros(D), np.zeros(D)
    for d in range(D):
        for n in range(N):
            dgamma[d] += dout[n, d] * x_hat[n, d]
            dbeta[d] += dout[n, d]
        for n in range(N):
            dx[n, d] = gamma[d] * inv_std[d] * (dout[n, d] - dbeta[d] / N - x_hat[n, d] * dgamma[d] / N)
    return dx, dgamma, dbeta

def layernorm_forward(x, gamma, beta, ln_param):
    bn_param = {"mode": "train", "eps": ln_param["eps"]}
    out, cache = np.zeros(x.shape), []
    for n in range(len(x)):
        mu, var = x[n].mean(), x[n].var()
        x_hat = (x[n] - mu) / np.sqrt(var + ln_param["eps"])
        out[n] = gamma * x_hat + beta
        cache.append((x_hat, np.sqrt(var + ln_param["eps"]), gamma))
    return out, cache

def layernorm_backward(dout, cache):
    dx, dgamma, dbeta = np.zeros(dout.shape), 0, 0
    for n, (x_hat, std, gamma) in enumerate(cache):
        dgamma, dbeta = dgamma + dout[n] * x_hat, dbeta + dout[n]
        d = gamma * dout[n]
        dx[n] = (d - d.mean() - x_hat * np.mean(d * x_hat)) / std
    return dx, dgamma, dbeta

def spatial_batchnorm_forward(x, gamma, beta, bn_param):
    eps, momentum = bn_param["eps"], bn_param["momentum"]
    out, x_hat, std = np.zeros(x.shape), np.zeros(x.shape), np.zeros(x.shape[1])
    for c in range(x.shape[1]):
        if bn_param["mode"] == "train":
            mu, var = x[:, c].mean(), x[:, c].var()
            bn_param["running_mean"][c] = momentum * bn_param["running_mean"][c] + (1 - momentum) * mu
            bn_param["running_var"][c] = momentum * bn_param["running_var"][c] + (1 - momentum) * var
        else:
            mu, var = bn_param["running_mean"][c], bn_param["running_var"][c]
        std[c] = np.sqrt(var + eps)
        x_hat[:, c] = (x[:, c] - mu) / std[c]
        out[:, c] = gamma[c] * x_hat[:, c] + beta[c]
    return out, (x_hat, std, gamma)

def spatial_batchnorm_backward(dout, cache):
    x_hat, std, gamma = cache
    dx = np.zeros(dout.shape)
    for c in range(dout.shape[1]):
        d = gamma[c] * dout[:, c]
        dx[:, c] = (d - d.mean() - x_hat[:, c] * (d * x_hat[:, c]).mean()) / std[c]
    return dx, (dout * x_hat).sum(axis=(0, 2, 3)), dout.sum(axis=(0, 2, 3))

def spatial_groupnorm_forward(x, gamma, beta, G, gn_param):
    N, C, H, W = x.shape
    x_hat, std, size = np.zeros(x.shape), np.zeros((N, G)), C // G
    for n in range(N):
        for g in range(G):
            group = x[n, g * size:(g + 1) * size]
            std[n, g] = np.sqrt(group.var() + gn_param["eps"])
            x_hat[n, g * size:(g + 1) * size] = (group - group.mean()) / std[n, g]
    return gamma.reshape(1, C, 1, 1) * x_hat + beta.reshape(1, C, 1, 1), (x_hat, std, gamma, G)

def spatial_groupnorm_backward(dout, cache):
    x_hat, std, gamma, G = cache
    N, C, H, W = dout.shape
    dx, size = np.zeros(dout.shape), C // G
    for n in range(N):
        for g in range(G):
            channels = slice(g * size, (g + 1) * size)
            d = gamma.reshape(C, 1, 1)[channels] * dout[n, channels]
            xh = x_hat[n, channels]
            dx[n, channels] = (d - d.mean() - xh * (d * xh).mean()) / std[n, g]
    return dx, (dout * x_hat).sum(axis=(0, 2, 3)), dout.sum(axis=(0, 2, 3))
"""

BATCH = ("batchnorm_forward", "batchnorm_backward", "batchnorm_backward_alt")
LAYER = ("layernorm_forward", "layernorm_backward")
SPATIAL = ("spatial_batchnorm_forward", "spatial_batchnorm_backward")
GROUP = ("spatial_groupnorm_forward", "spatial_groupnorm_backward")
RUNNING = [SHARE_KEPT, BIASED]


def test_right_layers_are_equal_and_conventions_are_told(tmp_path: Path) -> None:
    found = answers(LAYERS, tmp_path)
    assert {key: (entry.verdict, entry.conventions) for key, entry in found.items()} == {
        ("batchnorm_forward", "batch_norm"): ("equal", RUNNING),
        ("batchnorm_backward", "batch_norm_backward"): ("equal", []),
        ("batchnorm_backward_alt", "batch_norm_backward"): ("equal", []),
        ("layernorm_forward", "layer_norm"): ("equal", []),
        ("layernorm_backward", "layer_norm_backward"): ("equal", []),
        ("spatial_batchnorm_forward", "batch_norm"): ("equal", RUNNING),
        ("spatial_batchnorm_backward", "batch_norm_backward"): ("equal", []),
        ("spatial_groupnorm_forward", "group_norm"): ("equal", [OF_IMAGES]),
        ("spatial_groupnorm_backward", "group_norm_backward"): ("equal", [OF_IMAGES]),
    }
    assert {entry.subject.style for entry in found.values()} == {"cs231n"}
    assert {result for entry in found.values() for result in entry.results.values()} == {"equal"}


def test_loops_are_equal(tmp_path: Path) -> None:
    found = answers(LOOPS, tmp_path)
    assert {key[0]: entry.verdict for key, entry in found.items()} == dict.fromkeys(
        (*BATCH[:2], *LAYER, *SPATIAL, *GROUP), "equal"
    )


# Found in the source, and written instead.
Changes = tuple[tuple[str, str], ...]


def changed(changes: Changes) -> str:
    source = LAYERS
    for right, wrong in changes:
        source = mistaken(source, right, wrong)
    return source


IN_TRAINING = "std = np.sqrt(var + eps)\n        ivar"
AFTER = "xhat = (x - running_mean) / np.sqrt(running_var + eps)"
MEAN_LEARNS = "running_mean = momentum * running_mean + (1 - momentum) * mu"
VAR_LEARNS = "running_var = momentum * running_var + (1 - momentum) * var"
CLOSED = "ivar / N * (N * dxhat - dxhat.sum(axis=0) - xhat * (dxhat * xhat).sum(axis=0))"
ROWS = "(D * dx_norm - row_sums - x_norm * row_products) / (D * std)"
LEARNS_AFTER = f"{AFTER}\n        mu, var = x.mean(axis=0), x.var(axis=0)\n        {MEAN_LEARNS}\n        {VAR_LEARNS}"
PER_PIXEL = """    flat, pixels = x.transpose(0, 2, 3, 1).reshape(-1, C), dict(bn_param)
    for name in ("running_mean", "running_var"):
        pixels[name] = np.repeat(bn_param[name], H * W)
    batchnorm_forward(flat, gamma, beta, bn_param)
    bn_param, flat, gamma, beta = pixels, x.reshape(N, -1), np.repeat(gamma, H * W), np.repeat(beta, H * W)
"""
SCALED = "    out = gamma * x_norm + beta\n    return out, (G,"
VECTORS = "    (C,) = gamma.shape\n    gamma, beta = gamma[:, None, None], beta[:, None, None]\n"
PER_GROUP = "    gamma, beta = (np.repeat(one[:, :G], C // G, axis=1) for one in (gamma, beta))\n"
PER_CHANNEL = (
    "    G = C\n    mean, var = (one.reshape(N, C, 1, 1, 1) for one in (x.mean(axis=(2, 3)), x.var(axis=(2, 3))))\n"
)
GROUPED = "grouped = x.reshape(N, G, C // G, H, W)\n    mean"


def over(axes: str) -> Changes:
    """Groups whose mean and variance run over other axes."""
    return tuple((f"grouped.{name}(axis=(2, 3, 4)", f"grouped.{name}(axis={axes}") for name in ("mean", "var"))


@pytest.mark.parametrize(
    ("name", "changes", "named"),
    [
        (BATCH[0], ((AFTER, "xhat = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)"),),
         {"output": "batch-statistics-in-eval"}),
        (BATCH[0], (("        xhat = xmu * ivar\n", f"        {AFTER}\n"),),
         {"output": "running-statistics-in-training"}),
        (BATCH[0], (("        xhat = xmu * ivar\n", "        xhat = xmu / np.sqrt(x.var(axis=0, ddof=1) + eps)\n"),),
         {"output": "unbiased-variance-in-training"}),
        (BATCH[0], ((IN_TRAINING, "std = np.sqrt(var) + eps\n        ivar"),
                    (AFTER, "xhat = (x - running_mean) / (np.sqrt(running_var) + eps)")),
         {"output": "eps-outside-the-root"}),
        (BATCH[0], ((IN_TRAINING, "std = var + eps\n        ivar"),
                    (AFTER, "xhat = (x - running_mean) / (running_var + eps)")),
         {"output": "root-forgotten"}),
        (BATCH[0], (("mu = x.mean(axis=0)\n", "mu = x.mean(axis=1, keepdims=True)\n"),
                    ("xhat = xmu * ivar", "xhat = xmu / np.sqrt(x.var(axis=1, keepdims=True) + eps)"),
                    (MEAN_LEARNS, MEAN_LEARNS.replace("* mu", "* x.mean(axis=0)")),
                    (VAR_LEARNS, VAR_LEARNS.replace("* var", "* x.var(axis=0)"))),
         {"output": "statistics-over-channels"}),
        (BATCH[0], ((MEAN_LEARNS, "running_mean = (1 - momentum) * running_mean + momentum * mu"),
                    (VAR_LEARNS, "running_var = (1 - momentum) * running_var + momentum * var")),
         {"running_mean": "momentum-the-wrong-way-round", "running_var": "momentum-the-wrong-way-round"}),
        (BATCH[0], ((AFTER, LEARNS_AFTER),),
         {"running_mean": "statistics-updated-in-eval", "running_var": "statistics-updated-in-eval"}),
        (BATCH[1], (("return dx1 + dx2,", "return dx1,"),), {"grad_input": "way-through-mean-forgotten"}),
        (BATCH[1], (("dxmu + 2 * xmu * dsq", "dxmu"),), {"grad_input": "way-through-variance-forgotten"}),
        (BATCH[2], ((CLOSED, "dxhat * ivar"),), {"grad_input": "statistics-taken-for-constants"}),
        (BATCH[2], (("    dxhat = dout * gamma\n    dx =", "    dxhat = dout\n    dx ="),),
         {"grad_input": "gamma-missing-in-the-gradient"}),
        (BATCH[2], (("(dout * xhat).sum(axis=0)\n    dxhat", "(dout * x).sum(axis=0)\n    dxhat"),),
         {"grad_weight": "gamma-gradient-from-the-input"}),
        (BATCH[1], (("np.sum(dout * xhat, axis=0)", "dout * xhat"),), {"grad_weight": "gamma-gradient-not-summed"}),
        (LAYER[0], (("np.mean(x, axis=1", "np.mean(x, axis=0"), ("np.var(x, axis=1", "np.var(x, axis=0")),
         {"output": "layer-norm-over-batch"}),
        (LAYER[0], (("np.var(x, axis=1,", "np.var(x, axis=1, ddof=1,"),), {"output": "layer-norm-unbiased-variance"}),
        (LAYER[0], (("(x - mu) / std", "(x - mu) / (np.sqrt(var) + eps)"),),
         {"output": "layer-norm-eps-outside-root"}),
        (LAYER[1], (("D * dx_norm - row_sums", "D * dx_norm"),), {"grad_input": "layer-norm-mean-path-forgotten"}),
        (LAYER[1], (("row_sums - x_norm * row_products", "row_sums"),),
         {"grad_input": "layer-norm-variance-path-forgotten"}),
        (LAYER[1], ((ROWS, "dx_norm / std"),), {"grad_input": "layer-norm-constant-statistics"}),
        (LAYER[1], (("np.sum(dout * x_norm, axis=0)", "np.sum(dout * x, axis=0)"),),
         {"grad_weight": "layer-norm-weight-gradient-from-input"}),
        (LAYER[1], (("dx_norm = dout * gamma\n    row", "dx_norm = dout\n    row"),),
         {"grad_input": "layer-norm-weight-forgotten-in-gradient"}),
        (SPATIAL[0], (("    flat = x.transpose(0, 2, 3, 1).reshape(-1, C)\n", PER_PIXEL),
                      ("out.reshape(N, H, W, C).transpose(0, 3, 1, 2), cache", "out.reshape(N, C, H, W), cache")),
         {"output": "statistics-per-pixel"}),
        (SPATIAL[1], (("(0, 3, 1, 2), dgamma, dbeta", "(0, 3, 1, 2), dgamma, dout.sum(axis=0)"),),
         {"grad_bias": "beta-gradient-over-batch-alone"}),
        (GROUP[0], ((GROUPED, "grouped = x.reshape(N, C // G, G, H, W)\n    mean"), *over("(1, 3, 4)")),
         {"output": "group-norm-interleaved"}),
        (GROUP[0], over("(3, 4)"), {"output": "group-norm-per-channel"}),
        (GROUP[0], over("(1, 2, 3, 4)"), {"output": "group-norm-groups-ignored"}),
        (GROUP[0], over("(0, 2, 3, 4)"), {"output": "group-norm-over-batch"}),
        (GROUP[0], (("grouped.var(axis=(2, 3, 4),", "grouped.var(axis=(2, 3, 4), ddof=1,"),),
         {"output": "group-norm-unbiased-variance"}),
        (GROUP[0], (("/ np.sqrt(var + eps)\n    x_norm", "/ (np.sqrt(var) + eps)\n    x_norm"),),
         {"output": "group-norm-eps-outside-root"}),
        (GROUP[0], ((SCALED, PER_GROUP + SCALED),), {"output": "group-norm-weight-per-group"}),
        (GROUP[1], ((" + dmean / m", ""),), {"grad_input": "group-norm-mean-path-forgotten"}),
        (GROUP[1], (("dvar * 2 * (grouped - mean) / m + ", ""),), {"grad_input": "group-norm-variance-path-forgotten"}),
        (GROUP[1], (("    dx_norm = (dout * gamma)", PER_CHANNEL + "    dx_norm = (dout * gamma)"),),
         {"grad_input": "group-norm-gradient-per-channel"}),
        (GROUP[1], (("np.sum(dout * x_norm, axis=(0", "np.sum(dout * x, axis=(0"),),
         {"grad_weight": "group-norm-weight-gradient-from-input"}),
        (GROUP[1], (("(dout * gamma).reshape", "dout.reshape"),),
         {"grad_input": "group-norm-weight-forgotten-in-gradient"}),
    ],
)  # fmt: skip
def test_mistakes_are_named(name: str, changes: Changes, named: dict[str, str], tmp_path: Path) -> None:
    (entry,) = answers(changed(changes), tmp_path, (name,)).values()
    assert entry.verdict == "different"
    assert proven(entry) == {result: [mistake] for result, mistake in named.items()}
    assert {result for result, verdict in entry.results.items() if verdict == "different"} == set(named)


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        (IN_TRAINING, "std = np.sqrt(var) + eps\n        ivar", "in training"),
        (AFTER, "xhat = (x - running_mean) / (np.sqrt(running_var) + eps)", "in evaluation"),
    ],
)
def test_a_mistake_in_one_of_two_branches_is_named(right: str, wrong: str, words: str, tmp_path: Path) -> None:
    (entry,) = answers(mistaken(LAYERS, right, wrong), tmp_path, BATCH[:1]).values()
    assert proven(entry) == {"output": ["eps-outside-the-root"]}
    assert entry.diagnoses[0].mistakes[0].explanation.endswith(f"That is so {words} alone.")


@pytest.mark.parametrize(
    ("only", "changes", "conventions"),
    [
        (BATCH[:1], ((VAR_LEARNS, VAR_LEARNS.replace("* var", "* x.var(axis=0, ddof=1)")),), [SHARE_KEPT]),
        (BATCH[1:2], (("np.sum(dout, axis=0)\n    dgamma = np.sum(dout * xhat, axis=0)",
                         "dout.sum(0, keepdims=True)\n    dgamma = (dout * xhat).sum(0, keepdims=True)"),),
         [GRADIENT_ROWS]),
        (GROUP[:1], ((SCALED, VECTORS + SCALED),), []),
        (GROUP[1:], ((SCALED, VECTORS + SCALED),
                     ("(N, C, H, W), dgamma, dbeta", "(N, C, H, W), dgamma.ravel(), dbeta.ravel()")), []),
    ],
)  # fmt: skip
def test_other_ways_are_conventions(
    only: tuple[str, ...], changes: Changes, conventions: list[str], tmp_path: Path
) -> None:
    (entry,) = answers(changed(changes), tmp_path, only).values()
    assert (entry.verdict, entry.conventions) == ("equal", conventions)


def test_the_gradient_of_a_wrong_forward_follows(tmp_path: Path) -> None:
    source = changed((("var = (xmu ** 2).mean(axis=0)", "var = (xmu ** 2).sum(axis=0) / (N - 1)"),
                      ("dsq = np.ones((N, D)) * dvar / N", "dsq = np.ones((N, D)) * dvar / (N - 1)")))  # fmt: skip
    found = answers(source, tmp_path, BATCH[:2])
    assert proven(found[BATCH[0], "batch_norm"])["output"] == ["unbiased-variance-in-training"]
    assert found[BATCH[1], "batch_norm_backward"].follows["grad_input"] == BATCH[0]


def test_running_statistics_that_are_none_are_missing(tmp_path: Path) -> None:
    source = changed((('bn_param["running_var"] = running_var', 'bn_param["running_var"] = None'),))
    (entry,) = answers(source, tmp_path, BATCH[:1]).values()
    assert entry.results == {"output": "equal", "running_mean": "equal", "running_var": "missing"}


def test_a_backward_whose_forward_is_not_in_the_file_is_left(tmp_path: Path) -> None:
    """What its cache is, nobody knows."""
    found = answers(LAYERS.replace("layernorm_forward", "normalise"), tmp_path)
    assert ("layernorm_backward", "layer_norm_backward") not in {
        key for key, entry in found.items() if entry.subject.style == "cs231n"
    }


def test_what_others_call_alike_is_left(tmp_path: Path) -> None:
    source = """
def batchnorm_forward(X, gamma, beta): pass
def batchnorm_backward(dout, cache): pass
def layernorm_forward(x, gamma, beta, eps): pass
def spatial_groupnorm_forward(x, gamma, beta, gn_param): pass
def batchnorm_relu_forward(x, gamma, beta, bn_param): pass
"""
    assert not [key for key, entry in answers(source, tmp_path).items() if entry.subject.style == "cs231n"]


def test_what_returns_nothing_is_missing(tmp_path: Path) -> None:
    """As a function that is still to be written."""
    source = re.sub(r"^def (.*):$", r"def \1:\n    return None, None", LAYERS, flags=re.MULTILINE)
    found = answers(source, tmp_path)
    for (name, _), entry in found.items():
        assert entry.results.get("output", "missing") == "missing", name
        assert entry.verdict in ("different", "raises"), name
    assert len(found) == 9
