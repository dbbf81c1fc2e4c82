"""The proof can fail: every known mistake is rejected, alone and with another."""

import functools
import itertools
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from torch_parity.audit.mistakes import MISTAKES, Mistake
from torch_parity.audit.planting import EVIDENCE, PlantedMistake, self_test
from torch_parity.proof.pairs import PAIRS, Pair, pair_named
from torch_parity.proof.prove import numbered_case, prove, reference_results

ROOT = Path(__file__).parents[3]
NAMED = {mistake.name: mistake for mistake in MISTAKES}
FORMULAS = tuple(dict.fromkeys(mistake.formula for mistake in MISTAKES))
EVERY_FORMULA = pytest.mark.parametrize("formula", FORMULAS)


def one_of(*names: str) -> set[frozenset[str]]:
    """Of each two only one can show."""
    return {frozenset(pair) for pair in itertools.combinations(names, 2)}


def hides(name: str, *others: str) -> set[frozenset[str]]:
    """Beside ``name`` none of ``others`` shows, or the other way round."""
    return {frozenset({name, other}) for other in others}


# Of these two only one can show, in one order at least.
EXCLUSIVE = set().union(
    # Other formulas for the same result.
    one_of("overlap-overwritten", "columns-overwritten", "filters-overwritten"),
    # What is cut off at one end is not added, what is added but ignored can't be wrong, nor can groups.
    one_of("transposed-padding-added", "transposed-padding-cut-at-the-end"),
    one_of("output-padding-ignored", "output-padding-before", "output-padding-left-zero"),
    one_of("transposed-groups-ignored", "transposed-groups-interleaved"),
    one_of("negative-kept", "absolute-value", "relu-swallows-nan"),
    one_of("leak-on-the-wrong-side", "leak-added", "leaky-as-maximum"),
    one_of(
        "leak-left-out-of-the-gradient", "gradient-does-not-leak", "leak-by-the-sign-of-the-output",
        "leaky-slope-one-at-zero", "leaky-slope-without-upstream",
    ),
    one_of("sigmoid-slope-of-input", "sigmoid-taken-twice", "sigmoid-upstream-forgotten", "sigmoid-gradient-passed-on"),
    one_of("tanh-overflows", "tanh-of-half"),
    one_of(
        "tanh-slope-of-input", "tanh-slope-not-squared", "slope-of-sigmoid-for-tanh", "tanh-upstream-forgotten",
    ),
    one_of("silu-of-1.702", "silu-without-x"),
    one_of(
        "silu-slope-of-sigmoid", "silu-sigmoid-as-constant", "silu-slope-of-output", "silu-upstream-forgotten",
    ),
    one_of("gelu-root-of-two-forgotten", "gelu-cube-forgotten", "gelu-by-sigmoid"),
    one_of("gelu-density-forgotten", "gelu-upstream-forgotten"),
    one_of("gelu-always-approximated", "gelu-never-approximated"),
    # A slope of 0.01 hides what is wrong with others; of the two functions only one is ever computed.
    hides("leak-of-one-hundredth", "leaky-as-maximum", "leak-by-the-sign-of-the-output"),
    hides("gelu-always-approximated", "gelu-root-of-two-forgotten"),
    hides("gelu-never-approximated", "gelu-cube-forgotten"),
    one_of("gradient-multiplied-by-mask", "mask-forgotten", "mask-turned-around"),
    one_of(
        "ties-to-all", "ties-by-closeness", "ties-split", "pooling-gradient-overwritten",
        "compared-with-global-maximum",
        "pooling-gradient-to-top-left", "pooling-gradient-to-whole-window", "pooling-gradient-shared",
        "maximum-at-swapped-place",
    ),
    one_of("average-gradient-overwritten", "average-gradient-to-top-left"),
    one_of(
        "running-statistics-in-training", "batch-statistics-in-eval", "unbiased-variance-in-training",
        "statistics-per-pixel", "statistics-over-channels", "eps-outside-the-root", "root-forgotten",
    ),
    one_of("biased-running-variance", "momentum-the-wrong-way-round"),
    one_of(
        "way-through-mean-forgotten", "way-through-variance-forgotten", "statistics-taken-for-constants",
        "gamma-missing-in-the-gradient",
    ),
    one_of("gamma-gradient-from-the-input", "gamma-gradient-not-summed"),
    one_of(
        "adaptive-windows-cut-short", "adaptive-start-rounded-up", "adaptive-end-rounded-down",
        "adaptive-divided-by-average-area",
    ),
    one_of("adaptive-gradient-not-divided", "adaptive-gradient-overwritten"),
    one_of("dropout-not-scaled", "dropout-scaled-the-wrong-way"),
    one_of("dropout-gradient-not-scaled", "dropout-gradient-not-masked"),
    one_of("channel-dropout-of-pixels", "channel-dropout-not-scaled"),
    one_of(
        "layer-norm-over-batch", "layer-norm-over-last-axis-only", "layer-norm-unbiased-variance",
        "layer-norm-eps-outside-root",
    ),
    one_of(
        "layer-norm-constant-statistics", "layer-norm-mean-path-forgotten", "layer-norm-variance-path-forgotten",
    ),
    one_of(
        "group-norm-interleaved", "group-norm-over-batch", "group-norm-unbiased-variance",
        "group-norm-eps-outside-root",
    ),
    one_of("group-norm-mean-path-forgotten", "group-norm-variance-path-forgotten"),
    one_of("flattened-channels-last", "flattened-in-fortran-order", "flattened-as-columns"),
    one_of("gradient-unflattened-channels-last", "gradient-left-flat"),
    one_of("no-max-subtraction", "normalised-over-everything"),
    one_of("diagonal-only", "softmax-sum-forgotten", "softmax-upstream-forgotten", "softmax-gradient-passed-on"),
    one_of("log-of-softmax", "log-with-epsilon", "maximum-subtracted-once"),
    one_of("sum-of-gradients-forgotten", "log-diagonal-only"),
    one_of(
        "epsilon-in-the-logarithm", "probabilities-clipped", "softmax-over-the-batch", "scores-as-probabilities",
        "scores-as-log-probabilities",
    ),
    one_of("one-hot-not-subtracted", "one-subtracted-from-every-class", "gradient-for-probabilities"),
    one_of(
        "weight-decay-after-momentum", "dampened-at-once", "exponential-average", "velocity-subtracted",
        "velocity-updated-late", "weight-decay-negated", "weight-decay-without-learning-rate",
    ),
    one_of(
        "rmsprop-epsilon-in-the-root", "rmsprop-root-forgotten", "rmsprop-momentum-before-scaling",
        "rmsprop-alpha-on-the-wrong-term", "rmsprop-squares-added-up", "rmsprop-absolute-value-for-square",
    ),
    one_of(
        "adam-bias-uncorrected", "adam-steps-counted-from-0", "adam-epsilon-in-the-root",
        "adam-epsilon-before-the-correction", "adam-root-forgotten", "adam-gradient-not-squared",
        "adam-absolute-value-for-square", "amsgrad-maximum-of-corrected",
    ),
    one_of("adamw-decay-coupled", "adamw-decay-without-learning-rate", "adamw-decay-after-the-step"),
    one_of(
        "clipped-each-by-its-own-norm", "always-scaled-to-max-norm", "values-clipped-instead-of-norm",
        "norm-without-root", "norm-of-the-last-gradient", "clipping-epsilon-forgotten",
    ),
    # The padding can be put in one place, and its gradient cut off or not.
    hides("padding-on-one-side", "same-padding-before", "padded-twice"),
    one_of("padding-gradient-kept", "padding-gradient-wrong-corner"),
    # What is not there cannot be wrong.
    hides("bias-forgotten", "bias-in-every-product", "bias-in-every-channel"),
    hides("size-without-plus-one", "last-windows-left-zero"),
    hides(
        "first-pixel-only", "first-image-only", "first-filter-only", "output-reshaped-from-pixels",
        "output-reshaped-from-filters", "output-reshaped-from-batch-last",
    ),
    hides(
        "bias-gradient-zero", "bias-gradient-averaged", "bias-gradient-averaged-over-batch",
        "bias-gradient-from-weight-gradient", "bias-gradient-of-last-image", "bias-gradient-overwritten",
        "bias-gradient-summed-over-everything",
    ),
    hides(
        "parameter-not-updated", "weight-decay-after-momentum", "dampened-at-once", "nesterov-ignored", "climbing",
        "momentum-forgotten-between-steps", "exponential-average", "velocity-subtracted", "velocity-updated-late",
        "learning-rate-forgotten", "learning-rate-applied-twice", "weight-decay-forgotten", "weight-decay-negated",
        "weight-decay-doubled", "weight-decay-without-learning-rate", "dampening-forgotten",
    ),
    hides("weight-decay-forgotten", "weight-decay-after-momentum", "weight-decay-doubled"),
    hides("dampening-forgotten", "momentum-forgotten-between-steps", "exponential-average"),
    hides("momentum-forgotten-between-steps", "velocity-subtracted"),
    # What is divided by 0 stays so; and of one gradient there is no maximum but itself.
    hides(
        "adam-steps-counted-from-0", "adam-betas-swapped", "adam-decay-the-other-way", "amsgrad-forgotten",
        "adam-means-forgotten-between-steps",
    ),
    hides("adam-means-forgotten-between-steps", "amsgrad-forgotten"),
    hides(
        "adamw-parameter-not-updated", "adamw-decay-coupled", "adamw-decay-without-learning-rate",
        "adamw-decay-after-the-step", "adamw-decay-forgotten",
    ),
    # What has been overwritten or summed already can be so once more, and what is constant can be turned.
    one_of("weight-gradient-of-last-image", "weight-gradient-overwritten"),
    one_of("bias-gradient-of-last-image", "bias-gradient-overwritten"),
    one_of("bias-gradient-over-batch-only", "bias-gradient-over-filters"),
    hides(
        "bias-gradient-from-weight-gradient", "bias-gradient-over-batch-only", "bias-gradient-over-filters",
        "bias-gradient-summed-over-everything",
    ),
    hides("weight-gradient-summed-over-taps", "weight-gradient-flipped"),
    hides("maximum-over-batch-and-channels", "maximum-over-channels"),
    hides("maximum-starts-from-zero", "padded-with-zero"),
    hides("negative-kept", "clipped-at-one", "clipped-at-six"),
    hides("clipped-at-one", "clipped-at-six"),
    # There is one number of groups, and with as many as channels a weight for each group is one for each channel.
    hides("group-norm-per-channel", "group-norm-groups-ignored", "group-norm-weight-per-group"),
    hides("flattened-batch", "flattened-as-columns"),
    hides("normalised-over-everything", "wrong-dimension"),
    hides("dense-bias-gradient-not-summed", "dense-bias-gradient-averaged", "dense-bias-gradient-over-features"),
    # The mask is taken of the gradient, and where that is 0 nothing passes; under another mask no 0 counts.
    hides("slope-one-at-zero", "masked-by-gradient", "mask-forgotten", "mask-turned-around"),
    hides("mask-forgotten", "masked-by-gradient"),
    hides("gradient-multiplied-by-mask", "slope-without-upstream"),
    # What is not scaled has no p, what is always trained is never tested, and what is not masked has no mask.
    hides("dropout-not-scaled", "p-as-share-kept"),
    hides("dropout-when-tested", "dropout-scaled-when-tested"),
    hides("dropout-gradient-not-masked", "dropout-gradient-another-mask"),
    hides("channel-dropout-of-pixels", "channel-dropout-same-for-all-images", "channel-dropout-of-images"),
    # There is one divisor, or none; what is a sum is no mean of any kind.
    one_of(
        "divided-by-kernel", "pad-not-counted", "average-not-divided", "divided-by-one-side",
        "divided-by-number-of-windows", "maximum-for-average",
    ),
    hides("average-not-divided", "reciprocal"),
    hides("pooling-gradient-not-divided", "average-gradient-divided-twice"),
    hides(
        "summed-not-averaged", "averaged-twice", "weights-not-normalised", "ignored-samples-counted",
        "averaged-over-classes",
    ),
    hides("gradient-not-averaged", "gradient-averaged-twice", "gradient-averaged-over-classes"),
    # The learning rate is 1, or 1 times 1.
    hides("learning-rate-forgotten", "learning-rate-applied-twice"),
    one_of("likelihoods-divided-by-their-number", "ignored-likelihoods-counted"),
    one_of("squared-error-summed", "squared-error-averaged-over-rows"),
    one_of("logarithm-of-the-sigmoid", "epsilon-beside-the-sigmoid", "second-answer-forgotten"),
    # Where every class counts, none is ignored, and no weight is the target's.
    hides("labels-forgotten", "weights-not-normalised", "ignored-samples-counted"),
)  # fmt: skip


def rejects(pair: Pair, index: int) -> bool:
    try:
        with np.errstate(all="ignore"):
            return not all(verdict.equal for verdict in prove(pair, numbered_case(pair, 0, index)).values())
    except (ValueError, TypeError, IndexError):
        return True


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_every_mistake_is_rejected(mistake: Mistake) -> None:
    pair = mistake.plant(pair_named(mistake.formula))
    assert any(rejects(pair, index) for index in range(400))


def test_there_are_many_and_each_is_told_apart() -> None:
    assert len(MISTAKES) >= 40
    assert len({mistake.name for mistake in MISTAKES}) == len(MISTAKES)
    assert {mistake.formula for mistake in MISTAKES} == {pair.name for pair in PAIRS}
    assert all(mistake.explanation.endswith(".") and mistake.signature.endswith(".") for mistake in MISTAKES)


def test_each_says_what_to_write_instead_and_where_to_read_on() -> None:
    for mistake in MISTAKES:
        assert mistake.remedy.endswith("."), mistake.name
        assert "\n" not in mistake.remedy, mistake.name
        assert mistake.read, mistake.name
        for place in mistake.read:
            file, function = place.split(": ")
            assert f"def {function}(" in (ROOT / file).read_text(), place


def of_formula(formula: str) -> list[Mistake]:
    return [mistake for mistake in MISTAKES if mistake.formula == formula]


def results(pair: Pair, index: int) -> object:
    """All bits of all results on one case, or the error that a formula breaks down with."""
    try:
        with np.errstate(all="ignore"):
            found, _ = reference_results(pair, numbered_case(pair, 0, index))
    except (ValueError, TypeError, IndexError) as error:
        return type(error)
    return tuple((name, array.dtype, array.shape, array.tobytes()) for name, array in found.items())


@functools.cache
def alone(name: str, index: int) -> object:
    return results(NAMED[name].plant(pair_named(NAMED[name].formula)), index)


@pytest.mark.slow
def test_no_two_mistakes_give_the_same_results() -> None:
    """Mistakes of one formula differ on some case, each from each; but for numbers that are close, and not equal."""
    for formula in FORMULAS:
        seen: dict[tuple[object, ...], str] = {}
        for mistake in of_formula(formula):
            if mistake.name == "ties-by-closeness":
                continue
            everything = tuple(alone(mistake.name, index) for index in range(60))
            assert everything not in seen, f"{mistake.name} and {seen[everything]}"
            seen[everything] = mistake.name


def gives_way(pairs: Iterable[tuple[Mistake, Mistake]], cases: int) -> set[frozenset[str]]:
    """The mistakes of which one does not show beside the other; all that are planted must be rejected."""
    silent = set()
    for first, second in pairs:
        right = pair_named(first.formula)
        both = second.plant(first.plant(right))
        shows = {first.name: False, second.name: False}
        rejected = False
        for index in range(cases):
            together = results(both, index)
            shows[first.name] |= together != alone(second.name, index)
            shows[second.name] |= together != alone(first.name, index)
            rejected = rejected or rejects(both, index)
            if rejected and all(shows.values()):
                break
        assert rejected, shows
        if not all(shows.values()):
            silent.add(frozenset(shows))
    return silent


@EVERY_FORMULA
def test_two_mistakes_combine_in_either_order(formula: str) -> None:
    """Each with the next, unless only one of the two can show."""
    mistakes = of_formula(formula)
    for first, second in itertools.pairwise([*mistakes, mistakes[0]]):
        if {first.name, second.name} not in EXCLUSIVE:
            assert not gives_way([(first, second), (second, first)], 200)


@pytest.mark.slow
@EVERY_FORMULA
def test_any_two_mistakes_combine_in_either_order(formula: str) -> None:
    found = gives_way(itertools.permutations(of_formula(formula), 2), 400)
    assert found == {names for names in EXCLUSIVE if NAMED[min(names)].formula == formula}


def test_a_change_of_arguments_reaches_another_formula_in_either_order() -> None:
    """A formula of its own lies innermost: what was planted before it still holds."""
    for first, second in itertools.permutations((NAMED["overlap-overwritten"], NAMED["input-gradient-unflipped"])):
        both = second.plant(first.plant(pair_named("conv2d")))
        assert sum(rejects(both, index) for index in range(60)) >= 30
        other = first.plant(second.plant(pair_named("conv2d")))
        assert all(results(both, index) == results(other, index) for index in range(60))


def test_two_mistakes_can_cancel() -> None:
    """Flipping twice is right again: a planted mistake acts on what was planted before."""
    twice = NAMED["kernel-flipped"].plant(NAMED["kernel-flipped"].plant(pair_named("conv2d")))
    assert not any(rejects(twice, index) for index in range(60))


def test_of_two_formulas_for_one_result_the_last_one_stands() -> None:
    first, second = NAMED["ties-to-all"], NAMED["ties-split"]
    both, alone = second.plant(first.plant(pair_named("max_pool2d"))), second.plant(pair_named("max_pool2d"))
    assert all(results(both, index) == results(alone, index) for index in range(60))


def test_where_windows_overlap_the_last_write_wins_also_at_stride_one() -> None:
    """Three pixels under two windows of two: the middle one gets 10 * 3 from the first and 20 * 1 from the second."""
    g, x, weight = np.array([[[[10.0, 20.0]]]]), np.zeros((1, 1, 1, 3)), np.array([[[[1.0, 3.0]]]])
    options = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}

    def gradient(pair: Pair) -> list[float]:
        grad_input, _, _ = pair.backward(g, {"input": x, "weight": weight}, options, None)
        assert grad_input is not None
        row: list[float] = grad_input.ravel().tolist()
        return row

    right = pair_named("conv2d")
    assert gradient(right) == [10, 50, 60]
    assert gradient(NAMED["overlap-overwritten"].plant(right)) == [10, 20, 60]
    assert gradient(NAMED["columns-overwritten"].plant(right)) == [10, 30, 60]


def test_the_matrix_says_what_each_kind_of_evidence_is_for() -> None:
    [ties] = self_test(0, 30, [mistake for mistake in MISTAKES if mistake.name == "ties-to-last"])
    assert list(ties.rejected) == list(EVIDENCE)
    assert ties.rejected["real"] == 0  # random numbers are never tied
    assert ties.rejected["ties"]
    assert ties.rejected["definition"]
    [nan] = self_test(0, 30, [mistake for mistake in MISTAKES if mistake.name == "pooling-swallows-nan"])
    assert not any(nan.rejected[kind] for kind in ("lattice", "real", "ties"))
    assert nan.rejected["extremes"]
    assert ties.caught
    assert nan.caught


def test_a_mistake_that_is_none_is_not_caught() -> None:
    harmless = Mistake("harmless", "conv2d", "Nothing is wrong.", "Nothing shows.", "Nothing.", ())
    [row] = self_test(0, 15, [harmless])
    assert not row.caught
    assert not PlantedMistake(harmless, dict.fromkeys(EVIDENCE, 0)).caught
    for formula in ("relu", "avg_pool2d", "cross_entropy", "pad"):
        [row] = self_test(0, 15, [Mistake("harmless", formula, "Nothing is wrong.", "Nothing shows.", "Nothing.", ())])
        assert not row.caught, row
