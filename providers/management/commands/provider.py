import json
import sys
from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from accounts import trail
from accounts.trail import What
from lib.arguments import with_json
from lib.commands import BaseCommand
from providers import (
    connection_check,
    description,
    destinations,
    lifecycle,
    quirks,
    support_table,
    validation,
)
from providers.connectors import CONNECTORS
from providers.models import Provider

PERIODS = {label: value for value, label in Provider.Period.choices}
EVERY = {word: every.value for every, word in description.EVERY_WORDS.items()}
GIVEN_AS_STORED = (
    "endpoint", "delivery_url", "inbound_url", "max_concurrency", "import_endpoint", "import_limit",
    "import_paging", "click_domain", "link_days", "unknown_templates", "stopped_templates", "cap_retries",
)  # fmt: skip

NOTED = {
    "add": What.ADDED,
    "set": What.CHANGED,
    "pause": What.PAUSED,
    "resume": What.RESUMED,
    "archive": What.CHANGED,
    "restore": What.CHANGED,
    "credentials": What.CREDENTIALS,
}  # of what it does; the rest only looks

_NUMBER = "The WhatsApp Business number with its country code."


class Command(BaseCommand):
    help = "Adds, changes, lists, checks, pauses, resumes and archives providers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        add = actions.add_parser("add", help="Create a provider and print its URLs and credentials.")
        add.add_argument("--nickname", required=True, help="A name of your own for the provider.")
        add.add_argument("--connector", required=True, choices=sorted(CONNECTORS), help="The BSP.")
        add.add_argument("--waba-number", required=True, help=_NUMBER)
        change = actions.add_parser("set", help="Change a provider.")
        change.add_argument("nickname", help="The provider.")
        change.add_argument("--waba-number", help=_NUMBER)
        for sub in (add, change):
            _settings(sub)
        for action, text in (
            ("check", "Send the validation payload and show request, response and time."),
            ("pause", "Stop sending; messages are still accepted and kept."),
            ("resume", "Send again, beginning with the messages that wait."),
            (
                "archive",
                "Take a provider out of use. Its webhooks are still accepted, and everything stays readable.",
            ),
            ("restore", "Bring a provider back from the archive. It is paused then."),
            ("credentials", "Make a new login for CleverTap; the former one works for another week."),
        ):
            sub = actions.add_parser(action, help=text)
            sub.add_argument("nickname", help="The provider.")
            with_json(sub)
            if action == "pause":
                sub.add_argument(
                    "--reason", default="Paused from the command line.", help="Why; shown to all."
                )
            if action == "credentials":
                sub.add_argument(
                    "--header",
                    action="append",
                    default=[],
                    metavar="NAME",
                    help="A header for CleverTap to send, instead of Basic authentication.",
                )
        for action, text in (
            ("list", "List the providers in use."),
            ("connectors", "Show what each connector asks for."),
        ):
            sub = actions.add_parser(action, help=text)
            with_json(sub)
            if action == "list":
                sub.add_argument("--archived", action="store_true", help="List archived providers instead.")
            if action == "connectors":
                sub.add_argument(
                    "--table", action="store_true", help="Print what each supports, as a Markdown table."
                )

    def handle(self, *args: Any, **options: Any) -> None:
        before = Provider.objects.filter(nickname=options.get("nickname")).first() or Provider()
        try:
            result = getattr(self, "do_" + options["action"])(options)
        except ValidationError as error:
            raise CommandError("\n".join(_messages(error))) from error
        if options["action"] in NOTED:
            after = _get(options["nickname"])
            changes = trail.differences(before, after)
            trail.note(None, NOTED[options["action"]], after, text=options["action"], changes=changes)
        if isinstance(result, list | dict) and (options.get("json") or not isinstance(result, list)):
            self.stdout.write(json.dumps(result, indent=None if options.get("json") else 2))
        elif isinstance(result, list):
            for row in result:
                self.stdout.write("  ".join(str(value) for value in row.values()))

    def do_add(self, options: dict[str, Any]) -> dict[str, Any]:
        provider = Provider(
            nickname=options["nickname"],
            connector_slug=options["connector"],
            waba_number=options["waba_number"],
        )
        _apply(provider, options)
        login = lifecycle.create(provider, unlimited=options["rate"] == "none")
        return description.as_json(provider) | {"username": login.username, "password": login.password}

    def do_set(self, options: dict[str, Any]) -> dict[str, Any]:
        provider = _get(options["nickname"])
        if options["waba_number"]:
            provider.waba_number = options["waba_number"]
        _apply(provider, options)
        provider.full_clean()
        validation.validate(provider)
        destinations.check(provider, _credentials(options), _import_credentials(options))
        provider.save()
        return description.as_json(provider)

    def do_list(self, options: dict[str, Any]) -> list[dict[str, Any]]:
        providers = Provider.objects.filter(archived_at__isnull=not options["archived"])
        rows = [description.as_json(provider) for provider in providers.prefetch_related("callback_tokens")]
        brief = ("nickname", "connector", "waba_number", "state", "messages_url", "unreadable")
        return rows if options["json"] else [{key: row[key] or "" for key in brief} for row in rows]

    def do_check(self, options: dict[str, Any]) -> dict[str, Any]:
        checked = asdict(connection_check.check(_get(options["nickname"])))
        if not checked["ok"]:
            self.stdout.write(json.dumps(checked))
            raise CommandError(checked["verdict"])
        return checked

    def do_pause(self, options: dict[str, Any]) -> dict[str, Any]:
        lifecycle.pause(_get(options["nickname"]), options["reason"])
        return description.as_json(_get(options["nickname"]))

    def do_resume(self, options: dict[str, Any]) -> dict[str, Any]:
        provider = _get(options["nickname"])
        if provider.archived_at:
            raise CommandError(f"{provider} is in the archive. Restore it first.")
        lifecycle.resume(provider)
        return description.as_json(_get(options["nickname"]))

    def do_archive(self, options: dict[str, Any]) -> dict[str, Any]:
        lifecycle.archive(_get(options["nickname"]))
        return description.as_json(_get(options["nickname"]))

    def do_restore(self, options: dict[str, Any]) -> dict[str, Any]:
        provider = _get(options["nickname"])
        if not provider.archived_at:
            raise CommandError(f"{provider} is not in the archive.")
        lifecycle.restore(provider)
        return description.as_json(_get(options["nickname"]))

    def do_credentials(self, options: dict[str, Any]) -> dict[str, Any]:
        login = lifecycle.new_login(_get(options["nickname"]), tuple(options["header"]))
        if options["header"]:
            return {"headers": dict(login.headers)}
        return {"username": login.username, "password": login.password}

    def do_connectors(self, options: dict[str, Any]) -> list[dict[str, Any]] | None:
        if options["table"]:
            self.stdout.write(support_table.markdown())
            return None
        if not options["json"]:
            return [{"slug": c.slug, "label": c.label} for c in CONNECTORS.values()]
        return [
            {
                "slug": connector.slug,
                "label": connector.label,
                "takes_endpoint": connector.takes_endpoint,
                "tried_live": connector.tried_live,
                "webhook_setup": connector.webhook_setup,
                "webhook_fields": dict(connector.webhook_fields),
                "lacks": {feature.value: reason for feature, reason in connector.lacks.items()},
                "credentials": [asdict(field) for field in connector.credentials],
                "options": [asdict(field) for field in connector.options],
            }
            for connector in CONNECTORS.values()
        ]


def _settings(parser: ArgumentParser) -> None:
    parser.add_argument("--endpoint", help="The BSP's HTTP endpoint, for the generic connector.")
    _key_values(parser, "--credential", "A credential of the BSP; `connectors` lists them.")
    _from_file(parser, "--credential-file", "KEY=PATH", "A credential from a file; - is standard input.")
    _key_values(parser, "--option", "An option of the connector; `connectors` lists them.")
    _key_values(parser, "--quirk", "How CleverTap, or a BSP in its format, behaves differently.")
    parser.add_argument("--delivery-url", help="CleverTap's Delivery Report Callback URL.")
    parser.add_argument("--inbound-url", help="CleverTap's Inbound Message Callback URL.")
    parser.add_argument(
        "--webhook-network",
        action="append",
        metavar="CIDR",
        help="A network that webhooks may come from; may be given several times. Empty: from anywhere.",
    )
    parser.add_argument("--max-concurrency", type=int, help="How many requests to the BSP at once.")
    parser.add_argument(
        "--rate", metavar="COUNT/PERIOD", help="The rate limit, such as 40/minute; `none` removes it."
    )
    parser.add_argument("--validity", type=int, metavar="SECONDS", help="How long a message may wait.")
    parser.add_argument(
        "--cap-retries",
        type=int,
        metavar="0-2",
        help="Retries after WhatsApp's marketing cap, at least a day apart.",
    )
    parser.add_argument(
        "--default", action="store_true", dest="is_default", help="Use it where no provider is named."
    )
    _template_settings(parser)
    with_json(parser)


def _key_values(parser: ArgumentParser, flag: str, words: str) -> None:
    parser.add_argument(flag, action="append", default=[], metavar="KEY=VALUE", help=words)


def _from_file(parser: ArgumentParser, flag: str, pair: str, words: str) -> None:
    """An option for secrets, which on the command line itself every user of the machine could read."""
    parser.add_argument(flag, type=_named_content, action="append", default=[], metavar=pair, help=words)


def _named_content(pair: str) -> tuple[str, str]:
    name, separator, path = pair.partition("=")
    if not separator or not name:
        raise ArgumentTypeError(f"{pair}: write KEY=PATH")
    return name, _content(path)


def _content(path: str) -> str:
    """What is in the file, without the line's end that editors and `echo` write."""
    try:
        return (sys.stdin.read() if path == "-" else Path(path).read_text()).rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise ArgumentTypeError(f"{path} cannot be read: {error}") from error


def _template_settings(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--import-endpoint", metavar="URL", help="The URL of a template list in Meta's format."
    )
    parser.add_argument(
        "--import-limit", type=int, metavar="50-500", help="How many templates to ask for at once."
    )
    parser.add_argument("--import-paging", choices=Provider.Paging.values, help="How the list has its pages.")
    parser.add_argument(
        "--import-header",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="A header to send to the import endpoint; an empty value removes it.",
    )
    parser.add_argument(
        "--import-basic", metavar="USER:PASSWORD", help="The login for the import endpoint; empty removes it."
    )
    _from_file(
        parser, "--import-header-file", "NAME=PATH", "A header's value from a file; - is standard input."
    )
    parser.add_argument(
        "--import-basic-file",
        type=_content,
        metavar="PATH",
        help="USER:PASSWORD from a file; - is standard input.",
    )
    parser.add_argument("--import-every", choices=list(EVERY), help="How often to import the templates.")
    parser.add_argument(
        "--click-domain",
        metavar="HOST",
        help="Imported buttons whose URL holds this domain are marked as tracked.",
    )
    parser.add_argument("--link-days", type=int, metavar="DAYS", help="How many days short links work.")
    parser.add_argument(
        "--unknown-templates",
        choices=Provider.Unknown.values,
        help="What to do with messages for templates not listed here.",
    )
    parser.add_argument(
        "--stopped-templates",
        choices=Provider.Stopped.values,
        help="What to do with messages for paused, disabled or rejected templates.",
    )


def _apply(provider: Provider, options: dict[str, Any]) -> None:
    for name in GIVEN_AS_STORED:
        if options[name] is not None:
            setattr(provider, name, options[name])
    if options["webhook_network"] is not None:
        provider.webhook_networks = "\n".join(filter(None, options["webhook_network"]))
    if options["import_every"]:
        provider.import_every = EVERY[options["import_every"]]
    lifecycle.set_import_credentials(provider, _import_credentials(options))
    if options["validity"] is not None:
        try:
            provider.validity = timedelta(seconds=options["validity"])
        except OverflowError as error:
            raise CommandError("--validity: that is longer than any message may wait.") from error
    if options["is_default"]:
        provider.is_default = True
    if options["rate"]:
        provider.rate_count, provider.rate_period = _rate(options["rate"], provider)
    lifecycle.set_credentials(provider, _credentials(options))
    provider.options = provider.options | _pairs(options["option"], "--option")
    for name, value in _pairs(options["quirk"], "--quirk").items():
        try:
            provider.stored_quirks = provider.stored_quirks | {name: quirks.parse(name, value)}
        except ValueError as error:
            raise CommandError(f"--quirk {error}") from error


def _credentials(options: dict[str, Any]) -> dict[str, str]:
    return _pairs(options["credential"], "--credential") | dict(options["credential_file"])


def _import_credentials(options: dict[str, Any]) -> dict[str, str]:
    """What to change of them, as `set_import_credentials` takes it."""
    headers = _pairs(options["import_header"], "--import-header") | dict(options["import_header_file"])
    changes = {f"header:{name}": value for name, value in headers.items()}
    basic = options["import_basic"] if options["import_basic_file"] is None else options["import_basic_file"]
    if basic is not None:
        username, colon, password = basic.partition(":")
        if basic and not (username and colon and password):
            raise CommandError("--import-basic: write USER:PASSWORD")
        changes |= {"username": username, "password": password}
    return changes


def _rate(text: str, provider: Provider) -> tuple[int | None, int]:
    if text == "none":
        return None, provider.rate_period
    count, _, period = text.partition("/")
    if not count.isdigit() or int(count) < 1 or period not in PERIODS:
        raise CommandError(f"--rate {text}: write COUNT/PERIOD with a period of {', '.join(PERIODS)}")
    return int(count), PERIODS[period]


def _pairs(items: list[str], flag: str) -> dict[str, str]:
    pairs = {}
    for item in items:
        key, separator, value = item.partition("=")
        if not separator or not key:
            raise CommandError(f"{flag} {item}: write KEY=VALUE")
        pairs[key] = value
    return pairs


def _get(nickname: str) -> Provider:
    try:
        return Provider.objects.get(nickname=nickname)
    except Provider.DoesNotExist as error:
        names = ", ".join(Provider.objects.values_list("nickname", flat=True)) or "none"
        raise CommandError(f"There is no provider {nickname!r}; there are: {names}") from error


def _messages(error: ValidationError) -> list[str]:
    if hasattr(error, "error_dict"):
        return [f"{name}: {text}" for name, texts in error.message_dict.items() for text in texts]
    return list(error.messages)
