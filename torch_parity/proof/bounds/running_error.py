"""Errors carried along: numbers as computed, each with how far it may be from the truth.

Every operation is done in double precision, and adds up the errors of its operands and of its own rounding (a running
error analysis: Higham, Accuracy and Stability of Numerical Algorithms, section 3.3).  With a = true a + e_a:

    a + b        e_a + e_b                                     and u |a + b|
    a b          |a| e_b + |b| e_a + e_a e_b                   and u |a b|, and the smallest normal number
    a / b        (e_a + |a / b| e_b) / (|b| - 2 e_b)           and u |a / b|, and the smallest normal number
    sqrt(a)      |e_a| / sqrt(a - e_a), or, where a is hardly larger than e_a, sqrt(a + e_a):
                 both roots lie between 0 and that             and ROOT_ULPS of the root
    max(a, b)    the larger of e_a, e_b

What is multiplied and added in one operation with one rounding has no larger error.  (The computed divisor is within
e_b of the truth, and so is the double-precision one that stands here for it.)  Products of 0 do not round, and 0 has no
error; so what both sides must agree in stays sharp: 0 / 0 is NaN, of error NaN, which asks for equality.  Nothing is
known, and the error is infinite, where a divisor may be 0 and may be something else, where the root of what should not
be negative may be NaN, and where numbers may overflow.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from torch_parity.proof.bounds.rounding import Array, unit_roundoff

# Largest error of a square root, in units in the last place: torch's is not rounded correctly in float32; measured.
ROOT_ULPS = 1


@dataclass(frozen=True)
class Precision:
    """Of a dtype: the unit roundoff, the smallest normal number (or what underflow may lose) and the largest."""

    u: float
    tiny: float
    largest: float

    def number(self, value: float) -> "Computed":
        """A constant, rounded to the dtype."""
        return Computed(np.asarray(value, np.float64), np.asarray(self.u * abs(value) + self.tiny * (value != 0)), self)

    def array(self, array: Array) -> "Computed":
        """Numbers of the dtype."""
        return Computed(array.astype(np.float64), np.zeros(array.shape), self)


def precision_of(dtype: np.dtype[Any]) -> Precision:
    """That of float32 or float64."""
    info = np.finfo(dtype)
    return Precision(unit_roundoff(dtype), float(info.tiny), float(info.max))


@dataclass(frozen=True)
class Computed:
    """An array as computed, and its error on one side."""

    value: Array
    error: Array
    precision: Precision

    def __add__(self, other: "Computed") -> "Computed":
        """The sum."""
        return self._rounded(self.value + other.value, other, self.error + other.error)

    def __sub__(self, other: "Computed") -> "Computed":
        """The difference."""
        return self._rounded(self.value - other.value, other, self.error + other.error)

    def __mul__(self, other: "Computed") -> "Computed":
        """The product."""
        value = self.value * other.value
        error = np.abs(self.value) * other.error + np.abs(other.value) * self.error + self.error * other.error
        return self._rounded(value, other, error + self.precision.tiny * ((value != 0) | (error > 0)))

    def __truediv__(self, other: "Computed") -> "Computed":
        """The quotient."""
        value, left = self.value / other.value, np.abs(other.value) - 2 * other.error
        error = (self.error + np.where(other.error > 0, np.abs(value), 0) * other.error) / left
        error = np.where((left <= 0) & (other.error > 0), np.inf, error)
        return self._rounded(value, other, error + self.precision.tiny * ((value != 0) | (error > 0)))

    def __neg__(self) -> "Computed":
        """The same with the other sign, exactly."""
        return Computed(-self.value, self.error, self.precision)

    def root(self, never_negative: bool = True) -> "Computed":
        """The square root; of a number that rounding may have made negative unless ``never_negative``."""
        value, above = np.maximum(self.value, 0), self.value - self.error
        far = self.error / np.sqrt(np.where(above > 0, above, 1))
        near = np.sqrt(value + self.error) if never_negative else np.inf
        error = np.where(self.error == 0, 0, np.where(above > self.error, far, near))
        error = error + (2 * ROOT_ULPS - 1) * self.precision.u * np.sqrt(value)
        return self._rounded(np.sqrt(np.where(np.isnan(self.value), np.nan, value)), self, error)

    def larger(self, other: "Computed") -> "Computed":
        """The maximum."""
        return Computed(np.maximum(self.value, other.value), np.maximum(self.error, other.error), self.precision)

    def _rounded(self, value: Array, other: "Computed", error: Array) -> "Computed":
        """``value``, of which the ``error`` grows by its rounding."""
        error = error + self.precision.u * (np.abs(value) + error)
        unknown = np.isinf(self.error) | np.isinf(other.error) | np.isinf(error)
        unknown |= np.isfinite(value) & (np.abs(value) + error > self.precision.largest / 4)
        return Computed(value, np.where(unknown, np.inf, np.where(np.isnan(value), np.nan, error)), self.precision)


def running_mean(old: Computed, new: Computed, beta: float) -> Computed:
    """beta old + (1 - beta) new, in whichever way it is written.

    Each product rounds, its constant did, and the sum does; old + (1 - beta) (new - old) rounds no more where 1 - beta
    is below a half.  Above it, new - beta (new - old) has for beta what is left of 1 - (1 - beta), off by u (1 - beta).
    """
    precision, share = old.precision, 1 - beta
    value = beta * old.value + share * new.value
    size = beta * np.abs(old.value) + share * np.abs(new.value)
    error = beta * old.error + share * new.error + 4 * precision.u * size
    error = error + precision.u * share * (np.abs(old.value) + old.error + new.error)
    error = error + 2 * precision.tiny * ((size > 0) | (error > 0))
    unknown = np.isinf(old.error) | np.isinf(new.error) | (size + error > precision.largest / 4)
    error = np.where(unknown, np.inf, np.where(np.isnan(value), np.nan, error))
    return Computed(np.asarray(value), error, precision)
