"""What Gupshup's Enterprise API accepts as a message, and how it finds the template of a text."""

import re
from collections.abc import Sequence
from typing import Any

from simulator.dialects import reading
from simulator.dialects.base import Failure, Refusal
from simulator.templates import Template, TemplateUse

Form = dict[str, str]

_COMMON = {
    "userid", "password", "auth_scheme", "v", "format", "method", "send_to", "msg_type", "isHSM",
    "data_encoding", "extra",
}  # fmt: skip
_TEMPLATE = {"isTemplate", "header", "footer", "buttonUrlParam"}
_FIXED = {"auth_scheme": "plain", "v": "1.1", "format": "json"}
# What each method takes: kinds of templates, kinds of messages in the window, its own fields.
_METHODS = {
    "SendMessage": ({"HSM"}, {"TEXT"}, {"msg"}),
    "SendMediaMessage": (
        {"IMAGE", "VIDEO", "DOCUMENT"},
        {"IMAGE", "VIDEO", "DOCUMENT", "AUDIO"},
        {"media_url", "caption", "filename"},
    ),
}
_PLACEHOLDER = re.compile(r"\{\{[^{}]*\}\}")
_VALUE = r"[^\n\r\t]+?"
_UNKNOWN = TemplateUse("(no template with this text)", "")


def read(form: Form, templates: Sequence[Template]) -> tuple[str, TemplateUse | None]:
    """The message's label for people, and its template if it claims to be of one."""
    _check(form)
    if form["isHSM"] == "false":
        return form.get("msg") or f"{form['msg_type']}: {form['media_url']}", None
    fitting = [one for one in templates if _fits(one, form)]
    fitting.sort(key=lambda one: one.get("status") != "APPROVED")
    use = TemplateUse(fitting[0]["name"], fitting[0]["language"]) if fitting else _UNKNOWN
    return use.name, use


def _check(form: Form) -> None:
    for name, value in _FIXED.items():
        if form.get(name) != value:
            raise Refusal(Failure.PAYLOAD, f"{name} must be {value}")
    if form.get("method") not in _METHODS or form.get("isHSM") not in ("true", "false"):
        raise Refusal(Failure.PAYLOAD, "method or isHSM is missing or wrong")
    for_templates, in_window, own = _METHODS[form["method"]]
    is_template = form["isHSM"] == "true"
    if form.get("msg_type") not in (for_templates if is_template else in_window):
        raise Refusal(Failure.PAYLOAD, f"msg_type {form.get('msg_type')} does not go with {form['method']}")
    strange = form.keys() - _COMMON - own - (_TEMPLATE if is_template else set())
    if strange or "" in form.values():
        raise Refusal(Failure.PAYLOAD, f"empty fields, or some that do not belong here: {sorted(strange)}")
    if form["method"] == "SendMessage":
        reading.text(form, "msg", limit=4096)
    else:
        reading.link(form, "media_url")
    plain = all(value.isascii() for name, value in form.items() if name != "password")
    if form.get("data_encoding") not in (("text", "Unicode_text") if plain else ("Unicode_text",)):
        raise Refusal(Failure.PAYLOAD, "data_encoding does not go with the text")


def _fits(template: Template, form: Form) -> bool:
    parts: dict[str, Any] = {part["type"]: part for part in template["components"]}
    if not parts.keys() <= {"HEADER", "BODY", "FOOTER", "BUTTONS"}:
        return False
    whole = form.get("isTemplate", "false") == "true"
    return (
        whole == (len(parts) > 1)
        and _is_text(form.get("msg") or form.get("caption", ""), parts["BODY"]["text"])
        and _is_header(form, parts.get("HEADER", {}))
        and form.get("footer", "") == parts.get("FOOTER", {}).get("text", "")
        and _has_suffix(form, parts.get("BUTTONS", {}).get("buttons", []))
    )


def _is_text(given: str, registered: str) -> bool:
    pattern = _VALUE.join(map(re.escape, _PLACEHOLDER.split(registered)))
    return re.fullmatch(pattern, given) is not None


def _is_header(form: Form, header: dict[str, Any]) -> bool:
    kind: str = header.get("format", "TEXT")
    if kind != "TEXT":
        return form["msg_type"] == kind
    return form["msg_type"] == "HSM" and _is_text(form.get("header", ""), header.get("text", ""))


def _has_suffix(form: Form, buttons: list[dict[str, Any]]) -> bool:
    suffixes = [one for one in buttons if one["type"] == "URL" and "{{" in one["url"]]
    codes = [one for one in buttons if one["type"] == "COPY_CODE"]
    return not codes and len(suffixes) == ("buttonUrlParam" in form)
