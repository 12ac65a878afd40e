"""The provider pages. config/admin.py registers them, with what the other apps know of a provider."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.admin import action
from django.db import models
from django.db.models import PROTECT, ProtectedError, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from lib.admin import SimpleListFilter, badge, choice_filter, column, list_url, moment, page_url
from providers import import_fields, once, setup, support
from providers.admin_buttons import ProviderButtons
from providers.connectors import CONNECTORS
from providers.form_fields import declared, quirk_groups
from providers.forms import SAVED_FIELDS, ProviderForm
from providers.models import CallbackToken, Provider

KEPT_FOR_ITS_MESSAGES = (
    "This provider cannot be deleted, because messages, reports, inbound messages or counts belong to "
    "it and would lose their history. Pause it instead: nothing is sent then, and everything stays readable."
)
ABOUT_SECRETS = (
    "Kept encrypted and never shown again. Leave all of it empty where the endpoint asks for nothing."
)
ABOUT_QUIRKS = "Change a switch only where CleverTap, or a BSP in its format, behaves differently."
ABOUT_IMPORT = (
    "Where this provider's template list comes from. The request is a GET; the answer is in Meta's format. "
    "“Import now” and the template health page show how it goes."
)
LISTED = (
    ("messages", "campaigns_message"),
    ("refused requests", "campaigns_refusal"),
    ("templates", "templates_app_template"),
    ("template imports", "templates_app_importrun"),
    ("webhooks", "callbacks_webhook"),
    ("inbound messages", "callbacks_reply"),
    ("forwarding", "callbacks_outlet"),
)
IMPORT = ("import_endpoint", ("import_limit", "import_paging"), "import_every", "click_domain")
_TAKING_ENDPOINT = [connector.slug for connector in CONNECTORS.values() if connector.takes_endpoint]


class StateFilter(SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("active", "Active"), ("paused", "Paused"), ("held", "Held back by the BSP")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Provider]) -> QuerySet[Provider]:
        if self.value() == "held":
            return queryset.filter(hold_until__gt=timezone.now())
        return queryset.filter(state=self.value()) if self.value() else queryset


class ProviderAdmin(ProviderButtons):
    form = ProviderForm
    list_display: tuple[str, ...] = (
        "nickname",
        "waba_number",
        "state_badge",
        "connector_label",
        "rate",
        "held",
    )
    list_filter = (
        StateFilter,
        choice_filter("connector", [(each.slug, each.label) for each in CONNECTORS.values()]),
    )
    list_filter_submit = True
    list_fullwidth = True
    search_fields = ("nickname", "waba_number")
    search_help_text = "Nickname or WABA number"
    actions: tuple[str, ...] = ("pause_selected", "resume_selected")
    readonly_fields = ("request_type", "authentication", "import_presents", "support")
    warn_unsaved_form = True
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    # Expressions of the page's script. Those who may only look have no field to read from.
    conditional_fields = {
        "endpoint": f"typeof connector == 'undefined' || {_TAKING_ENDPOINT}.includes(connector)",
        "auto_reply_text": "typeof auto_reply == 'undefined' || auto_reply",
        **import_fields.CONDITIONS,
    } | {name: f"connector == '{connector.slug}'" for name, _, connector, _ in declared()}
    empty_title = "No provider yet"
    empty_text = (
        "A provider is one WhatsApp Business number at one BSP. Add the first one, then copy its message "
        "endpoint and credentials into CleverTap, and its webhook URL into the BSP's dashboard."
    )

    # The list

    @column(description="state", ordering="state")
    def state_badge(self, provider: Provider) -> SafeString:
        if provider.state == Provider.State.PAUSED:
            return badge("Paused", "danger", provider.paused_reason)
        if provider.hold_until and provider.hold_until > timezone.now():
            return badge("Held", "warning", provider.hold_reason)
        return badge("Active", "success")

    @column(description="connector", ordering="connector")
    def connector_label(self, provider: Provider) -> str:
        return provider.bsp.label if provider.connector in CONNECTORS else provider.connector

    @column(description="rate limit", empty_value="none")
    def rate(self, provider: Provider) -> str | None:
        if provider.rate_count is None:
            return None
        return f"{provider.rate_count} a {provider.get_rate_period_display()}"

    @column(description="held until", ordering="hold_until", empty_value="-")
    def held(self, provider: Provider) -> SafeString | None:
        if not provider.hold_until or provider.hold_until <= timezone.now():
            return None
        return format_html('<span title="{}">{}</span>', provider.hold_reason, moment(provider.hold_until))

    # The form

    @column(description="request type")
    def request_type(self, provider: Provider) -> str:
        return "POST"

    @column(description="in use", empty_value="none")
    def authentication(self, provider: Provider) -> str | None:
        return _named(provider.credentials)

    @column(description="presented", empty_value="nothing")
    def import_presents(self, provider: Provider) -> str | None:
        return _named(provider.import_credentials)

    @column(description="about this BSP")
    def support(self, provider: Provider | None) -> SafeString:
        """What each connector can do; the page shows the chosen one's."""
        current = provider.connector if provider else ""
        connectors = [(connector, support.of(connector)) for connector in CONNECTORS.values()]
        return render_to_string(
            "providers/support.html", {"connectors": connectors, "current": current or next(iter(CONNECTORS))}
        )

    def get_fieldsets(self, request: HttpRequest, obj: Provider | None = None) -> list[Any]:
        may_write = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        credentials = [name for name, kind, _, _ in declared() if kind == "credential"] if may_write else []
        credentials = (["authentication"] if obj else []) + credentials
        presented = import_fields.NAMES if may_write else ("import_presents",)
        options = [name for name, kind, _, _ in declared() if kind == "option"]
        sends, receives = quirk_groups()
        first = ("nickname", "waba_number", "connector", "request_type", "endpoint", "is_default")
        shown = [
            _fieldset(None, first),
            _fieldset("Authentication at the BSP", credentials, ABOUT_SECRETS),
            _fieldset("Options of the connector", options, folded=True),
            _fieldset("What the BSP supports", ("support",)),
            _fieldset("Sending", ("max_concurrency", ("rate_count", "rate_period"), "validity")),
            _fieldset("Back to CleverTap", ("delivery_url", "inbound_url")),
            _fieldset("Template import", (*IMPORT, *presented), ABOUT_IMPORT),
            _fieldset("Templates", ("unknown_templates", "stopped_templates", "link_days")),
            _fieldset("Auto-reply", ("auto_reply", "auto_reply_text")),
            _fieldset("What CleverTap sends", sends, ABOUT_QUIRKS, folded=True),
            _fieldset("What CleverTap receives", receives, ABOUT_QUIRKS, folded=True),
        ]
        # Those who may only look see the model's fields; the others are for filling in.
        return shown if may_write else [each for each in shown if "collapse" not in each[1]["classes"]]

    def save_model(self, request: HttpRequest, obj: Provider, form: Any, change: bool) -> None:
        if change:
            obj.save(update_fields=SAVED_FIELDS)
        else:
            once.keep(request, obj, setup.create(obj))

    def response_add(
        self, request: HttpRequest, obj: Provider, post_url_continue: str | None = None
    ) -> HttpResponse:
        return redirect("admin:providers_provider_login", obj.pk)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Provider | None = None,
    ) -> Any:
        if obj is not None and obj.pk and change:
            context |= self.panel(obj) | {
                "may_operate": self.has_change_permission(request, obj),
                "listed": _listed(request, obj),
            }
        context["show_save_and_add_another"] = False
        return super().render_change_form(request, context, add, change, form_url, obj)

    def panel(self, provider: Provider) -> dict[str, Any]:
        """What the page shows above the form: addresses, credentials of CleverTap's, state."""
        urls = setup.urls(provider)
        now = timezone.now()
        tokens = list(provider.callback_tokens.filter(expires_at__gt=now).order_by("expires_at"))
        addresses = [
            {
                "purpose": purpose.value,
                "label": purpose.label,
                "url": urls["webhook_url" if purpose == "webhook" else f"{purpose}_callback_url"],
                "former": [token.expires_at for token in tokens if token.purpose == purpose],
            }
            for purpose in CallbackToken.Purpose
        ]
        logins = [login for login in provider.api_credentials.order_by("-pk") if not _over(login.expires_at)]
        return {
            "urls": urls,
            "addresses": addresses,
            "logins": logins,
            "held": provider.hold_until is not None and provider.hold_until > now,
            "previous": provider.previous_until if not _over(provider.previous_until or now) else None,
        }

    # Several at once, and deleting

    @action(description="Pause", permissions=["change"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[Provider]) -> None:
        active = list(queryset.filter(state=Provider.State.ACTIVE))
        for provider in active:
            setup.pause(provider, f"Paused in the list by {request.user}.")
            self.log_change(request, provider, "Paused in the list.")
        self.message_user(request, f"Paused {len(active)}. What CleverTap posts meanwhile is kept.")

    @action(description="Resume", permissions=["change"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Provider]) -> None:
        paused = list(queryset.filter(state=Provider.State.PAUSED))
        for provider in paused:
            setup.resume(provider)
            self.log_change(request, provider, "Resumed in the list.")
        self.message_user(request, f"Resumed {len(paused)}. What was waiting is being sent.")

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)  # one at a time, on its page
        return actions

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """The usual look at what a deletion takes along, without reading millions of rows."""
        counts: dict[str, int] = {}
        protected: list[str] = []
        for provider in objs:
            for relation in provider._meta.related_objects:
                rows = relation.related_model._default_manager.filter(**{relation.field.name: provider})
                name = str(relation.related_model._meta.verbose_name_plural)
                if relation.on_delete is PROTECT:
                    protected += [f"{provider} has {name}."] if rows.exists() else []
                elif rows[:1]:
                    counts[name] = counts.get(name, 0) + rows.count()
        return [str(provider) for provider in objs], counts, set(), protected

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except ProtectedError:  # its first message arrived in between
            self.message_user(request, KEPT_FOR_ITS_MESSAGES, messages.ERROR)
            return redirect(page_url("providers_provider", object_id))


def _listed(request: HttpRequest, provider: Provider) -> list[tuple[str, str]]:
    """The lists of what belongs to it, as far as the user may see them."""
    seen = [
        (name, list_url(model, provider=provider.pk))
        for name, model in LISTED
        if request.user.has_perm("{}.view_{}".format(*model.rsplit("_", 1)))
    ]
    if request.user.has_perm("templates_app.view_template"):
        seen.append(
            ("template health", reverse("admin:providers_provider_template_health", args=[provider.pk]))
        )
    return seen


def _fieldset(
    title: str | None, fields: Iterable[Any], about: str = "", folded: bool = False
) -> tuple[str | None, dict[str, Any]]:
    return title, {
        "fields": tuple(fields),
        "description": about,
        "classes": ("collapse",) if folded else (),
    }


def _named(stored: Mapping[str, str]) -> str | None:
    """Credentials by name: `Basic as shop; header Token`."""
    words = [f"Basic as {stored['username']}"] if stored.get("username") else []
    words += [name.replace(":", " ") for name in sorted(stored) if name not in ("username", "password")]
    return "; ".join(words) or None


def _over(moment: datetime | None) -> bool:
    return moment is not None and moment <= timezone.now()
