"""The head of a function that is to be written."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stub:
    """The head of a function: its arguments, what goes in and comes out, a hint, and its section of the lesson, if any.

    The function's name is the formula's, but for the optimizers, of which a function can only be one step.  Where there
    is no hint, ``definition`` has the reason.
    """

    arguments: str
    shapes: str
    section: str = ""
    hint: str = ""
    name: str = ""
