"""Any code is survived: it runs in a process of its own, with limits, and whatever it does is an answer."""

import os
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from torch_parity.doctor.examination import Entry, examine_all
from torch_parity.doctor.process import LoadError, Process
from torch_parity.doctor.question import Question

X = np.array([[-1.0, 2.0], [0.0, 3.0]])
QUESTION = Question("relu", "lattice", {"input": X}, {})


@contextmanager
def running(folder: Path, code: str, call: float = 5.0) -> Iterator[Process]:
    file = folder / "mine.py"
    file.write_text(textwrap.dedent(code))
    with Process(file, call=call) as process:
        yield process


def examined(folder: Path, code: str, call: float = 5.0) -> Entry:
    """The entry of the only function in ``code``."""
    with running(folder, code, call) as process:
        found, _ = process.find()
        (entry,) = examine_all(found, process.ask)
        return entry


RIGHT = "import numpy as np\ndef relu_forward(x):\n    return np.maximum(x, 0), x\n"


def test_a_right_function_is_equal(tmp_path: Path) -> None:
    assert examined(tmp_path, RIGHT).verdict == "equal"


def test_an_endless_loop_is_ended_and_the_next_call_works(tmp_path: Path) -> None:
    code = """
        import numpy as np
        def relu_forward(x):
            while x[0, 0] == -1:
                pass
            return np.maximum(x, 0), x
    """
    with running(tmp_path, code, call=0.5) as process:
        process.find()
        start = time.monotonic()
        slow = process.ask(0, 0, QUESTION)
        assert slow.problem is not None
        assert slow.problem.kind == "too slow"
        assert time.monotonic() - start < 3
        other = Question("relu", "lattice", {"input": -X}, {})
        assert (process.ask(0, 0, other).results["output"] == np.maximum(-X, 0)).all()


def test_an_endless_loop_is_said_once_and_not_waited_for_again(tmp_path: Path) -> None:
    start = time.monotonic()
    entry = examined(tmp_path, "def relu_forward(x):\n    while True: pass\n", call=0.5)
    assert entry.verdict == "too slow"
    assert time.monotonic() - start < 5


def test_a_file_that_never_ends_loading_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch_parity.doctor.process.LOADING", 1.0)
    with running(tmp_path, "while True: pass") as process, pytest.raises(LoadError, match="__main__"):
        process.find()


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        ("raise RuntimeError('no idea')", "raises", "no idea"),
        ("return 1 / 0", "raises", "division by zero"),
        ("import sys; sys.exit(3)", "raises", "ends the program"),
        ("import os; os._exit(3)", "ended", "exit status 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended", "SIGSEGV"),
        ("return relu_forward(x)", "raises", "recursion"),
        ("import numpy; return numpy.ones(20 * 2**30 // 8), x", "raises", "20.0 GiB"),
        ("return [0.0] * 20 * 2**30", "raises", ""),
        ("return input('x?'), x", "raises", "keyboard"),
        ("import sys; return sys.stdin.readline(), x", "", ""),
        ("raise KeyboardInterrupt", "raises", ""),
    ],
)
def test_whatever_a_function_does_is_an_answer(tmp_path: Path, body: str, kind: str, said: str) -> None:
    with running(tmp_path, f"def relu_forward(x):\n    {body}\n") as process:
        process.find()
        reply = process.ask(0, 0, QUESTION)
        if kind:
            assert reply.problem is not None
            assert reply.problem.kind == kind
            assert said in reply.problem.message
        else:
            assert not reply.results
        # And there is an answer to the next question as well.
        assert process.ask(0, 0, QUESTION).seconds >= 0


def test_the_traceback_is_cut_to_the_students_lines(tmp_path: Path) -> None:
    entry = examined(tmp_path, "import numpy as np\ndef relu_forward(x):\n    return np.zeros((2,)) @ np.zeros((3,))\n")
    assert entry.verdict == "raises"
    assert entry.problem is not None
    assert entry.problem.type == "ValueError"
    assert entry.problem.lines == ("mine.py, line 3, in relu_forward:  return np.zeros((2,)) @ np.zeros((3,))",)
    assert entry.problem_question is not None


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import numpy as np\ndef relu(x:\n", "mine.py, line 2"),
        ("raise ValueError('while loading')", "while loading"),
        ("import no_such_package", "no_such_package"),
        ("import sys; sys.exit('bye')", "ends the program"),
        ("import os; os._exit(4)", "exit status 4"),
        ("name = input()", "keyboard"),
    ],
)
def test_a_file_that_cannot_be_loaded_says_why(tmp_path: Path, code: str, said: str) -> None:
    with running(tmp_path, code) as process, pytest.raises(LoadError) as raised:
        process.find()
    problem = raised.value.problem
    assert said in " ".join([str(raised.value), *problem.lines])


def test_what_is_printed_is_kept_apart(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code = """
        import os, sys
        import numpy as np
        print("loading")
        def relu_forward(x):
            print("debugging", x.shape)
            os.write(1, b"straight to the descriptor")
            print("to stderr", file=sys.stderr)
            return np.maximum(x, 0), x
    """
    with running(tmp_path, code) as process:
        found, _ = process.find()
        (entry,) = examine_all(found, process.ask)
        assert entry.verdict == "equal"
        printed = process.printed()
    assert capfd.readouterr() == ("", "")
    assert "loading" in printed
    assert "straight to the descriptor" in printed
    assert "to stderr" in printed


def test_printing_without_end_does_not_fill_the_disk(tmp_path: Path) -> None:
    code = "def relu_forward(x):\n    while True: print('x' * 10000)\n"
    with running(tmp_path, code, call=3.0) as process:
        process.find()
        process.ask(0, 0, QUESTION)
        assert len(process.printed()) <= 20_000
        assert process._printed.stat().st_size <= 64 * 2**20


def test_it_runs_in_an_empty_folder_and_leaves_nothing(tmp_path: Path) -> None:
    code = """
        import os
        import numpy as np
        def relu_forward(x):
            assert os.listdir() in ([], ["left.txt"])
            open("left.txt", "w").write("x")
            return np.maximum(x, 0), x
    """
    with running(tmp_path, code) as process:
        found, _ = process.find()
        (entry,) = examine_all(found, process.ask)
        assert entry.verdict == "equal"
        folder = process._folder
        assert folder.is_dir()
    assert not folder.exists()
    assert sorted(os.listdir(tmp_path)) == ["mine.py"]


def test_processes_that_it_starts_end_with_it(tmp_path: Path) -> None:
    code = """
        import subprocess, sys
        import numpy as np
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        def relu_forward(x):
            return np.array([[float(child.pid)]]), x
    """
    with running(tmp_path, code) as process:
        process.find()
        child = int(process.ask(0, 0, QUESTION).results["output"][0, 0])
        os.kill(child, 0)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and _runs(child):
        time.sleep(0.05)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be collected does not."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("returned", "missing"),
    [
        ("None", "None"),
        ("(None, x)", "None"),
        ("('text', x)", "an array of dtype <U4"),
        ("({}, x)", "an array of dtype object"),
        ("([[1, 2], [3]], x)", "a list that is no array of numbers"),
    ],
)
def test_what_is_no_array_is_missing_and_said(tmp_path: Path, returned: str, missing: str) -> None:
    entry = examined(tmp_path, f"def relu_forward(x):\n    return {returned}\n")
    assert entry.verdict == "different"
    assert entry.results == {"output": "missing"}
    assert entry.missing == {"output": missing}


def test_a_list_of_numbers_is_taken(tmp_path: Path) -> None:
    code = "import numpy as np\ndef relu_forward(x):\n    return np.maximum(x, 0).tolist(), x\n"
    assert examined(tmp_path, code).verdict == "equal"


def only_mistake(entry: Entry) -> str:
    (diagnosis,) = entry.diagnoses
    (mistake,) = diagnosis.mistakes
    return mistake.name


def test_an_argument_changed_in_place_is_a_mistake_of_its_own(tmp_path: Path) -> None:
    entry = examined(tmp_path, "def relu_forward(x):\n    x[x < 0] = 0\n    return x, x\n")
    assert entry.verdict == "different"
    assert only_mistake(entry) == "argument-changed"


def test_what_is_random_is_said(tmp_path: Path) -> None:
    code = (
        "import numpy as np\ndef relu_forward(x):\n    return np.maximum(x, 0) * (np.random.rand(*x.shape) < 0.9), x\n"
    )
    entry = examined(tmp_path, code)
    assert entry.verdict == "different"
    assert "not-deterministic" in [m.name for d in entry.diagnoses for m in d.mistakes]


def test_what_is_kept_from_call_to_call_is_said(tmp_path: Path) -> None:
    code = """
        import numpy as np
        before = {}
        def relu_forward(x):
            y = np.maximum(x, 0) + before.get(x.shape, 0) * 0
            if x.shape in before and before[x.shape].sum() != x.sum():
                y = y + 1
            before[x.shape] = x.copy()
            return y, x
    """
    entry = examined(tmp_path, code)
    assert entry.verdict == "different"
    assert "state-kept" in [m.name for d in entry.diagnoses for m in d.mistakes]


def test_modules_beside_the_file_can_be_imported(tmp_path: Path) -> None:
    (tmp_path / "helpers.py").write_text("import numpy as np\ndef cut(x): return np.maximum(x, 0)\n")
    code = "from helpers import cut\ndef relu_forward(x):\n    return cut(x), x\n"
    assert examined(tmp_path, code).verdict == "equal"


def test_a_file_of_a_package_can_import_relatively(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "helpers.py").write_text("import numpy as np\ndef cut(x): return np.maximum(x, 0)\n")
    code = "from .helpers import cut\ndef relu_forward(x):\n    return cut(x), x\n"
    assert examined(package, code).verdict == "equal"


def test_a_file_named_like_a_package_does_not_hide_it(tmp_path: Path) -> None:
    (tmp_path / "reference.py").write_text(RIGHT)
    with Process(tmp_path / "reference.py") as process:
        found, _ = process.find()
        (entry,) = examine_all(found, process.ask)
    assert entry.verdict == "equal"


def test_the_main_part_of_a_file_does_not_run(tmp_path: Path) -> None:
    assert (
        examined(tmp_path, RIGHT + "if __name__ == '__main__':\n    raise SystemExit('trained')\n").verdict == "equal"
    )


TO_EVERY_DESCRIPTOR = """
import os, time
import numpy as np
def relu_forward(x):
    for descriptor in range(3, 20):
        try:
            os.write(descriptor, {!r})
        except OSError:
            pass
    time.sleep({})
    return np.maximum(x, 0), x
"""


@pytest.mark.parametrize(
    ("written", "sleeps", "kind"),
    [
        (b"\0\0\0\x05hello", 0, "ended"),  # no message
        (b"\x7f\xff\xff\xff", 60, "ended"),  # the beginning of one of 2 GiB
        (b"\0\0\x10\0abc", 60, "too slow"),  # half a message
    ],
)
def test_what_the_file_writes_to_the_socket_is_no_answer(
    tmp_path: Path, written: bytes, sleeps: int, kind: str
) -> None:
    with running(tmp_path, TO_EVERY_DESCRIPTOR.format(written, sleeps), call=1.0) as process:
        process.find()
        start = time.monotonic()
        reply = process.ask(0, 0, QUESTION)
        assert reply.problem is not None
        assert reply.problem.kind == kind
        assert time.monotonic() - start < 10


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("os.closerange(0, 256)", "ended"),
        ("os.kill(os.getpid(), signal.SIGSTOP)", "too slow"),
        ("[signal.signal(s, signal.SIG_IGN) for s in (1, 2, 3, 15)]; time.sleep(60)", "too slow"),
        ("threading.Thread(target=time.sleep, args=(60,)).start()", ""),
        ("os.chdir('/')", ""),
        ("sys.stdout = sys.stderr = None", ""),
        ("os.fork()", ""),
        ("np.seterr(all='raise')", ""),
    ],
)
def test_what_a_call_does_to_its_process_stays_there(tmp_path: Path, code: str, kind: str) -> None:
    source = f"""
        import os, signal, sys, threading, time
        import numpy as np
        def relu_forward(x):
            {code}
            return np.maximum(x, 0), x
    """
    with running(tmp_path, source, call=1.0) as process:
        process.find()
        for _ in range(2):
            reply = process.ask(0, 0, QUESTION)
            if kind:
                assert reply.problem is not None
                assert reply.problem.kind == kind
            else:
                assert (reply.results["output"] == np.maximum(X, 0)).all()


def test_a_process_that_the_file_forks_does_not_answer_as_well(tmp_path: Path) -> None:
    code = "import os\nimport numpy as np\ndef relu_forward(x):\n    os.fork()\n    return np.maximum(x, 0), x\n"
    assert examined(tmp_path, code).verdict == "equal"


def test_a_file_that_breaks_what_messages_are_made_with_cannot_be_loaded(tmp_path: Path) -> None:
    code = "import json\njson.dumps = lambda *a, **k: '{}'\ndef relu_forward(x):\n    return x, x\n"
    with running(tmp_path, code) as process, pytest.raises(LoadError, match="could not be read"):
        process.find()


def test_an_exception_whose_message_fails_is_an_answer(tmp_path: Path) -> None:
    code = """
        class Mine(Exception):
            def __str__(self): raise RuntimeError
        def relu_forward(x):
            raise Mine
    """
    entry = examined(tmp_path, code)
    assert entry.problem is not None
    assert (entry.problem.type, entry.problem.message) == ("Mine", "(its message raises an error itself)")


@pytest.mark.parametrize(
    ("returned", "verdict"),
    [
        ("np.maximum(x, 0).astype(np.longdouble)", "equal"),
        ("np.maximum(x, 0).astype('>f8')", "equal"),
        ("np.asfortranarray(np.maximum(x, 0))", "equal"),
        ("np.maximum(x, 0)[::-1][::-1]", "equal"),
        ("np.maximum(x, 0).view(type('Mine', (np.ndarray,), {}))", "equal"),
        ("x > 0", "different"),
        ("x * np.nan", "different"),
        ("np.float64(3)", "different"),
        ("np.zeros(0)", "different"),
        ("np.ma.masked_less(x, 0)", "different"),
        ("np.maximum(x, 0) + 0j", "missing"),
        ("np.zeros(x.shape, 'M8[s]')", "missing"),
        ("(value for value in x)", "missing"),
        ("np.broadcast_to(1.0, (10**6, 10**6))", "missing"),
        ("np.zeros(10**8, np.int8)", "missing"),
    ],
)
def test_arrays_of_all_kinds_are_judged(tmp_path: Path, returned: str, verdict: str) -> None:
    entry = examined(tmp_path, f"import numpy as np\ndef relu_forward(x):\n    return {returned}, x\n")
    assert entry.results == {"output": verdict}
    assert entry.diagnoses == []


def test_sizes_of_one_too_many_are_not_a_known_mistake(tmp_path: Path) -> None:
    entry = examined(tmp_path, "import numpy as np\ndef relu_forward(x):\n    return np.maximum(x, 0)[None], x\n")
    assert entry.verdict == "different"
    assert entry.diagnoses == []
