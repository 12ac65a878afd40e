"""What the generic connector sends is what CleverTap itself would have sent."""

from hypothesis import given

from providers.dialects.clevertap_send import read
from providers.dialects.clevertap_write import write
from providers.messages import Outbound, TemplateContent
from tests.dialects.shapes import outbounds


@given(outbounds)
def test_what_is_written_reads_as_what_it_was(outbound: Outbound) -> None:
    again = read(write(outbound))
    assert again.content == outbound.content
    assert (again.msg_id, again.to, again.waba_number) == (outbound.msg_id, outbound.to, outbound.sender)
    assert again.custom_props == (
        outbound.custom_props if isinstance(outbound.content, TemplateContent) else {}
    )
    assert again.notes == ()
