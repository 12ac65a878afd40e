"""Parts of the Cloud API dialect that other connectors use by themselves."""

from hypothesis import given
from hypothesis import strategies as st

from providers.dialects.cloud_api.messages import content_body, message_body, parameter_text
from providers.dialects.cloud_api.webhook import value_items
from providers.messages import Freeform, Outbound, Refused, Reply, Value

OUTBOUND = Outbound("wp-1", "1|2", "34600111222", "34911222333", Freeform("text", text="Hi"))


def test_content_stands_without_metas_envelope() -> None:
    content = content_body(OUTBOUND.content)
    assert content == {"type": "text", "text": {"body": "Hi"}}
    assert message_body(OUTBOUND).items() >= content.items()


def test_a_bare_value_is_read_as_in_its_envelope() -> None:
    message = {"from": "34600111222", "id": "m-1", "type": "text", "text": {"body": "Hola"}}
    assert value_items({"messages": [message]}) == [Reply("text", "34600111222", bsp_id="m-1", text="Hola")]


@given(st.text(alphabet=st.sampled_from("a \t\n\r\u2028\u00a0"), max_size=40))
def test_no_parameter_meta_would_refuse_for_its_white_space(raw: str) -> None:
    try:
        cleaned = parameter_text(Value(raw), "body variable 1")
    except Refused:
        assert not raw.strip()
        return
    assert cleaned.strip()
    assert not set(cleaned) & set("\t\n\r\u2028")
    assert "     " not in cleaned
    assert cleaned.split() == raw.split()
