"""The caller's side: posts as CleverTap does, and waits until the rows show the result."""

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from time import monotonic, sleep, time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from campaigns.models import Event, Forward, Message, Status
from lib import crypto
from lib.http import HttpRequest, HttpResponse, basic
from lib.phone_hiding import hidden
from lib.transport import TransportError, transport
from operations.acceptance import at_once, payloads
from operations.acceptance.simulated import Simulated
from providers import description
from providers.features import Feature
from providers.models import ApiCredential, Provider
from templates_app.models import Template

BUDGET = 1.0  # seconds after which CleverTap gives a call up
LOGIN_LIVES = timedelta(hours=1)
_LOOK = 0.2
_TIMEOUT = 60.0  # far beyond the budget, so that late answers still come and are measured
_SHOWN = 1500  # characters of a request or an answer


class Options(NamedTuple):
    """What a run may be told. Everything has its usual value."""

    to: str = ""  # a test number; with the simulator there are enough
    media: str = ""  # the address of a folder with picture.png, film.mp4, sound.mp3 and paper.pdf
    base: str = ""  # our URL as CleverTap sees it, if PUBLIC_BASE_URL cannot be called from here
    burst: int = 1500
    budget: float = BUDGET
    patience: float = 120.0  # seconds to wait for reports


class Answered(NamedTuple):
    """What came back to a call: nothing where `problem` says why."""

    status: int
    body: str
    milliseconds: int
    problem: str = ""

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def shown(self) -> str:
        return self.problem or hidden(f"{self.status} {self.body[:_SHOWN]}")


class Report(NamedTuple):
    """A report that CleverTap has accepted."""

    status: str
    code: int | None
    milliseconds: int  # from the webhook to CleverTap's answer


def _nothing() -> None:
    """For callers that do not need to know that the run is alive."""


class Kit:
    """One run's calls. It makes itself a login, so that nobody has to know CleverTap's."""

    def __init__(self, provider: Provider, options: Options, alive: Callable[[], None] = _nothing) -> None:
        self.provider, self.options, self.alive = provider, options, alive
        self.simulated = Simulated.of(provider)
        urls = description.urls(provider)
        self.messages_url, self.templates_url = (
            self._at(urls["messages_url"]),
            self._at(urls["templates_url"]),
        )
        self.run = secrets.token_hex(4)
        self._people = f"9198{secrets.randbelow(10_000):04d}"
        self._count = 0
        self._login: dict[str, str] = {}

    def _at(self, url: str) -> str:
        return f"{self.options.base.rstrip('/')}{urlsplit(url).path}" if self.options.base else url

    @contextmanager
    def logged_in(self) -> Iterator[None]:
        password = crypto.token()
        row = ApiCredential.objects.create(
            provider=self.provider,
            label="acceptance kit",
            headers={"authorization": crypto.digest(f"acceptance:{password}")},
            expires_at=timezone.now() + LOGIN_LIVES,
        )
        self._login = basic("acceptance", password)
        sleep(settings.PROVIDER_CACHE_SECONDS * 2)  # until every web process knows of it
        try:
            yield
        finally:
            row.delete()

    def message(self, content: dict[str, Any], to: str = "") -> dict[str, Any]:
        """The payload with a recipient and a msgId of its own, as a campaign has it."""
        self._count += 1
        now = int(time())
        to = to or self.options.to or self.person("0001")
        ids = f"{self.run}-{self._count}|{now}|{timezone.now():%Y%m%d}|{self._count}|0"
        return content | {"to": f"+{to}", "msgId": ids}

    @property
    def can_send(self) -> bool:
        """Whether there is a plain message for this provider."""
        return self._plain is not None

    def plain(self, to: str = "") -> dict[str, Any]:
        """The plainest message that the BSP can send: a text, or a template without media."""
        if self._plain is None:
            raise ValueError("there is no plain message for this provider")
        return self.message(self._plain, to)

    @cached_property
    def _plain(self) -> dict[str, Any] | None:
        if Feature.TEXT not in self.provider.connector.lacks:
            return payloads.freeform(self.provider.waba_number, "text", {})
        for template in usable_templates(self.provider):
            if payloads.kinds_of(template.components) == {"text only"}:
                number, now = self.provider.waba_number, round(time() * 1000)
                return payloads.template(
                    number, template.name, template.language, template.components, {}, now
                )
        return None

    def person(self, end: str) -> str:
        """A number of the simulator's; its last digits decide what happens to the message."""
        return self._people + end

    def post(self, payload: object, headers: dict[str, str] | None = None) -> Answered:
        return self.call(self._request(payload, headers))

    def post_all(self, payloads: Iterable[object]) -> list[Answered]:
        """All at the same moment, each on a connection of its own."""
        answers = at_once.post_all([self._request(each, None) for each in payloads], _TIMEOUT)
        return [Answered(each.status, each.text, each.milliseconds, each.problem) for each in answers]

    def get(self, url: str, headers: dict[str, str] | None = None) -> Answered:
        return self.call(HttpRequest("GET", url, self._login if headers is None else headers))

    def call(self, request: HttpRequest) -> Answered:
        return _answered(transport.begin(request, _TIMEOUT).result())

    def _request(self, payload: object, headers: dict[str, str] | None) -> HttpRequest:
        login = self._login if headers is None else headers
        body = json.dumps(payload).encode()
        return HttpRequest("POST", self.messages_url, {"Content-Type": "application/json", **login}, body)

    def reports(self, msg_ids: Sequence[str]) -> dict[str, list[Report]]:
        """The reports on these messages that CleverTap has accepted, oldest first."""
        found: dict[str, list[Report]] = {each: [] for each in msg_ids}
        events = Event.objects.filter(
            message__provider=self.provider, message__msg_id__in=msg_ids, forward=Forward.DONE
        ).order_by("id")
        for event in events.select_related("message").only(
            "kind", "code", "received_at", "forwarded_at", "message__msg_id"
        ):
            at = event.forwarded_at or event.received_at
            took = max(0, round((at - event.received_at).total_seconds() * 1000))
            found[event.message.msg_id].append(Report(Event.Kind(event.kind).name.lower(), event.code, took))
        return found

    def handed_over(self, msg_ids: Sequence[str]) -> set[str]:
        """The messages that the BSP has accepted."""
        mine = Message.objects.filter(provider=self.provider, msg_id__in=msg_ids, status__gte=Status.ACCEPTED)
        return set(mine.exclude(status=Status.FAILED).values_list("msg_id", flat=True))

    def wait(self, done: Callable[[], bool]) -> bool:
        """Whether it happened in time."""
        end = monotonic() + self.options.patience
        while not done():
            if monotonic() > end:
                return False
            self.alive()
            sleep(_LOOK)
        return True

    def media(self) -> dict[str, str]:
        """URLs of a file of each kind, as far as there are."""
        base = self.options.media or (self.simulated.files if self.simulated else "")
        names = {"image": "picture.png", "video": "film.mp4", "audio": "sound.mp3", "document": "paper.pdf"}
        return {kind: f"{base.rstrip('/')}/{name}" for kind, name in names.items()} if base else {}


def usable_templates(provider: Provider) -> list[Template]:
    """Those that CleverTap may send."""
    approved = Template.objects.filter(provider=provider, status=Template.Status.APPROVED)
    return list(approved.filter(unsupported="", vanished_at=None).order_by("pk"))


def shown(payload: object) -> str:
    return hidden(json.dumps(payload, ensure_ascii=False)[:_SHOWN])


def _answered(result: HttpResponse | TransportError) -> Answered:
    if isinstance(result, TransportError):
        return Answered(0, "", 0, str(result))
    return Answered(result.status, result.text, result.milliseconds)
