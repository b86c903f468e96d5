"""Numbers that strings spell, read as the C library's ``strtoll`` and ``strtod`` read them, which PyTorch
uses: white space before a number, none after it, no underscores, ASCII digits alone.
"""

from __future__ import annotations

import math
import re

from tsc.errors import OperatorError

_BLANK = r"[ \t\n\v\f\r]*"
_INT = re.compile(rf"{_BLANK}(?P<sign>[+-]?)0*(?P<digits>[0-9]+)")
MOST_DIGITS = 19
"""Those of the largest int."""
_HEX = r"0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)(?:[pP][+-]?[0-9]+)?"
_DECIMAL = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_NAMED = r"[iI][nN][fF](?:[iI][nN][iI][tT][yY])?|[nN][aA][nN](?:\([0-9a-zA-Z_]*\))?"
_FLOAT = re.compile(
    rf"{_BLANK}(?P<sign>[+-]?)(?:(?P<hex>{_HEX})|(?P<named>{_NAMED})|(?P<decimal>{_DECIMAL}))"
)


def int_of(text: str) -> int:
    """The int a string spells.

    Raises:
        OperatorError: it spells none, more than one, or one of more than 64 bits.
    """
    found = _INT.match(text)
    if found is None or len(found["digits"]) > MOST_DIGITS:
        raise OperatorError("stoll")
    value = int(found["sign"] + found["digits"])
    if not -(2**63) <= value < 2**63:
        raise OperatorError("stoll")
    if found.end() != len(text):
        raise OperatorError(f"invalid literal for int() with base 10: '{text}'")
    return value


def float_of(text: str) -> float:
    """The float a string spells.

    Raises:
        OperatorError: it spells none, more than one, or one beyond what floats can be.
    """
    found = _FLOAT.match(text)
    if found is None:
        raise OperatorError("stod")
    if found.end() != len(text):
        raise OperatorError(f"could not convert string to float: '{text}'")
    if found["named"]:
        value = math.inf if found["named"][0] in "iI" else math.nan
    else:
        value = _finite(found["hex"], found["decimal"])
    return -value if found["sign"] == "-" else value


def _finite(hexadecimal: str | None, decimal: str) -> float:
    try:
        value = float.fromhex(hexadecimal) if hexadecimal else float(decimal)
    except OverflowError:
        raise OperatorError("stod") from None
    is_zero = hexadecimal is not None or not re.search("[1-9]", re.split("[eE]", decimal)[0])
    if math.isinf(value) or (value == 0.0 and not is_zero):
        raise OperatorError("stod")
    return value
