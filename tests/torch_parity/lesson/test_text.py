"""Numbers are written in Python as the page writes them in JavaScript."""

import math

import pytest

from torch_parity.lesson.text import written

# What text.js makes of these, in Node.
BY_JAVASCRIPT = {
    0.0: "0",
    -6.0: "−6",
    999999.0: "999999",
    -1e6: "−1.0e6",
    1.25e7: "1.3e7",  # a half goes up
    2.25e7: "2.3e7",
    1e21: "1.0e21",
    0.1 + 0.2: "0.3",
    1 / 3: "0.3333",
    2 / 3: "0.6667",
    -12.345678: "−12.35",
    1234.5: "1235",
    1235.5: "1236",
    9999.5: "10000",
    0.001: "0.001",
    0.00099999: "1.0e−3",
    -0.000123: "−1.2e−4",
    5e-324: "4.9e−324",
    10000.5: "1.0e4",
    123456.78: "1.2e5",
    math.inf: "∞",
    -math.inf: "−∞",
}


@pytest.mark.parametrize("number", BY_JAVASCRIPT)
def test_a_number_is_written_as_in_javascript(number: float) -> None:
    assert written(number) == BY_JAVASCRIPT[number]


def test_other_numbers() -> None:
    assert written(-0.0) == "0"
    assert written(math.nan) == "NaN"
