"""A mistake explained at length: what was done, how it shows, an example, and what to do; or the list of all."""

import difflib
from collections.abc import Callable, Iterator

import numpy as np

from torch_parity.audit.mistakes import MISTAKES, Mistake
from torch_parity.doctor.candidates import Candidate, General, generals, singles
from torch_parity.doctor.diagnosis import EVERY_OPTION
from torch_parity.doctor.examination import ARGUMENT_CHANGED, NON_FINITE, NOT_DETERMINISTIC, STATE_KEPT
from torch_parity.doctor.question import Array, Question
from torch_parity.doctor.questions import questions
from torch_parity.doctor.report import described, example, lesson_on, place_in_words, sign
from torch_parity.doctor.right import expected, same
from torch_parity.doctor.sheet import MISTAKE_NAME, STRONG, Sheet
from torch_parity.doctor.smallest import smallest_first
from torch_parity.doctor.subject import Takes
from torch_parity.doctor.training_shows import CONDITIONS, GUESSING, RIGHT, SHOWN_BY_TRAINING, Shown

EVERYTHING = Takes(EVERY_OPTION, pairs=True)
# Of a loss, the mean.
MEANS = Takes(tuple(option for option in EVERY_OPTION if option != "reduction"), pairs=True)
# Of a mistake with many forms, such as a factor, so many are shown.
MOST_FORMS = 8
OFFSET = General("offset", "Every number is off by one and the same number.", "Look for a number added to everything.")


class UnknownMistakeError(ValueError):
    """There is no mistake of this name; the message says which come close."""


def general_mistakes() -> dict[str, list[General]]:
    """The mistakes that any formula can have, by name, each in all its forms."""
    found: dict[str, list[General]] = {}
    forms = (one for candidate in generals("conv2d", True) for one in candidate.mistakes if isinstance(one, General))
    for general in (*forms, OFFSET, ARGUMENT_CHANGED, STATE_KEPT, NOT_DETERMINISTIC, NON_FINITE):
        found.setdefault(general.name, []).append(general)
    return found


def explain(name: str, sheet: Sheet) -> None:
    """Write what there is to say about the mistake of this name; UnknownMistakeError if there is none."""
    known = {mistake.name: mistake for mistake in MISTAKES}
    if name in known:
        _known(known[name], sheet)
        return
    if name in SHOWN_BY_TRAINING:
        _shown(SHOWN_BY_TRAINING[name], sheet)
        return
    general = general_mistakes()
    if name not in general:
        close = difflib.get_close_matches(name, [*known, *general, *SHOWN_BY_TRAINING], 3, 0.5)
        which = f"did you mean {' or '.join(close)}?  " if close else ""
        raise UnknownMistakeError(f"no mistake is called {name!r}; {which}--explain alone lists all")
    _general(name, general[name], sheet)


def listing(sheet: Sheet) -> None:
    """Write the names of all mistakes, by formula."""
    for formula in dict.fromkeys(mistake.formula for mistake in MISTAKES):
        sheet.write((formula, STRONG))
        for mistake in MISTAKES:
            if mistake.formula == formula:
                sheet.write((mistake.name, MISTAKE_NAME), "  ", mistake.explanation, indent=2)
        sheet.gap()
    sheet.write(("any formula", STRONG))
    for name, forms in general_mistakes().items():
        more = f"  ({len(forms)} forms)" if len(forms) > 1 else ""
        sheet.write((name, MISTAKE_NAME), f"  {forms[0].explanation}{more}", indent=2)
    sheet.gap()
    sheet.write(("what only training shows", STRONG))
    for shown in SHOWN_BY_TRAINING.values():
        sheet.write((shown.name, MISTAKE_NAME), f"  {shown.explanation}", indent=2)
    sheet.gap()
    sheet.write("doctor.py --explain NAME shows an example of one, and what to do.")


def _known(mistake: Mistake, sheet: Sheet) -> None:
    sheet.write((mistake.name, MISTAKE_NAME), f"  (a mistake in {mistake.formula})")
    sheet.gap()
    sheet.write(mistake.explanation, label="What was done")
    sign(mistake, sheet)
    sheet.gap()
    for backward in dict.fromkeys(
        (mistake.forward is None, True)
    ):  # some outputs are right, and only the gradient shows it
        planted = next((one for one in singles(mistake.formula, backward) if one.mistakes == (mistake,)), None)
        if planted is not None and _example(mistake.formula, backward, planted, sheet):
            break
    else:
        sheet.write("none: no small case shows it in its numbers", label="Example")
    sheet.gap()
    sheet.write(mistake.remedy, label="What to do")
    for number, place in enumerate([*map(place_in_words, mistake.read), lesson_on(mistake)]):
        sheet.write(place, label=" " if number else "Read on")


def _shown(mistake: Shown, sheet: Sheet) -> None:
    sheet.write((mistake.name, MISTAKE_NAME), "  (a mistake that training shows)")
    sheet.gap()
    sheet.write(mistake.explanation, label="What was done")
    sheet.write(mistake.remedy, label="What to do")
    sheet.gap()
    sheet.write(f"Measured: {mistake.course}.", label="How it shows")
    sheet.write(f"Without the mistake {RIGHT}.", label=" ")
    sheet.write(f"{GUESSING} {mistake.more}".strip(), label=" ")
    sheet.write(CONDITIONS, label=" ")


def _general(name: str, forms: list[General], sheet: Sheet) -> None:
    sheet.write((name, MISTAKE_NAME), "  (a mistake that any formula can have)")
    sheet.gap()
    if len(forms) == 1:
        sheet.write(forms[0].explanation, label="What was done")
        sheet.write(forms[0].remedy, label="What to do")
    else:
        for number, form in enumerate(forms[:MOST_FORMS]):
            sheet.write(f"{form.explanation}  {form.remedy}", label=" " if number else "Its forms")
        if len(forms) > MOST_FORMS:
            sheet.write(f"and {len(forms) - MOST_FORMS} more, of other sizes or numbers", label=" ")
    sheet.gap()
    for backward in (False, True):
        planted = next((one for one in generals("conv2d", backward) if one.mistakes == (forms[0],)), None)
        if planted is not None and _example("conv2d", backward, planted, sheet):
            break


def _example(formula: str, backward: bool, planted: Candidate, sheet: Sheet) -> bool:
    """Write the smallest call on which the planted mistake shows; whether there is one."""
    found = _failing(formula, backward, planted)
    if found is None:
        return False
    question, result, right, wrong = found
    call = f"{formula}_backward" if backward else formula
    sheet.write(f"{call}:  {described(question)}", label="Example")
    if wrong is None:
        sheet.write("the mistake leads to an error, as the shapes do not fit", label=" ")
    else:
        example(right, wrong, (f"{result} expected", "with the mistake"), sheet)
    return True


Failing = tuple[Question, str, Array, Array | None]


def _failing(formula: str, backward: bool, planted: Candidate) -> Failing | None:
    """The first question that the mistake answers wrongly with numbers, else the first that makes it fail."""
    failing: Failing | None = None
    for question in _asked(formula, backward):
        right = expected(question)
        for result, numbers in right.results.items():
            wrong = planted.wrong(question, result)
            if wrong is None:
                failing = failing or (question, result, numbers, None)
            elif not same(wrong, numbers, right.allowed(result, numbers)):
                return question, result, numbers, wrong
    return failing


def _asked(formula: str, backward: bool) -> Iterator[Question]:
    """The questions an eye can follow, then those for which that is no aim, from the smallest on."""
    yield from smallest_first(formula, backward, EVERYTHING)
    size: Callable[[Question], int] = lambda question: sum(np.size(array) for array in question.arrays.values())  # noqa: E731
    for takes in (MEANS, EVERYTHING):
        yield from sorted(questions(formula, backward, takes, seed=1), key=size)
