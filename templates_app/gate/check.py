"""Why the gate refuses a message because of its template."""

from typing import NamedTuple

from providers.messages import AnswerCode, Content, Refused, TemplateContent
from providers.models import Provider
from templates_app.content.components import problems
from templates_app.gate.cache import RegisteredTemplate


class Rules(NamedTuple):
    """What a provider's settings refuse. `now` is in epoch seconds; 0 lets offers pass that have ended."""

    unknown: str
    stopped: str
    now: float


PASSED = (
    "{problem}. Sent all the same, because the template changed at the BSP and has not been imported yet."
)


def check(content: Content, template: RegisteredTemplate | None, rules: Rules) -> list[str]:
    """Raises Refused, naming the slot, for a template message that cannot succeed. `content` is fitted
    to the template already (gate.prepare).

    If the template is stale, a message that does not fit it may fit the BSP's content, so it passes. Returns
    notes that say so.
    """
    if not isinstance(content, TemplateContent):
        return []
    label = f"template {content.name} ({content.language})"
    if template is None:
        if rules.unknown == Provider.Unknown.REFUSE:
            raise Refused(AnswerCode.TEMPLATE, f"{label}: not registered with this provider")
        return []
    if template.stopped and rules.stopped == Provider.Stopped.REFUSE:
        raise Refused(AnswerCode.TEMPLATE, f"{label}: {template.status.lower()}, so it cannot be sent")
    found = problems(content, template.shape, int(rules.now * 1000)) if template.shape else ()
    if template.stale:
        return [PASSED.format(problem=problem) for problem in found]
    for problem in found:
        raise Refused(AnswerCode.TEMPLATE, problem)
    return []
