"""The proof of a whole network as lines of text: one for each layer, then both ends."""

from torch_parity.machine import machine
from torch_parity.proof.compare import Verdict
from torch_parity.proof.whole import Distance, LayerProof

# The columns, and the results that each holds; a joint's other gradients stand with the first.
PARAMETER_COLUMNS = {"weight gradient": ("grad_weight",), "bias gradient": ("grad_bias",)}
COLUMNS_OF_LAYERS = ("output", "input gradient", *PARAMETER_COLUMNS)


def network_header(name: str, shape: tuple[int, ...], seed: int) -> str:
    """What is compared with what, and how to read the numbers."""
    facts = machine()
    return (
        f"{name}, input {' x '.join(map(str, shape))}, float64: NumPy {facts['NumPy']} against torch {facts['torch']}, "
        f"seed {seed}\n\n"
        "Each layer is fed torch's own input and upstream gradient.  'bits': all numbers have the same bits;\n"
        "in per cent, the largest difference as a share of the proven rounding bound of the layer's formula.\n"
        "The output of batch_norm stands for its running statistics, too."
    )


def mode_header(mode: str) -> str:
    """The mode of a pass, and the names of the columns."""
    columns = " ".join(f"{name:>15}" for name in COLUMNS_OF_LAYERS)
    return f"\n{mode} mode\n{'layer':<24} {'formula':<19} {'output shape':<18} {columns}"


def layer_line(proof: LayerProof) -> str:
    """One line for a layer."""
    cells: dict[str, list[Verdict]] = {name: [] for name in COLUMNS_OF_LAYERS}
    for result, verdict in proof.verdicts.items():
        column = next((name for name, results in PARAMETER_COLUMNS.items() if result in results), None)
        cells[column or ("input gradient" if result.startswith("grad_") else "output")].append(verdict)
    columns = " ".join(f"{_cell_of(verdicts):>15}" for verdicts in cells.values())
    return f"{proof.layer:<24} {proof.formula:<19} {_shape(proof.shape):<18} {columns}"


def _cell_of(verdicts: list[Verdict]) -> str:
    """What some results of a layer showed together."""
    if not verdicts:
        return "-"
    if not all(verdict.equal for verdict in verdicts):
        return "DIFFERENT"
    if all(verdict.identical == verdict.elements for verdict in verdicts):
        return "bits"
    return f"{max(verdict.share or 0.0 for verdict in verdicts):.2%}"


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def layer_failure(proof: LayerProof, mode: str) -> str:
    """Where the two sides part."""
    return (
        f"\nDIFFERENT at {proof.layer}, the first layer that differs, in {mode} mode: {proof.formula}\n"
        f"    {proof.difference}\n"
        f"    the formula alone: python scripts/check_parity.py --only {proof.formula}"
    )


def distance_line(found: list[Distance]) -> str:
    """How far NumPy's network alone is from torch's."""
    parts = [f"{one.kind} {one.share:.1e}{f' ({one.where})' if one.where else ''}" for one in found]
    return f"from one end to the other, NumPy alone: {', '.join(parts)} of the largest"


def end_error(error: Exception) -> str:
    """What NumPy's network raised, where every layer alone is equal."""
    return f"\nDIFFERENT from one end to the other, although every layer is equal: NumPy's network raises\n    {error}"


def end_failure(found: list[Distance], farthest: float) -> str:
    """What is too far, where every layer alone is equal."""
    far = ", ".join(one.kind for one in found if not one.near)
    return f"\nDIFFERENT from one end to the other, although every layer is equal: {far} farther than {farthest:g}"
