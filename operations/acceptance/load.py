"""What CleverTap asks of an endpoint under load, and of the list that it imports templates from."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

from campaigns.models import Message
from operations.acceptance import payloads
from operations.acceptance.kit import Answered, Kit, shown, usable_templates
from operations.acceptance.rows import Row, judged
from operations.acceptance.sending import SUCCESS

_RATE = 50  # messages a second: a slower provider would keep the burst in its queue for minutes


def burst(kit: Kit) -> Iterator[Row]:
    """So many requests at once, each on a connection of its own. With the simulator they are messages, which
    are stored; anywhere else each would reach a phone, so they are validation messages."""
    count, budget = kit.options.burst, kit.options.budget
    name = f"{count:,} requests at once, each answered within {budget:g} s"
    stored = kit.simulated is not None and kit.can_send and _fast(kit)
    if stored:
        sent = [kit.plain(kit.person(f"{n % 9000:04d}")) for n in range(count)]
        what = "messages, each stored before it is answered"
    else:
        sent = [next(iter(payloads.validations().values()))] * count
        what = "validation messages, which are not stored: messages would wait, or reach a phone"
    busy = _busy()
    answers = kit.post_all(sent)
    kept = _kept(kit, sent) if stored else {}
    own = f" By Waypost's own clock the slowest took {max(kept.values())} ms." if kept else ""
    yield judged(
        "Load",
        name,
        _burst_flaw(kit, answers, budget, own + busy),
        _figures(answers) + own,
        request=f"{count:,} {what}, such as {shown(sent[0])}",
        answer=_figures(answers),
        milliseconds=max((each.milliseconds for each in answers), default=0),
    )
    if stored:
        taken = [str(p["msgId"]) for p, answer in zip(sent, answers, strict=True) if answer.json == SUCCESS]
        lost = len(set(taken) - kept.keys())
        flaw = f"{lost:,} answered with success are not stored." if lost else ""
        right = f"All {len(taken):,} are stored."
        yield judged("Load", "every message answered with success is stored", flaw, right)


def _kept(kit: Kit, sent: Sequence[dict[str, Any]]) -> dict[str, int]:
    """The milliseconds that each message took by our own clock, from its request's arrival to the commit.
    What the calls took beyond that was spent by the network and by this process."""
    mine = Message.objects.filter(provider=kit.provider, msg_id__startswith=f"{kit.run}-")
    wanted = {str(payload["msgId"]) for payload in sent}
    return {msg_id: took for msg_id, took in mine.values_list("msg_id", "answer_ms") if msg_id in wanted}


def _fast(kit: Kit) -> bool:
    provider = kit.provider
    return provider.rate_count is None or provider.rate_count / provider.rate_period >= _RATE


def _busy() -> str:
    """A sentence if this machine was overloaded before the burst: then the result says little about a quiet
    machine."""
    load, processors = os.getloadavg()[0], os.cpu_count() or 1
    if load <= processors / 2:
        return ""
    return f" This machine was busy before, with a load of {load:.1f} on {processors} processors: try again."


def _burst_flaw(kit: Kit, answers: list[Answered], budget: float, besides: str) -> str:
    broken = [each for each in answers if each.problem]
    if broken:
        return f"{len(broken):,} got no answer: {broken[0].problem}.{besides}"
    refused = [each for each in answers if each.json != SUCCESS]
    if refused:
        return f"{len(refused):,} were not accepted: {refused[0].shown}.{besides}"
    late = [each for each in answers if each.milliseconds > budget * 1000]
    return (
        f"{len(late):,} were answered later than {budget:g} s. {_figures(answers)}{besides}" if late else ""
    )


def _figures(answers: list[Answered]) -> str:
    times = sorted(each.milliseconds for each in answers) or [0]
    at = {share: times[min(len(times) - 1, len(times) * share // 100)] for share in (50, 99)}
    return f"Half within {at[50]} ms, 99 % within {at[99]} ms, the slowest after {times[-1]} ms."


def template_import(kit: Kit) -> Iterator[Row]:
    """The list in pages of two and in one page: the same templates, each once."""
    section = "Template import"
    wrong = kit.get(kit.templates_url, {})
    flaw = "" if wrong.status in (401, 403) else f"Answered {wrong.status}."
    yield judged(
        section, "a call without a login gets nothing", flaw, "Refused.",
        request=f"GET {kit.templates_url}", answer=wrong.shown, milliseconds=wrong.milliseconds,
    )  # fmt: skip
    usable = len(usable_templates(kit.provider))
    for limit in (2, 500):
        names, pages, last, flaw = _pages(kit, limit)
        if not flaw and len(names) != usable:
            flaw = f"{len(names)} templates were listed, and {usable} can be used."
        if not flaw and len(set(names)) != len(names):
            flaw = "A template was listed twice."
        yield judged(
            section,
            f"pages of {limit}",
            flaw,
            f"{len(names)} templates on {pages} pages, each once.",
            request=f"GET {kit.templates_url}?limit={limit}",
            answer=last.shown,
            milliseconds=last.milliseconds,
        )


def _pages(kit: Kit, limit: int) -> tuple[list[tuple[str, str]], int, Answered, str]:
    """By cursor, as CleverTap does: names with languages, how many pages, the last answer, what is wrong."""
    names: list[tuple[str, str]] = []
    url, pages = f"{kit.templates_url}?limit={limit}", 0
    while True:
        answer = kit.get(url)
        pages += 1
        found = answer.json
        if answer.status != 200 or not isinstance(found, dict) or not isinstance(found.get("data"), list):
            return names, pages, answer, "Not answered in the form of Meta's list."
        names += [(str(each.get("name")), str(each.get("language"))) for each in found["data"]]
        paging = found.get("paging", {})
        if "next" not in paging:
            return names, pages, answer, ""
        url = f"{kit.templates_url}?limit={limit}&after={paging['cursors']['after']}"
