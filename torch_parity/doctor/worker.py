"""The process in which a student's file runs, with limits on its memory; it answers over a socket of its own.

What the file prints goes elsewhere, there is no keyboard, and whatever it raises is an answer.  Nothing here imports
torch: where the file does, its tensors are known by ``sys.modules``.
"""

import contextlib
import importlib.util
import os
import resource
import sys
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from torch_parity.doctor.question import Array, Question, from_bytes, question_from, to_bytes
from torch_parity.doctor.styles import understand
from torch_parity.doctor.subject import Results, Subject, described

MEMORY = 6 * 2**30  # bytes of addresses: torch alone takes two or three
LARGEST_ANSWER = 2**24  # bytes of a result; right ones have thousands
WRITTEN = 64 * 2**20  # bytes of any file, what is printed among them
OUR_FOLDER = str(Path(__file__).parents[1])


class Bench:
    """One student's file, loaded, and the subjects found in it."""

    def __init__(self, file: Path) -> None:
        """For ``file``, which ``find`` will execute."""
        self.file = file
        self.subjects: list[Subject] = []

    def find(self, **wishes: Any) -> dict[str, Any]:
        """Load the file and say what was found in it; "error" where it cannot be loaded."""
        try:
            module = load(self.file)
        except BaseException as error:  # whatever a file raises, SystemExit too
            return {"error": self.problem(error)}
        adapter = None
        if wishes.get("adapter"):
            try:
                adapter = load(Path(wishes["adapter"]))
            except BaseException as error:
                return {"error": self.problem(error)}
        self.subjects, not_understood = understand(
            module, adapter, wishes.get("only") or [], wishes.get("named") or {}, wishes.get("layout")
        )
        subjects = [described(index, subject) for index, subject in enumerate(self.subjects)]
        return {"subjects": subjects, "not_understood": [asdict(one) for one in not_understood]}

    def ask(self, subject: int, reading: int, questions: list[Question]) -> tuple[dict[str, Array], dict[str, Any]]:
        """The results of the last of ``questions``, all of them answered by one instance, one after another."""
        start = time.perf_counter()
        try:
            arrays, said = call(self.subjects[subject], reading, questions)
        except BaseException as error:
            return {}, {"problem": self.problem(error), "seconds": time.perf_counter() - start}
        return arrays, {**said, "seconds": time.perf_counter() - start}

    def problem(self, error: BaseException) -> dict[str, Any]:
        """An exception for the reader: type, message, and the traceback cut to the frames of the student's folder."""
        folder = str(self.file.parent)
        # The file may stand beside this very package, and beside a .venv.
        frames = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename.startswith(folder)
            and not frame.filename.startswith(OUR_FOLDER)
            and "site-packages" not in frame.filename
        ]
        lines = [f"{Path(f.filename).name}, line {f.lineno}, in {f.name}:  {f.line}" for f in frames[-6:]]
        message = _message(error)
        if isinstance(error, SystemExit):
            message = f"the code ends the program (exit status {error.code})"
        elif isinstance(error, EOFError) and frames:
            message = "the code asks for input, and there is no keyboard here"
        elif isinstance(error, SyntaxError):
            lines = [f"{Path(error.filename or '').name}, line {error.lineno}:  {(error.text or '').strip()}"]
            message = error.msg
        return {"type": type(error).__name__, "message": message[:2000], "lines": lines}


def _message(error: BaseException) -> str:
    try:
        return str(error).strip() or "(no message)"
    except Exception:  # an exception of the student's own
        return "(its message raises an error itself)"


def call(subject: Subject, reading: int, questions: Sequence[Question]) -> tuple[dict[str, Array], dict[str, Any]]:
    """Call a subject with ``questions``, all by one instance: the last results, what is missing, what was changed."""
    asked = [_copied(question) for question in questions]
    with np.errstate(all="ignore"), _warnings_ignored():
        run = subject.readings[reading].prepare(asked[0])
        for question in asked:
            results = run(question)
    arrays, missing = _as_arrays(results, subject.results)
    changed = _changed(questions[-1], asked[-1]) if len(questions) == 1 else []
    return arrays, {"missing": missing, "changed": changed}


def load(file: Path) -> ModuleType:
    """Execute ``file`` as a module.  What stands beside it can be imported; so can its package, where it is in one."""
    folder, name = file.parent, file.stem
    while (folder / "__init__.py").is_file():
        name, folder = f"{folder.name}.{name}", folder.parent
    sys.path[:0] = list(dict.fromkeys([str(folder), str(file.parent)]))
    sys.argv = [str(file)]
    if "." not in name:
        name = f"student_{name}"  # whatever else is called so
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    with _warnings_ignored():
        spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def _warnings_ignored() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _copied(question: Question) -> Question:
    arrays = {name: array.copy() for name, array in question.arrays.items()}
    upstream = None if question.grad_output is None else question.grad_output.copy()
    return Question(question.formula, question.kind, arrays, question.options, upstream)


def _changed(given: Question, after: Question) -> list[str]:
    """The arrays that the call changed in place."""
    pairs = {name: (array, after.arrays[name]) for name, array in given.arrays.items()}
    if given.grad_output is not None and after.grad_output is not None:
        pairs["grad_output"] = (given.grad_output, after.grad_output)
    return [name for name, (a, b) in pairs.items() if not np.array_equal(a, b, equal_nan=a.dtype.kind == "f")]


def _as_arrays(results: Results, wanted: tuple[str, ...]) -> tuple[dict[str, Array], dict[str, str]]:
    """The results as arrays, and for those that are none, what they are instead."""
    arrays, missing = {}, {}
    for name in wanted:
        value = results.get(name)
        if value is None:
            missing[name] = "None"
            continue
        try:
            array = as_array(value)
        except (ValueError, TypeError):
            missing[name] = f"a {type(value).__name__} that is no array of numbers"
            continue
        if array.dtype.kind not in "fiub":
            missing[name] = f"an array of dtype {array.dtype}"
            continue
        if array.nbytes > LARGEST_ANSWER:
            missing[name] = f"an array of shape {array.shape}, far too large"
            continue
        # Booleans cannot be subtracted, and safetensors has no longer floats.
        arrays[name] = array.astype(np.float64) if array.dtype in (np.longdouble, np.bool_) else array
    return arrays, missing


def as_array(value: Any) -> Array:
    """What a student's code returned, as a NumPy array; a tensor of torch, too."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        value = value.float() if value.dtype == torch.bfloat16 else value
        return np.asarray(value.numpy())
    return np.asarray(value)


def serve(connection: Connection, bench: Bench) -> None:
    """Answer until there are no more questions."""
    asked: list[Question] = []
    served = os.getpid()
    while True:
        try:
            arrays, message = from_bytes(connection.recv_bytes())
        except EOFError:
            return
        if message["do"] == "find":
            connection.send_bytes(to_bytes({}, bench.find(**message["wishes"])))
            continue
        asked.append(question_from(arrays, message["question"]))
        if message["do"] == "and":  # more to come for the same instance
            continue
        found, said = bench.ask(message["subject"], message["reading"], asked)
        asked = []
        if os.getpid() != served:
            os._exit(0)  # a process that the file has forked must not answer as well
        connection.send_bytes(to_bytes(found, said))


def main() -> None:
    """``python -m torch_parity.doctor.worker FILE DESCRIPTOR``: serve the socket that the descriptor stands for."""
    file, descriptor = Path(sys.argv[1]), int(sys.argv[2])
    connection = Connection(descriptor)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (WRITTEN, WRITTEN))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    serve(connection, Bench(file))


if __name__ == "__main__":
    main()
