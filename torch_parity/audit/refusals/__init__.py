"""What the reference refuses on purpose although torch takes it: one table, one row and one reason each.

Everywhere else acceptance is equal both ways.  A row also knows what to write instead: ``mend`` turns a call that is
refused into the nearest one that is not.  That keeps the rows narrow.  A call is refused for these reasons alone if it
goes through once mended; a second fault in it is not excused.

One file for each formula of which something is refused, and ``arrays`` for what is refused in many.
"""

from torch_parity.audit.refusals import (
    adaptive_pooling,
    arrays,
    batch_norm,
    conv2d,
    conv_transpose2d,
    cross_entropy,
    dropout,
    linear,
    max_pool2d,
    mse_loss,
    optimizers,
    pad,
    softmax,
)
from torch_parity.audit.refusals.refusal import Arguments, Refusal

__all__ = ["REFUSALS", "Refusal", "mended"]

# A call is mended in this order: targets get the shape of the input, which tells them from class indices, then dtypes;
# the rest as the formulas are taught.
REFUSALS = (
    *mse_loss.REFUSALS,
    *arrays.REFUSALS,
    *conv2d.REFUSALS,
    *conv_transpose2d.REFUSALS,
    *pad.REFUSALS,
    *max_pool2d.REFUSALS,
    *adaptive_pooling.REFUSALS,
    *batch_norm.REFUSALS,
    *dropout.REFUSALS,
    *linear.REFUSALS,
    *softmax.REFUSALS,
    *cross_entropy.REFUSALS,
    *optimizers.REFUSALS,
)


def mended(formula: str, arguments: Arguments) -> tuple[list[Refusal], Arguments]:
    """The rows that apply to a call that torch takes, and the call without any of what they refuse."""
    rows = []
    for row in REFUSALS:
        if row.applies(formula, arguments):
            rows.append(row)
            arguments = {**arguments, **row.mend(arguments)}
    return rows, arguments
