"""Asking in this very process: for a function at hand in a notebook, a test, or a foreign kernel behind a callable."""

import time
import traceback

from torch_parity.doctor.process import Problem, Reply
from torch_parity.doctor.question import Question
from torch_parity.doctor.subject import Found, Subject, described, found_from
from torch_parity.doctor.worker import call


class Here:
    """Subjects that are asked in this process; nothing limits their time or memory."""

    def __init__(self, subjects: list[Subject]) -> None:
        """For ``subjects``."""
        self._subjects = subjects

    def find(self) -> list[Found]:
        """The subjects, as another process would tell of them."""
        return [found_from(described(index, subject)) for index, subject in enumerate(self._subjects)]

    def ask(self, subject: int, reading: int, *questions: Question) -> Reply:
        """The reply to the last of ``questions``, which one instance is asked one after another."""
        start = time.perf_counter()
        try:
            arrays, said = call(self._subjects[subject], reading, questions)
        except Exception as error:  # whatever the function raises
            lines = tuple(traceback.format_tb(error.__traceback__)[-2:])
            problem = Problem("raises", type(error).__name__, str(error), lines)
            return Reply(problem=problem, seconds=time.perf_counter() - start)
        return Reply(arrays, said["missing"], tuple(said["changed"]), None, time.perf_counter() - start)
