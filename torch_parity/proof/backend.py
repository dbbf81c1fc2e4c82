"""How torch is run: on copies of the arrays, on a chosen device, and set to what can be exact."""

import contextlib
import functools
import importlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

Array = npt.NDArray[Any]

DEVICES = ("cpu", "cuda", "mps")
SIXTEEN_BIT = {"float16": torch.float16, "bfloat16": torch.bfloat16}


def tensor(array: npt.NDArray[Any]) -> torch.Tensor:
    """A tensor with a plain copy of ``array``: torch knows no negative strides, and must not share what it changes."""
    return torch.from_numpy(np.array(array, order="C"))


@contextlib.contextmanager
def torch_as_measured() -> Iterator[None]:
    """torch without NNPACK, whose convolutions are inexact, and without its warning of 'same' with even kernels."""
    with warnings.catch_warnings(), torch.backends.nnpack.flags(enabled=False):
        warnings.filterwarnings("ignore", message="Using padding='same' with even kernel lengths", category=UserWarning)
        yield


@dataclass(frozen=True)
class Backend:
    """Where and how torch computes; the default is what all conventions were measured on.

    ``dtype`` None computes in the dtype of each case; 'float16' and 'bfloat16' round the case's numbers first.  NumPy
    has no bfloat16, so both kinds of 16-bit numbers are kept in float64 arrays, which hold them exactly.
    ``channels_last`` is the memory format of every image and kernel.  Raises ValueError for what is unknown here.
    """

    device: str = "cpu"
    dtype: str | None = None
    compile: bool = False
    channels_last: bool = False
    threads: int = 1

    def __post_init__(self) -> None:
        """Check what was asked for."""
        if self.device not in DEVICES:
            raise ValueError(f"device must be one of {', '.join(DEVICES)}, got {self.device!r}")
        if self.dtype is not None and self.dtype not in SIXTEEN_BIT:
            raise ValueError(f"dtype must be None (the case's own) or {', '.join(SIXTEEN_BIT)}, got {self.dtype!r}")
        if self.threads < 1:
            raise ValueError(f"threads must be at least 1, got {self.threads}")
        if self.device != "cpu" and not getattr(torch, self.device).is_available():
            raise ValueError(f"device {self.device!r} is not there: this torch ({torch.__version__}) finds none")

    @property
    def sums_as_reference(self) -> bool:
        """Whether pooling adds in the order that the reference follows: that of torch's plain CPU kernels."""
        return self == Backend(threads=self.threads)

    def __str__(self) -> str:
        """What is not the default, for a header line."""
        options = [
            self.device,
            self.dtype or "",
            "torch.compile" if self.compile else "",
            "channels_last" if self.channels_last else "",
            f"{self.threads} thread{'s' if self.threads > 1 else ''}",
        ]
        return ", ".join(option for option in options if option)

    def case_dtypes(self, wanted: tuple[np.dtype[Any], ...]) -> tuple[np.dtype[Any], ...]:
        """In which of the ``wanted`` dtypes cases are drawn for this backend.  ValueError if it computes in none."""
        if self.dtype:
            return (np.dtype(np.float64),)
        able = tuple(dtype for dtype in wanted if self.device != "mps" or dtype != np.float64)
        if not able:
            raise ValueError(f"dtype must be float32, float16 or bfloat16 on device {self.device!r}, got float64")
        return able

    def tensors(self, arrays: dict[str, Array], differentiable: tuple[str, ...]) -> dict[str, torch.Tensor]:
        """The arguments of a twin; those in ``differentiable`` will have a gradient."""
        # torch's convolution once crashed on a channels_last image of width 1.
        channels_last = self.channels_last and all(
            a.shape[-1] > 1 for n, a in arrays.items() if n == "input" and a.ndim
        )
        return {n: self.tensor(a, channels_last).requires_grad_(n in differentiable) for n, a in arrays.items()}

    def tensor(self, array: Array, channels_last: bool | None = None) -> torch.Tensor:
        """A copy of ``array`` here, images in this backend's memory format (or as ``channels_last`` says)."""
        copy = tensor(array)
        if self.device == "cpu" and self.dtype is None and not self.channels_last:
            return copy
        copy = copy.to(self.device, SIXTEEN_BIT[self.dtype] if self.dtype and copy.is_floating_point() else copy.dtype)
        if channels_last is None:
            channels_last = self.channels_last and array.ndim == 4 and array.shape[-1] > 1
        if channels_last and array.ndim == 4:
            copy = copy.contiguous(memory_format=torch.channels_last)
        return copy

    def array(self, result: torch.Tensor) -> Array:
        """A result as an array; 16-bit numbers become float64, which changes none.  TypeError for another dtype."""
        result = result.detach()
        if self.dtype is None or not result.is_floating_point():
            return np.asarray(result.cpu().numpy())
        if result.dtype != SIXTEEN_BIT[self.dtype]:
            raise TypeError(f"the result must be {self.dtype}, got {result.dtype}")
        return np.asarray(result.cpu().double().numpy())

    def twin(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function`` as this backend runs it; compiled at most once, unless it is marked as not to be compiled."""
        marked = getattr(function, "_torchdynamo_disable", False)
        return _compiled(function) if self.compile and not marked else function

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """torch set to this backend's threads and to full precision; afterwards as it was before."""
        with contextlib.ExitStack() as settings:
            settings.enter_context(torch_as_measured())
            if (threads := torch.get_num_threads()) != self.threads:
                settings.callback(torch.set_num_threads, threads)
                torch.set_num_threads(self.threads)
            if self.device == "cuda":
                settings.enter_context(_cuda_at_full_precision())
            if self.compile:
                settings.enter_context(_compiling_every_case())
            yield


@contextlib.contextmanager
def _cuda_at_full_precision() -> Iterator[None]:
    """No TF32, whose products have 11 bits; no sums in 16 bits; the same algorithm each time."""
    matmul = torch.backends.cuda.matmul
    names = ("allow_tf32", "allow_fp16_reduced_precision_reduction", "allow_bf16_reduced_precision_reduction")
    precision, before = torch.get_float32_matmul_precision(), {name: getattr(matmul, name) for name in names}
    try:
        torch.set_float32_matmul_precision("highest")
        for name in names:
            setattr(matmul, name, False)
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield
    finally:
        for name, value in before.items():
            setattr(matmul, name, value)
        torch.set_float32_matmul_precision(precision)


@contextlib.contextmanager
def _compiling_every_case() -> Iterator[None]:
    """After eight recompilations torch.compile would run the rest uncompiled without a word: raise the limit.

    Options are constants, as those of a layer are; shapes stay dynamic.  The deprecation warnings are of the compiler's
    own modules.
    """
    config = importlib.import_module("torch._dynamo.config")
    limits = {"recompile_limit": 1000, "accumulated_recompile_limit": 10_000, "fail_on_recompile_limit_hit": True}
    with warnings.catch_warnings(), config.patch(**limits, specialize_int=True):
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@functools.cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    compiled: Callable[..., Any] = torch.compile(function, dynamic=True)
    return compiled
