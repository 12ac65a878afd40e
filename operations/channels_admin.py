"""The channels that alarms go to, their rules, and what was delivered."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.safestring import SafeString
from unfold.admin import StackedInline
from unfold.widgets import UnfoldAdminPasswordToggleWidget, UnfoldAdminSelectMultipleWidget

from accounts import trail
from accounts.trail import What
from lib import phone_masking
from lib.admin import LogAdmin, ModelAdmin, badge, button, choice_filter, column, confirm, moment, page_url
from operations.alarms import channels, deliver
from operations.kinds import KINDS
from operations.models import Channel, Delivery, Rule
from providers.encrypted_fields import require_key

if TYPE_CHECKING:
    _ChannelForm = forms.ModelForm[Channel]
    _RuleForm = forms.ModelForm[Rule]
else:
    _ChannelForm = _RuleForm = forms.ModelForm

_STATES: dict[int, Any] = {
    Delivery.State.PENDING: "info",
    Delivery.State.SENT: "success",
    Delivery.State.FAILED: "danger",
}


class ChannelForm(_ChannelForm):
    address = forms.CharField(
        required=False,
        widget=UnfoldAdminPasswordToggleWidget(attrs={"autocomplete": "off"}),
        help_text="The URL of apprise, the integration key, or the URL of your endpoint. It is stored "
        "encrypted and never shown again; leave it empty to keep it.",
    )
    secret = forms.CharField(
        label="signing secret",
        required=False,
        widget=UnfoldAdminPasswordToggleWidget(attrs={"autocomplete": "off"}),
        help_text="For an endpoint of your own. Leave it empty to keep it.",
    )

    class Meta:
        model = Channel
        fields = ("name", "how", "active")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("address") or cleaned.get("secret"):
            require_key()
        address = cleaned.get("address") or (self.instance.address if self.instance.pk else "")
        if not address:
            self.add_error("address", "Enter the address that alarms go to.")
        elif "how" in cleaned:
            try:
                channels.check(cleaned["how"], address)
            except ValueError as error:
                self.add_error("address", str(error))
        return cleaned

    def save(self, commit: bool = True) -> Channel:
        for name in ("address", "secret"):
            if self.cleaned_data.get(name):
                setattr(self.instance, name, self.cleaned_data[name])
        return super().save(commit)


class RuleForm(_RuleForm):
    kinds = forms.MultipleChoiceField(
        required=False,
        choices=[(kind.slug, kind.title) for kind in KINDS.values()],
        widget=UnfoldAdminSelectMultipleWidget,
        help_text="Choose none to get all.",
    )

    class Meta:
        model = Rule
        fields = ("severity", "kinds", "provider", "after_minutes", "again_hours", "ended")


class RuleInline(StackedInline):  # type: ignore[misc]
    model = Rule
    form = RuleForm
    extra = 0


@admin.register(Channel)
class ChannelAdmin(ModelAdmin):
    form = ChannelForm
    asks_for_proof = True  # it is a destination, and would report a break-in
    without_proof = ("send_test",)
    inlines = (RuleInline,)
    fields = ("name", "how", "address", "secret", "active")
    list_display = ("name", "how", "state_now", "success")
    actions_detail = ("send_test",)

    @column(description="state")
    def state_now(self, channel: Channel) -> SafeString:
        if not channel.active:
            return badge("Off", "")
        return (
            badge("Failing", "danger", channel.last_error)
            if channel.failures
            else badge("Working", "success")
        )

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Deleting a channel deletes its deliveries, though nobody may delete a single one."""
        shown, counts, _, protected = super().get_deleted_objects(objs, request)
        return shown, counts, set(), protected

    @column(description="last success", empty_value="never")
    def success(self, channel: Channel) -> SafeString | None:
        return moment(channel.last_success_at)

    @button("Send test alarm", permissions=["change"], icon="send", path="test", post=True, variant="primary")
    def send_test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        channel: Channel = self.row(request, object_id, change=True)
        back = page_url("operations_channel", channel.pk)
        if request.method != "POST":
            text = ["Waypost sends a test to this channel now."]
            title = "Send test alarm"
            return confirm(self, request, title=title, text=text, button=title, back=back)
        trail.note(request, What.SENT, channel, test=True)
        if wrong := deliver.test(channel):
            self.message_user(request, f"The channel did not accept the test: {wrong}", messages.ERROR)
        else:
            self.message_user(request, f"{channel} accepted the test.", messages.SUCCESS)
        return redirect(back)


@admin.register(Delivery)
class DeliveryAdmin(LogAdmin):
    list_display = ("created", "channel", "incident", "about", "state_badge", "attempts", "why")
    list_select_related = ("channel", "incident")
    list_filter = (
        choice_filter("state", Delivery.State.choices),
        choice_filter("about", Delivery.About.choices),
    )
    empty_title = "No alarm has been delivered yet"
    empty_text = "Every alarm that a rule sends to a channel is listed here, with its result."

    @column(description="created")
    def created(self, delivery: Delivery) -> SafeString | None:
        return moment(delivery.created_at)

    @column(description="state")
    def state_badge(self, delivery: Delivery) -> SafeString:
        return badge(delivery.get_state_display(), _STATES[delivery.state])

    @column(description="error")
    def why(self, delivery: Delivery) -> str | None:
        return phone_masking.text(delivery.error) or None
