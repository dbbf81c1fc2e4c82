"""Examine a file of your own code: is it right, and if not, what went wrong?"""

from torch_parity.doctor.command import main

__all__ = ["main"]
