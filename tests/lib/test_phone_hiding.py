"""Numbers within a text, for those who may not see them."""

import json
from urllib.parse import quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lib.phone_hiding import hidden

JOINTS = [
    " ", "-", ".", "/", "\n", "\r\n", "\t", "_", " - ", ") ", " (",
    "\u00a0", "\u2009", "\u202f", "\u3000", "\u2028",  # spaces
    "\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2015", "\u2212", "\uff0d",  # dashes
    "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202a",  # nothing to see
    "\u2022", "\u00b7", "\u30fb", "\uff0f", " \u2022 ", " / ",
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("call 919812300001 now", "call 91••••••••01 now"),
        ("call +91 98123-00001.", "call +91••••••••01."),
        ("call 98123 000 01", "call 98••••••01"),
        ("(+91) 98123 00001", "(+91••••••••01"),
        ("+1 415 5551", "+14••••51"),
        ("415 5551", "415 5551"),  # too short without a +
        ("id 123456", "id 123456"),
        ("id 1234567", "id 12•••67"),
        ("id 123456789012345", "id 12•••••••••••45"),
        ("id 1234567890123456", "id 1234567890123456"),
        ("919812300001, 919812300002", "91••••••••01, 91••••••••02"),
        ("919812300001 / +919812300002\n919812300003", "91••••••••01 / +91••••••••02\n91••••••••03"),
        ("٩١٩٨١٢٣٠٠٠٠١", "٩١••••••••٠١"),
        ("９８１２３ ００００１", "９８••••••０１"),
        ("98123*00001 and _98123_00001_", "98••••••01 and _98••••••01_"),
        ("wamid.HBgMOTE5ODEyMzQ1Njc4FQIAERgSQzE4= failed", "wamid.••• failed"),
        # Times are no numbers.
        ("on 2026-03-18 10", "on 2026-03-18 10"),
        ("2026-03-18T10:22:33.123456+00:00", "2026-03-18T10:22:33.123456+00:00"),
        ("2026-03-18 10:22:33 919812300001", "2026-03-18 10:22:33 91••••••••01"),
        ("2026-03-18 – 2026-03-20", "2026-03-18 – 2026-03-20"),
        ("04/12/2026 19:00, 12.4.2026, 2:30 PM", "04/12/2026 19:00, 12.4.2026, 2:30 PM"),
        ("31/12/2026 - 02/01/2027", "31/12/2026 - 02/01/2027"),
        ("10:30 98123,00001", "10:30 98••••••01"),
        ("18/Mar/2026:10:22:33 +0000", "18/Mar/2026:10:22:33 +0000"),
        # Nor is every number with dashes in it a time.
        ("9198-12-30 0001", "91••••••••01"),
        ("2010-12-30 4567", "20••••••••67"),
        ("", ""),
    ],
)
def test_numbers_within_a_text_are_hidden(text: str, shown: str) -> None:
    assert hidden(text) == shown


@pytest.mark.parametrize("joint", JOINTS, ids=ascii)
def test_they_are_however_their_digits_are_joined(joint: str) -> None:
    for shape in (
        ("98123", "00001"),
        ("+91", "98123", "00001"),
        ("0", "9", "8", "1", "2", "3", "0", "0", "1"),
    ):
        shown = hidden(f"call {joint.join(shape)} now")
        assert "8123" not in shown
        assert "00001" not in shown
        assert "•••" in shown


# Marks that also stand between numbers: they join digits only directly between two of them.
DOUBTFUL = [",", ":", "|", "=", "'", ";", "\u2019", "\uff0c", "\uff1a"]


@pytest.mark.parametrize("mark", DOUBTFUL, ids=ascii)
def test_they_are_where_a_mark_of_lists_joins_their_digits(mark: str) -> None:
    for shape in (("98123", "00001"), ("+91 98123", "00001"), ("0171", "1234567"), ("415", "555", "2671")):
        text = f"call {mark.join(shape)} now"
        form = f"From=whatsapp%3A&Body={quote_plus(text) if mark.isascii() else text}"
        for shown in map(hidden, (text, json.dumps(text), form)):
            assert "•••" in shown
            assert not any(part in shown for part in ("98123", "00001", "1234567", "2671"))


@pytest.mark.parametrize(
    "text",
    [
        "open 09:00-18:00,20:00-22:00", "18:30:15", "16:9,1920:1080",  # times and ratios
        "1,234,567.00", "12,34,567.50", "1'234'567.00", "12345,67",  # amounts
        "12.9715,77.5945",  # a place
        "1,2,3,4,5,6,7,8,9,10", "98|12|30|00|01", "2024,2025,2026", "[12345,67890]",  # lists
        "98123, 00001", "127.0.0.1:8000", "id=12345&count=67890", "0|0|0|0",
    ],
)  # fmt: skip
def test_other_numbers_with_such_marks_stay(text: str) -> None:
    assert hidden(text) == text


def test_each_number_of_a_list_is_hidden_by_itself() -> None:
    assert hidden("919812300001,919812300002") == "91••••••••01,91••••••••02"
    assert hidden("712|1767225600|20260105") == "712|17••••••00|20••••05"


@pytest.mark.parametrize("joint", JOINTS, ids=ascii)
def test_they_are_in_json_and_in_forms(joint: str) -> None:
    text = f"call 98123{joint}00001 now"
    for body in (json.dumps(text), json.dumps(text, ensure_ascii=False)):
        assert "00001" not in hidden(body)
    if joint in (" ", "-", ".", "/", "\n", "\u2009", "\u2011", "\u2212", "\u00a0"):
        assert "00001" not in hidden(f"From=whatsapp%3A%2B919812300001&Body={quote_plus(text)}")


@given(st.lists(st.sampled_from(JOINTS), min_size=11, max_size=11))
def test_they_are_with_any_joints_at_once(joints: list[str]) -> None:
    text = "".join(digit + joint for digit, joint in zip("919812300001", [*joints, ""], strict=True))
    assert hidden(text).count("•") >= 7


@example("9/8123456")
@given(st.text(st.sampled_from("+0123456789-/ :T.\n•x\u200b%2\\n"), max_size=200))
def test_nothing_that_is_seven_digits_in_a_row_is_left(text: str) -> None:
    rows = "".join(each if each.isdecimal() else " " for each in hidden(text)).split()
    assert all(len(row) < 7 or len(row) > 15 for row in rows)


HOSTILE = [
    "1", "1 ", "1-", "+", "+ ", "1      ", "-", "%20", "1%20", "\\u00a0", "1\\n", "wamid.", "\u200b",
    "1\u200b", "(", "1(", "1,", "1:", "12:", "1.1,", "%2C1",
    "2026-03-18 ", "2026-03-18T10 ", "2026-03-18 10:22 1", "2026-03-18 - 2026-03-18T10",
]  # fmt: skip


@pytest.mark.parametrize("part", HOSTILE, ids=ascii)
def test_no_text_takes_longer_than_its_length(part: str) -> None:
    """A time that grew with the square of the length would be hours here."""
    assert hidden(part * (500_000 // len(part)) + " end").endswith(" end")
