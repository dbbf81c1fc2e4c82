"""``cnn-reference``: all command lines under one name."""

import re
import subprocess
import sys

import pytest

from tests import ROOT
from torch_parity.commands.main import COMMANDS

PROGRAM = "import sys; sys.argv[0] = 'cnn-reference'; from torch_parity.commands.main import main; sys.exit(main())"


def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_its_help_lists_the_commands_and_shows_the_commonest_call() -> None:
    text = run("--help").stdout
    assert re.search(r"^    cnn-reference train\b", text, re.MULTILINE)
    for name, words in COMMANDS.items():
        assert re.search(rf"^    {name} +{words}$", text, re.MULTILINE)


@pytest.mark.parametrize("arguments", [(), ("nothing",), ("--only", "relu")])
def test_another_word_is_an_error_that_names_the_commands(arguments: tuple[str, ...]) -> None:
    assert "COMMAND" in run(*arguments, code=2).stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_calls_itself_by_that_name(name: str) -> None:
    assert run(name, "--help").stdout.startswith(f"usage: cnn-reference {name} ")


@pytest.mark.slow
def test_a_command_does_what_its_script_does() -> None:
    arguments = ("--only", "relu", "--cases", "8")
    script = subprocess.run(
        [sys.executable, "scripts/check_parity.py", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    lines = run("parity", *arguments).stdout.splitlines()
    assert [line for line in lines if "relu" in line] == [line for line in script.stdout.splitlines() if "relu" in line]


def test_its_messages_name_the_command() -> None:
    assert "cnn-reference predict: " in run("predict", "none.png", "--weights", "none.safetensors", code=2).stderr
