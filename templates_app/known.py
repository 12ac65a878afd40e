"""What is known of the template a message uses, for those who send it.

Asked for every message, so kept in memory for PROVIDER_CACHE_SECONDS.
"""

from django.conf import settings

from lib.remember import Remembered
from providers.messages import Content, Registered, TemplateContent
from templates_app.models import Template
from templates_app.suffixes import cut

_known: Remembered[tuple[int, str, str, str], Registered | None] = Remembered()


def fit(provider_id: int, content: Content) -> tuple[Content, Registered | None]:
    """The content, its full URLs cut to the suffix where the template's URL is known; and the template."""
    if not isinstance(content, TemplateContent):
        return content, None
    key = (provider_id, content.namespace, content.name, content.language)
    found = _known.get(key, lambda: _load(*key), settings.PROVIDER_CACHE_SECONDS)
    return (cut(content, found.components), found) if found else (content, None)


def _load(provider_id: int, namespace: str, name: str, language: str) -> Registered | None:
    """CleverTap writes `namespace:name`: the whole string may be a template's name, and comes first."""
    rows = Template.objects.filter(provider_id=provider_id, language=language)
    for each in dict.fromkeys((namespace, name)):
        if each and (row := rows.filter(name=each).first()):
            return Registered(row.bsp_id, tuple(row.components), row.details)
    return None


def forget() -> None:
    """Drops what is in memory."""
    _known.forget()
