"""What operators are told about a failure, by the BSP's own code."""

import pytest

from providers.advice import by_code, of_failure
from providers.connectors import CONNECTORS
from providers.messages import ReportCode

NOT_ON_WHATSAPP = [
    ("meta", "131026"),
    ("360dialog", "131026"),
    ("interakt", "131026"),
    ("gupshup", "1002"),
    ("gupshup", "131026"),
    ("infobip", "7002"),
    ("twilio", "63003"),
    ("vonage", "1300"),
]


@pytest.mark.parametrize(("connector", "code"), NOT_ON_WHATSAPP)
def test_a_number_that_is_not_on_whatsapp_need_not_be_tried_again(connector: str, code: str) -> None:
    assert connector in CONNECTORS
    advice = by_code(connector, code)
    assert "not on WhatsApp" in advice
    assert "Sending again does not help" in advice


def test_one_number_means_different_things_at_two_bsps() -> None:
    assert "not on WhatsApp" in by_code("gupshup", "1002")
    assert by_code("vonage", "1002") == ""


def test_a_marketing_cap_wants_a_day_of_waiting() -> None:
    for connector, code in [("meta", "131049"), ("twilio", "63049"), ("vonage", "1461"), ("infobip", "7032")]:
        assert "Wait a day at least" in by_code(connector, code)


@pytest.mark.parametrize("code", [ReportCode.PHONE, ReportCode.BLACKLISTED, ReportCode.BLOCKED_BY_META])
def test_a_code_of_the_bsp_that_nobody_knows_leaves_clevertaps(code: ReportCode) -> None:
    advice = of_failure("exotel", "EX_NEW", code)
    assert "Sending again does not help" in advice or "Do not resend" in advice
    assert of_failure("exotel", "EX_NEW", ReportCode.OTHER) == ""
