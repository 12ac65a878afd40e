"""Opt-out words, the opt-outs that are sent to CleverTap, and who may call the upload API."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin import action
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts import trail
from accounts.trail import What
from audience import accounts, exporting, opting, subscribing
from audience.forms import AccountForm, OptSettingForm
from audience.lists_admin import MAY_EXPORT, ByPhoneAdmin
from audience.models import OptSetting, Subscription, UploadAccount
from audience.words import words_of
from identities.pseudonyms import written
from lib import keys, phone_masking
from lib.admin import (
    ModelAdmin,
    Tone,
    badge,
    button,
    choice_filter,
    column,
    confirm,
    moment,
    page_url,
)
from lib.exported import ExportedAdmin
from lib.phone_masking import Eyes
from lib.sheets import Row
from providers.list_filters import ProviderFilter

_TONES: dict[int, Tone] = {
    Subscription.State.PENDING: "info",
    Subscription.State.DONE: "success",
    Subscription.State.PARKED: "danger",
}


@admin.register(OptSetting)
class OptSettingAdmin(ModelAdmin):
    form = OptSettingForm
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    asks_for_proof = True  # it has a destination
    list_display = ("provider", "stops", "starts", "tells")
    list_select_related = ("provider",)
    fieldsets = (
        (None, {"fields": ("provider", "stop_words", "start_words", "refuse_stopped")}),
        ("Tell CleverTap", {"fields": ("subscribe_url", "account_id", "passcode")}),
    )
    empty_title = "No provider has opt-out words yet"
    empty_text = (
        "Without opt-out words, a reply “STOP” is forwarded to CleverTap like any other and changes nothing."
    )

    @column(description="stop words")
    def stops(self, setting: OptSetting) -> str:
        return ", ".join(words_of(setting.stop_words))

    @column(description="start words")
    def starts(self, setting: OptSetting) -> str:
        return ", ".join(words_of(setting.start_words))

    @column(description="tells CleverTap", boolean=True)
    def tells(self, setting: OptSetting) -> bool:
        return bool(setting.subscribe_url)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        opting.forget()


@admin.register(Subscription)
class SubscriptionAdmin(ExportedAdmin, ByPhoneAdmin):
    export_permission = MAY_EXPORT
    export_name = "opt-outs-for-clevertap"
    list_display = ("created", "provider", "number", "status", "state_now", "attempts", "why", "told")
    list_display_links = None
    list_select_related = ("provider",)
    list_filter = (choice_filter("state", Subscription.State.choices), ProviderFilter)
    actions = ("retry_selected",)
    empty_title = "No opt-out has been sent to CleverTap yet"
    empty_text = (
        "Opt-outs by reply are sent to CleverTap if the provider's opt-out words name "
        "CleverTap's subscribe API."
    )

    def export_rows(self, found: QuerySet[Any], eyes: Eyes) -> Iterator[Row]:
        return exporting.subscriptions(found, eyes)

    @column(description="asked for")
    def created(self, row: Subscription) -> SafeString | None:
        return moment(row.created_at)

    @column(description="phone")
    def number(self, row: Subscription) -> str:
        return written(row.phone, phone_masking.eyes())

    @column(description="error")
    def why(self, row: Subscription) -> str:
        return phone_masking.text(row.error)

    @column(description="state")
    def state_now(self, row: Subscription) -> SafeString:
        return badge(row.get_state_display(), _TONES.get(row.state, ""), phone_masking.text(row.error))

    @column(description="told")
    def told(self, row: Subscription) -> SafeString | None:
        return moment(row.told_at)

    @action(description="Send to CleverTap again", permissions=["operate"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> None:
        count = subscribing.retry(list(queryset.values_list("pk", flat=True)[:10_000]), timezone.now())
        if count:
            trail.note(request, What.RESENT, "opt-outs for CleverTap", rows=count)
            self.message_user(request, f"{count:,} are sent again.", messages.SUCCESS)
        else:
            words = "Nothing to send again: it was sent, or the person has changed the choice since."
            self.message_user(request, words, messages.WARNING)


@admin.register(UploadAccount)
class UploadAccountAdmin(ModelAdmin):
    form = AccountForm
    asks_for_proof = True  # credentials are shown
    list_display = ("account_id", "label", "created")
    actions_detail = ("new_passcode",)
    empty_title = "Nobody may call the upload API yet"
    empty_text = "Its callers send an account id and a passcode, as with CleverTap's upload API."

    @column(description="created")
    def created(self, account: UploadAccount) -> SafeString | None:
        return moment(account.created_at)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("account_id",) if obj else ()

    def save_model(self, request: HttpRequest, obj: UploadAccount, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
        else:
            self._keep(request, obj, accounts.renew(obj))

    def response_add(self, request: HttpRequest, obj: UploadAccount, post_url_continue: Any = None) -> Any:
        return redirect("admin:audience_uploadaccount_passcode", obj.pk)

    @button("New passcode", permissions=["change"], icon="key", path="new-passcode")
    def new_passcode(self, request: HttpRequest, object_id: str) -> HttpResponse:
        account = self._account(request, object_id)
        if request.method == "POST":
            self._keep(request, account, accounts.renew(account))
            self.log_change(request, account, "Generated a new passcode.")
            return redirect("admin:audience_uploadaccount_passcode", account.pk)
        text = [
            "Makes a new passcode and shows it once, on the next page. The present one stops "
            "working immediately."
        ]
        back = page_url("audience_uploadaccount", account.pk)
        title = f"New passcode for {account}"
        return confirm(self, request, title=title, text=text, button="Generate", back=back, danger=True)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.passcode_view)
        passcode = path("<path:object_id>/passcode/", view, name="audience_uploadaccount_passcode")
        return [passcode, *super().get_urls()]

    def passcode_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The generated passcode, once: only its digest is kept."""
        account = self._account(request, object_id)
        kept = request.session.pop(_key(account), None)
        if kept:
            trail.note(request, What.CREDENTIALS, account)
        context = self.admin_site.each_context(request) | {
            "title": f"Passcode of {account}",
            "opts": self.opts,
            "account": account,
            "passcode": keys.ring().decrypt(kept) if kept else "",
            "url": f"{settings.PUBLIC_BASE_URL}{reverse('upload')}",
        }
        return TemplateResponse(request, "audience/passcode.html", context)

    def _keep(self, request: HttpRequest, account: UploadAccount, passcode: str) -> None:
        """For the next page, encrypted: sessions lie in the database."""
        request.session[_key(account)] = keys.ring().encrypt(passcode)

    def _account(self, request: HttpRequest, object_id: str) -> UploadAccount:
        account: UploadAccount = self.row(request, object_id, change=True)
        return account


def _key(account: UploadAccount) -> str:
    return f"passcode:{account.pk}"
