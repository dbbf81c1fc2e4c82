"""What is refused in softmax and in its logarithm."""

from torch_parity.audit.refusals.refusal import Arguments, Refusal


def _guessed_dimension(arguments: Arguments) -> Arguments:
    if arguments.get("dim") is not None:
        return {}
    return {"dim": 0 if arguments["input"].ndim in (0, 1, 3) else 1}


REFUSALS = (
    Refusal(
        "no dimension",
        ("softmax", "log_softmax"),
        "torch guesses one from the rank, and warns that it is deprecated",
        _guessed_dimension,
    ),
)
