"""Prepares a message by its template: finds the template, fits and checks the message, fills in links."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from providers.messages import Content, Registered, TemplateContent
from templates_app.content import link_tracking, names
from templates_app.content.url_suffixes import cut
from templates_app.gate import cache
from templates_app.gate.cache import RegisteredTemplate
from templates_app.gate.check import Rules, check


class Prepared(NamedTuple):
    """A content fitted to its template, if the template is registered."""

    content: Content
    template: RegisteredTemplate | None
    registered: Registered | None
    notes: Sequence[str] = ()

    @property
    def stale(self) -> bool:
        """Whether the template's content at the BSP may have changed."""
        return self.template is not None and self.template.stale

    def destinations(self, test: bool) -> dict[str, str]:
        """Where each tracked button leads, by its path. Raises Refused for one without a destination. In a
        test its value may be the number that CleverTap fills in."""
        if not self.template or not self.template.links or not isinstance(self.content, TemplateContent):
            return {}
        return dict(link_tracking.wanted(self.content, self.template.links, test))

    def filled(self, tokens: Mapping[str, str]) -> Content:
        """The content with the token of a short link in each of these buttons."""
        return link_tracking.put_in(self.content, tokens)

    def sample(self, test: bool) -> Content:
        """The content as it would be sent, with a stand-in for each short link. Raises Refused as above."""
        paths = self.destinations(test)
        return self.filled(dict.fromkeys(paths, link_tracking.TOKEN)) if paths else self.content


def prepare(provider_id: int, content: Content, rules: Rules | None = None) -> Prepared:
    """Finds the content's template and fits the content to it: full URLs are cut to the suffix, a text
    header's variable is taken out of its text, and values get the names of their variables.

    With rules, raises Refused for a message that cannot succeed, and notes what passed although it does not
    fit. Sending passes no rules: the message was checked when it came in.
    """
    template = cache.find(provider_id, content)
    if template and isinstance(content, TemplateContent):
        content = cut(content, template.registered.components)
        if template.named and template.shape:
            content = names.named(content, template.shape)
    notes = check(content, template, rules) if rules is not None else []
    return Prepared(content, template, template.registered if template else None, notes)
