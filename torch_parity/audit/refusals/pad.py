"""What is refused in padding."""

from torch_parity.audit.refusals.refusal import Arguments, Refusal


def _cut_and_wrapped(arguments: Arguments) -> Arguments:
    amounts = list(arguments["pad"])
    if arguments.get("mode") != "circular":
        return {}
    for i, size in enumerate(arguments["input"].shape[: -len(amounts) // 2 - 1 : -1]):
        before, after = amounts[2 * i : 2 * i + 2]
        left = max(0, size + min(before, 0) + min(after, 0))
        # A cut takes at most everything, and what is left wraps around at most once.
        amounts[2 * i : 2 * i + 2] = [max(-size, min(amount, left)) for amount in (before, after)]
    return {"pad": amounts} if amounts != list(arguments["pad"]) else {}


def _cut_too_much(arguments: Arguments) -> Arguments:
    amounts, input = list(arguments["pad"]), arguments["input"]
    if input.size or arguments.get("mode", "constant") == "constant":
        return {}
    for i, size in enumerate(input.shape[: -len(amounts) // 2 - 1 : -1]):
        if size + amounts[2 * i] + amounts[2 * i + 1] < 0:
            amounts[2 * i : 2 * i + 2] = [0, 0]
    return {"pad": amounts} if amounts != list(arguments["pad"]) else {}


REFUSALS = (
    Refusal(
        "circular padding that wraps more than a cut leaves",
        ("pad",),
        "torch copies from memory that it has not yet written",
        _cut_and_wrapped,
    ),
    Refusal(
        "cutting more than there is off an empty batch",
        ("pad",),
        "torch returns an array of negative height or width",
        _cut_too_much,
    ),
)
