"""What goes to CleverTap: failures by code, inbound messages of every kind, and what outages do to both."""

from collections.abc import Iterator
from time import monotonic
from typing import Any

from callbacks.models import Outlet, Reply
from campaigns.models import Forward
from lib.wakeup import wake
from operations.acceptance.kit import Kit, shown
from operations.acceptance.rows import Row, judged, not_run
from operations.acceptance.sending import SUCCESS, expected, there_and_back
from operations.acceptance.simulated import Refused
from providers.features import Feature
from providers.messages import ReportCode

_KEPT = "an error of the account is not reported: Waypost keeps the message and sends it later."
_NOTHING_PLAIN = "the BSP can send neither a text nor a template of this provider that has no media."
_REAL = "a real BSP and real people cannot be told to do it. The simulator can: run the kit on the demo."

# Kind as the simulator calls it, and the feature without which the BSP does not report it.
INBOUND: tuple[tuple[str, str, Feature], ...] = (
    ("text", "text", Feature.INBOUND_TEXT),
    ("image", "image", Feature.INBOUND_MEDIA),
    ("video", "video", Feature.INBOUND_MEDIA),
    ("audio", "audio", Feature.INBOUND_MEDIA),
    ("document", "document", Feature.INBOUND_MEDIA),
    ("location", "location", Feature.INBOUND_LOCATION),
    ("tapped button", "button", Feature.INBOUND_BUTTON),
    ("chosen reply", "button_reply", Feature.INBOUND_CHOICE),
)

_WRITTEN: dict[str, dict[str, Any]] = {
    "text": {"text": "Is this the shop?"},
    "location": {"latitude": 19.1, "longitude": 72.9},
    "button": {"text": "Yes, please", "payload": "yes"},
    "button_reply": {"text": "Tomorrow", "payload": "tomorrow"},
}


def codes(kit: Kit) -> Iterator[Row]:
    """Messages to numbers of the simulator fail with the BSP's own error for each of CleverTap's codes."""
    section, label = "Failures, by CleverTap's code", kit.provider.connector.label
    why_not = _not_played(kit)
    sent: dict[ReportCode, dict[str, Any]] = {}
    for code in ReportCode:
        if why_not:
            yield not_run(section, str(code.value), why_not)
        elif kit.simulated is not None and code not in kit.simulated.codes:
            yield not_run(section, str(code.value), f"the simulated {label} has no error code for it.")
        elif code == ReportCode.CREDENTIALS and kit.provider.connector_slug != "generic":
            yield not_run(section, str(code.value), _KEPT)
        else:
            sent[code] = kit.plain(kit.person(f"9{code - 900}"))
    answers = {code: kit.post(payload) for code, payload in sent.items()}
    ids = [str(payload["msgId"]) for payload in sent.values()]
    kit.wait(lambda: all(kit.reports(ids).values()))
    reports = kit.reports(ids)
    for code, payload in sent.items():
        failed = next((each for each in reports[str(payload["msgId"])] if each.status == "failed"), None)
        flaw = "" if failed else "No failure was reported to CleverTap."
        if failed is not None and failed.code != code:
            flaw = f"The code reported to CleverTap is {failed.code}."
        yield judged(
            section,
            str(code.value),
            flaw,
            "The failure was reported to CleverTap with its code.",
            request=shown(payload),
            answer=f"reported as failed, {failed.code}" if failed else answers[code].shown,
            milliseconds=failed.milliseconds if failed else None,
        )


def _not_played(kit: Kit) -> str:
    """Why messages cannot be made to fail here; empty if the simulator can do it."""
    if kit.simulated is None:
        return _REAL
    if Feature.FAILED in kit.provider.connector.lacks:
        return f"the BSP does not report it. {kit.provider.connector.lacks[Feature.FAILED]}"
    return "" if kit.can_send else _NOTHING_PLAIN


def inbound(kit: Kit) -> Iterator[Row]:
    section = "Inbound messages"
    for name, kind, needs in INBOUND:
        lacks = kit.provider.connector.lacks.get(needs)
        if lacks:
            yield not_run(section, name, f"the BSP does not report it. {lacks}")
        elif kit.simulated is None:
            yield not_run(section, name, _REAL)
        elif not kit.provider.inbound_url:
            yield judged(section, name, "The provider has no inbound message URL.", "")
        else:
            yield _written(kit, section, name, kind)


def _written(kit: Kit, section: str, name: str, kind: str) -> Row:
    """A person writes; whom else they wrote to before does not matter, since the number is new."""
    sender = kit.person(f"7{[each[1] for each in INBOUND].index(kind):03d}")
    file = kit.media()["image"]
    about: dict[str, Any] = {"media_url": file}
    if kind == "document":
        about |= {"filename": "bill.pdf", "mime_type": "application/pdf"}
    about = _WRITTEN.get(kind, about)
    request, began = f"{kind} from a person: {shown(about)}", monotonic()
    try:
        assert kit.simulated is not None
        kit.simulated.write(sender, kind, **about)
    except Refused as refused:
        return not_run(section, name, f"the simulated BSP cannot simulate it: {refused}")
    mine = Reply.objects.filter(provider=kit.provider, sender=sender)
    came = kit.wait(lambda: mine.exclude(forward=Forward.PENDING).exists())
    took = round((monotonic() - began) * 1000)
    reply = mine.first()
    if came and reply is not None and reply.forward == Forward.DONE:
        flaw = ""
    elif reply is None:
        flaw = "No webhook brought it."
    else:
        flaw = f"CleverTap has not accepted it: {reply.get_forward_display()} {reply.forward_error}".rstrip()
    found = f"{reply.kind}, {reply.get_forward_display()}" if reply else ""
    return judged(
        section, name, flaw, "CleverTap accepted it.", request=request, answer=found, milliseconds=took
    )


# The end of the number that the simulator plays it for.
REFUSALS = (
    ("9005", "the BSP answers 429 once, with Retry-After"),
    ("9006", "the BSP answers 503 once, with a web page"),
)
DISORDER = (
    ("9008", "the BSP posts every webhook twice"),
    ("9009", "the BSP's webhooks come in the wrong order"),
    ("9016", "the first webhook comes before the answer"),
)
_CLEVERTAP = "CleverTap answers 503, then takes reports again"


def outages(kit: Kit) -> Iterator[Row]:
    section = "429, 5xx and disorder"
    if kit.simulated is None or not kit.can_send:
        for name in (*(words for _, words in REFUSALS + DISORDER), _CLEVERTAP):
            yield not_run(section, name, _NOTHING_PLAIN if kit.simulated else _REAL)
        return
    silent = not expected(kit)
    played = REFUSALS if silent else REFUSALS + DISORDER
    yield from there_and_back(kit, section, [(words, kit.plain(kit.person(end))) for end, words in played])
    if silent:
        for name in (*(words for _, words in DISORDER), _CLEVERTAP):
            yield not_run(section, name, "the BSP reports nothing.")
    else:
        yield _clevertap_down(kit, section)


def _clevertap_down(kit: Kit, section: str) -> Row:
    """Waypost tries the report while CleverTap is down, keeps it, and CleverTap accepts it when it is up
    again."""
    assert kit.simulated is not None
    payload = kit.plain()
    msg_id, mine = str(payload["msgId"]), Outlet.objects.filter(provider=kit.provider, kind="delivery")
    shown_call = {"request": shown(payload)}
    kit.simulated.sink_mode("down")
    try:
        answer = kit.post(payload)
        tried = answer.json == SUCCESS and kit.wait(lambda: mine.filter(failures__gt=0).exists())
    finally:
        kit.simulated.sink_mode("ok")
    began = monotonic()
    mine.update(hold_until=None)  # as "Retry now" does
    wake("callbacks.forward", kit.provider.pk)
    taken = tried and kit.wait(lambda: bool(kit.reports([msg_id])[msg_id]))
    flaw = (
        ""
        if taken
        else "Waypost tried to forward no report."
        if not tried
        else "The report did not arrive afterwards."
    )
    return judged(
        section, _CLEVERTAP, flaw, "Waypost kept the report, and CleverTap accepted it afterwards.",
        answer=answer.shown, milliseconds=round((monotonic() - began) * 1000), **shown_call,
    )  # fmt: skip
