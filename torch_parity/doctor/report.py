"""What is said of each function, for a person at a terminal: short where it is right, and where it is not, why."""

import re
from collections.abc import Callable, Iterable
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np

import reference
from torch_parity.audit.mistakes import MISTAKES, Mistake
from torch_parity.doctor.candidates import General
from torch_parity.doctor.diagnosis import Diagnosis
from torch_parity.doctor.examination import ARGUMENT_CHANGED, NOT_DETERMINISTIC, STATE_KEPT, Entry, Smallest
from torch_parity.doctor.process import Problem
from torch_parity.doctor.question import SHORT, USUAL_OPTIONS, Array, Question
from torch_parity.doctor.questions import output_shape
from torch_parity.doctor.sheet import (
    MISTAKE_NAME,
    RIGHT_ANSWER,
    STRONG,
    WRONG_ANSWER,
    Part,
    Sheet,
    harmless,
)
from torch_parity.doctor.side_by_side import side_by_side
from torch_parity.doctor.subject import Found
from torch_parity.doctor.where import NAMES_BY_STYLE, NAMES_IN_NORMS, UPSTREAM_NAMES, Line, lines_of

# What is not about one result, so that no result equals it.
ABOUT_CALLS = (ARGUMENT_CHANGED, STATE_KEPT, NOT_DETERMINISTIC)
# How the verdict calls what is wrong where every number is right.
BESIDE_THE_NUMBERS = {
    ARGUMENT_CHANGED.name: ("arguments", "CHANGED"),
    STATE_KEPT.name: ("called again", "DIFFERENT"),
    NOT_DETERMINISTIC.name: ("called again", "DIFFERENT"),
}
# Arguments in words.
IN_WORDS = {
    "input": "the input", "weight": "the weights", "bias": "the bias", "target": "the targets",
    "output": "the output", "grad_output": "the upstream gradient", "grad": "the gradient",
}  # fmt: skip
# Fewer numbers than this are all named.
FEW = 6
# Loops in Python take about so many steps a second.
STEPS_PER_SECOND = 2_000_000

HINTS = {
    "RecursionError": "A function calls itself without end.",
    "MemoryError": "It asks for more memory than is allowed here; the arrays of this case take a few kilobytes.",
}


def report(entry: Entry, file: Path, limit: float, sheet: Sheet) -> None:
    """Say on ``sheet`` what is known of ``entry``, of ``file``; ``limit``: the seconds that a call might take."""
    subject = entry.subject
    if entry.equal:
        verdict = "equal up to rounding" if entry.rounding else "equal"
        which = "" if subject.found == subject.name else f"{subject.name}; "
        sheet.write((harmless(subject.found), STRONG), f"  ({which}{subject.signature})  ", (verdict, RIGHT_ANSWER))
        _asides(entry, sheet)
        if entry.conventions or entry.remarks:
            sheet.gap()  # or they would seem to be said of the next function
        return
    if unwritten(entry):
        other = _elsewhere(entry)
        state = f"not asked, as {other} is not written yet" if other else "not written yet"
        sheet.write((harmless(subject.found), STRONG), f"  {state}")
        return
    sheet.gap()
    sheet.write((harmless(subject.found), STRONG), f"  (understood as {subject.name}; {subject.signature})")
    sheet.write(*_results(entry), indent=2)
    _asides(entry, sheet)
    sheet.gap()
    if entry.verdict == "too slow":
        _too_slow(entry, limit, sheet)
    else:
        _differences(entry, file, sheet)
        if entry.problem is not None and entry.problem_question is not None:
            _raised(entry, entry.problem, entry.problem_question, sheet)
    sheet.gap()


def unwritten(entry: Entry) -> bool:
    """Whether a function, or the forward that it needs, is a stub that raises NotImplementedError."""
    return entry.verdict == "raises" and entry.problem is not None and entry.problem.type == "NotImplementedError"


def _elsewhere(entry: Entry) -> str:
    """The student's function in which an error was raised, where the call never came to the one that was asked."""
    assert entry.problem is not None
    functions = [found[1] for line in entry.problem.lines if (found := re.search(r", in (\S+):", line))]
    own = entry.subject.found.split(".")[-1]
    return harmless(functions[-1]) if functions and own not in functions and entry.subject.backward else ""


def name_of(subject: Found, result: str) -> str:
    """The name that a student knows a result by."""
    names = NAMES_BY_STYLE.get(subject.style, {})
    if subject.formula.endswith("_norm"):
        names = {**names, **NAMES_IN_NORMS.get(subject.style, {})}
    return names.get(result, result)


def _results(entry: Entry) -> list[Part]:
    """Each result and its verdict: what is equal first, as one gets over that quickly."""
    if not entry.results:
        return [({"raises": "RAISES AN ERROR"}.get(entry.verdict, entry.verdict.upper()), WRONG_ANSWER)]
    parts: list[Part] = []
    for name in sorted(entry.results, key=lambda name: entry.results[name] != "equal"):
        verdict = entry.results[name]
        if verdict == "equal":
            words: Part = ("equal", RIGHT_ANSWER)
        else:
            words = ("follows" if name in entry.follows else verdict.upper(), WRONG_ANSWER)
        parts += ["    " if parts else "", f"{name_of(entry.subject, name)}  ", words]
    if entry.verdict != "different":
        parts += ["    ", ("RAISES AN ERROR" if entry.verdict == "raises" else "TOO SLOW", WRONG_ANSWER)]
    elif set(entry.results.values()) == {"equal"}:
        names = [mistake.name for one in entry.diagnoses for mistake in one.mistakes]
        for what, words in dict(BESIDE_THE_NUMBERS[name] for name in names if name in BESIDE_THE_NUMBERS).items():
            parts += [f"    {what}  ", (words, WRONG_ANSWER)]
    return parts


def _asides(entry: Entry, sheet: Sheet) -> None:
    """What differs legitimately, and what is worth saying and no fault."""
    for convention in entry.conventions:
        sheet.write(f"convention: {convention}", indent=2)
    for name, explanation in dict(entry.remarks).items():
        words = "as above" if explanation in sheet.remarks else explanation
        sheet.remarks.add(explanation)
        sheet.write("remark: ", words, "  ", (f"[{name}]", MISTAKE_NAME), indent=2)


def _differences(entry: Entry, file: Path, sheet: Sheet) -> None:
    told = False
    for _, group in groupby(entry.diagnoses, lambda one: (one.mistakes, one.certainty, one.instead)):
        diagnoses = list(group)
        _explained(entry, diagnoses, sheet)
        if entry.smallest is not None and entry.smallest.result in [one.result for one in diagnoses]:
            _smallest(entry, entry.smallest, sheet)
            told = True
        for mistake in diagnoses[0].mistakes:
            sign(mistake, sheet, indent=2)
        _remedies(entry, diagnoses, file, sheet)
        read_on(diagnoses[0].mistakes, sheet, indent=2)
        sheet.gap()
    for forward, results in groupby(entry.follows, lambda result: entry.follows[result]):
        _follows(entry, forward, list(results), sheet)
    for result, words in entry.patterns.items():
        _unknown(entry, result, words, sheet)
        if entry.smallest is not None and entry.smallest.result == result:
            _smallest(entry, entry.smallest, sheet)
            told = True
        _where(entry, [result], file, sheet)
        _places([place_in_words(_formula_place(entry.subject))], sheet, 2)
        sheet.gap()
    for result, instead in entry.missing.items():
        name = name_of(entry.subject, result)
        sheet.write(f"{name} is missing: {instead} came where an array was expected.", indent=2)
        _where(entry, [result], file, sheet)
        sheet.gap()
    if entry.smallest is not None and not told and entry.smallest.result not in entry.follows:
        _smallest(entry, entry.smallest, sheet)


def _explained(entry: Entry, diagnoses: list[Diagnosis], sheet: Sheet) -> None:
    """The mistake, and how certain it is."""
    first = diagnoses[0]
    if first.instead:
        sheet.write("One of these mistakes, which the cases here cannot tell apart:", indent=2)
        for mistakes in (first.mistakes, *first.instead):
            sheet.write("- ", *_together(mistakes), indent=4)
    else:
        sheet.write(*_together(first.mistakes), indent=2)
    if first.mistakes[0] is ARGUMENT_CHANGED and entry.changed:
        changed = " and ".join(IN_WORDS.get(name, name) for name in entry.changed)
        sheet.write(f"Here it is {changed}.", indent=2)
    if first.mistakes[0] in ABOUT_CALLS:
        return
    names = " and ".join(name_of(entry.subject, one.result) for one in diagnoses)
    are = "is" if len(diagnoses) == 1 else "are"
    closely = "to the last bit where nothing rounds" if all(one.bits for one in diagnoses) else "up to rounding"
    cases = f"in {first.cases[0]} of {first.cases[1]} cases, {closely}"
    if first.instead:
        sheet.write(f"Your {names} {are} what each of these gives {cases}.", indent=2)
        if first.telling:
            sheet.write(f"A case that would tell: {first.telling}.", indent=2)
    else:
        which = "these two mistakes together give" if len(first.mistakes) > 1 else "this mistake gives"
        sheet.write(
            f"Proven: your {names} {are} what {which} {cases}, and no other known mistake gives that.", indent=2
        )


def _together(mistakes: tuple[Mistake | General, ...]) -> list[Part]:
    parts: list[Part] = ["Two mistakes together.  "] if len(mistakes) > 1 else []
    for number, mistake in enumerate(mistakes):
        parts += ["  " if number else "", mistake.explanation, "  ", (f"[{mistake.name}]", MISTAKE_NAME)]
    return parts


def sign(mistake: Mistake | General, sheet: Sheet, indent: int = 0) -> None:
    """What one sees of a mistake, or why one sees nothing."""
    if isinstance(mistake, Mistake):
        hidden = mistake.signature.startswith("Right")
        label = "Why you may not have noticed" if hidden else "How it shows"
        sheet.write(mistake.signature, label=label, indent=indent)


def _remedies(entry: Entry, diagnoses: list[Diagnosis], file: Path, sheet: Sheet) -> None:
    label = "What to do"
    for mistakes in (diagnoses[0].mistakes, *diagnoses[0].instead):
        for mistake in mistakes:
            sheet.write(mistake.remedy, label=label, indent=2)
            label = " "
        label = "or"
    _where(entry, [one.result for one in diagnoses], file, sheet)


def _where(entry: Entry, results: list[str], file: Path, sheet: Sheet) -> None:
    """The lines of the student's file to look at."""
    subject = entry.subject
    lines: dict[int, Line] = {}
    for result in results:
        lines |= {line.number: line for line in lines_of(file, subject.found, subject.results, result)}
    for number in sorted(lines):
        label = "Look at" if number == min(lines) else " "
        sheet.write(f"line {number}:  {harmless(lines[number].text)}", label=label, indent=2)
    if not lines and subject.line:
        sheet.write(f"{subject.found}, from line {subject.line} on", label="Look at", indent=2)


def read_on(mistakes: Iterable[Mistake | General], sheet: Sheet, indent: int = 0) -> None:
    """Where more is said of ``mistakes``, a line each, to be copied."""
    places = []
    for mistake in mistakes:
        places.append(f"doctor.py --explain {mistake.name}")
        if isinstance(mistake, Mistake):
            places[-1:] = [place_in_words(mistake.read[0]), places[-1], lesson_on(mistake)]
    _places(places, sheet, indent)


def place_in_words(place: str) -> str:
    """A place to read on, "file: function", in words."""
    return place.replace(": ", ", ")


def lesson_on(mistake: Mistake) -> str:
    """Where the lesson shows a mistake."""
    return f"lesson.html#mistake={mistake.name}  (make lesson)"


def _places(places: list[str], sheet: Sheet, indent: int) -> None:
    for number, place in enumerate(dict.fromkeys(places)):
        sheet.write(place, label=" " if number else "Read on", indent=indent)


def _formula_place(subject: Found) -> str:
    function = getattr(reference, subject.name, None)
    if not callable(function):
        return "reference/optim/optimizer.py: step"
    return f"{function.__module__.replace('.', '/')}.py: {subject.name}"


def _follows(entry: Entry, forward: str, results: list[str], sheet: Sheet) -> None:
    names = " and ".join(name_of(entry.subject, result) for result in results)
    many = len(results) > 1
    sheet.write(
        f"{names} {'follow' if many else 'follows'} from {forward}: {'these are' if many else 'this is'} the "
        f"gradient of your forward, wrong as that is.  Mend {forward} as said there, and here what belongs to it.",
        indent=2,
    )


def _unknown(entry: Entry, result: str, words: str, sheet: Sheet) -> None:
    subject = entry.subject
    known = sum(mistake.formula == subject.formula for mistake in MISTAKES)
    sheet.write(
        f"Your {name_of(subject, result)} is different, and none of the {known} known mistakes of {subject.formula} "
        "explains it, alone or in pairs, nor does a factor, a sign, or a shift.",
        indent=2,
    )
    if words:
        sheet.write(words, label="What is wrong", indent=2)


def _smallest(entry: Entry, smallest: Smallest, sheet: Sheet) -> None:
    name = name_of(entry.subject, smallest.result)
    sheet.write(described(smallest.question, entry.subject.style), label="Smallest case", indent=2)
    example(smallest.expected, smallest.got, (f"{name} expected", "yours"), sheet, indent=2)


def example(expected: Array, got: Array, titles: tuple[str, str], sheet: Sheet, indent: int = 0) -> None:
    """What is expected and what came, side by side."""
    room = max(20, sheet.width - indent - 17)
    sheet.labelled(side_by_side(expected, got, room, titles), indent=indent)


def described(question: Question, style: str = "") -> str:
    """A question in words from which its numbers can be made."""
    arrays = {SHORT.get(name, name): array for name, array in question.arrays.items()}
    if question.grad_output is not None and question.grad_output.ndim:  # that of a loss is 1
        arrays[UPSTREAM_NAMES.get(style, "grad_output")] = question.grad_output
    parts = [f"{name} {'x'.join(map(str, array.shape))} {_numbers(array)}".strip() for name, array in arrays.items()]
    return ";  ".join([*parts, *_options(question)])


def _options(question: Question) -> list[str]:
    given = question.options.items()
    return [f"{name} {value}" for name, value in given if value not in USUAL_OPTIONS.get(name, (None, 0, False))]


def _numbers(array: Array) -> str:
    """The numbers of an array in words."""
    flat = np.ravel(array).tolist()
    if len(flat) <= FEW:
        return f"= {', '.join(map(_number, flat))}"
    nonzero = [place for place, number in enumerate(flat) if number]
    if len(set(flat)) == 1:
        return f"all {_number(flat[0])}"
    if len(nonzero) == 1:
        shape = array.shape
        while len(shape) > 1 and shape[0] == 1:
            shape = shape[1:]
        place = tuple(map(int, np.unravel_index(nonzero[0], shape)))
        return f"all 0 but a single {_number(flat[nonzero[0]])} at {place if len(place) > 1 else place[0]}"
    if len({b - a for a, b in pairwise(flat)}) == 1:
        return f"= {_number(flat[0])}, {_number(flat[1])}, ... {_number(flat[-1])}"
    return f"= {', '.join(map(_number, flat[: FEW - 1]))}, ..."


def _number(value: float) -> str:
    return f"{value + 0:.6g}"  # 0 for -0


def _raised(entry: Entry, problem: Problem, question: Question, sheet: Sheet) -> None:
    """An error: the case, the message, and the student's own lines."""
    other = _elsewhere(entry)
    if other:
        sheet.write(f"{harmless(entry.subject.found)} was not reached: {other}, which it needs, fails.", indent=2)
    if problem.kind == "ended":
        what = problem.message
    else:
        what = f"{problem.type}: {problem.message}"
    sheet.write(harmless(what), label="Error", indent=2)
    if problem.type in HINTS:
        sheet.write(HINTS[problem.type], label=" ", indent=2)
    for number, line in enumerate(problem.lines):
        sheet.write(harmless(line.strip()), label=" " if number else "Where", indent=2)
    upstream = "" if question.grad_output is None else f", gradient {'x'.join(map(str, question.grad_output.shape))}"
    sheet.write(f"{question}{upstream}", label="First case", indent=2)


def _too_slow(entry: Entry, limit: float, sheet: Sheet) -> None:
    question = entry.problem_question
    assert question is not None
    count = multiplications(question)
    seconds = count / STEPS_PER_SECOND
    sheet.write(f"A call took more than {limit:g} s and was stopped.", indent=2)
    sheet.write(str(question), label="The case", indent=2)
    if seconds < limit / 4:
        sheet.write(
            f"This case takes {count:,} multiplications, well under a second even in plain Python loops.  So it is "
            "most likely a loop that never ends: look for a while whose condition stays true, or a loop inside a loop "
            "that should stand beside it.",
            label="Why",
            indent=2,
        )
    else:
        sheet.write(
            f"This case takes {count:,} multiplications, and Python loops make one or two million steps a second.  "
            "Let NumPy multiply whole windows; a loop that never ends would look the same.",
            label="Why",
            indent=2,
        )
    if entry.subject.line:
        sheet.write(f"{entry.subject.found}, from line {entry.subject.line} on", label="Look at", indent=2)


def multiplications(question: Question) -> int:
    """How many multiplications, or comparisons, the formula takes as written on paper."""
    outputs = int(np.prod(output_shape(question), dtype=int))
    x, weight = question.arrays.get("input"), question.arrays.get("weight")
    each = 1
    if question.formula in ("conv2d", "linear") and weight is not None:
        each = int(np.prod(weight.shape[1:], dtype=int))
    elif question.formula in ("max_pool2d", "avg_pool2d"):
        kernel = question.options["kernel_size"]
        each = kernel * kernel if isinstance(kernel, int) else kernel[0] * kernel[1]
    elif x is not None:
        outputs = max(outputs, x.size)
    both = 2 if question.grad_output is not None and weight is not None and question.formula != "cross_entropy" else 1
    return both * outputs * each


def summary(entries: list[Entry]) -> str:
    """How many functions are right, and what the others are."""
    right = sum(entry.equal for entry in entries)
    stubs = sum(map(unwritten, entries))
    kinds: dict[str, Callable[[Entry], bool]] = {
        "different": lambda entry: entry.verdict == "different",
        "with errors": lambda entry: entry.verdict == "raises" and not unwritten(entry),
        "too slow": lambda entry: entry.verdict == "too slow",
    }
    counts = {words: sum(map(holds, entries)) for words, holds in kinds.items()} | {"not written yet": stubs}
    rest = "".join(f", {count} {words}" for words, count in counts.items() if count)
    return f"{right} of {len(entries)} right{rest}"
