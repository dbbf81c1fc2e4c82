"""The proof: every formula of ``reference`` against torch, and both trained side by side.

``pairs.PAIRS`` is the table of formulas, ``proof.prove`` compares one on one case, and ``train`` trains a network in
NumPy and in torch in lockstep.
"""

from torch_parity.lockstep import Lockstep
from torch_parity.settings import Settings
from torch_parity.training import Progress, Summary, resume, train

__all__ = ["Lockstep", "Progress", "Settings", "Summary", "resume", "train"]
