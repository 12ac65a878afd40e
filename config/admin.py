"""What needs more than one app: the provider list with its queues, users and groups, the index page."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as _GroupAdmin
from django.contrib.auth.admin import UserAdmin as _UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Case, DateTimeField, OuterRef, Prefetch, QuerySet, Value, When
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from callbacks.models import Outlet
from campaigns.admin_health import TemplateHealth
from campaigns.models import Message, Status
from campaigns.stats import queries
from campaigns.stats.filters import since
from lib import shown
from lib.admin import CappedCount, ModelAdmin, badge, capped, column, link, list_url, moment, page_url
from providers.admin import ProviderAdmin
from providers.models import Provider
from templates_app import importer
from templates_app.admin_imports import ProviderImports

# How far back the list looks for a provider's last message.
RECENT = timedelta(days=7)

admin.site.unregister([User, Group])
admin.site.site_header = admin.site.site_title = "Waypost"
admin.site.index_title = "Overview"


@admin.register(Provider)
class ProviderOverview(TemplateHealth, ProviderImports, ProviderAdmin):
    actions = (*ProviderAdmin.actions, "import_selected")
    actions_detail = (*ProviderAdmin.actions_detail, "import_templates", "template_health")
    list_display = (
        "nickname", "waba_number", "state_badge", "connector_label", "rate", "queue", "last_accepted", "held",
        "outlets_in_trouble",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Provider]:
        queued = Message.objects.filter(provider=OuterRef("pk"), status=Status.QUEUED)
        now = timezone.now()
        # From the counts, which are far fewer than messages; exact to the minute.
        latest = queries.last_accepted(since(now - RECENT, now), "provider_id")
        minutes = [When(pk=pk, then=Value(at)) for pk, at in latest.items()]
        failing = Prefetch("outlets", Outlet.objects.filter(failures__gt=0), to_attr="failing_outlets")
        providers: QuerySet[Provider] = super().get_queryset(request)
        return providers.annotate(
            n_queued=CappedCount(queued), last_minute=Case(*minutes, output_field=DateTimeField())
        ).prefetch_related(failing)

    def panel(self, provider: Provider) -> dict[str, Any]:
        return super().panel(provider) | {"import_alarm": importer.alarm(provider.pk)}

    @column(description="queued")
    def queue(self, provider: Provider) -> SafeString:
        url = list_url("campaigns_message", provider=provider.pk, status=Status.QUEUED.value)
        return link(url, capped(provider.n_queued))  # type: ignore[attr-defined]

    @column(description="last accepted", empty_value=f"not in {RECENT.days} days")
    def last_accepted(self, provider: Provider) -> SafeString | None:
        return moment(provider.last_minute)  # type: ignore[attr-defined]

    @column(description="forwarding")
    def outlets_in_trouble(self, provider: Provider) -> SafeString:
        failing: list[Outlet] = provider.failing_outlets  # type: ignore[attr-defined]
        if not failing:
            return badge("OK", "success")
        if not shown.may("callbacks.view_outlet"):
            return format_html_join(" ", "{}", ((_failing(outlet),) for outlet in failing))
        badges = ((page_url("callbacks_outlet", outlet.pk), _failing(outlet)) for outlet in failing)
        return format_html_join(" ", '<a href="{}">{}</a>', badges)


def _failing(outlet: Outlet) -> SafeString:
    return badge(f"{outlet.get_kind_display()} failing", "danger", shown.text(outlet.last_error))


if TYPE_CHECKING:
    _UserBase = _UserAdmin[User]
else:

    class _UserBase(_UserAdmin, ModelAdmin):
        """Unfold's looks over Django's behaviour."""


@admin.register(User)
class UserAdmin(_UserBase):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


if TYPE_CHECKING:
    _GroupBase = _GroupAdmin
else:

    class _GroupBase(_GroupAdmin, ModelAdmin):
        """Unfold's looks over Django's behaviour."""


@admin.register(Group)
class GroupAdmin(_GroupBase):
    pass
