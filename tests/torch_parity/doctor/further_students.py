"""Right code for the formulas beyond a plain network, as students write it; the last two files by conventions."""

FIRST = """import numpy as np


def batch_norm(x, gamma, beta, running_mean, running_var, training=True, momentum=0.1, eps=1e-5):
    axes = (0, 2, 3) if x.ndim == 4 else (0,)
    shape = (1, -1, 1, 1) if x.ndim == 4 else (1, -1)
    if training:
        mu = x.mean(axis=axes)
        var = x.var(axis=axes)
        n = x.size // x.shape[1]
        running_mean *= 1 - momentum
        running_mean += momentum * mu
        running_var *= 1 - momentum
        running_var += momentum * var * n / (n - 1)
    else:
        mu, var = running_mean, running_var
    xhat = (x - mu.reshape(shape)) / np.sqrt(var.reshape(shape) + eps)
    return gamma.reshape(shape) * xhat + beta.reshape(shape)


class BatchNorm2d:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.gamma = np.ones(num_features)
        self.beta = np.zeros(num_features)
        self.running_mean = np.zeros(num_features)
        self.running_var = np.ones(num_features)
        self.eps, self.momentum, self.training = eps, momentum, True

    def forward(self, x):
        s = (1, -1, 1, 1)
        if self.training:
            mu, var = x.mean((0, 2, 3)), x.var((0, 2, 3))
            n = x.size / x.shape[1]
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mu
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * var * n / (n - 1)
        else:
            mu, var = self.running_mean, self.running_var
        self.std = np.sqrt(var + self.eps).reshape(s)
        self.xhat = (x - mu.reshape(s)) / self.std
        return self.gamma.reshape(s) * self.xhat + self.beta.reshape(s)

    def backward(self, dout):
        self.dgamma = (dout * self.xhat).sum((0, 2, 3))
        self.dbeta = dout.sum((0, 2, 3))
        h = dout * self.gamma.reshape(1, -1, 1, 1)
        if not self.training:
            return h / self.std
        m = lambda a: a.mean((0, 2, 3), keepdims=True)
        return (h - m(h) - self.xhat * m(h * self.xhat)) / self.std


def batch_norm_backward(dout, x, gamma, eps=1e-5):
    mu = x.mean(0)
    var = x.var(0)
    std = np.sqrt(var + eps)
    xhat = (x - mu) / std
    N = len(x)
    dgamma = np.sum(dout * xhat, axis=0)
    dbeta = np.sum(dout, axis=0)
    dx = gamma / (N * std) * (N * dout - dbeta - xhat * dgamma)
    return dx, dgamma, dbeta


class Dropout:
    def __init__(self, p=0.5):
        self.p = p

    def forward(self, x, training=True):
        if not training:
            self.mask = np.ones_like(x)
            return x
        self.mask = (np.random.rand(*x.shape) > self.p) / (1 - self.p)
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


def dropout(x, keep_prob):
    mask = np.random.rand(*x.shape) < keep_prob
    return x * mask / keep_prob, mask


def dropout_backward(dout, mask, keep_prob):
    return dout * mask / keep_prob


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def sigmoid_derivative(a):
    return a * (1 - a)


def tanh(x):
    return np.tanh(x)


def tanh_backward(g, x):
    return g * (1 - np.tanh(x) ** 2)


class Sigmoid:
    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, grad):
        return grad * self.out * (1 - self.out)


class LeakyReLU:
    def __init__(self, alpha=0.01):
        self.alpha = alpha

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.alpha * x)

    def backward(self, dout):
        return dout * np.where(self.x > 0, 1, self.alpha)


def leaky_relu(x, alpha=0.1):
    return np.where(x > 0, x, x * alpha)


def leaky_relu_backward(dout, x, alpha=0.1):
    return np.where(x > 0, dout, dout * alpha)


def silu(x):
    return x / (1 + np.exp(-x))


def swish_backward(g, x):
    s = 1 / (1 + np.exp(-x))
    return g * (s + x * s * (1 - s))


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def layer_norm(x, gamma, beta, eps=1e-5):
    mean = x.mean(axis=-1, keepdims=True)
    var = x.var(axis=-1, keepdims=True)
    return gamma * (x - mean) / np.sqrt(var + eps) + beta


class LayerNorm:
    def __init__(self, features, eps=1e-5):
        self.gamma = np.ones(features)
        self.beta = np.zeros(features)
        self.eps = eps

    def forward(self, x):
        mean = x.mean(-1, keepdims=True)
        var = x.var(-1, keepdims=True)
        self.std = np.sqrt(var + self.eps)
        self.xhat = (x - mean) / self.std
        return self.gamma * self.xhat + self.beta

    def backward(self, dout):
        dgamma = (dout * self.xhat).sum(0)
        dbeta = dout.sum(0)
        h = dout * self.gamma
        dx = (h - h.mean(-1, keepdims=True) - self.xhat * (h * self.xhat).mean(-1, keepdims=True)) / self.std
        return dx, dgamma, dbeta


def group_norm(x, gamma, beta, G, eps=1e-5):
    N, C, H, W = x.shape
    y = x.reshape(N, G, C // G, H, W)
    y = (y - y.mean((2, 3, 4), keepdims=True)) / np.sqrt(y.var((2, 3, 4), keepdims=True) + eps)
    return y.reshape(N, C, H, W) * gamma.reshape(1, C, 1, 1) + beta.reshape(1, C, 1, 1)


def mse(y_true, y_pred):
    return np.mean((y_true - y_pred) ** 2)


def mse_prime(y_true, y_pred):
    return 2 * (y_pred - y_true) / np.size(y_true)


class MSELoss:
    def forward(self, pred, target):
        self.pred, self.target = pred, target
        return ((pred - target) ** 2).mean()

    def backward(self):
        return 2 * (self.pred - self.target) / self.pred.size


def nll_loss(log_probs, targets):
    return -log_probs[np.arange(len(targets)), targets].mean()


def bce_with_logits(x, y):
    return np.mean(np.maximum(x, 0) - x * y + np.log1p(np.exp(-np.abs(x))))


def bce_with_logits_backward(x, y):
    return (1 / (1 + np.exp(-x)) - y) / x.size


class Adam:
    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        self.params, self.lr, self.betas, self.eps, self.t = list(params), lr, betas, eps, 0
        self.m = [np.zeros_like(p.data) for p in self.params]
        self.v = [np.zeros_like(p.data) for p in self.params]

    def step(self):
        self.t += 1
        for i, p in enumerate(self.params):
            self.m[i] = self.betas[0] * self.m[i] + (1 - self.betas[0]) * p.grad
            self.v[i] = self.betas[1] * self.v[i] + (1 - self.betas[1]) * p.grad**2
            mh = self.m[i] / (1 - self.betas[0] ** self.t)
            vh = self.v[i] / (1 - self.betas[1] ** self.t)
            p.data = p.data - self.lr * mh / (np.sqrt(vh) + self.eps)


class RMSProp:
    def __init__(self, lr=0.01, rho=0.9, eps=1e-8):
        self.lr, self.rho, self.eps, self.h = lr, rho, eps, None

    def update(self, params, grads):
        if self.h is None:
            self.h = {k: np.zeros_like(v) for k, v in params.items()}
        for k in params:
            self.h[k] = self.rho * self.h[k] + (1 - self.rho) * grads[k] ** 2
            params[k] -= self.lr * grads[k] / (np.sqrt(self.h[k]) + self.eps)


def adam_update(w, dw, m, v, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t += 1
    m = beta1 * m + (1 - beta1) * dw
    v = beta2 * v + (1 - beta2) * dw * dw
    w = w - lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
    return w, m, v, t


def clip_gradients(grads, max_norm):
    total = np.sqrt(sum(np.sum(g**2) for g in grads))
    coef = max_norm / (total + 1e-6)
    if coef < 1:
        for g in grads:
            g *= coef
    return total


def global_average_pool(x):
    return x.mean(axis=(2, 3), keepdims=True)
"""

SECOND = """import math
import numpy as np


def batchnorm_forward(x, gamma, beta, eps=1e-5):
    mu = x.mean(axis=0)
    xc = x - mu
    var = (xc**2).mean(axis=0)
    istd = 1.0 / np.sqrt(var + eps)
    xhat = xc * istd
    cache = (xhat, gamma, istd)
    return gamma * xhat + beta, cache


def batchnorm_backward(dout, cache):
    xhat, gamma, istd = cache
    N = dout.shape[0]
    dbeta = dout.sum(axis=0)
    dgamma = (dout * xhat).sum(axis=0)
    dxhat = dout * gamma
    dx = istd / N * (N * dxhat - dxhat.sum(axis=0) - xhat * (dxhat * xhat).sum(axis=0))
    return dx, dgamma, dbeta


class BatchNormalization:
    def __init__(self, gamma, beta, momentum=0.9, running_mean=None, running_var=None):
        self.gamma, self.beta, self.momentum = gamma, beta, momentum
        self.running_mean, self.running_var = running_mean, running_var
        self.dgamma = self.dbeta = None

    def forward(self, x, train_flg=True):
        if self.running_mean is None:
            self.running_mean = np.zeros(x.shape[1])
            self.running_var = np.zeros(x.shape[1])
        if train_flg:
            mu = x.mean(axis=0)
            xc = x - mu
            var = np.mean(xc**2, axis=0)
            std = np.sqrt(var + 10e-7)
            xn = xc / std
            self.batch_size, self.xc, self.xn, self.std = x.shape[0], xc, xn, std
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mu
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        else:
            xc = x - self.running_mean
            xn = xc / (np.sqrt(self.running_var + 10e-7))
        return self.gamma * xn + self.beta

    def backward(self, dout):
        self.dbeta = dout.sum(axis=0)
        self.dgamma = np.sum(self.xn * dout, axis=0)
        dxn = self.gamma * dout
        dxc = dxn / self.std
        dstd = -np.sum((dxn * self.xc) / (self.std * self.std), axis=0)
        dvar = 0.5 * dstd / self.std
        dxc += (2.0 / self.batch_size) * self.xc * dvar
        dmu = np.sum(dxc, axis=0)
        return dxc - dmu / self.batch_size


class GroupNorm:
    def __init__(self, num_groups, num_channels, eps=1e-5):
        self.G, self.eps = num_groups, eps
        self.weight = np.ones(num_channels)
        self.bias = np.zeros(num_channels)

    def forward(self, x):
        N, C, H, W = x.shape
        g = x.reshape(N, self.G, -1)
        self.std = np.sqrt(g.var(axis=2, keepdims=True) + self.eps)
        self.xhat = (g - g.mean(axis=2, keepdims=True)) / self.std
        return self.xhat.reshape(x.shape) * self.weight[None, :, None, None] + self.bias[None, :, None, None]

    def backward(self, dout):
        xhat = self.xhat.reshape(dout.shape)
        self.dweight = (dout * xhat).sum(axis=(0, 2, 3))
        self.dbias = dout.sum(axis=(0, 2, 3))
        h = (dout * self.weight[None, :, None, None]).reshape(self.xhat.shape)
        dx = (h - h.mean(2, keepdims=True) - self.xhat * (h * self.xhat).mean(2, keepdims=True)) / self.std
        return dx.reshape(dout.shape)


def dropout2d(x, p=0.5, training=True):
    if not training:
        return x
    mask = np.random.binomial(1, 1 - p, size=x.shape[:2])
    return x * mask[:, :, None, None] / (1 - p)


class Dropout2d:
    def __init__(self, p=0.5):
        self.p, self.training = p, True

    def train(self):
        self.training = True

    def eval(self):
        self.training = False

    def forward(self, x):
        if not self.training:
            return x
        rng = np.random.default_rng()
        self.mask = (rng.random((x.shape[0], x.shape[1], 1, 1)) >= self.p).astype(x.dtype) / (1 - self.p)
        return x * self.mask

    def backward(self, grad_output):
        return grad_output * self.mask


def adaptive_avg_pool2d(x, output_size):
    N, C, H, W = x.shape
    oH, oW = output_size
    y = np.zeros((N, C, oH, oW))
    for i in range(oH):
        for j in range(oW):
            top, bottom = i * H // oH, -(-(i + 1) * H // oH)
            left, right = j * W // oW, -(-(j + 1) * W // oW)
            y[:, :, i, j] = x[:, :, top:bottom, left:right].mean(axis=(2, 3))
    return y


class GlobalAvgPool:
    def forward(self, x):
        self.shape = x.shape
        return x.mean(axis=(2, 3), keepdims=True)

    def backward(self, dout):
        N, C, H, W = self.shape
        return np.broadcast_to(dout / (H * W), self.shape)


class Tanh:
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, dout):
        return dout * (1 - self.y**2)


class Swish:
    def forward(self, x):
        self.x, self.s = x, 1 / (1 + np.exp(-x))
        return x * self.s

    def backward(self, g):
        return g * self.s * (1 + self.x * (1 - self.s))


def gelu(x):
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def gelu_backward(g, x):
    cdf = 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
    pdf = np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)
    return g * (cdf + x * pdf)


def conv_transpose2d(x, weight, bias, stride=1, padding=0):
    N, C, H, W = x.shape
    _, O, kH, kW = weight.shape
    out = np.zeros((N, O, (H - 1) * stride + kH, (W - 1) * stride + kW))
    for i in range(H):
        for j in range(W):
            stamp = np.einsum("nc,cokl->nokl", x[:, :, i, j], weight)
            out[:, :, i * stride : i * stride + kH, j * stride : j * stride + kW] += stamp
    out = out[:, :, padding : out.shape[2] - padding, padding : out.shape[3] - padding]
    return out + bias.reshape(1, -1, 1, 1)


def deconv_backward(dout, x, w, stride=1, padding=0):
    N, C, H, W = x.shape
    _, O, kH, kW = w.shape
    dout_p = np.pad(dout, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(H):
        for j in range(W):
            window = dout_p[:, :, i * stride : i * stride + kH, j * stride : j * stride + kW]
            dx[:, :, i, j] = np.einsum("nokl,cokl->nc", window, w)
            dw += np.einsum("nokl,nc->cokl", window, x[:, :, i, j])
    return dx, dw, dout.sum(axis=(0, 2, 3))


def negative_log_likelihood(log_probs, y):
    return -np.sum(log_probs[range(len(y)), y]) / len(y)


def nll_backward(log_probs, y):
    d = np.zeros_like(log_probs)
    d[np.arange(len(y)), y] = -1 / len(y)
    return d


class BCEWithLogitsLoss:
    def forward(self, logits, targets):
        self.logits, self.targets = logits, targets
        return np.mean(np.logaddexp(0, logits) - logits * targets)

    def backward(self):
        p = 1 / (1 + np.exp(-self.logits))
        return (p - self.targets) / self.targets.size


def mse_loss(pred, target, reduction="mean"):
    d = (pred - target) ** 2
    if reduction == "none":
        return d
    return d.mean() if reduction == "mean" else d.sum()


class AdamW:
    def __init__(self, params, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
        self.params, self.lr, self.b1, self.b2 = params, lr, beta1, beta2
        self.eps, self.wd, self.t = eps, weight_decay, 0
        self.m = {id(p): 0.0 for p in params}
        self.v = {id(p): 0.0 for p in params}

    def step(self):
        self.t += 1
        for p in self.params:
            p.data -= self.lr * self.wd * p.data
            m = self.m[id(p)] = self.b1 * self.m[id(p)] + (1 - self.b1) * p.grad
            v = self.v[id(p)] = self.b2 * self.v[id(p)] + (1 - self.b2) * p.grad**2
            p.data -= self.lr * (m / (1 - self.b1**self.t)) / (np.sqrt(v / (1 - self.b2**self.t)) + self.eps)


def adamw_step(w, g, m, v, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
    w = w * (1 - lr * weight_decay)
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    mhat, vhat = m / (1 - beta1**t), v / (1 - beta2**t)
    return w - lr * mhat / (np.sqrt(vhat) + eps), m, v


def rmsprop_update(w, dw, s, lr=0.01, beta=0.99, epsilon=1e-8):
    s = beta * s + (1 - beta) * np.square(dw)
    w = w - lr * dw / (np.sqrt(s) + epsilon)
    return w, s


def clip_grad_norm(grads, max_norm, norm_type=2):
    norms = [np.linalg.norm(g.ravel(), norm_type) for g in grads]
    total = np.linalg.norm(norms, norm_type)
    scale = min(1.0, max_norm / (total + 1e-6))
    for g in grads:
        g *= scale
    return total
"""

THIRD = """import numpy as np


class Dropout:
    def __init__(self, dropout_ratio=0.5):
        self.dropout_ratio = dropout_ratio
        self.mask = None

    def forward(self, x, train_flg=True):
        if train_flg:
            self.mask = np.random.rand(*x.shape) > self.dropout_ratio
            return x * self.mask
        else:
            return x * (1.0 - self.dropout_ratio)

    def backward(self, dout):
        return dout * self.mask


class Layer_Dropout:
    def __init__(self, rate):
        self.rate = 1 - rate

    def forward(self, inputs, training):
        self.inputs = inputs
        if not training:
            self.output = inputs.copy()
            return
        self.binary_mask = np.random.binomial(1, self.rate, size=inputs.shape) / self.rate
        self.output = inputs * self.binary_mask

    def backward(self, dvalues):
        self.dinputs = dvalues * self.binary_mask


class Activation_Sigmoid:
    def forward(self, inputs, training):
        self.inputs = inputs
        self.output = 1 / (1 + np.exp(-inputs))

    def backward(self, dvalues):
        self.dinputs = dvalues * (1 - self.output) * self.output


def sigmoid(Z):
    A = 1 / (1 + np.exp(-Z))
    cache = Z
    return A, cache


def sigmoid_backward(dA, cache):
    Z = cache
    s = 1 / (1 + np.exp(-Z))
    dZ = dA * s * (1 - s)
    return dZ


class Sigmoid:
    def __call__(self, x):
        return 1 / (1 + np.exp(-x))

    def gradient(self, x):
        return self.__call__(x) * (1 - self.__call__(x))


class TanH:
    def __call__(self, x):
        return 2 / (1 + np.exp(-2 * x)) - 1

    def gradient(self, x):
        return 1 - np.power(self.__call__(x), 2)


class LeakyReLU:
    def __init__(self, alpha=0.2):
        self.alpha = alpha

    def __call__(self, x):
        return np.where(x >= 0, x, self.alpha * x)


def tanh_prime(x):
    return 1 - np.tanh(x) ** 2


class BatchNorm:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.eps, self.momentum = eps, momentum
        self.gamma = np.ones((1, num_features))
        self.beta = np.zeros((1, num_features))
        self.running_mean = np.zeros((1, num_features))
        self.running_var = np.ones((1, num_features))

    def forward(self, x, training=True):
        if training:
            mean = x.mean(axis=0, keepdims=True)
            var = x.var(axis=0, keepdims=True)
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * x.var(
                axis=0, ddof=1, keepdims=True
            )
        else:
            mean, var = self.running_mean, self.running_var
        return self.gamma * (x - mean) / np.sqrt(var + self.eps) + self.beta
"""

FOURTH = """import numpy as np


class BatchNorm:
    def __init__(self, channels, momentum=0.99, epsilon=1e-3):
        self.momentum, self.epsilon = momentum, epsilon
        self.gamma = np.ones((1, channels, 1, 1))
        self.beta = np.zeros((1, channels, 1, 1))
        self.moving_mean = np.zeros((1, channels, 1, 1))
        self.moving_var = np.ones((1, channels, 1, 1))

    def forward(self, X, train=True):
        if train:
            mean = X.mean(axis=(0, 2, 3), keepdims=True)
            var = ((X - mean) ** 2).mean(axis=(0, 2, 3), keepdims=True)
            self.moving_mean = self.momentum * self.moving_mean + (1.0 - self.momentum) * mean
            self.moving_var = self.momentum * self.moving_var + (1.0 - self.momentum) * var
        else:
            mean, var = self.moving_mean, self.moving_var
        return self.gamma * (X - mean) / np.sqrt(var + self.epsilon) + self.beta


def batch_norm(X, gamma, beta, moving_mean, moving_var, eps, momentum, training):
    if not training:
        X_hat = (X - moving_mean) / np.sqrt(moving_var + eps)
    else:
        if len(X.shape) == 2:
            mean = X.mean(axis=0)
            var = ((X - mean) ** 2).mean(axis=0)
        else:
            mean = X.mean(axis=(0, 2, 3), keepdims=True)
            var = ((X - mean) ** 2).mean(axis=(0, 2, 3), keepdims=True)
        X_hat = (X - mean) / np.sqrt(var + eps)
        moving_mean = momentum * moving_mean + (1.0 - momentum) * mean
        moving_var = momentum * moving_var + (1.0 - momentum) * var
    Y = gamma * X_hat + beta
    return Y, moving_mean, moving_var


def dropout_layer(X, dropout):
    assert 0 <= dropout <= 1
    if dropout == 1:
        return np.zeros_like(X)
    mask = (np.random.uniform(size=X.shape) > dropout).astype(X.dtype)
    return mask * X / (1.0 - dropout)


def layernorm(x, g, b, eps=1e-5):
    mean = np.mean(x, axis=-1, keepdims=True)
    variance = np.var(x, axis=-1, keepdims=True)
    x = (x - mean) / np.sqrt(variance + eps)
    return g * x + b


class Dropout:
    def __init__(self, keep_prob):
        self.keep_prob = keep_prob

    def forward(self, A):
        self.D = (np.random.rand(A.shape[0], A.shape[1]) < self.keep_prob).astype(int)
        return A * self.D / self.keep_prob

    def backward(self, dA):
        return dA * self.D / self.keep_prob


class Adam:
    def __init__(self, model, lr, beta1=0.9, beta2=0.999):
        self.layers = model.layers
        self.lr = lr
        self.b1 = beta1
        self.b2 = beta2
        self.t = 0
        self.eps = 1e-8
        self.m = [(np.zeros_like(l.W), np.zeros_like(l.b)) for l in self.layers]
        self.v = [(np.zeros_like(l.W), np.zeros_like(l.b)) for l in self.layers]

    def step(self):
        self.t += 1
        for i, l in enumerate(self.layers):
            for j, (p, g) in enumerate(((l.W, l.dW), (l.b, l.db))):
                self.m[i][j][:] = self.b1 * self.m[i][j] + (1 - self.b1) * g
                self.v[i][j][:] = self.b2 * self.v[i][j] + (1 - self.b2) * g * g
                p -= (
                    self.lr
                    * (self.m[i][j] / (1 - self.b1**self.t))
                    / (np.sqrt(self.v[i][j] / (1 - self.b2**self.t)) + self.eps)
                )


def clip_grads(grads, max_norm):
    total_norm = 0
    for grad in grads:
        total_norm += np.sum(grad**2)
    total_norm = np.sqrt(total_norm)
    rate = max_norm / (total_norm + 1e-6)
    if rate < 1:
        for grad in grads:
            grad *= rate


def rmsprop(params, grads, cache, lr=0.01, decay=0.9):
    for k in params:
        cache[k] = decay * cache[k] + (1 - decay) * grads[k] ** 2
        params[k] -= lr * grads[k] / (np.sqrt(cache[k]) + 1e-8)
    return params, cache


def mse_grad(pred, target):
    return 2 * (pred - target) / pred.size


def groupnorm(x, num_groups, eps=1e-5):
    n, c, h, w = x.shape
    x = x.reshape(n, num_groups, -1)
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps)
    return x.reshape(n, c, h, w)
"""
