"""Which alarms are sent about an incident, when and how often, and what happens if a channel does not accept
one."""

import hashlib
import hmac
import io
import json
import logging
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.utils import timezone

from operations.alarms import channels, deliver, rules, words
from operations.incidents import handling
from operations.models import Channel, Delivery, Incident, Rule
from providers.models import Provider
from tests.endpoints import Endpoint, listening
from tests.factories import make_provider

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
Severity = Incident.Severity
About = Delivery.About


def incident(provider: Provider | None = None, **values: Any) -> Incident:
    now = timezone.now()
    defaults = {
        "kind": "provider_paused_credentials",
        "scope": "provider:1",
        "subject": "interakt-main",
        "severity": Severity.CRITICAL,
        "began_at": now,
        "seen_at": now,
        "text": "The key of +91 98123 00001 was refused",
    }
    return Incident.objects.create(provider=provider, **defaults | values)


def channel(endpoint: Endpoint, how: str = "webhook", **values: Any) -> Channel:
    return Channel.objects.create(
        **{"name": "on call", "how": how, "address": endpoint.url, "secret": "s3cret"} | values
    )


def said() -> list[str]:
    return list(Delivery.objects.order_by("id").values_list("about", flat=True))


def test_a_rule_has_an_incident_sent_once_and_its_end(endpoint: Endpoint) -> None:
    Rule.objects.create(channel=channel(endpoint))
    found = incident()
    for _ in range(3):
        rules.plan(timezone.now())
    assert said() == [About.BEGAN]
    Incident.objects.update(ended_at=timezone.now())
    for _ in range(3):
        rules.plan(timezone.now())
    assert said() == [About.BEGAN, About.ENDED]
    assert deliver.drain() == 2
    keys = [each["key"] for each in endpoint.got]
    assert keys == [f"waypost-incident-{found.pk}"] * 2


@pytest.mark.parametrize(
    ("rule", "sent"),
    [
        ({"severity": Severity.CRITICAL}, True),
        ({"severity": Severity.CRITICAL, "kinds": ["queue_old"]}, False),
        ({"kinds": ["queue_old", "provider_paused_credentials"]}, True),
        ({"after_minutes": 5}, False),
    ],
)
def test_which_incidents_a_rule_sends(endpoint: Endpoint, rule: dict[str, Any], sent: bool) -> None:
    Rule.objects.create(channel=channel(endpoint), **rule)
    incident()
    assert rules.plan(timezone.now()) == sent


def test_milder_incidents_are_not_sent(endpoint: Endpoint) -> None:
    Rule.objects.create(channel=channel(endpoint), severity=Severity.WARNING)
    incident(severity=Severity.NOTICE)
    assert rules.plan(timezone.now()) == 0


def test_a_rule_of_one_provider(endpoint: Endpoint) -> None:
    mine, other = make_provider(), make_provider()
    Rule.objects.create(channel=channel(endpoint), provider=mine)
    incident(other, scope=f"provider:{other.pk}")
    incident(scope="system")
    assert rules.plan(timezone.now()) == 0
    incident(mine, scope=f"provider:{mine.pk}")
    assert rules.plan(timezone.now()) == 1


def test_after_some_minutes(endpoint: Endpoint) -> None:
    Rule.objects.create(channel=channel(endpoint), after_minutes=5)
    began = incident().began_at
    assert rules.plan(began + timedelta(minutes=4, seconds=59)) == 0
    assert rules.plan(began + timedelta(minutes=5)) == 1


def test_what_ends_before_it_is_sent_is_never_sent(endpoint: Endpoint) -> None:
    Rule.objects.create(channel=channel(endpoint), after_minutes=5)
    incident(ended_at=timezone.now() + timedelta(minutes=1))
    assert rules.plan(timezone.now() + HOUR) == 0


def test_again_until_somebody_looks_after_it(endpoint: Endpoint) -> None:
    Rule.objects.create(channel=channel(endpoint), again_hours=2)
    found = incident()
    for hours in (0, 1, 2, 3, 4):
        with time_machine.travel(found.began_at + hours * HOUR, tick=False):
            rules.plan(timezone.now())
    assert said() == [About.BEGAN, About.AGAIN, About.AGAIN]
    handling.acknowledge(found, None, timezone.now())
    assert rules.plan(found.began_at + 9 * HOUR) == 0


def test_silence_lasts_until_its_end(endpoint: Endpoint) -> None:
    Rule.objects.create(channel=channel(endpoint))
    found = incident()
    handling.silence(found, None, found.began_at + HOUR, "The BSP moves house")
    assert rules.plan(found.began_at + HOUR - timedelta(seconds=1)) == 0
    assert rules.plan(found.began_at + HOUR) == 1


def test_silence_wants_a_reason() -> None:
    with pytest.raises(ValueError, match="why"):
        handling.silence(incident(), None, timezone.now() + HOUR, "  ")


def test_an_endpoint_gets_signed_json_without_numbers(endpoint: Endpoint) -> None:
    Rule.objects.create(channel=channel(endpoint))
    incident()
    rules.plan(timezone.now())
    deliver.drain()
    alarm = endpoint.got[0]
    wanted = hmac.new(b"s3cret", msgspec.json.encode(alarm), hashlib.sha256).hexdigest()
    assert endpoint.headers[0]["X-Waypost-Signature"] == f"sha256={wanted}"
    assert (alarm["kind"], alarm["about"], alarm["severity"]) == (
        "provider_paused_credentials", "began", "critical",
    )  # fmt: skip
    assert "98123" not in alarm["text"]
    assert "Check connection" in alarm["next_step"]


def test_pagerduty_resolves_what_it_was_told(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "PAGERDUTY", endpoint.url)
    Rule.objects.create(channel=channel(endpoint, "pagerduty", address="R0UTING", secret=""))
    incident()
    rules.plan(timezone.now())
    Incident.objects.update(ended_at=timezone.now())
    rules.plan(timezone.now())
    deliver.drain()
    began, ended = endpoint.got
    assert (began["event_action"], ended["event_action"]) == ("trigger", "resolve")
    assert began["dedup_key"] == ended["dedup_key"]
    assert began["routing_key"] == "R0UTING"
    assert began["payload"]["severity"] == "critical"


def test_apprise_posts_to_its_channel(endpoint: Endpoint) -> None:
    Rule.objects.create(
        channel=channel(endpoint, "apprise", address=endpoint.url.replace("http://", "json://"))
    )
    incident()
    rules.plan(timezone.now())
    assert deliver.drain() == 1
    posted = endpoint.got[0]
    assert posted["title"] == "Critical: A BSP refuses our credentials (interakt-main)"
    assert posted["type"] == "failure"


def test_apprise_follows_no_redirect(endpoint: Endpoint) -> None:
    """It was checked where the channel leads, not where a redirect would."""
    with listening() as first:
        first.reply = lambda payload: (307, {"Location": endpoint.url}, b"")
        address = first.url.replace("http://", "json://") + "?redirect=yes"
        with pytest.raises(channels.Undelivered):
            channels.send(channel(first, "apprise", address=address), words.alarm(incident(), About.BEGAN))
    assert len(first.got) == 1
    assert endpoint.got == []


def test_what_is_not_taken_is_tried_again_and_given_up(endpoint: Endpoint) -> None:
    endpoint.reply = lambda payload: (500, {}, b"oops")
    mine = channel(endpoint)
    Rule.objects.create(channel=mine)
    incident()
    rules.plan(timezone.now())
    now: datetime = timezone.now()
    for attempt in range(1, len(deliver.WAITS) + 2):
        with time_machine.travel(now, tick=False):
            assert deliver.due()
            assert deliver.drain() == 0
            assert not deliver.due(), "not at once"
        mine.refresh_from_db()
        assert mine.failures == attempt
        now += timedelta(hours=2)
    (delivery,) = Delivery.objects.all()
    assert delivery.state == Delivery.State.FAILED
    assert "HTTP 500" in delivery.error
    assert not deliver.due()


def test_a_channel_that_works_again_is_well(endpoint: Endpoint) -> None:
    mine = channel(endpoint, failures=4, last_error="HTTP 500")
    Rule.objects.create(channel=mine)
    incident()
    rules.plan(timezone.now())
    deliver.drain()
    mine.refresh_from_db()
    assert (mine.failures, mine.last_error) == (0, "")


def test_the_command_adds_tries_and_lists(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(endpoint.url + "\n"))
    call_command("alarm", "add", "mine", "--webhook")
    call_command("alarm", "test", "mine")
    assert endpoint.got[0]["about"] == "test"
    out = io.StringIO()
    call_command("alarm", "list", "--json", stdout=out)
    assert [(row["name"], row["rules"]) for row in json.loads(out.getvalue())] == [("mine", 1)]
    assert endpoint.url not in out.getvalue()


@pytest.mark.parametrize(
    ("how", "address", "words"),
    [
        ("webhook", "ftp://example.com", "http"),
        ("apprise", "nothing-that-apprise-knows://x", "apprise does not know"),
        ("webhook", "http://a..b/x", "not a URL that can be called"),
        ("webhook", "", "standard input"),
    ],
)
def test_an_address_that_cannot_be_one(
    how: str, address: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(address + "\n"))
    with pytest.raises(CommandError, match=words):
        call_command("alarm", "add", "mine", f"--{how}")
    assert not Channel.objects.exists()


def test_private_addresses_are_refused(settings: Any) -> None:
    settings.ALLOW_PRIVATE_TARGETS = False
    for how, address in (("webhook", "http://127.0.0.1/x"), ("apprise", "json://127.0.0.1/x")):
        with pytest.raises(ValueError, match="not a public address"):
            channels.check(how, address)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (
            "fcm://project@key/device?mode=oauth2&keyfile=http://127.0.0.1:9/",
            "fcm:// is not supported",
        ),
        ("syslog://", "syslog:// is not supported"),
        ("workflow://example.com/one/two?template=http://127.0.0.1:9/", "Remove template from"),
        (
            "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/?Template=/etc/passwd",
            "Remove template from",
        ),
        (
            "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ?template=/x",
            "Remove",
        ),
        ("mailto://u:p@example.com?pgp=encrypt&pgppub=/etc/passwd", "Remove pgp, pgppub from"),
        ("slack://T1JJ3T3L2", "Something is missing"),
    ],
)
def test_apprise_fetches_nothing_for_an_address(address: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        channels.check("apprise", address)


def test_channels_without_a_host_of_their_own_are_taken(settings: Any) -> None:
    """In the place of the host these have a key, which is no name to look up."""
    settings.ALLOW_PRIVATE_TARGETS = False
    for address in (
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#on-call",
        "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        "tgram://123456789:abcdefg_hijklmnop/12315544/",
        "opsgenie://a6k4ABnck26hDh8AA3EDHoOVdDEUlw3nty",
        "mailto://user:password@example.com",
    ):
        channels.check("apprise", address)


def test_apprise_logs_nothing_and_its_status_is_told(
    endpoint: Endpoint, request: pytest.FixtureRequest
) -> None:
    endpoint.reply = lambda payload: (403, {}, b"no")
    lines, root = io.StringIO(), logging.getLogger()  # where the log is written from
    handler = logging.StreamHandler(lines)
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    root.addHandler(handler)
    request.addfinalizer(lambda: root.removeHandler(handler))
    mine = channel(endpoint, "apprise", address=endpoint.url.replace("http://", "json://user:s3cret@"))
    with pytest.raises(channels.Undelivered, match="JSON answered HTTP 403"):
        channels.send(mine, words.alarm(incident(), About.BEGAN))
    with pytest.raises(ValueError, match="apprise does not know"):
        channels.check("apprise", "nothing-that-apprise-knows://s3cret")
    root.warning("the log works")
    assert lines.getvalue() == "root: the log works\n"
