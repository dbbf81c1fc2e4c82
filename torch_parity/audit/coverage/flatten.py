"""What the arguments of flattening can be."""

from torch_parity.audit.coverage.feature import SINGLE, Rule, rank
from torch_parity.proof.cases import Case

VALUES: dict[str, dict[str, str]] = {
    "flatten": {
        "rank": "number vector matrix more",
        "range": "one some all",
        "start_dim": "front end",
        "end_dim": "front end",
        "input": "empty full",
    },
}

RULES: tuple[Rule, ...] = (
    Rule("flatten", ("rank", "number"), ("range", "one some"), "there is no part of a number"),
    Rule("flatten", ("rank", "vector"), ("range", "one some"), "one dimension is all"),
    Rule("flatten", ("rank", "matrix"), ("range", "some"), "of two dimensions there are one or all"),
    Rule("flatten", ("rank", "number"), ("input", "empty"), "a number is not empty"),
    Rule("flatten", ("rank", "number"), ("memory", "other"), SINGLE),
    Rule("flatten", ("input", "empty"), ("memory", "other"), SINGLE),
)


def _flatten(case: Case) -> dict[str, str]:
    x, start, end = case.arrays["input"], case.arguments["start_dim"], case.arguments["end_dim"]
    ndim = max(1, x.ndim)
    merged = end % ndim - start % ndim + 1
    return {
        "rank": rank(x.ndim),
        "range": "all" if merged == ndim else "one" if merged == 1 else "some",
        "start_dim": "front" if start >= 0 else "end",
        "end_dim": "front" if end >= 0 else "end",
        "input": "full" if x.size else "empty",
    }


FEATURES = {"flatten": _flatten}
