"""The registered template that a message uses, for the gate and for those who send.

Asked for every message, so kept in memory for PROVIDER_CACHE_SECONDS.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import msgspec
from django.conf import settings
from django.utils import timezone

from lib.ttl_cache import Remembered
from providers.messages import Content, Registered, TemplateContent
from providers.models import Provider
from templates_app.content import link_tracking
from templates_app.content.components import Shape, has_text, shape
from templates_app.content.names import has_names
from templates_app.models import SeenTemplate, Template

SEEN_AGAIN = timedelta(minutes=1)  # seconds between two writes of a template's last use


@dataclass(frozen=True, slots=True)
class RegisteredTemplate:
    """One template as checking and sending need it.

    `shape` is None if the BSP's list does not have the content. `named` says whether any of its variables has
    a name, `stale` whether the content at the BSP may have changed. `links` holds the tracked buttons that
    get a short link of ours: path → what precedes the token.
    """

    registered: Registered
    shape: Shape | None
    status: str
    category: str
    links: Mapping[str, str]
    named: bool = False
    stale: bool = False

    @property
    def stopped(self) -> bool:
        return self.status in Template.STOPPED


_templates: Remembered[tuple[int, str, str, str], RegisteredTemplate | None] = Remembered()


def find(provider_id: int, content: Content) -> RegisteredTemplate | None:
    """The template of that content. CleverTap writes `namespace:name`: the whole string may be a
    template's name, and comes first. One that is not registered is noted as seen."""
    if not isinstance(content, TemplateContent):
        return None
    key = (provider_id, content.namespace, content.name, content.language)
    return _templates.get(key, lambda: _load(provider_id, content), settings.PROVIDER_CACHE_SECONDS)


def _load(provider_id: int, content: TemplateContent) -> RegisteredTemplate | None:
    rows = Template.objects.filter(provider_id=provider_id, language=content.language)
    for name in dict.fromkeys((content.namespace, content.name)):
        if name and (row := rows.filter(name=name).first()):
            wanted = shape(row.components) if has_text(row.components) else None
            named = wanted is not None and has_names(wanted)
            stale = row.stale_since is not None
            return RegisteredTemplate(
                row.registered, wanted, row.status, row.category, _links(row), named, stale
            )
    _note_seen(provider_id, content)
    return None


def _links(row: Template) -> dict[str, str]:
    if not row.tracked:
        return {}
    domain = Provider.objects.filter(pk=row.provider_id).values_list("click_domain", flat=True).get()
    fitting = link_tracking.prefixes(row.components, settings.PUBLIC_BASE_URL, domain)
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
    _templates.forget()
