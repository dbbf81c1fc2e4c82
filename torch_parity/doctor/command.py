"""``doctor.py``: asks a student's file, and says of each function whether it is right, and if not, why.

What needs torch is imported late: the student's process starts, and what was found in the file is printed, before that.
"""

import argparse
import difflib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch_parity.doctor.process import CALL, LoadError, Problem, Process
from torch_parity.doctor.questions import MAKERS
from torch_parity.doctor.sheet import STRONG, Sheet, console_for, harmless, width_of
from torch_parity.doctor.subject import Found, NotUnderstood
from torch_parity.files import check_writable, write_atomically

if TYPE_CHECKING:
    from torch_parity.doctor.examination import Entry

# What a function may be said to be; an update has no gradient.
UPDATES = ("sgd", "rmsprop", "adam", "adamw", "clip_grad_norm")
FORMULAS = [
    name
    for formula in MAKERS
    for name in (formula, f"{formula}_backward")
    if name.removesuffix("_backward") not in UPDATES or name == formula
]

EPILOG = """\
The file is executed, in a process of its own and in an empty folder, with limits on time and memory.  Run no file that
you would not run yourself.

The exit status is 0 when all is equal, 1 when anything differs, 2 when nothing was understood, the arguments are wrong
or the file cannot be loaded.

--json prints one object: file, equal, seconds, functions, not_understood, printed (what the file printed); and error
where the file cannot be loaded.  Of each function: name, found (the name in the file), style, verdict (equal,
different, raises, too slow), rounding, results, conventions, remarks, diagnosis, smallest (inputs, expected, got), read
and more.  JSON has no NaN and no infinities: they are the strings "NaN", "Infinity" and "-Infinity"."""


class WrongArgumentError(ValueError):
    """An argument of the command is wrong; the message says what it needs to be."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments, ask, report."""
    parser = _parser()
    given = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a student's file may say what a terminal cannot
    try:
        if given.explain is not None:
            return _explain(given.explain)
        if given.new is not None:
            return _new(given.new, given.only)
        wishes = _wishes(given)
        if given.file is None:
            raise WrongArgumentError(
                "name a file to examine, a mistake to explain with --explain, or a file to write with --new"
            )
        weights = _weights(given)
        if given.watch:
            return _watch(given, wishes, weights)
        return _examine(given, wishes, weights)
    except WrongArgumentError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        return 130


def _wishes(given: argparse.Namespace) -> dict[str, Any]:
    """What the student's process is to look for; WrongArgumentError where one is wrong."""
    if not 0 < given.limit < float("inf"):
        raise WrongArgumentError(f"--limit must be a number of seconds above 0, got {given.limit:g}")
    if given.seed < 0:
        raise WrongArgumentError(f"--seed must be at least 0, got {given.seed}")
    named = {}
    for one in given.named:
        name, equals, formula = one.partition("=")
        if not (name and equals and formula):
            raise WrongArgumentError(f"--as must be NAME=FORMULA, such as my_conv=conv2d, got {one!r}")
        if formula not in FORMULAS:
            close = difflib.get_close_matches(formula, FORMULAS, 1)
            which = f"; did you mean {close[0]}?" if close else ""
            raise WrongArgumentError(f"--as: no formula is called {formula!r}{which}  There are {', '.join(FORMULAS)}")
        named[name] = formula
    if given.adapter is not None and not given.adapter.is_file():
        raise WrongArgumentError(f"--adapter: there is no file {given.adapter}")
    adapter = None if given.adapter is None else str(given.adapter.absolute())
    return {"adapter": adapter, "only": given.only, "named": named, "layout": given.layout}


def _new(path: Path, only: list[str]) -> int:
    """Write the stubs: those of the formulas ``only``, several of which may stand in one, or those of the lesson."""
    from torch_parity.doctor.stubs import write_stubs  # needs torch, which takes seconds

    try:
        write_stubs(path, [name for one in only for name in one.split(",")])
    except (ValueError, OSError) as error:
        raise WrongArgumentError(f"--new: {error}") from error
    print(f"{path}: write its functions, and ask with  {_program()} {path}")
    return 0


def _weights(given: argparse.Namespace) -> dict[str, float]:
    """The points for each function; none where none are asked for."""
    if given.grade is None:
        if given.gradescope or given.classroom:
            raise WrongArgumentError("--gradescope and --classroom need points: --grade WEIGHTS")
        return {}
    from torch_parity.doctor.grade import read_weights  # needs torch, which takes seconds

    try:
        weights = read_weights(given.grade)
        for path in filter(None, (given.gradescope, given.classroom)):
            check_writable(path)
    except (ValueError, OSError) as error:
        raise WrongArgumentError(f"--grade: {error}") from error
    return weights


def _watch(given: argparse.Namespace, wishes: dict[str, Any], weights: dict[str, float]) -> int:
    """Examine now and on every save; the exit status is 0, as Ctrl-C is how it ends."""
    try:
        from torch_parity.doctor.watch import watch
    except ImportError as error:
        raise WrongArgumentError(f"--watch: {error}: pip install 'cnn-reference[doctor]'") from error

    if not given.file.is_file():
        raise WrongArgumentError(f"--watch: there is no file {given.file}")
    watch(given.file, lambda: _examine(given, wishes, weights))
    return 0


def _explain(name: str) -> int:
    from torch_parity.doctor.explain import UnknownMistakeError, explain, listing  # needs torch, which takes seconds

    console = console_for(sys.stdout)
    sheet = Sheet(width_of(console))
    try:
        explain(name, sheet) if name else listing(sheet)
    except UnknownMistakeError as error:
        print(f"{_program()}: {error}", file=sys.stderr)
        return 2
    sheet.show(console)
    return 0


def _examine(given: argparse.Namespace, wishes: dict[str, Any], weights: dict[str, float]) -> int:
    start = time.perf_counter()
    if not given.file.is_file():
        what = "a folder" if given.file.is_dir() else "not there"
        return _not_loaded(given, Problem("raises", "FileNotFoundError", f"{given.file} is {what}"), weights, start)
    console = console_for(sys.stderr if given.json else sys.stdout)
    console.quiet = given.json
    with Process(given.file, wishes, given.limit) as process:
        console.print(f"Examines {given.file}, which it executes in a process of its own", soft_wrap=True)
        try:
            found, not_understood = process.find()
        except LoadError as error:
            return _not_loaded(given, error.problem, weights, start)
        sheet = Sheet(width_of(console))
        _found(found, not_understood, wishes["only"], sheet)
        sheet.show(console)
        return _ask(given, process, found, not_understood, weights, start)


def _found(found: list[Found], not_understood: list[NotUnderstood], only: list[str], sheet: Sheet) -> None:
    """What was understood; WrongArgumentError for a name in ``only`` that the file does not define."""
    names = {one.found.split(".")[0] for one in found} | {one.found for one in not_understood}
    for name in only:
        if name not in names and not any(one.found == name for one in found):
            raise WrongArgumentError(f"--only: the file defines no function and no class {name!r}")
    if not found and not not_understood:
        sheet.write("It defines no function and no class, so there is nothing to examine.")
        return
    functions = "function" if len(found) == 1 else "functions"
    sheet.write(f"{len(found)} {functions} understood" + (f", {len(not_understood)} not" if not_understood else ""))
    sheet.gap()


def _ask(
    given: argparse.Namespace,
    process: Process,
    found: list[Found],
    not_understood: list[NotUnderstood],
    weights: dict[str, float],
    start: float,
) -> int:
    """Examine what was found, one function after another; tell of each as soon as it is finished."""
    from torch_parity.doctor.answer import answer  # these need torch, which takes seconds
    from torch_parity.doctor.examination import examine_all
    from torch_parity.doctor.report import report, summary

    console = console_for(sys.stderr if given.json else sys.stdout)
    console.quiet = given.json
    sheet = Sheet(width_of(console))
    entries = []
    for entry in examine_all(found, process.ask, given.seed):
        entries.append(entry)
        told = len(sheet.lines)
        report(entry, given.file, given.limit, sheet)
        sheet.show(console, told)
    told = len(sheet.lines)
    seconds = time.perf_counter() - start
    if given.json:
        print(json.dumps(answer(given.file, entries, not_understood, seconds, process.printed()), allow_nan=False))
    _rest(not_understood, process.printed(), sheet)
    if entries:
        sheet.gap()
        sheet.write((summary(entries), STRONG), f"   {seconds:.0f} seconds")
    sheet.show(console, told)
    if weights:
        _grade(given, entries, weights, summary(entries), seconds)
    if not entries:
        return 2
    return 0 if all(entry.equal for entry in entries) else 1


def _rest(not_understood: list[NotUnderstood], printed: str, sheet: Sheet) -> None:
    """What was not examined, and what the file printed."""
    if not_understood:
        sheet.gap()
        sheet.write("Not understood, so not examined; that is as it should be for helpers of yours:")
        names: dict[tuple[str, str], list[str]] = {}
        for one in not_understood:
            names.setdefault((one.reason, one.what_helps.replace(one.found, "NAME")), []).append(one.found)
        for (reason, helps), found in names.items():
            if len(found) == 1:
                helps = helps.replace("NAME", found[0])
            sheet.write((harmless(", ".join(found)), STRONG), f"  {reason}; what helps: {helps}", indent=2)
    if printed.strip():
        lines = printed.strip().splitlines()
        sheet.gap()
        sheet.write(f"Your file printed {len(lines)} {'line' if len(lines) == 1 else 'lines'}; the first: ")
        sheet.labelled([harmless(line)[: sheet.width - 20] for line in lines[:3]])


def _grade(
    given: argparse.Namespace, entries: list["Entry"], weights: dict[str, float], words: str, seconds: float
) -> None:
    """Print the points, and write them for those who asked for it."""
    from torch_parity.doctor.grade import classroom, grade, gradescope  # these need torch, which takes seconds
    from torch_parity.doctor.report import report

    def said(entry: "Entry") -> str:
        sheet = Sheet(100)
        report(entry, given.file, given.limit, sheet)
        return str(sheet).strip("\n")

    found = grade(entries, weights)
    if not given.json:
        print(f"\n{found}")
    if given.gradescope is not None:
        write_atomically(given.gradescope, json.dumps(gradescope(found, said, words, seconds), indent=1).encode())
    if given.classroom is not None:
        with open(given.classroom, "a", encoding="utf-8") as file:
            file.write(classroom(found) + "\n")


def _not_loaded(given: argparse.Namespace, problem: Problem, weights: dict[str, float], start: float) -> int:
    """Say why the file cannot be loaded."""
    kind = f"{problem.type}: " if problem.type else ""
    lines = [f"{kind}{problem.message}", *(f"    {line.strip()}" for line in problem.lines)]
    if given.json:
        found = {"file": str(given.file), "equal": False, "seconds": round(time.perf_counter() - start, 3)}
        print(json.dumps({**found, "functions": [], "not_understood": [], "error": "\n".join(lines)}))
    else:
        print(f"{_program()}: {given.file} cannot be loaded: {harmless(chr(10).join(lines))}", file=sys.stderr)
    if weights:
        _grade(given, [], weights, "\n".join(lines), time.perf_counter() - start)
    return 2


def _program() -> str:
    """What the program is called: "doctor.py", or "cnn-reference doctor"."""
    return Path(sys.argv[0]).name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_program(),
        description="Is yours right, and if not, what went wrong?",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("file", type=Path, nargs="?", metavar="FILE", help="a Python file with functions or layers of your own")
    add("--only", action="append", default=[], metavar="NAME",
        help="this function or class alone; with --new, this formula (may be repeated)")  # fmt: skip
    add("--as", dest="named", action="append", default=[], metavar="NAME=FORMULA",
        help="what a function is, where its name does not say (may be repeated)")  # fmt: skip
    add("--layout", choices=["nchw", "nhwc"], help="the order of the axes of images (default: found by trying)")
    add("--adapter", type=Path, metavar="FILE", help="a style of your own, for signatures that are not known")
    add("--seed", type=int, default=0, help="which numbers are asked (default: 0)")
    add("--limit", type=float, default=CALL, metavar="SECONDS", help=f"for each call (default: {CALL:g})")
    add("--json", action="store_true", help="print the answer as JSON, and nothing else (keys below)")
    add("--new", type=Path, metavar="FILE",
        help="write a file with formulas as functions to complete: those of the lesson, or --only")  # fmt: skip
    add("--watch", action="store_true", help="examine again on every save, until Ctrl-C")
    add("--grade", type=Path, metavar="WEIGHTS", help="give points; WEIGHTS is JSON, the points for each function")
    add("--gradescope", type=Path, metavar="FILE", help="write the points as Gradescope's results.json")
    add("--classroom", type=Path, metavar="FILE", help="add the points to FILE, for GitHub Classroom's reporter")
    add("--explain", nargs="?", const="", metavar="NAME", help="explain a mistake; without a name, list all")
    return parser
