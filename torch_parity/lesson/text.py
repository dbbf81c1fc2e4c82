"""How numbers are written for a reader: as ``javascript/text.js`` writes them."""

import math
from decimal import ROUND_HALF_UP, Context

FOUR_DIGITS, TWO_DIGITS = (Context(prec=digits, rounding=ROUND_HALF_UP) for digits in (4, 2))  # as JavaScript rounds


def written(number: float) -> str:
    """Whole numbers in full, others with four digits; with the sign for minus."""
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "−∞" if number < 0 else "∞"
    size = abs(float(number))
    if size.is_integer() and size < 1e6:
        text = str(int(size))
    elif 1e-3 <= size < 1e4:
        text = repr(float(FOUR_DIGITS.create_decimal_from_float(size))).removesuffix(".0")
    else:
        digits, _, exponent = f"{TWO_DIGITS.create_decimal_from_float(size):.1e}".partition("e")
        text = f"{digits}e{int(exponent)}".replace("-", "−")
    return f"−{text}" if number < 0 else text
