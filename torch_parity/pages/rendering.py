"""From a template to a page: the one Jinja2 environment, and how all pages write numbers.

The templates are in ``templates/``: every page extends ``base.html``, and ``macros.html`` has what several use.  What a
template prints is escaped, unless it is ``Markup`` already; a name that it was not given is an error.
"""

import math
import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from torch_parity.training.lockstep import SIDE_NAMES


def render(template: str, **data: Any) -> str:
    """The page that ``template``, a file in ``templates/``, makes of ``data``."""
    return ENVIRONMENT.get_template(template).render(data)


def thousands(number: float, digits: int = 0) -> str:
    """A number as in 12,345."""
    return f"{number:,.{digits}f}"


def percent(share: float, digits: int = 1) -> str:
    """A share of 1 as in 98.7%."""
    return "NaN" if math.isnan(share) else f"{share:.{digits}%}"


def bar_width(share: float) -> str:
    """The width of a bar in per cent: of an empty one a sliver remains, and none is longer than the whole."""
    return f"{max(0.5, min(100.0, 100 * share)):.1f}"


def power_of_ten(number: float) -> Markup | str:
    """A small number as in 1.9 × 10^-2."""
    if not math.isfinite(number) or not number:
        return f"{number:g}".replace("nan", "NaN")
    digits, _, exponent = f"{number:.1e}".partition("e")
    return Markup("{}&nbsp;×&nbsp;10{}").format(_signed(digits), _raised(exponent))


def exponents(text: str) -> Markup:
    """``text`` with its exponents raised, such as the -23 of 2^-23."""
    base, *rest = re.split(r"\^(-?\d+)", text)
    raised = (_raised(exponent) + after for exponent, after in zip(rest[::2], rest[1::2], strict=True))
    return escape(base) + Markup("").join(raised)


def _raised(exponent: str) -> Markup:
    return Markup("<sup>{}</sup>").format(_signed(str(int(exponent))))


def _signed(number: str) -> str:
    """With the sign for minus, which is as wide as a plus."""
    return number.replace("-", "−")


ENVIRONMENT = Environment(
    loader=PackageLoader("torch_parity.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.globals["side_names"] = SIDE_NAMES
for write in (thousands, percent, bar_width, power_of_ten, exponents):
    ENVIRONMENT.filters[write.__name__] = write
