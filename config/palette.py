"""What Ctrl K finds while one types: pages of the menu, providers, templates, campaigns, messages.

Everybody finds only what they may look at, and phone numbers as they may see them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from campaigns.log import search
from campaigns.models import Campaign, Message, Status
from config import navigation
from lib import phone_masking
from lib.admin import list_url, page_url
from providers.models import Provider
from templates_app.models import Template

EACH = 6  # of a kind, at most
LEAST = 4  # characters of a msgId or a number that messages are looked for by


@dataclass(frozen=True, slots=True)
class Found:
    kind: str
    title: str
    link: str
    note: str = ""


def found(request: HttpRequest, term: str) -> list[Found]:
    results = list(_pages(request, term))
    for permission, look in _KINDS:
        if request.user.has_perm(permission):
            results += look(term)
    return results


def _pages(request: HttpRequest, term: str) -> Iterator[Found]:
    for group in navigation.sidebar(request):
        for item in group["items"]:
            if term.lower() in item["title"].lower():
                yield Found("Page", item["title"], item["link"], group["title"])
    for title, link in navigation.beyond(request):
        if term.lower() in title.lower():
            yield Found("Page", title, link)


def _providers(term: str) -> Iterator[Found]:
    rows = Provider.objects.filter(Q(nickname__icontains=term) | Q(waba_number__contains=term))
    for provider in rows.order_by("nickname")[:EACH]:
        yield Found(
            "Provider", provider.nickname, page_url("providers_provider", provider.pk), provider.state
        )


def _templates(term: str) -> Iterator[Found]:
    rows = Template.objects.filter(name__icontains=term).select_related("provider").order_by("name", "pk")
    for template in rows[:EACH]:
        note = f"{template.language}, {template.provider}"
        yield Found("Template", template.name, page_url("templates_app_template", template.pk), note)


def _campaigns(term: str) -> Iterator[Found]:
    rows = Campaign.objects.filter(Q(name__icontains=term) | Q(code__icontains=term))
    for each in rows.select_related("provider").order_by("-last_seen_at")[:EACH]:
        query = urlencode({"range": "all", "campaign": each.code})
        note = f"{each.code}, {each.provider}" if each.name else str(each.provider)
        yield Found("Campaign", each.name or each.code, f"{reverse('stats:campaign')}?{query}", note)


def _messages(term: str) -> Iterator[Found]:
    if len(term) < LEAST:
        return
    rows, _ = search.searched(Message.objects.order_by("-pk"), term)
    messages = list(rows[: EACH + 1])
    for each in messages[:EACH]:
        number = phone_masking.number(each.to)
        note = f"{each.template or 'freeform'}, {Status(each.status).label.lower()}"
        yield Found("Message", f"{each.msg_id} to {number}", page_url("campaigns_message", each.pk), note)
    if len(messages) > EACH:
        yield Found("Messages", f"All that begin with {term}", list_url("campaigns_message", q=term))


_KINDS: tuple[tuple[str, Callable[[str], Iterator[Found]]], ...] = (
    ("providers.view_provider", _providers),
    ("templates_app.view_template", _templates),
    ("campaigns.view_stats", _campaigns),
    ("campaigns.view_message", _messages),
)
