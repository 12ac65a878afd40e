"""A provider's templates in its traffic: which share fails, and what CleverTap really sends."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec
from django.db.models import Max, Subquery
from django.db.models.expressions import CombinedExpression

from campaigns.log.search import first_id
from campaigns.log.timeline import code_words
from campaigns.models import Message, StatCount
from lib.admin import list_url, page_url
from providers.messages import Content, TemplateContent
from stats.query import breakdowns, count_sql
from stats.query.filters import since
from templates_app.content import drift
from templates_app.models import Template

Metric = StatCount.Metric

WEEK = timedelta(days=7)
SHOWN = 100  # templates with the most traffic
# Messages that are looked through for the last use of each template: by primary key, so that the
# cost is the same among millions.
WINDOW = 10_000
QUIET = 20  # templates that are looked for one by one, when not among those
NEAR = 2_000  # messages around the minute of a quiet template's last use

_FAILED = (Metric.NOT_SENT, Metric.UNDELIVERED)
_decode: msgspec.json.Decoder[Content] = msgspec.json.Decoder(Content)


@dataclass(frozen=True, slots=True)
class Traffic:
    """A template's week. `last` is the minute of its last accepted message."""

    template: str
    accepted: int
    failed: int
    last: datetime | None
    top_error: str
    top_count: int
    url: str

    @property
    def rate(self) -> float:
        """The share that failed, in percent. A message that was resent may have failed more than once."""
        return min(100 * self.failed / max(self.accepted, self.failed, 1), 100.0)


def traffic(provider_id: int, now: datetime) -> list[Traffic]:
    """The templates CleverTap used within a week, those with the most traffic first.

    From the counts, which know a template's name and not its language.
    """
    week = replace(since(now - WEEK, now, provider_id), traffic="campaigns")
    groups = breakdowns.groups(week, "template", known_as={})
    accepted = Counter({group.template: group.figures.accepted for group in groups if group.template})
    errors: dict[str, Counter[int]] = defaultdict(Counter)
    for template, code, count in count_sql.details(week, _FAILED, ("template", "code")):
        errors[template][code] += count
    last = breakdowns.last_accepted(week, "template")
    names = sorted(accepted.keys() | errors.keys(), key=lambda name: (-accepted[name], name))
    return [
        _traffic(provider_id, name, accepted[name], errors[name], last.get(name)) for name in names[:SHOWN]
    ]


def _traffic(
    provider_id: int, name: str, accepted: int, errors: Counter[int], last: datetime | None
) -> Traffic:
    code, count = errors.most_common(1)[0] if errors else (0, 0)
    url = list_url("campaigns_message", provider=provider_id, error=code) if count else ""
    return Traffic(name, accepted, errors.total(), last, code_words(code) if count else "", count, url)


@dataclass(frozen=True, slots=True)
class Drift:
    """A template whose last message differs from it."""

    template: Template
    template_url: str
    message_url: str
    differences: list[drift.Difference]


def drifted(provider_id: int, week: Iterable[Traffic]) -> list[Drift]:
    """The registered templates that differ from what CleverTap last sent of them."""
    ids = _last_messages(provider_id, list(week))
    messages = Message.objects.filter(pk__in=ids).order_by("template", "language")
    contents = [(pk, _decode.decode(content)) for pk, content in messages.values_list("pk", "content")]
    names = {name for _, content in contents for name in _names(content)}
    rows = {
        (row.name, row.language): row
        for row in Template.objects.filter(provider_id=provider_id, name__in=names)
    }
    found = []
    for pk, content in contents:
        template = next(
            (row for name in _names(content) if (row := rows.get((name, _language(content))))), None
        )
        if template is None or not isinstance(content, TemplateContent):
            continue
        if differences := drift.differences(template.components, content):
            url = page_url("templates_app_template", template.pk)
            found.append(Drift(template, url, page_url("campaigns_message", pk), differences))
    return found


def _names(content: Content) -> list[str]:
    """The names it may be registered under. The exact name comes first, as at intake."""
    if not isinstance(content, TemplateContent):
        return []
    return [name for name in dict.fromkeys((content.namespace, content.name)) if name]


def _language(content: Content) -> str:
    return content.language if isinstance(content, TemplateContent) else ""


def _last_messages(provider_id: int, week: list[Traffic]) -> list[int]:
    """The id of the last message of each template and language, as far as it is quickly found."""
    newest = Subquery(Message.objects.order_by("-pk").values("pk")[:1])
    recent = _last_among(provider_id, newest - WINDOW, None)
    seen = {template for template, _ in recent}
    ids = list(recent.values())
    quiet = [each for each in week if each.template not in seen and each.last is not None]
    for each in quiet[:QUIET]:
        assert each.last is not None
        start = first_id(each.last)
        ids += _last_among(provider_id, start - NEAR, start + NEAR, each.template).values()
    return ids


def _last_among(
    provider_id: int, after: int | CombinedExpression, until: int | None, template: str = ""
) -> dict[tuple[str, str], int]:
    rows = Message.objects.filter(pk__gt=after, provider_id=provider_id, kind=Message.Kind.TEMPLATE)
    if until is not None:
        rows = rows.filter(pk__lte=until)
    if template:
        rows = rows.filter(template=template)
    found = rows.order_by().values_list("template", "language").annotate(Max("pk"))
    return {(name, language): pk for name, language, pk in found}
