"""One thread for each test process: the suite takes all cores by processes, and threads would wait for one another.

The options choose the backend that the fixture ``backend`` gives: where, and how, torch runs its side of the proof.
"""

import os
import runpy
import signal
import sys
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when NumPy and torch are imported
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# On processors with AMX and 16-bit arithmetic, oneDNN in torch 2.13 computes some small 16-bit convolutions wrongly and
# dies of others (docs/proof.md).  Limited to the instructions of the generation before, it takes other kernels.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16")

# What a shell starts in the background ignores Ctrl-C, and so would all that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import hypothesis
import pytest

from tests import ROOT
from torch_parity.proof.backend import DEVICES, SIXTEEN_BIT, Backend

# For mutants, of which it matters only whether a test fails, not on how small a case.
hypothesis.settings.register_profile("first-failure", phases=[hypothesis.Phase.generate])


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("torch", "where and how torch runs its side of the proof")
    group.addoption("--device", choices=DEVICES, default="cpu")
    group.addoption("--dtype", choices=["both", *SIXTEEN_BIT], default="both", help="both: float32 and float64")
    group.addoption("--compile", action="store_true", help="through torch.compile (seconds for each case)")
    group.addoption("--channels-last", action="store_true", help="images in this memory format")
    group.addoption("--torch-threads", type=int, default=1)


@pytest.fixture(scope="session")
def backend(pytestconfig: pytest.Config) -> Backend:
    """What the options ask for."""
    option = pytestconfig.getoption
    try:
        return Backend(
            option("device"),
            None if option("dtype") == "both" else option("dtype"),
            option("compile"),
            option("channels_last"),
            option("torch_threads"),
        )
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.fixture
def refusal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What a script says when it refuses its arguments; in this process, since loading torch takes seconds."""

    def refuse(script: str, *arguments: str) -> str:
        monkeypatch.chdir(ROOT)
        monkeypatch.setattr(sys, "argv", [script, *arguments])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(script, run_name="__main__")
        assert end.value.code == 2
        output, errors = capsys.readouterr()
        assert output == ""
        return errors

    return refuse
