"""What the generic connector sends is what CleverTap itself would have sent."""

from hypothesis import given

from providers.dialects.clevertap.messages import clevertap_payload
from providers.dialects.clevertap.requests import read_send
from providers.messages import Outbound, TemplateContent
from tests.dialects.shapes import outbounds


@given(outbounds)
def test_what_is_written_reads_as_what_it_was(outbound: Outbound) -> None:
    again = read_send(clevertap_payload(outbound))
    assert again.content == outbound.content
    assert (again.msg_id, again.to, again.waba_number) == (outbound.msg_id, outbound.to, outbound.sender)
    assert again.custom_props == (
        outbound.custom_props if isinstance(outbound.content, TemplateContent) else {}
    )
    assert again.notes == ()
