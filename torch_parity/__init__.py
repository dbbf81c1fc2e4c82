"""The proof: every formula of ``reference`` against torch, and both trained side by side.

    shared      networks, image_networks, files, machine, masks: what several wings need
    proof       is it equal?                    pairs.py is the spine: one row for each formula
    audit       could the proof fail?           wrong formulas, coverage, refusals, sensitivity, accuracy
    doctor      is *yours* equal, and if not, what went wrong?
    training    both sides in lockstep          settings, steps, threads and processes, runs that are kept
    benchmark   how fast, beside torch and others
    pages       what a person keeps and reads
    lesson      the page that cannot be wrong
    commands    the command lines

From Python, prove a formula, or train a network on both sides:

    >>> import torch_parity
    >>> pair = torch_parity.pair_named("relu")
    >>> report = torch_parity.prove_many(pair, seed=0, indices=range(8))
    >>> report.cases, report.equal
    (8, True)
    >>> case = torch_parity.numbered_case(pair, seed=0, index=0)
    >>> {name: verdict.equal for name, verdict in torch_parity.prove(pair, case).items()}
    {'output': True, 'grad_input': True}
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch_parity.proof.pairs import PAIRS, Pair, pair_named
    from torch_parity.proof.prove import Report, numbered_case, prove, prove_many
    from torch_parity.training.lockstep import Lockstep
    from torch_parity.training.loop import Diverged, Progress, Summary, resume, train
    from torch_parity.training.settings import Settings

__all__ = [  # noqa: RUF022, as in the text above
    "PAIRS", "Pair", "pair_named", "Report", "numbered_case", "prove", "prove_many",
    "Diverged", "Lockstep", "Settings", "Progress", "Summary", "resume", "train",
]  # fmt: skip

# Loaded when asked for, as importing torch takes seconds that a program may spend better.
_HOMES = {
    "proof.pairs": ("PAIRS", "Pair", "pair_named"),
    "proof.prove": ("Report", "numbered_case", "prove", "prove_many"),
    "training.lockstep": ("Lockstep",),
    "training.loop": ("Diverged", "Progress", "Summary", "resume", "train"),
    "training.settings": ("Settings",),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"torch_parity.{home}"), name)
    raise AttributeError(f"module 'torch_parity' has no attribute {name!r}")
