"""Functions with known mistakes planted, asked as a student's are: what the doctor must name."""

from dataclasses import dataclass

from torch_parity.doctor.process import Problem, Reply
from torch_parity.doctor.question import Question
from torch_parity.doctor.right import answer
from torch_parity.doctor.subject import Found, Takes
from torch_parity.proof.pairs import Pair, pair_named

EVERYTHING = (
    "stride", "padding", "padding 'same'", "dilation", "groups", "ceil_mode", "count_include_pad", "divisor_override",
    "start_dim", "end_dim", "dim", "reduction", "weight", "ignore_index", "label_smoothing", "grad_output", "momentum",
    "dampening", "weight_decay", "nesterov", "maximize", "mode", "value", "output_padding", "negative_slope",
    "approximate", "running_mean", "training", "eps", "normalized_shape", "p", "pos_weight", "alpha", "centered",
    "betas", "amsgrad", "decoupled_weight_decay", "norm_type",
)  # fmt: skip
# What the signatures of the styles have room for, from all that torch has to almost nothing.
TAKES = {
    "reference": Takes(EVERYTHING, pairs=True, batch=None, bias=None, ranks=(1, 2, 3, 4)),
    "cs231n": Takes(("stride", "padding", "momentum", "running_mean", "training", "eps", "p")),
    "saitoh": Takes(("stride", "padding", "momentum"), ranks=(2, 4)),
    "coursera": Takes(("stride", "padding"), square=True),
    "cmu": Takes(("stride", "padding"), square=True),
    "plain": Takes(),
    "d2l": Takes(batch=False, bias=False),
}


@dataclass(frozen=True)
class Planted:
    """Answers as ``pair``, the right formula with mistakes planted."""

    pair: Pair

    def ask(self, subject: int, reading: int, *questions: Question) -> Reply:
        """The wrong answer to the last question."""
        results = answer(self.pair, questions[-1])
        if results is None:
            return Reply(problem=Problem("raises", "ValueError", "wrong shapes"))
        return Reply(results)


def subject(formula: str, backward: bool, takes: Takes, results: tuple[str, ...]) -> Found:
    """What a style would have found."""
    name = f"{formula}_backward" if backward else formula
    return Found(0, name, name, "reference", "", results, takes, "", 0, ((),))


def results_of(formula: str, backward: bool) -> tuple[str, ...]:
    """The names of the results."""
    if not backward and formula in ("batch_norm", "clip_grad_norm"):
        return pair_named(formula).outputs
    if not backward:
        return ("output",)
    return tuple("grad_" + name for name in pair_named(formula).gradients)
