"""What needs more than one app: the provider list with its queues, users and groups, the index page."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin as _GroupAdmin
from django.contrib.auth.admin import UserAdmin as _UserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db.models import Case, DateTimeField, OuterRef, Prefetch, QuerySet, Value, When
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts import factors, trail
from accounts.trail import What
from broadcasts.pages.template_uses import TemplateUses
from callbacks.models import Outlet
from campaigns.models import Message, Status
from lib import phone_masking
from lib.admin import (
    CappedCount,
    ModelAdmin,
    badge,
    button,
    capped,
    column,
    confirm,
    link,
    list_url,
    moment,
    page_url,
)
from lib.display import counted
from operations.provider_page.admin import ProviderOperations
from providers.admin import ProviderAdmin
from providers.models import Provider
from stats.query import breakdowns
from stats.query.filters import since
from stats.template_health.admin import TemplateHealth
from templates_app.admin import TemplateAdmin
from templates_app.imports.admin import ProviderImports
from templates_app.models import Template

# How far back the list looks for a provider's last message.
RECENT = timedelta(days=7)

admin.site.unregister([User, Group])
# Tables of the library whose rows people see on their own page.
admin.site.unregister([EmailAddress, Authenticator, UserSession, SocialAccount, SocialApp, SocialToken])
admin.site.site_header = admin.site.site_title = "Waypost"
admin.site.index_title = "Home"
admin.site.index_template = "operations/home.html"


@admin.register(Template)
class TemplateOverview(TemplateUses, TemplateAdmin):
    """The template pages, with the broadcasts that use a template."""


@admin.register(Provider)
class ProviderOverview(ProviderOperations, TemplateHealth, ProviderImports, ProviderAdmin):
    actions = (*ProviderAdmin.actions, "import_selected")
    without_proof = (
        *ProviderOperations.without_proof,
        "import_templates",
        "import_selected",
        "template_health",
        "templates_app_health",
    )
    actions_detail = (*ProviderOperations.actions_detail, "import_templates", "template_health")
    list_display = (
        "nickname", "waba_number", "state_badge", "connector_label", "rate", "queue", "last_accepted", "held",
        "outlets_in_trouble",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Provider]:
        providers: QuerySet[Provider] = super().get_queryset(request)
        match = request.resolver_match
        if match is None or match.url_name != "providers_provider_changelist":
            return providers
        queued = Message.objects.filter(provider=OuterRef("pk"), status=Status.QUEUED)
        now = timezone.now()
        # From the counts, which are far fewer than the messages. It is exact to the minute.
        latest = breakdowns.last_accepted(since(now - RECENT, now), "provider_id")
        minutes = [When(pk=pk, then=Value(at)) for pk, at in latest.items()]
        failing = Prefetch("outlets", Outlet.objects.filter(failures__gt=0), to_attr="failing_outlets")
        return providers.annotate(
            n_queued=CappedCount(queued), last_minute=Case(*minutes, output_field=DateTimeField())
        ).prefetch_related(failing)

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
        if not phone_masking.may("callbacks.view_outlet"):
            return format_html_join(" ", "{}", ((_failing(outlet),) for outlet in failing))
        badges = ((page_url("callbacks_outlet", outlet.pk), _failing(outlet)) for outlet in failing)
        return format_html_join(" ", '<a href="{}">{}</a>', badges)


def _failing(outlet: Outlet) -> SafeString:
    return badge(f"{outlet.get_kind_display()} failing", "danger", phone_masking.text(outlet.last_error))


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
    asks_for_proof = True
    actions_detail = ("reset_factors",)

    @button("Reset second factors", permissions=["change"], icon="lock_reset", path="reset-factors")
    def reset_factors(self, request: HttpRequest, object_id: str) -> HttpResponse:
        user = self.get_object(request, unquote(object_id))
        if user is None:
            raise Http404
        if not self.has_change_permission(request, user):
            raise PermissionDenied
        back = page_url("auth_user", user.pk)
        if request.method == "POST":
            count = factors.reset(user)
            trail.note(request, What.FACTOR, user, text=f"{counted(count, 'factor')} reset.")
            self.message_user(request, f"{user} can now sign in without a second factor.")
            return redirect(back)
        text = ["Removes the authenticator app, the keys and the recovery codes of somebody who lost them."]
        title = f"Reset the second factors of {user}"
        asked: Any = self
        return confirm(asked, request, title=title, text=text, button="Reset", back=back, danger=True)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        response = super().user_change_password(request, id, form_url)
        if request.method == "POST" and response.status_code == 302:
            trail.note(request, What.PASSWORD, User.objects.get(pk=id))
        return response


if TYPE_CHECKING:
    _GroupBase = _GroupAdmin
else:

    class _GroupBase(_GroupAdmin, ModelAdmin):
        """Unfold's looks over Django's behaviour."""


@admin.register(Group)
class GroupAdmin(_GroupBase):
    asks_for_proof = True
