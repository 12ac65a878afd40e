"""The provider pages. config/admin.py registers them, with what the other apps know of a provider."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.admin import action
from django.db import models
from django.db.models import (
    PROTECT,
    Count,
    Exists,
    ForeignObjectRel,
    OuterRef,
    ProtectedError,
    QuerySet,
    Subquery,
    prefetch_related_objects,
)
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from lib.admin import SimpleListFilter, badge, choice_filter, column, list_url, moment, page_url
from lib.display import to_minute
from providers import description, lifecycle
from providers.connectors import CONNECTORS
from providers.connectors.base import Connector
from providers.features import Feature
from providers.models import CallbackToken, Provider
from providers.pages import import_fields, login_in_session
from providers.pages.buttons import ProviderButtons
from providers.pages.fieldsets import fieldsets
from providers.pages.forms import MODEL_FIELDS, SAVED_FIELDS, form_of

KEPT_FOR_ITS_MESSAGES = (
    "This provider cannot be deleted, because messages, reports, inbound messages or counts belong to "
    "it and would lose their history. Pause it instead, or archive it: nothing is sent then, and everything "
    "stays readable."
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
_TAKING_ENDPOINT = [connector.slug for connector in CONNECTORS.values() if connector.takes_endpoint]


class StateFilter(SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("active", "Active"),
            ("paused", "Paused"),
            ("held", "Held back by the BSP"),
            ("archived", "In the archive"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Provider]) -> QuerySet[Provider]:
        if self.value() == "archived":
            return queryset.exclude(archived_at=None)
        queryset = queryset.filter(archived_at=None)
        if self.value() == "held":
            return queryset.filter(hold_until__gt=timezone.now())
        return queryset.filter(state=self.value()) if self.value() else queryset


class ProviderAdmin(ProviderButtons):
    asks_for_proof = True  # credentials are shown, destinations are set
    # Pausing and resuming must be quick: they ask for no password.
    without_proof: tuple[str, ...] = (
        "check_connection", "pause", "resume", "archive", "restore", "pause_selected", "resume_selected",
    )  # fmt: skip
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
        choice_filter("connector_slug", [(each.slug, each.label) for each in CONNECTORS.values()]),
    )
    list_filter_submit = True
    list_fullwidth = True
    search_fields = ("nickname", "waba_number")
    search_help_text = "Nickname or WABA number"
    actions: tuple[str, ...] = ("pause_selected", "resume_selected")
    readonly_fields = ("request_type", "authentication", "import_presents")
    warn_unsaved_form = True
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    # Expressions that the page's script evaluates. On the page of people who may only look, the fields that
    # they name do not exist.
    conditional_fields = {
        "endpoint": f"typeof connector_slug == 'undefined' || {_TAKING_ENDPOINT}.includes(connector_slug)",
        "auto_reply_text": "typeof auto_reply == 'undefined' || auto_reply",
        **import_fields.CONDITIONS,
    }
    empty_title = "No provider yet"
    empty_text = (
        "A provider is one WhatsApp Business number at one BSP. Add the first one, then copy its message "
        "endpoint and credentials into CleverTap, and its webhook URL into the BSP's dashboard."
    )

    # The list

    @column(description="state", ordering="state")
    def state_badge(self, provider: Provider) -> SafeString:
        if provider.archived_at:
            return badge("Archived", "", f"Since {to_minute(provider.archived_at)}.")
        if provider.unreadable:
            return badge("Credentials cannot be decrypted", "danger", provider.unreadable)
        if provider.state == Provider.State.PAUSED:
            return badge("Paused", "danger", provider.paused_reason)
        if provider.hold_until and provider.hold_until > timezone.now():
            return badge("Held", "warning", provider.hold_reason)
        return badge("Active", "success")

    @column(description="connector", ordering="connector_slug")
    def connector_label(self, provider: Provider) -> str:
        return provider.connector.label if provider.connector_slug in CONNECTORS else provider.connector_slug

    @column(description="rate limit", empty_value="none")
    def rate(self, provider: Provider) -> str | None:
        if provider.rate_count is None:
            return None
        return f"{provider.rate_count:,} a {provider.get_rate_period_display()}"

    @column(description="held until", ordering="hold_until")
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

    def get_fieldsets(self, request: HttpRequest, obj: Provider | None = None) -> list[Any]:
        may_write = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return fieldsets(obj, _chosen(request, obj), may_write)

    def get_form(
        self, request: HttpRequest, obj: Provider | None = None, change: bool = False, **kwargs: Any
    ) -> "type[ModelForm[Provider]]":
        kwargs |= {"form": form_of(_chosen(request, obj).slug), "fields": MODEL_FIELDS}
        return super().get_form(request, obj, change, **kwargs)

    def save_model(self, request: HttpRequest, obj: Provider, form: Any, change: bool) -> None:
        if change:
            obj.save(update_fields=SAVED_FIELDS)
        else:
            login_in_session.keep(request, obj, lifecycle.create(obj))

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
        prefetch_related_objects([provider], "callback_tokens")
        urls = description.urls(provider)
        now = timezone.now()
        former = [
            (row.purpose, row.expires_at)
            for row in provider.callback_tokens.all()
            if row.expires_at and row.expires_at > now
        ]
        addresses = [
            {
                "purpose": purpose.value,
                "label": purpose.label,
                "url": urls["webhook_url" if purpose == "webhook" else f"{purpose}_callback_url"],
                "former": sorted(until for name, until in former if name == purpose),
            }
            for purpose in _used(provider)
        ]
        logins = [login for login in provider.api_credentials.order_by("-pk") if not _over(login.expires_at)]
        return {
            "urls": urls,
            "addresses": addresses,
            "logins": logins,
            "held": provider.hold_until is not None and provider.hold_until > now,
            "marketing_held": provider.marketing_held_until is not None
            and provider.marketing_held_until > now,
            "previous": provider.previous_until if not _over(provider.previous_until or now) else None,
        }

    # Several at once, and deleting

    @action(description="Pause", permissions=["change"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[Provider]) -> None:
        active = list(queryset.filter(state=Provider.State.ACTIVE))
        for provider in active:
            lifecycle.pause(provider, f"Paused in the list by {request.user}.")
            self.log_change(request, provider, "Paused in the list.", "paused")
        self.message_user(request, f"Paused {len(active)}. What CleverTap posts meanwhile is kept.")

    @action(description="Resume", permissions=["change"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Provider]) -> None:
        paused = list(queryset.filter(state=Provider.State.PAUSED, archived_at=None))
        for provider in paused:
            lifecycle.resume(provider)
            self.log_change(request, provider, "Resumed in the list.", "resumed")
        self.message_user(request, f"Resumed {len(paused)}. Messages that waited are sent now.")

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)  # one at a time, on its page
        return actions

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What a deletion would delete too, as Django shows it. One statement asks every table; of those that
        may hold millions, which forbid it, whether there is a row."""
        relations = {f"rows_{n}": relation for n, relation in enumerate(Provider._meta.related_objects)}
        asked = {label: _rows_of(relation) for label, relation in relations.items()}
        counts: Counter[str] = Counter()
        protected = []
        for provider in objs:
            found: Any = Provider.objects.filter(pk=provider.pk).values(**asked).get()
            for label, relation in relations.items():
                name = str(relation.related_model._meta.verbose_name_plural)
                if found[label] and relation.on_delete is PROTECT:
                    protected.append(f"{provider} has {name}.")
                elif found[label]:
                    counts[name] += found[label]
        return [str(provider) for provider in objs], dict(counts), set(), protected

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except ProtectedError:  # its first message arrived after the check
            self.message_user(request, KEPT_FOR_ITS_MESSAGES, messages.ERROR)
            return redirect(page_url("providers_provider", object_id))


def _rows_of(relation: ForeignObjectRel) -> Exists | Subquery:
    """How many rows of another table belong to a provider. If the table forbids a deletion: whether there are
    any."""
    field = relation.field.name
    rows = relation.related_model._default_manager.filter(**{field: OuterRef("pk")}).order_by()
    if relation.on_delete is PROTECT:
        return Exists(rows)
    return Subquery(rows.values(field).annotate(number=Count("pk")).values("number"))


def _chosen(request: HttpRequest, provider: Provider | None) -> Connector:
    """The connector that the page asks for, or the provider's; for a new provider the first one."""
    asked = request.POST.get("connector_slug") or request.GET.get("connector_slug", "")
    own = provider.connector_slug if provider else ""
    return CONNECTORS.get(asked) or CONNECTORS.get(own) or next(iter(CONNECTORS.values()))


def _listed(request: HttpRequest, provider: Provider) -> list[tuple[str, str]]:
    """The links to the lists of what belongs to the provider, as far as the user may see them."""
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


def _used(provider: Provider) -> list[CallbackToken.Purpose]:
    """The callback URLs that the connector's BSP has a place for."""
    purposes = CallbackToken.Purpose
    if provider.connector.takes_endpoint:  # CleverTap's own format
        return [purposes.DELIVERY, purposes.INBOUND, purposes.WEBHOOK]
    return [purposes.WEBHOOK] if Feature.DELIVERED not in provider.connector.lacks else []


def _named(stored: Mapping[str, str]) -> str | None:
    """Credentials by name: `Basic as shop; header Token`."""
    words = [f"Basic as {stored['username']}"] if stored.get("username") else []
    words += [name.replace(":", " ") for name in sorted(stored) if name not in ("username", "password")]
    return "; ".join(words) or None


def _over(moment: datetime | None) -> bool:
    return moment is not None and moment <= timezone.now()
