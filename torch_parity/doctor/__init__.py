"""Is *yours* right, and if not, what went wrong?

From Python, ``examine`` a function, a class or a module, and show what it says; in a test, ``assert_parity`` of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch_parity.doctor.api import Examination, assert_parity, examine

__all__ = ["Examination", "assert_parity", "examine"]


def __getattr__(name: str) -> Any:
    # Loaded when asked for: the process that runs a student's file imports this package, and needs no torch.
    if name in __all__:
        try:
            return getattr(import_module("torch_parity.doctor.api"), name)
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if package in ("rich", "safetensors"):
                raise ImportError(f"the doctor needs {package}: pip install 'cnn-reference[doctor]'") from error
            raise
    raise AttributeError(f"module 'torch_parity.doctor' has no attribute {name!r}")
