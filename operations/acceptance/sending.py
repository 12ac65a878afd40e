"""What CleverTap posts, and how it is answered: validation, logins, templates, freeform, refusals."""

from collections.abc import Iterator, Mapping
from time import time
from typing import Any

from campaigns.intake import receive
from lib.http import basic
from operations.acceptance import payloads
from operations.acceptance.kit import Answered, Kit, Report, shown, usable_templates
from operations.acceptance.rows import Row, judged, not_run
from providers import auth
from providers.dialects.clevertap.requests import read_send
from providers.features import Feature
from providers.messages import Refused
from templates_app.content.components import shape
from templates_app.models import Template

SUCCESS = {"status": "success"}
_NO_NUMBER = "it would reach a phone: name a test number with --to."


def flaw_of(answer: Answered, budget: float) -> str:
    """Why CleverTap would not count the call as accepted; empty if it would."""
    if answer.problem:
        return answer.problem
    if answer.status != 200 or answer.json != SUCCESS:
        return f"Answered {answer.status}, and not with success."
    if answer.milliseconds > budget * 1000:
        return f"Answered after {answer.milliseconds} ms; CleverTap waits {budget:g} s."
    return ""


def validation(kit: Kit) -> Iterator[Row]:
    section = "Validation when a provider is saved"
    for name, payload in payloads.validations().items():
        answer = kit.post(payload)
        yield judged(
            section, name, flaw_of(answer, kit.options.budget), "Answered with success in time.",
            request=shown(payload), answer=answer.shown, milliseconds=answer.milliseconds,
        )  # fmt: skip


def refusals(kit: Kit) -> Iterator[Row]:
    """Each names its reason by CleverTap's code. The wrong login comes first, so that a right one follows."""
    section = "Refusals at once"
    text = payloads.freeform(kit.provider.waba_number, "text", {})
    unknown: dict[str, Any] = {
        "isTemplate": True,
        "template": {"namespace": "", "languageCode": "en"},
        "components": [],
    }
    calls: tuple[tuple[int, str, dict[str, Any], dict[str, str] | None], ...] = (
        (2000, "a wrong login", kit.message(text), basic("acceptance", "wrong")),
        (2001, "a template without a name", kit.message(text | unknown), None),
        (2002, "something that is not a phone number", kit.message(text) | {"to": "+000"}, None),
        (2004, "a kind of message that does not exist", kit.message(text) | {"type": "contacts"}, None),
    )
    for code, name, payload, login in calls:
        answer = kit.post(payload, login)
        yield judged(
            section, f"{code}: {name}", _refusal_flaw(answer, code), "Refused with its code.",
            request=shown(payload), answer=answer.shown, milliseconds=answer.milliseconds,
        )  # fmt: skip


def _refusal_flaw(answer: Answered, code: int) -> str:
    if answer.problem:
        return answer.problem
    if code == 2000 and answer.status == 401:
        return ""  # as the provider's setting wants it
    found = answer.json if isinstance(answer.json, dict) else {}
    error = found.get("error")
    if answer.status == 200 and found.get("status") == "failure" and isinstance(error, dict):
        return "" if error.get("code") == code else f"Refused with {error.get('code')}."
    return "Not refused in the way that CleverTap reads: 200 with status failure and a code."


def templates(kit: Kit) -> Iterator[Row]:
    section = "Templates, to the BSP and back"
    usable, lacks = usable_templates(kit.provider), kit.provider.connector.lacks
    needs = {kind.name: kind.needs for kind in payloads.KINDS}
    media, wanted = kit.media(), []
    for kind in payloads.KINDS:
        mine = [each for each in usable if kind.name in payloads.kinds_of(each.components)]
        # A template may be of several kinds: choose one whose kinds the BSP all supports.
        lacking = {
            each: [needs[name] for name in payloads.kinds_of(each.components) if needs[name] in lacks]
            for each in mine
        }
        found = min(mine, key=lambda each: len(lacking[each]), default=None)
        if found is None:
            yield not_run(section, kind.name, "no approved template of this provider is of this kind.")
        elif lacking[found]:
            what = (
                "it" if kind.needs in lacks else f"what else {found.name} has, the only template of this kind"
            )
            why = lacks[kind.needs if kind.needs in lacks else lacking[found][0]]
            yield not_run(section, kind.name, f"the BSP cannot send {what}. {why}")
        elif not (kit.simulated or kit.options.to):
            yield not_run(section, kind.name, _NO_NUMBER)
        elif payloads.media_of(shape(found.components)) - media.keys():
            yield not_run(section, kind.name, "there is no file for its header: name a folder with --media.")
        else:
            wanted.append((f"{kind.name}: {found.name}", _message_of(kit, found, media)))
    yield from there_and_back(kit, section, wanted)


def _message_of(kit: Kit, template: Template, media: Mapping[str, str]) -> dict[str, Any]:
    """A message with our files. A template that takes files from one address only, as Twilio's do, gets its
    own examples."""
    access = auth.access(kit.provider.public_id)
    of_ours, of_theirs = (
        kit.message(
            payloads.template(
                kit.provider.waba_number,
                template.name,
                template.language,
                template.components,
                files,
                round(time() * 1000),
            )
        )
        for files in (media, {})
    )
    if access is None:  # in the archive, where everything is refused
        return of_ours
    try:
        receive.check(access, read_send(of_ours, access.quirks.default_country), time())
    except Refused:
        return of_theirs
    return of_ours


def freeform(kit: Kit) -> Iterator[Row]:
    section = "Freeform messages, to the BSP and back"
    media, wanted = kit.media(), []
    for feature, kind in payloads.FREEFORM.items():
        lacks = kit.provider.connector.lacks.get(feature)
        if lacks:
            yield not_run(section, kind, f"the BSP cannot send it. {lacks}")
        elif not (kit.simulated or kit.options.to):
            yield not_run(section, kind, _NO_NUMBER)
        elif kind != "text" and kind not in media:
            yield not_run(section, kind, "there is no file: name a folder with --media.")
        else:
            content = payloads.freeform(kit.provider.waba_number, kind, media)
            wanted.append((kind, kit.message(content)))
    yield from there_and_back(kit, section, wanted)


def expected(kit: Kit) -> set[str]:
    """The reports on a message that is read. A person may have read receipts off."""
    lacks = kit.provider.connector.lacks
    wanted = {Feature.SENT: "sent", Feature.DELIVERED: "delivered"}
    if kit.simulated:
        wanted[Feature.READ] = "read"
    return {word for feature, word in wanted.items() if feature not in lacks}


def there_and_back(kit: Kit, section: str, messages: list[tuple[str, dict[str, Any]]]) -> Iterator[Row]:
    """Posts each message. Then waits until CleverTap has accepted the reports on all, or, if the BSP reports
    nothing, until the BSP has accepted the messages."""
    answers = [kit.post(payload) for _, payload in messages]
    ids = [str(payload["msgId"]) for _, payload in messages]
    taken = [
        msg_id
        for msg_id, answer in zip(ids, answers, strict=True)
        if not flaw_of(answer, kit.options.budget) or answer.json == SUCCESS
    ]
    wanted = expected(kit)

    def all_back() -> bool:
        if not wanted:
            return kit.handed_over(taken) == set(taken)
        return all(_complete(reports, wanted) for reports in kit.reports(taken).values())

    if taken and (kit.provider.delivery_url or not wanted):
        kit.wait(all_back)
    reports, handed_over = kit.reports(ids), kit.handed_over(ids)
    for (name, payload), answer, msg_id in zip(messages, answers, ids, strict=True):
        flaw = flaw_of(answer, kit.options.budget)
        if wanted:
            flaw = flaw or _reports_flaw(kit, reports[msg_id], wanted)
            words = ", ".join(each.status for each in reports[msg_id]) or "none"
            right = f"Accepted in time; reports that CleverTap accepted: {words}."
        else:
            flaw = flaw or ("" if msg_id in handed_over else "The BSP has not accepted it.")
            right = "Accepted in time, and submitted to the BSP, which reports nothing."
        yield judged(
            section, name, flaw, right,
            request=shown(payload), answer=answer.shown, milliseconds=answer.milliseconds,
        )  # fmt: skip


def _complete(reports: list[Report], wanted: set[str]) -> bool:
    found = {each.status for each in reports}
    return "failed" in found or wanted <= found


def _reports_flaw(kit: Kit, reports: list[Report], wanted: set[str]) -> str:
    if not kit.provider.delivery_url:
        return "The provider has no delivery report URL, so nothing can be reported."
    failed = [each for each in reports if each.status == "failed"]
    if failed:
        return f"It failed with {failed[0].code}; its page in the message log says why."
    missing = wanted - {each.status for each in reports}
    if missing:
        return f"Not reported to CleverTap: {', '.join(sorted(missing))}."
    return ""
