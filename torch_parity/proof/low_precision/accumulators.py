"""In what precision torch adds up, by device, formula and result."""

from typing import Any

import numpy.typing as npt
import torch

from torch_parity.proof.backend import Backend

Array = npt.NDArray[Any]

_FLOAT32 = {"output": "float32", "grad_input": "float32", "grad_weight": "float32", "grad_bias": "float32"}
_CPU = {
    "conv2d": _FLOAT32,
    "conv_transpose2d": _FLOAT32,
    "pad": {"grad_input": "copies"},
    "max_pool2d": {"grad_input": "copies"},
    "avg_pool2d": {"output": "float32", "grad_input": "copies"},
    "adaptive_avg_pool2d": {"output": "float32", "grad_input": "copies"},
    "batch_norm": _FLOAT32,
    "layer_norm": {**_FLOAT32, "grad_weight": "copies", "grad_bias": "copies"},
    "group_norm": _FLOAT32,
    "linear": {**_FLOAT32, "output": "bias"},
    "softmax": {"output": "float32", "grad_input": "float32"},
    "log_softmax": {"output": "float32", "grad_input": "float32"},
    "cross_entropy": {"output": "samples", "grad_input": "samples", "grad_target": "float32"},
    "nll_loss": {"output": "samples", "grad_input": "samples"},
    "mse_loss": {"output": "float32", "grad_input": "float32", "grad_target": "float32"},
    "binary_cross_entropy_with_logits": {"output": "float32", "grad_input": "float32", "grad_target": "float32"},
    "sgd": {"output": "copies"},
    "rmsprop": {"output": "copies"},
    "adam": {"output": "copies"},
    "adamw": {"output": "copies"},
    "clip_grad_norm": {"output": "float32"},
}

# The accumulator by device, formula and result: 'float32', or what is added up in 16 bits,
#
#     copies    every term                    samples   the partial results of each sample
#     bias      the sum, then the bias        taps      the partial results of each tap of the kernel
#
# Results that are left out involve no sum.  The CPU's were measured (a test measures again): on long sums of positive
# numbers float32 ends within one rounding of the truth, 16 bits several away.  CUDA's follow its kernels and were not
# measured: padding's gradients are added atomically in 16 bits, a bias is added to the rounded convolution.
ACCUMULATORS = {
    "cpu": _CPU,
    # Where oneDNN does not know the dtype (float16 needs AVX512-FP16) torch has its own convolution, sample by sample.
    "cpu without oneDNN": {
        **_CPU,
        "conv2d": {"output": "float32", "grad_input": "taps", "grad_weight": "samples", "grad_bias": "samples"},
        "conv_transpose2d": {
            "output": "taps",
            "grad_input": "float32",
            "grad_weight": "samples",
            "grad_bias": "float32",
        },
    },
    "cuda": {
        "conv2d": {**_FLOAT32, "output": "bias"},
        "conv_transpose2d": {**_FLOAT32, "output": "bias"},
        "pad": {"grad_input": "copies"},
        "max_pool2d": {"grad_input": "copies"},
        "avg_pool2d": {"output": "float32", "grad_input": "float32"},
        "adaptive_avg_pool2d": {"output": "float32", "grad_input": "copies"},
        "batch_norm": _FLOAT32,
        "layer_norm": _FLOAT32,
        "group_norm": _FLOAT32,
        "linear": {**_FLOAT32, "output": "bias"},
        "softmax": {"output": "float32", "grad_input": "float32"},
        "log_softmax": {"output": "float32", "grad_input": "float32"},
        "cross_entropy": {"output": "float32", "grad_input": "float32", "grad_target": "float32"},
        "nll_loss": {"output": "float32", "grad_input": "float32"},
        "mse_loss": {"output": "float32", "grad_input": "float32", "grad_target": "float32"},
        "binary_cross_entropy_with_logits": {"output": "float32", "grad_input": "float32", "grad_target": "float32"},
        "sgd": {"output": "copies"},
        "rmsprop": {"output": "copies"},
        "adam": {"output": "copies"},
        "adamw": {"output": "copies"},
        "clip_grad_norm": {"output": "float32"},
    },
}


def accumulator(backend: Backend, formula: str, result: str, onednn: bool = True) -> str:
    """The entry of ``ACCUMULATORS``; the most forgiving one for a device that has none (mps).

    ``onednn`` is False for a case that torch does without it, whether it knows the dtype or not.
    """
    if backend.device == "cpu":
        device = "cpu" if onednn and onednn_knows(backend.dtype) else "cpu without oneDNN"
    else:
        device = backend.device if backend.device in ACCUMULATORS else "cpu without oneDNN"
    return ACCUMULATORS[device][formula][result]


def onednn_knows(dtype: str | None) -> bool:
    """Whether torch convolves numbers of this dtype by oneDNN on this CPU."""
    if not (torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled):  # type: ignore[no-untyped-call]
        return False
    name = {"float16": "_is_mkldnn_fp16_supported", "bfloat16": "_is_mkldnn_bf16_supported"}[str(dtype)]
    return bool(getattr(torch.ops.mkldnn, name)())
