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
    others get `no`, or are `led` elsewhere. `do` may POST `data`, where that is more than looking; else a
    POST is answered as a GET, or with `post` where they differ."""

    name: str
    args: tuple[str, ...] = ()
    see: str = ALL
    do: str | None = None
    ok: int = 200
    post: int = 0
    no: int = 403
    led: str = NOBODY
    anonymous: int = 302
    query: dict[str, str] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return " ".join([self.name, *self.args, *self.query.values()])

    def got(self, who: str) -> int:
        """The status of a GET or HEAD."""
        if who == "anonymous":
            return self.anonymous
        letter = LETTERS.get(who, "-")
        if letter in self.led:
            return 302
        return self.ok if letter in self.see else self.no

    def posted(self, who: str) -> tuple[int, ...]:
        """The statuses of a POST: of one that may do something, a form with what is wrong, or a redirect."""
        if self.do is not None and who != "anonymous":
            return (200, 302) if LETTERS.get(who, "-") in self.do else (403,)
        got = self.got(who)
        return (self.post if self.post and got == self.ok else got,)


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
    # A redirect to the row's page, which asks first.
    yield Page(f"admin/{app}/{name}/<path:object_id>/", (row,), ok=302, no=302)


def asked(name: str, row: str, may: str = OPERATORS, **values: Any) -> Page:
    """A button with a page that asks first."""
    return admin(name, row, see=may, do=may, **values)


def posted(name: str, *args: str, may: str = OPERATORS, **values: Any) -> Page:
    """A button without a page."""
    return admin(name, *args, see=NOBODY, do=may, **values)


def _frame() -> Iterator[Page]:
    yield Page("home", ok=302, no=302)
    yield admin("index", no=200)
    yield admin("search", no=200, query={"s": "mess"})
    yield admin("login", ok=302, no=302, anonymous=200)
    yield admin("logout", ok=405, post=200, no=405)
    yield admin("password_change", no=200)
    yield admin("password_change_done", post=405, no=200)
    yield admin("jsi18n", post=405, no=200)
    yield admin("autocomplete", ok=403, post=405)
    yield admin("view_on_site", ":1", ":1", see=NOBODY, no=404)
    yield Page("admin/(?P<url>.*)$", (":no/such/page/",), see=NOBODY, no=404)
    for app, see in (
        ("providers", ALL), ("templates_app", ALL), ("campaigns", ALL), ("broadcasts", ALL),
        ("audience", READERS), ("callbacks", READERS), ("operations", READERS), ("privacy", READERS),
        ("archive", READERS),
        ("auth", "as"), ("accounts", "as"),
    ):  # fmt: skip
        yield admin("app_list", f":{app}", see=see, no=404)


def _own_pages() -> Iterator[Page]:
    """Everybody's own, who may sign in. They have no factor yet, and no provider is set up."""
    yield Page("account_login", ok=302, no=302, anonymous=200)
    yield Page("account_logout", post=302, no=200)
    yield Page("account_inactive", post=405, no=200, anonymous=200)
    yield Page("account_reauthenticate", see=NOBODY)
    yield Page("account_end_session", (":1",), ok=405, post=404, no=405)
    yield Page("account_signup", ok=302, no=302)
    yield Page("mfa_index", post=405, no=200)
    yield Page("mfa_activate_totp", no=200)
    yield Page("mfa_add_webauthn", no=200)
    yield Page("mfa_list_webauthn", post=405, no=200)
    yield Page("mfa_generate_recovery_codes", no=200)
    for ready in ("authenticate", "login_webauthn"):
        yield Page(f"mfa_{ready}", ok=302, no=302)
    for ready in ("reauthenticate", "reauthenticate_webauthn"):
        yield Page(f"mfa_{ready}", see=NOBODY)
    for lacking in ("deactivate_totp", "download_recovery_codes"):
        yield Page(f"mfa_{lacking}", see=NOBODY, no=404)
    yield Page("mfa_view_recovery_codes", ok=404, post=405, no=404)
    for lacking in ("edit_webauthn", "remove_webauthn"):
        yield Page(f"mfa_{lacking}", (":1",), see=NOBODY, no=404)
    for unset in ("login", "callback"):
        yield Page(f"openid_connect_{unset}", (":oidc",), see=NOBODY, no=404, anonymous=404)
    for way in ("signup", "login_cancelled"):
        yield Page(f"socialaccount_{way}", ok=302, no=302)
    yield Page("socialaccount_login_error", ok=401, post=405, no=401, anonymous=401)


def _people() -> Iterator[Page]:
    yield from rows("auth_user", "user", "as", ROOT, ROOT, ROOT)
    yield from rows("auth_group", "group", "as", ROOT, ROOT, ROOT, data={"name": "x"}, added={"name": "y"})
    yield from rows("accounts_token", "token", "as")
    yield from rows("accounts_entry", "entry", "as")
    yield admin("accounts_entry_export", see="as")
    yield admin("accounts_entry_export_xlsx", see="as")
    yield from _own_pages()
    yield asked("auth_user_reset_factors", "user", ROOT)
    yield Page("account", no=200)
    yield Page("account_add_token", ok=405, post=200, no=405)
    yield Page("account_revoke_token", ("token",), ok=405, post=404, no=405)
    yield asked(
        "auth_user_password_change",
        "user",
        ROOT,
        data={"password1": "four unrelated words", "password2": "four unrelated words"},
    )


def _providers() -> Iterator[Page]:
    yield from rows("providers_provider", "provider", ALL, OPERATORS, OPERATORS, OPERATORS)
    yield admin("templates_app_health", ok=302)
    yield admin("providers_provider_health", "provider")
    yield admin("providers_provider_template_health", "provider")
    yield admin("providers_provider_login", "provider", see=OPERATORS)
    yield admin("providers_provider_rotate", "provider", ":webhook", see=OPERATORS, do=OPERATORS)
    yield asked("providers_provider_check_connection", "provider")
    yield asked("providers_provider_acceptance", "provider", data={"to": "", "folder": ""})
    yield asked("providers_provider_pause", "provider", data={"reason": "x"})
    yield asked("providers_provider_resume", "provider")
    yield asked("providers_provider_resend_failed", "provider")
    yield asked("providers_provider_archive", "provider")
    yield asked("providers_provider_restore", "provider")
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
    yield admin("campaigns_message_export_xlsx")
    yield admin("campaigns_message_test", "template", see=OPERATORS, do=OPERATORS)
    yield admin("campaigns_message_tests", query={"ids": "test"})
    yield admin("campaigns_message_tests", query={"ids": "test", "part": "1"})
    yield asked("campaigns_message_resend", "message")
    yield posted("callbacks_retry_message", "message")


def _callbacks() -> Iterator[Page]:
    yield from rows("callbacks_webhook", "webhook")
    yield from rows("callbacks_reply", "reply")
    yield admin("callbacks_reply_export", see=READERS)
    yield admin("callbacks_reply_export_xlsx", see=READERS)
    yield from rows("callbacks_outlet", "outlet")
    yield from rows("callbacks_forwardcall", "call")
    yield admin("callbacks_webhook_raw", "webhook", see=READERS)
    yield asked("callbacks_webhook_read_again", "webhook")
    yield asked("callbacks_reply_retry", "reply")
    yield asked("callbacks_outlet_retry_now", "outlet")


def _audience() -> Iterator[Page]:
    yield from rows("audience_contact", "contact", delete=OPERATORS)
    yield admin("audience_contact_change", "nameless", see=READERS, do=NOBODY)
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
    yield admin("audience_upload_change", "done", see=READERS, do=NOBODY)
    yield admin("audience_upload_choose", see=OPERATORS, do=OPERATORS)
    yield admin("audience_upload_progress", "done", see=READERS)
    yield admin("audience_upload_errors", "done", see=READERS)
    yield admin("audience_upload_warnings", "done", see=READERS)
    yield posted("audience_upload_columns", "draft", data={"start": "yes"})
    yield posted("audience_upload_cancel", "draft")
    yield posted("audience_upload_resume", "done")


def _broadcasts() -> Iterator[Page]:
    name = "broadcasts_broadcast"
    yield admin(f"{name}_calendar", query={"view": "month"})
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
        sure = {"confirmed": "yes"} if step == "review" else {}
        yield admin(f"{name}_step", "written", f":{step}", see=OPERATORS, do=OPERATORS, data=sure)
    yield admin(f"{name}_estimate", "written", see=OPERATORS)
    yield admin(f"{name}_test", "written", see=OPERATORS, do=OPERATORS)


def _operations() -> Iterator[Page]:
    yield from rows("operations_incident", "incident")
    yield asked("operations_incident_acknowledge", "incident")
    yield asked("operations_incident_silence", "incident", data={"hours": "1", "reason": "x"})
    yield from rows("operations_channel", "channel", READERS, OPERATORS, OPERATORS, OPERATORS)
    yield asked("operations_channel_send_test", "channel")
    yield from rows("operations_delivery", "delivery")
    yield from rows("operations_acceptancerun", "acceptance")
    for what in ("progress", "report"):
        yield admin(f"operations_acceptancerun_{what}", "acceptance", see=READERS)


def _privacy() -> Iterator[Page]:
    yield from rows("privacy_erasure", "erasure")
    yield admin("privacy_erasure_progress", "erasure", see=READERS)
    yield admin("privacy_erasure_person", see=READERS, do=READERS, data={"number": "+919812345699"})
    yield from rows("privacy_retentionrun", "retention")
    yield admin("privacy_retentionrun_progress", "retention", see=READERS)
    yield admin("privacy_retentionrun_due", see=READERS)
    yield admin("privacy_retentionrun_run_now", see=OPERATORS, do=OPERATORS, ok=302)
    yield from rows("privacy_retentionsetting", "kept", READERS, OPERATORS, OPERATORS, OPERATORS)
    held = {"campaign": "spring", "reason": "x"}
    yield from rows("privacy_hold", "hold", READERS, OPERATORS, OPERATORS, OPERATORS, data=held, added=held)


def _archive() -> Iterator[Page]:
    yield from rows("archive_run", "archive_run")
    yield admin("archive_run_progress", "archive_run", see=READERS)
    yield admin("archive_run_run_now", see=OPERATORS, do=OPERATORS, ok=302)


def _stats() -> Iterator[Page]:
    api: dict[str, Any] = {"anonymous": 401, "post": 405}
    for what in (
        "",
        "_trend",
        "_campaigns",
        "_templates",
        "_providers",
        "_errors",
        "_error_codes",
        "_urls",
        "_times",
        "_pricing",
    ):
        yield Page(f"stats{what}", **api)
    yield Page("stats_variants", query={"campaign": "spring"}, **api)
    reason = {"figure": "not_sent", "code": "1002"}
    for what in ("campaigns", "templates"):
        yield Page(f"stats_error_{what}", query=reason, **api)
    yield Page("stats:error", query=reason)
    yield Page("stats:views")
    yield Page("stats:names", query={"of": "template", "q": "w"})
    yield Page("stats:view", ("saved_view",), ok=302)
    yield Page("stats:view_save", see=NOBODY, do=ALL)
    yield Page("stats:view_mail", ("saved_view",), see=NOBODY, do=ALL)
    yield Page("stats:view_remove", ("saved_view",), see=NOBODY, do=ROOT)
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
    yield Page("reconciliation:report", ("report",))
    yield Page("reconciliation:report", ("report",), query={"part": "1"})
    yield Page("reconciliation:cancel", ("report",), see=NOBODY, do=OPERATORS)
    yield Page("reconciliation:columns", ("report",), see=OPERATORS, do=OPERATORS)
    yield Page("reconciliation:discard", ("other_report",), see=NOBODY, do=OPERATORS)
    yield Page("stats_schema", **api)
    yield Page("stats_docs", **api)


PAGES = [
    *_frame(), *_people(), *_providers(), *_templates(), *_messages(), *_callbacks(), *_audience(),
    *_broadcasts(), *_operations(), *_privacy(), *_archive(), *_stats(),
]  # fmt: skip


# Who may use the actions of a list, where it is not operators.
ACTIONS = {"accounts.Token": ROOT}
# Of any other method than GET, HEAD and POST, to anybody, on every page above.
OTHER_METHODS = 405


def acted(changelist: Page, who: str) -> tuple[int, ...]:
    """The statuses of an action posted to a list. One that is not offered to the person does nothing, and
    the list says so."""
    return (200, 302) if changelist.got(who) == 200 else (changelist.got(who),)


@dataclass(frozen=True)
class Machine:
    """A URL for programs, with their own credentials: a session opens nothing. Statuses by method, those of
    PUT, PATCH and DELETE as `other`."""

    name: str
    args: tuple[str, ...]
    get: int
    head: int
    post: int
    options: int
    other: int = 405

    def status(self, method: str) -> int:
        return int(getattr(self, method.lower(), self.other))


MACHINES = [
    Machine("messages", ("public_id",), get=405, head=405, post=200, options=204),  # in CleverTap's form
    Machine("templates", ("public_id",), get=401, head=401, post=405, options=405),
    Machine("delivery", (":wrong",), get=405, head=404, post=404, options=204),
    Machine("inbound", (":wrong",), get=405, head=404, post=404, options=204),
    Machine("webhook", (":wrong",), get=404, head=404, post=404, options=204),
    Machine("upload", (), get=405, head=405, post=401, options=204),
    Machine("link", (":wrong",), get=404, head=404, post=405, options=405),
    Machine("media", (":wrong",), get=404, head=404, post=405, options=405),
]
