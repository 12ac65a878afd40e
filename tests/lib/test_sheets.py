"""No cell of an export is run as a formula, and each comes back as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.sheets import harmless, unharmed

WIDE = ["\uff1d1", "\uff0b1", "\uff0d1", "\uff20SUM"]
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", *WIDE]


@pytest.mark.parametrize("text", [*FORMULAS, "\u200b=1", "\ufeff\uff1d1", "'=1", "''\uff1d1"])
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("cell", ["Asha", "it's", "'quoted'", "a=1", "", 5, -5, None])
def test_anything_else_stays(cell: object) -> None:
    assert harmless(cell) == cell  # type: ignore[arg-type]


@given(st.text(alphabet="'=+-@\t\r\n \uff1d\uff0b\u200ba1", max_size=8))
def test_it_comes_back_as_it_was(text: str) -> None:
    assert unharmed(str(harmless(text))) == text
