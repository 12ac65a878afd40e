"""Every page of the project, and who may do what with it. A page that is not here fails the tests.

People are letters: o(perators), n (analysts), a(uditors), s(uperusers). Whoever is not named is refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

OPERATORS, READERS, ALL, ROOT = "os", "oas", "onas", "s"
NOBODY = ""
LETTERS = {"operators": "o", "analysts": "n", "auditors": "a", "superuser": "s"}


@dataclass(frozen=True)
class Page:
    """`args` name rows of the world (or are texts after a colon). `see` may GET it, answered with `ok`;
    others get `no`, or are `led` elsewhere. `do` may POST `data`, where that is more than looking."""

    name: str
    args: tuple[str, ...] = ()
    see: str = ALL
    do: str | None = None
    ok: int = 200
    no: int = 403
    led: str = NOBODY
    anonymous: int = 302
    query: dict[str, str] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return " ".join([self.name, *self.args, *self.query.values()])


def admin(name: str, *args: str, **values: Any) -> Page:
    return Page(f"admin:{name}", args, **values)


def rows(
    model: str, row: str, see: str = READERS,
    add: str = NOBODY, change: str | None = NOBODY, delete: str = NOBODY,
    ok: int = 200, data: dict[str, str] | None = None, added: dict[str, str] | None = None,
) -> Iterator[Page]:  # fmt: skip
    """The pages that Django makes for a model."""
    yield admin(f"{model}_changelist", see=see)
    yield admin(f"{model}_history", row, see=see)
    yield admin(f"{model}_change", row, see=see, do=change, ok=ok, data=data or {})
    yield admin(f"{model}_add", see=add, do=add, data=added or {})
    yield admin(f"{model}_delete", row, see=delete, do=delete, data={"post": "yes"})
    app, _, name = model.rpartition("_")
    # Leads to the row's page, which asks.
    yield Page(f"admin/{app}/{name}/<path:object_id>/", (row,), ok=302, no=302)


def asked(name: str, row: str, may: str = OPERATORS, **values: Any) -> Page:
    """A button with a page that asks first."""
    return admin(name, row, see=may, do=may, **values)


def posted(name: str, *args: str, may: str = OPERATORS, **values: Any) -> Page:
    """A button without a page."""
    return admin(name, *args, see=NOBODY, do=may, **values)


def _frame() -> Iterator[Page]:
    yield admin("index", no=200)
    yield admin("search", no=200, query={"s": "mess"})
    yield admin("login", ok=302, no=302, anonymous=200)
    yield admin("logout", ok=405, no=405)
    yield admin("password_change", no=200)
    yield admin("password_change_done", no=200)
    yield admin("jsi18n", no=200)
    yield admin("autocomplete", see=NOBODY)
    yield admin("view_on_site", ":1", ":1", see=NOBODY, no=404)
    yield Page("admin/(?P<url>.*)$", (":no/such/page/",), see=NOBODY, no=404)
    for app, see in (
        ("providers", ALL), ("templates_app", ALL), ("campaigns", ALL), ("broadcasts", ALL),
        ("audience", READERS), ("callbacks", READERS), ("auth", "as"),
    ):  # fmt: skip
        yield admin("app_list", f":{app}", see=see, no=404)


def _people() -> Iterator[Page]:
    yield from rows("auth_user", "user", "as", ROOT, ROOT, ROOT)
    yield from rows("auth_group", "group", "as", ROOT, ROOT, ROOT, data={"name": "x"}, added={"name": "y"})
    yield asked(
        "auth_user_password_change", "user", ROOT, data={"password1": "x" * 12, "password2": "x" * 12}
    )


def _providers() -> Iterator[Page]:
    yield from rows("providers_provider", "provider", ALL, OPERATORS, OPERATORS, OPERATORS)
    yield admin("templates_app_health", ok=302)
    yield admin("providers_provider_template_health", "provider")
    yield admin("providers_provider_login", "provider", see=OPERATORS)
    yield admin("providers_provider_rotate", "provider", ":webhook", see=OPERATORS, do=OPERATORS)
    yield asked("providers_provider_check_connection", "provider")
    yield asked("providers_provider_pause", "provider", data={"reason": "x"})
    yield asked("providers_provider_resume", "provider")
    yield asked("providers_provider_new_credentials", "provider", data={"kind": "basic"})
    yield asked("providers_provider_import_templates", "provider")


def _templates() -> Iterator[Page]:
    yield from rows("templates_app_template", "template", ALL, OPERATORS, OPERATORS, OPERATORS)
    yield from rows("templates_app_templatechange", "template_change", ALL)
    yield from rows("templates_app_importrun", "run", ALL)
    name = "templates_app_template"
    yield admin(f"{name}_preview", see=NOBODY, do=OPERATORS, no=405)
    yield asked(f"{name}_take_imported", "template")
    yield posted(f"{name}_create_seen", "seen")
    yield admin(f"{name}_process_import", see=NOBODY, do=OPERATORS, no=405)
    yield admin(f"{name}_import", see=OPERATORS, do=OPERATORS)
    yield admin(f"{name}_export")
    yield admin(f"{name}_import_now", see=OPERATORS, do=OPERATORS)
    yield asked(f"{name}_validate_with_provider", "template")
    yield admin(f"{name}_send_test", "template", see=OPERATORS, do=OPERATORS, ok=302)
    yield admin("templates_app_importrun_progress", "run")
    yield posted("templates_app_importrun_cancel", "run")
    yield posted("templates_app_importrun_again", "run")


def _messages() -> Iterator[Page]:
    yield from rows("campaigns_message", "message", ALL)
    yield from rows("campaigns_refusal", "refusal", ALL)
    yield from rows("campaigns_campaign", "campaign", ALL, change=OPERATORS, data={"name": "Spring"})
    yield from rows("campaigns_event", "event", ALL, change=None, ok=302)
    yield admin("campaigns_message_export")
    yield admin("campaigns_message_test", "template", see=OPERATORS, do=OPERATORS)
    yield admin("campaigns_message_tests", query={"ids": "test"})
    yield admin("campaigns_message_tests", query={"ids": "test", "part": "1"})
    yield asked("campaigns_message_resend", "message")
    yield posted("callbacks_retry_message", "message")


def _callbacks() -> Iterator[Page]:
    yield from rows("callbacks_webhook", "webhook")
    yield from rows("callbacks_reply", "reply")
    yield from rows("callbacks_outlet", "outlet")
    yield from rows("callbacks_forwardcall", "call")
    yield admin("callbacks_webhook_raw", "webhook", see=READERS)
    yield asked("callbacks_webhook_read_again", "webhook")
    yield asked("callbacks_reply_retry", "reply")
    yield asked("callbacks_outlet_retry_now", "outlet")


def _audience() -> Iterator[Page]:
    yield from rows("audience_contact", "contact", delete=OPERATORS)
    yield admin("audience_contact_change", "nameless", see=READERS)
    for model in ("contact", "optchange", "subscription"):
        yield admin(f"audience_{model}_export", see=READERS)
        yield admin(f"audience_{model}_export_xlsx", see=READERS)
    for what in ("opt_in", "opt_out", "stop", "resume"):
        yield asked(f"audience_contact_{what}", "contact", data={"reason": "x"})
    yield from rows("audience_optchange", "change")
    yield from rows("audience_optsetting", "setting", READERS, OPERATORS, OPERATORS, OPERATORS)
    yield from rows("audience_subscription", "subscription")
    yield from rows("audience_uploadaccount", "account", READERS, OPERATORS, OPERATORS, OPERATORS,
                    added={"account_id": "W01"})  # fmt: skip
    yield asked("audience_uploadaccount_new_passcode", "account")
    yield admin("audience_uploadaccount_passcode", "account", see=OPERATORS)
    yield from rows("audience_upload", "draft")
    yield admin("audience_upload_change", "done", see=READERS)
    yield admin("audience_upload_choose", see=OPERATORS, do=OPERATORS)
    yield admin("audience_upload_progress", "done", see=READERS)
    yield admin("audience_upload_errors", "done", see=READERS)
    yield posted("audience_upload_columns", "draft", data={"start": "yes"})
    yield posted("audience_upload_cancel", "draft")
    yield posted("audience_upload_resume", "done")


def _broadcasts() -> Iterator[Page]:
    name = "broadcasts_broadcast"
    yield from rows("broadcasts_segment", "segment", READERS, OPERATORS, OPERATORS, NOBODY,
                    data={"name": "x", "filter": "{}"}, added={"name": "y", "filter": "{}"})  # fmt: skip
    yield admin("broadcasts_segment_count", see=NOBODY, do=OPERATORS, no=405, data={"filter": "{}"})
    yield from rows("broadcasts_recipient", "recipient", ALL)
    for model in ("recipient", "broadcast"):
        yield admin(f"broadcasts_{model}_export")
        yield admin(f"broadcasts_{model}_export_xlsx")
    yield admin(f"{name}_changelist")
    yield admin(f"{name}_history", "broadcast")
    yield admin(f"{name}_change", "broadcast")
    yield admin(f"{name}_change", "written", see="na", led=OPERATORS)
    yield admin(f"{name}_add", see=OPERATORS, do=OPERATORS, data={"name": "x", "kind": "one_time"})
    yield admin(f"{name}_delete", "written", see=OPERATORS, do=OPERATORS, data={"post": "yes"})
    yield Page("admin/broadcasts/broadcast/<path:object_id>/", ("broadcast",), ok=302, no=302)
    yield admin(f"{name}_progress", "broadcast")
    for what in ("pause", "resume", "end", "cancel", "withdraw", "copy"):
        yield admin(
            f"{name}_do", "broadcast", f":{what}", see=OPERATORS, do=OPERATORS, data={"confirmed": "yes"}
        )
    for step in ("basics", "who", "message", "delivery", "review"):
        yield admin(f"{name}_step", "written", f":{step}", see=OPERATORS, do=OPERATORS)
    yield admin(f"{name}_estimate", "written", see=OPERATORS)
    yield admin(f"{name}_test", "written", see=OPERATORS, do=OPERATORS)


def _stats() -> Iterator[Page]:
    api: dict[str, Any] = {"anonymous": 401}
    for what in ("", "_trend", "_campaigns", "_templates", "_providers", "_errors", "_urls", "_times"):
        yield Page(f"stats{what}", **api)
    yield Page("stats_variants", query={"campaign": "spring"}, **api)
    for figure in ("accepted", "delivered", "not_sent", "refused"):
        yield Page("stats_messages", query={"figure": figure}, **api)
    for form in ("csv", "xlsx"):
        yield Page("stats_export", (":campaigns", f":{form}"), **api)
        yield Page("stats_export", (":messages", f":{form}"), query={"figure": "not_sent"}, **api)
    yield Page("admin/stats/", ok=302, no=302)
    for page in ("overview", "campaigns", "templates", "providers", "errors", "conversations"):
        yield Page(f"stats:{page}")
    for page, name in (("campaign", "spring"), ("template", "welcome"), ("provider", "Shop")):
        yield Page(f"stats:{page}", query={page: name, "part": "1"})
    for figure in ("accepted", "not_sent", "refused", "control_group"):
        yield Page("stats:messages", query={"figure": figure, "range": "all"})
    yield Page("reconciliation:page")
    for form in ("csv", "xlsx"):
        yield Page("reconciliation:export", (f":{form}",))
    yield Page("reconciliation:upload", see=OPERATORS, do=OPERATORS)
    yield Page("reconciliation:columns", ("report",), see=OPERATORS, do=OPERATORS)
    yield Page("reconciliation:discard", ("other_report",), see=NOBODY, do=OPERATORS)
    yield Page("stats_schema", **api)
    yield Page("stats_docs", **api)


PAGES = [
    *_frame(), *_people(), *_providers(), *_templates(), *_messages(), *_callbacks(), *_audience(),
    *_broadcasts(), *_stats(),
]  # fmt: skip


@dataclass(frozen=True)
class Machine:
    """What programs call, by credentials of their own: a session opens nothing. Statuses to GET and POST."""

    name: str
    args: tuple[str, ...]
    get: int
    post: int


MACHINES = [
    Machine("messages", ("public_id",), 405, 200),  # told in CleverTap's way
    Machine("templates", ("public_id",), 401, 405),
    Machine("delivery", (":wrong",), 405, 404),
    Machine("inbound", (":wrong",), 405, 404),
    Machine("webhook", (":wrong",), 404, 404),
    Machine("upload", (), 405, 401),
    Machine("link", (":wrong",), 404, 405),
    Machine("media", (":wrong",), 404, 405),
]
