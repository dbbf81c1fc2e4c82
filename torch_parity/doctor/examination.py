"""One function, or half of a layer, examined: asked, judged, and where it is wrong, told what went wrong."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from torch_parity.audit.mistakes import Mistake
from torch_parity.doctor import pixel_values
from torch_parity.doctor.candidates import General
from torch_parity.doctor.diagnosis import Diagnosis, Evidence, diagnose, narrowed
from torch_parity.doctor.pattern import pattern
from torch_parity.doctor.process import Problem, Reply
from torch_parity.doctor.question import JUDGED, NONFINITE, Array, Question
from torch_parity.doctor.questions import numbers, questions
from torch_parity.doctor.right import Expected, close, expected, identical, same
from torch_parity.doctor.schedule import rate_conventions
from torch_parity.doctor.smallest import smallest_first
from torch_parity.doctor.subject import Found
from torch_parity.doctor.training_shows import SHOWN_BY_TRAINING

# A subject's index, a reading, and the questions for one instance, one after another: the reply to the last.
Ask = Callable[..., Reply]

# A reading of which none of the first questions is answered rightly is left for the next.
FIRST = 5
# Readings under which an explanation is looked for, where none is right.
MOST_READINGS = 4
# Seconds that the questions for one function may take together.
ALL_CALLS = 15.0
# Questions asked in the search for the smallest one.
MOST_TRIED = 150
# Questions on which a gradient must be the derivative of its forward, those that do where there are no more, and the
# elements that it may have there.
DERIVATIVES, FEWEST_DERIVATIVES, MOST_ELEMENTS = 5, 3, 30
STEP = 2.0**-10  # of difference quotients: whole numbers and sums stay exact

ARGUMENT_CHANGED = General(
    "argument-changed",
    "An argument is changed in place, and the caller's array with it.",
    "Work on a copy, y = x.copy(). Mind that y = x copies nothing, and that y += 1 and y[mask] = 0 change it in place.",
)
STATE_KEPT = General(
    "state-kept",
    "The same call gives another result after a call with other numbers: something is kept in between.",
    "Set every buffer to zero at the start of a call, and keep nothing that the next call adds to.",
)
NON_FINITE = General(
    "non-finite",
    "It differs from torch only where NaN or infinity comes in.",
    "Select, as np.where(x <= 0, 0, g) does, where you multiply by a mask: 0 times infinity is NaN.",
)
SINGLE_LOST = (
    "Given float32, it returns float64: correct, but half as fast. NumPy makes float64 unless told, as in "
    "np.zeros(shape, x.dtype)."
)
# Arrays that are there to be changed.
IN_PLACE = {"parameter", "running_mean", "running_var", "first", "second"}
MEAN_IN_LAYER = "the mean over the batch is taken in the layers, not in the loss"
NOT_DETERMINISTIC = General(
    "not-deterministic",
    "The same call gives another result each time.",
    "Take out what is random, and np.empty, which holds whatever was in memory.",
)


@dataclass(frozen=True)
class Smallest:
    """The smallest question on which a result is wrong, what was right, and what came."""

    question: Question
    result: str
    expected: Array
    got: Array


@dataclass
class Entry:
    """What is known of one subject in the end; the fields are those of the doctor's answer."""

    subject: Found
    reading: int = 0
    verdict: str = "equal"  # equal, different, raises, too slow
    rounding: bool = False
    results: dict[str, str] = field(default_factory=dict)  # equal, different, missing
    conventions: list[str] = field(default_factory=list)
    remarks: list[tuple[str, str]] = field(default_factory=list)  # mistake, explanation
    diagnoses: list[Diagnosis] = field(default_factory=list)
    follows: dict[str, str] = field(default_factory=dict)  # result: the forward that it is the gradient of
    patterns: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)  # arguments that are changed in place
    smallest: Smallest | None = None
    problem: Problem | None = None
    problem_question: Question | None = None
    batch_factor: int = 0  # 1: all that is wrong is N times what it should be; -1: an Nth of it
    cases: int = 0
    seconds: float = 0.0

    @property
    def equal(self) -> bool:
        """Whether it is right."""
        return self.verdict == "equal"


@dataclass
class _Heard:
    """The replies under one reading."""

    reading: int
    evidence: list[Evidence]
    replies: list[Reply]


def examine_all(subjects: list[Found], ask: Ask, seed: int = 0) -> Iterator[Entry]:
    """The entries of ``subjects`` in their order, but each gradient after its forward, and those of losses in the end.

    For somewhere the mean over the batch must be taken, but where is a convention: in the gradient of the loss, as
    torch does it, or in each layer's gradients of its parameters.
    """
    entries: dict[int, Entry] = {}

    def examined(subject: Found) -> Entry:
        if subject.index not in entries:
            forward = _forward_of(subject, subjects)
            before = examined(forward) if forward else None
            try:
                entries[subject.index] = examine_subject(subject, ask, before, seed)
            except Exception as error:  # a fault of the doctor's own: the other functions are examined all the same
                problem = Problem("raises", type(error).__name__, f"the doctor could not go on: {error}")
                entries[subject.index] = Entry(subject, verdict="raises", problem=problem)
        return entries[subject.index]

    losses = [subject for subject in subjects if subject.name == "cross_entropy_backward"]
    not_averaged = [entry for entry in map(examined, losses) if entry.batch_factor == 1]
    averaged = False
    told: set[int] = set()
    for subject in [subject for subject in subjects if subject not in losses]:
        for one in filter(None, (_forward_of(subject, subjects), subject)):
            if one.index in told:
                continue
            told.add(one.index)
            entry = examined(one)
            if not_averaged and entry.batch_factor == -1 and _wrong(entry) <= {"grad_weight", "grad_bias"}:
                averaged = True
                _allow(entry, MEAN_IN_LAYER)
            yield entry
    for subject in losses:
        if averaged and entries[subject.index] in not_averaged:
            _allow(entries[subject.index], MEAN_IN_LAYER)
        yield entries[subject.index]


def _allow(entry: Entry, convention: str) -> None:
    """Let what differs be a convention."""
    entry.verdict, entry.smallest = "equal", None
    entry.results = dict.fromkeys(entry.results, "equal")
    entry.diagnoses.clear()
    entry.conventions.append(convention)


def _forward_of(subject: Found, subjects: list[Found]) -> Found | None:
    if not subject.backward or not subject.layer:
        return None
    fitting = (s for s in subjects if (s.layer, s.name, s.style) == (subject.layer, subject.formula, subject.style))
    return next(fitting, None)


def examine_subject(subject: Found, ask: Ask, forward: Entry | None = None, seed: int = 0) -> Entry:
    """Examine ``subject`` by asking.  ``forward`` is the entry of the forward that belongs to a gradient."""
    if subject.name == pixel_values.PIXELS:
        return _examine_pixels(subject, ask)
    every = questions(subject.formula, subject.backward, subject.takes, seed)
    judged = [question for question in every if question.kind in JUDGED]
    right = {id(question): expected(question) for question in every}
    heard, *others = _readings(subject, ask, judged, right)
    entry = _entry_of(subject, heard, ask, forward, judged)
    for other in others:
        if not _unexplained(entry):
            break
        _hear_all(subject, other, ask, judged, right)
        another = _entry_of(subject, other, ask, forward, judged)
        if _wrong(another) <= _wrong(entry) and not _unexplained(another):
            heard, entry = other, another
    if entry.verdict == "equal":
        _remark(entry, heard.reading, ask, [q for q in every if q.kind == NONFINITE], judged, right)
        entry.conventions += rate_conventions(subject, heard.reading, ask)
    wrong = next((name for name, verdict in entry.results.items() if verdict == "different"), None)
    if wrong is not None and entry.verdict == "different":
        entry.smallest = _smallest(subject, wrong, heard, ask)
    return entry


def _examine_pixels(subject: Found, ask: Ask) -> Entry:
    """The entry of a function that turns pixels into numbers, which was recognised when it was found."""
    asked = pixel_values.questions()
    replies = [ask(subject.index, 0, question) for question in asked]
    seconds = sum(reply.seconds for reply in replies)
    entry = Entry(subject, conventions=list(subject.conventions[0]), cases=len(asked), seconds=seconds)
    failed = next((place for place, reply in enumerate(replies) if reply.problem or reply.missing), None)
    if failed is not None:
        entry.problem, entry.problem_question = replies[failed].problem, asked[failed]
        entry.verdict = "too slow" if entry.problem and entry.problem.kind == "too slow" else "raises"
        return entry
    results = [reply.results["output"] for reply in replies]
    meaning, layout = pixel_values.meaning([question.arrays["input"] for question in asked], results)
    entry.results["output"] = "equal"
    if meaning is None:
        _add(entry, NOT_DETERMINISTIC)
        return entry
    entry.conventions += filter(None, (meaning.words, layout))
    if meaning.mistake:
        entry.verdict = entry.results["output"] = "different"
        exact = meaning.mistake in (pixel_values.NOT_DIVIDED, pixel_values.STAY_UINT8, pixel_values.FLOORED)
        cases = len(asked), len(asked)
        entry.diagnoses.append(Diagnosis("output", (SHOWN_BY_TRAINING[meaning.mistake],), "proven", cases, exact))
    return entry


def _entry_of(subject: Found, heard: _Heard, ask: Ask, forward: Entry | None, judged: list[Question]) -> Entry:
    """What is known of ``subject`` under one reading: the verdict, and where it is wrong, why."""
    entry = Entry(subject, heard.reading, cases=len(judged), conventions=list(subject.conventions[heard.reading]))
    entry.seconds = sum(reply.seconds for reply in heard.replies)
    _judge(entry, heard)
    if entry.verdict == "too slow":
        return entry
    _look_for_changes(entry, heard, ask, judged)
    if entry.verdict == "different":
        _explain(entry, heard, ask, forward)
    return entry


def _wrong(entry: Entry) -> set[str]:
    """The results that are not right."""
    return {name for name, verdict in entry.results.items() if verdict != "equal"}


def _unexplained(entry: Entry) -> set[str]:
    """The results that are wrong without a known mistake."""
    return set(entry.patterns) if entry.verdict == "different" else set()


def _readings(subject: Found, ask: Ask, judged: list[Question], right: Mapping[int, Expected]) -> list[_Heard]:
    """The first reading under which all is right, alone.

    Else the first of those that are nearest to it, and after it a few others that give results, in order of likelihood:
    what is wrong may look nearer under a convention that is not the student's.
    """
    tried: list[_Heard] = []
    for reading in range(len(subject.conventions)):
        heard = _Heard(reading, [], [])
        tried.append(heard)
        for question in judged:
            if len(heard.replies) == FIRST and _nearness(heard) < 1:
                break
            _hear(subject, heard, ask, question, right[id(question)])
            if _too_slow(heard):
                return [heard]
        if len(heard.replies) == len(judged) and _nearness(heard) == 1:
            return [heard]
    best = max(tried, key=_nearness)
    others = [heard for heard in tried if heard is not best and any(reply.results for reply in heard.replies)]
    _hear_all(subject, best, ask, judged, right)
    return [best, *others[: MOST_READINGS - 1]]


def _hear_all(subject: Found, heard: _Heard, ask: Ask, judged: list[Question], right: Mapping[int, Expected]) -> None:
    """Ask the questions that are left."""
    for question in judged[len(heard.replies) :]:
        _hear(subject, heard, ask, question, right[id(question)])
        if _too_slow(heard):
            break


def _too_slow(heard: _Heard) -> bool:
    """Whether the last call took too long, or all of them together."""
    last = heard.replies[-1]
    if last.problem is None and sum(reply.seconds for reply in heard.replies) > ALL_CALLS:
        heard.replies[-1] = dataclasses.replace(last, problem=Problem("too slow"))
    problem = heard.replies[-1].problem
    return problem is not None and problem.kind == "too slow"


def _hear(subject: Found, heard: _Heard, ask: Ask, question: Question, right: Expected) -> None:
    reply = ask(subject.index, heard.reading, question)
    heard.replies.append(reply)
    heard.evidence.append(Evidence(question, right, None if reply.problem else reply.results))


def _nearness(heard: _Heard) -> float:
    """The share of what is right; what has the right shape counts a little, what raises an error nothing."""
    points, most = 0.0, 0
    for one in heard.evidence:
        for name, right in one.expected.results.items():
            most += 1
            got = None if one.got is None else one.got.get(name)
            if got is None or got.shape != right.shape:
                continue
            fits = close(got, right, one.expected.allowed(name, got))
            points += 1 if fits.all() else 0.1 + 0.4 * float(fits.mean())
    return points / max(1, most)


def _judge(entry: Entry, heard: _Heard) -> None:
    """The verdict, from all replies."""
    for reply, one in zip(heard.replies, heard.evidence, strict=True):
        if reply.problem is not None:
            if entry.problem is None:
                entry.problem, entry.problem_question = reply.problem, one.question
            if reply.problem.kind == "too slow":
                entry.verdict = "too slow"
                return
            continue
        entry.missing |= {name: words for name, words in reply.missing.items() if name in one.expected.results}
        for name in one.expected.results:
            if name not in entry.subject.results:
                continue
            verdict = _verdict(one, name)
            if verdict == "equal":
                entry.results.setdefault(name, "equal")
                exact = one.question.kind != "real"
                entry.rounding |= exact and not identical(reply.results[name], one.expected.results[name])
            elif entry.results.get(name) != "different":
                entry.results[name] = verdict
    if "different" in entry.results.values() or "missing" in entry.results.values():
        entry.verdict = "different"
    elif entry.problem is not None:
        entry.verdict = "raises"


def _verdict(one: Evidence, name: str) -> str:
    if one.got is None or name not in one.got:
        return "missing"
    got = one.got[name]
    return "equal" if same(got, one.expected.results[name], one.expected.allowed(name, got)) else "different"


def _look_for_changes(entry: Entry, heard: _Heard, ask: Ask, judged: list[Question]) -> None:
    """Arguments changed in place, state kept from call to call, and what is random."""
    changed = {name for reply in heard.replies for name in reply.changed}
    changed -= IN_PLACE
    if changed:
        entry.changed = sorted(changed)
        _add(entry, ARGUMENT_CHANGED)
    first = next((i for i, reply in enumerate(heard.replies) if reply.problem is None), None)
    if first is None or entry.verdict == "raises":
        return
    question, reply = judged[first], heard.replies[first]
    _, second, third = (ask(entry.subject.index, heard.reading, question) for _ in range(3))
    if _other(second, third):
        _add(entry, NOT_DETERMINISTIC)
        return
    in_between = _other_numbers(question)
    later = ask(entry.subject.index, heard.reading, question, in_between, question)
    if _other(reply, second) or _other(reply, later):
        _add(entry, STATE_KEPT)


def _add(entry: Entry, general: General) -> None:
    result = entry.subject.results[0]
    entry.verdict = "different"
    entry.diagnoses.append(Diagnosis(result, (general,), "proven", (entry.cases, entry.cases), True))


def _other(a: Reply, b: Reply) -> bool:
    if a.problem is not None or b.problem is not None:
        return False
    return set(a.results) != set(b.results) or any(
        not same(a.results[name], b.results[name], 1e-9 * max(1.0, float(np.abs(a.results[name]).max(initial=0))))
        for name in a.results
    )


def _other_numbers(question: Question) -> Question:
    generator = np.random.default_rng(99)
    arrays = {
        name: numbers("lattice", array.shape, generator) if array.dtype.kind == "f" else array
        for name, array in question.arrays.items()
    }
    return dataclasses.replace(question, arrays=arrays)


def _explain(entry: Entry, heard: _Heard, ask: Ask, forward: Entry | None) -> None:
    subject = entry.subject
    if any(mistake in (NOT_DETERMINISTIC, STATE_KEPT) for d in entry.diagnoses for mistake in d.mistakes):
        return  # no formula gives what comes once and not again
    for name, verdict in entry.results.items():
        if verdict != "different":
            continue
        if forward is not None and forward.verdict == "different" and _is_gradient_of(forward, entry, name, ask):
            entry.follows[name] = forward.subject.found
            continue
        found = diagnose(subject.formula, subject.backward, name, heard.evidence)
        if found is not None:
            entry.diagnoses.append(found)
        else:
            entry.patterns[name] = pattern(name, heard.evidence)
    right = {name for name, verdict in entry.results.items() if verdict == "equal"}
    entry.diagnoses = narrowed(entry.diagnoses, subject.formula, subject.backward, right, heard.evidence)
    entry.batch_factor = _batch_factor(entry, heard)


def _batch_factor(entry: Entry, heard: _Heard) -> int:
    """1 if every result that is wrong is N times the right one on all questions, -1 if it is an Nth, else 0."""
    wrong = [name for name, verdict in entry.results.items() if verdict == "different"]
    for power in (1, -1):
        if all(_is_times_batch(one, name, power) for one in heard.evidence for name in wrong):
            return power
    return 0


def _is_times_batch(one: Evidence, name: str, power: int) -> bool:
    if one.got is None or name not in one.got or "N" not in one.question.sizes:
        return False
    right = one.expected.results[name] * float(one.question.sizes["N"]) ** power
    return same(one.got[name], right, one.expected.allowed(name, one.got[name], float(np.abs(right).max(initial=0.0))))


def _is_gradient_of(forward: Entry, entry: Entry, name: str, ask: Ask) -> bool:
    """Whether a gradient is the derivative of the student's own forward, wrong as that is.

    A difference quotient of <g, forward>, one element after another, on the smallest questions of different shapes.
    """
    subject, argument, compared = entry.subject, name.removeprefix("grad_"), 0
    for question in smallest_first(subject.formula, True, subject.takes):
        g, x = question.grad_output, question.arrays.get(argument)
        if g is None or x is None or x.size > MOST_ELEMENTS or np.count_nonzero(g) < min(g.size, 2):
            continue
        said = ask(subject.index, entry.reading, question)
        quotient = _difference_quotient(question, argument, forward, ask)
        if quotient is None or name not in said.results:
            return False
        if said.results[name].shape != quotient.shape or not np.allclose(said.results[name], quotient, 1e-5, 1e-5):
            return False
        compared += 1
        if compared == DERIVATIVES:
            break
    return compared >= FEWEST_DERIVATIVES


def _difference_quotient(question: Question, argument: str, forward: Entry, ask: Ask) -> Array | None:
    """The central one; exact for sums of products of small whole numbers.  None where a call gives no output."""
    x, g = question.arrays[argument], question.grad_output
    assert g is not None
    quotient = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        sums = []
        for step in (STEP, -STEP):
            moved = x.copy()
            moved[place] += step
            asked = dataclasses.replace(question, arrays={**question.arrays, argument: moved}, grad_output=None)
            output = ask(forward.subject.index, forward.reading, asked).results.get("output")
            if output is None or output.shape != g.shape:
                return None
            sums.append(float((output * g).sum()))
        quotient[place] = (sums[0] - sums[1]) / (2 * STEP)
    return quotient


def _smallest(subject: Found, result: str, heard: _Heard, ask: Ask) -> Smallest | None:
    for tried, question in enumerate(smallest_first(subject.formula, subject.backward, subject.takes)):
        if tried == MOST_TRIED:
            break
        right = expected(question)
        reply = ask(subject.index, heard.reading, question)
        if reply.problem is not None:
            if reply.problem.kind != "raises":
                break
            continue
        one = Evidence(question, right, reply.results)
        if result in reply.results and _verdict(one, result) == "different":
            return Smallest(question, result, right.results[result], reply.results[result])
    failing = [one for one in heard.evidence if one.got is not None and _verdict(one, result) == "different"]
    if not failing:
        return None
    one = min(failing, key=lambda one: sum(array.size for array in one.question.arrays.values()))
    assert one.got is not None
    return Smallest(one.question, result, one.expected.results[result], one.got[result])


def _remark(
    entry: Entry,
    reading: int,
    ask: Ask,
    nonfinite: list[Question],
    judged: list[Question],
    right: Mapping[int, Expected],
) -> None:
    """What differs in dtype, or for NaN and infinity only: worth saying, and no fault."""
    evidence = []
    for question in nonfinite:
        reply = ask(entry.subject.index, reading, question)
        evidence.append(Evidence(question, right[id(question)], None if reply.problem else reply.results))
    for name in entry.subject.results:
        if any(one.got is not None and name in one.got and _verdict(one, name) == "different" for one in evidence):
            mistake = _nonfinite_mistake(entry.subject, name, evidence)
            if mistake is not None:
                entry.remarks.append((mistake.name, f"{NON_FINITE.explanation} {mistake.explanation}"))
            else:
                entry.remarks.append((NON_FINITE.name, NON_FINITE.explanation))
    lattice = next(question for question in judged if question.kind == "lattice")
    single = dataclasses.replace(
        lattice,
        arrays={n: a.astype(np.float32) if a.dtype.kind == "f" else a for n, a in lattice.arrays.items()},
        grad_output=None if lattice.grad_output is None else lattice.grad_output.astype(np.float32),
    )
    reply = ask(entry.subject.index, reading, single)
    if any(array.dtype == np.float64 for array in reply.results.values()):
        entry.remarks.append(("silent-float64", SINGLE_LOST))


def _nonfinite_mistake(subject: Found, name: str, evidence: list[Evidence]) -> Mistake | None:
    """The known mistake that explains what differs for NaN and infinity only."""
    judged = [Evidence(dataclasses.replace(one.question, kind="lattice"), one.expected, one.got) for one in evidence]
    found = diagnose(subject.formula, subject.backward, name, judged)
    if found is None or found.certainty != "proven" or len(found.mistakes) != 1:
        return None
    (mistake,) = found.mistakes
    return mistake if isinstance(mistake, Mistake) else None
