"""What is known of the template a message uses, for the door and for those who send.

Asked for every message, so kept in memory for PROVIDER_CACHE_SECONDS.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import msgspec
from django.conf import settings
from django.utils import timezone

from lib.remember import Remembered
from providers.messages import Content, Registered, TemplateContent
from providers.models import Provider
from templates_app import tracking
from templates_app.components import Shape, shape, told
from templates_app.models import SeenTemplate, Template
from templates_app.suffixes import cut

SEEN_AGAIN = timedelta(minutes=1)  # a template's last use is written no more often


@dataclass(frozen=True, slots=True)
class Known:
    """One template as sending needs it.

    `shape` is None where the BSP's list told nothing of the content. `links` holds the tracked
    buttons that get a short link of ours: path → what precedes the token.
    """

    template_id: int
    registered: Registered
    shape: Shape | None
    status: str
    links: Mapping[str, str]

    @property
    def stopped(self) -> bool:
        return self.status in Template.STOPPED


_known: Remembered[tuple[int, str, str, str], Known | None] = Remembered()


def find(provider_id: int, content: Content) -> Known | None:
    """The template of that content. CleverTap writes `namespace:name`: the whole string may be a
    template's name, and comes first. One that is not registered is noted as seen."""
    if not isinstance(content, TemplateContent):
        return None
    key = (provider_id, content.namespace, content.name, content.language)
    return _known.get(key, lambda: _load(provider_id, content), settings.PROVIDER_CACHE_SECONDS)


def fit(content: Content, known: Known | None) -> Content:
    """The content as the template wants it, as far as that is known: full URLs cut to the suffix, and
    a text header's variable taken out of its text."""
    if known is None or not isinstance(content, TemplateContent):
        return content
    return cut(content, known.registered.components)


def _load(provider_id: int, content: TemplateContent) -> Known | None:
    rows = Template.objects.filter(provider_id=provider_id, language=content.language)
    for name in dict.fromkeys((content.namespace, content.name)):
        if name and (row := rows.filter(name=name).first()):
            wanted = shape(row.components) if told(row.components) else None
            return Known(row.pk, row.registered, wanted, row.status, _links(row))
    _note_seen(provider_id, content)
    return None


def _links(row: Template) -> dict[str, str]:
    if not row.tracked:
        return {}
    domain = Provider.objects.filter(pk=row.provider_id).values_list("click_domain", flat=True).get()
    fitting = tracking.prefixes(row.components, settings.PUBLIC_BASE_URL, domain)
    return {path: prefix for path, prefix in fitting.items() if path in row.tracked}


def _note_seen(provider_id: int, content: TemplateContent) -> None:
    now = timezone.now()
    name, language = content.name[:512], content.language[:16]
    seen = SeenTemplate.objects.filter(provider_id=provider_id, name=name, language=language).first()
    if seen is not None and now - seen.last_seen_at < SEEN_AGAIN:
        return
    sample = msgspec.json.decode(msgspec.json.encode(content).replace(b"\\u0000", b""))
    SeenTemplate.objects.update_or_create(
        provider_id=provider_id,
        name=name,
        language=language,
        defaults={"last_seen_at": now, "sample": sample},
        create_defaults={"first_seen_at": now, "last_seen_at": now, "sample": sample},
    )


def forget() -> None:
    """Drops what is in memory."""
    _known.forget()
