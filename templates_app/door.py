"""What a message is refused for at the door, because of its template."""

from providers.messages import AnswerCode, Content, Refused, TemplateContent
from providers.models import Provider
from templates_app import tracking
from templates_app.components import problems
from templates_app.known import Known


def check(content: Content, known: Known | None, unknown: str, stopped: str, now: float) -> None:
    """Raises Refused, naming the slot, for a template message that cannot succeed.

    `unknown` and `stopped` are the provider's settings; `now` is in epoch seconds. `content` is
    fitted to the template already (known.fit).
    """
    if not isinstance(content, TemplateContent):
        return
    label = f"template {content.name} ({content.language})"
    if known is None:
        if unknown == Provider.Unknown.REFUSE:
            raise Refused(AnswerCode.TEMPLATE, f"{label}: not registered with this provider")
        return
    if known.stopped and stopped == Provider.Stopped.REFUSE:
        raise Refused(AnswerCode.TEMPLATE, f"{label}: {known.status.lower()}, so it is not sent")
    for problem in problems(content, known.shape, int(now * 1000)) if known.shape else ():
        raise Refused(AnswerCode.TEMPLATE, problem)


def fill(content: Content, known: Known | None, test: bool = False) -> Content:
    """The content as it would be sent, a stand-in for each short link. Raises Refused for a tracked
    button that names no destination. `content` has its URLs cut already (known.fit)."""
    if known is None or not known.links or not isinstance(content, TemplateContent):
        return content
    tokens = {path: tracking.TOKEN for path, _ in tracking.wanted(content, known.links, test)}
    return tracking.put_in(content, tokens)
