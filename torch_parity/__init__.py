"""The proof: every formula of ``reference`` against torch, and both trained side by side.

``pairs.PAIRS`` is the table of formulas, ``proof.prove`` compares one on one case, and ``train`` trains a network in
NumPy and in torch in lockstep.
"""

from torch_parity.training import Lockstep, Progress, Summary, train

__all__ = ["Lockstep", "Progress", "Summary", "train"]
