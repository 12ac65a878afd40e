"""What the buttons of a provider's page do. Each asks first, or shows the result."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from accounts import trail
from accounts.trail import What
from lib.admin import ModelAdmin, button, confirm, page_url
from lib.display import body, to_minute
from providers import description, lifecycle, refused_calls
from providers.connection_check import check
from providers.models import ROTATION_GRACE, CallbackToken, CallCount, Provider
from providers.pages import login_in_session
from providers.pages.forms import LoginForm, PauseForm


class ProviderButtons(ModelAdmin):
    actions_detail: tuple[str, ...] = (
        "check_connection", "pause", "resume", "new_credentials", "archive", "restore",
    )  # fmt: skip

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<path:object_id>/login/", wrap(self.login_view), name="providers_provider_login"),
            path(
                "<path:object_id>/rotate/<str:purpose>/",
                wrap(self.rotate_view),
                name="providers_provider_rotate",
            ),
            *super().get_urls(),
        ]

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        provider = self.get_object(request, unquote(str(object_id)))
        shown: list[Any] = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        if provider is None:
            return shown
        if provider.archived_at:
            return [action for action in shown if action.path == "restore"]
        return [action for action in shown if action.path not in _hidden(provider)]

    def _provider(self, request: HttpRequest, object_id: str) -> Provider:
        provider: Provider = self.row(request, object_id, change=True)
        return provider

    def _tell(
        self, request: HttpRequest, provider: Provider, text: str, what: str = "changed"
    ) -> HttpResponse:
        """Notes in the provider's history what was done, says so, and goes back to its page."""
        self.log_change(request, provider, text, what)
        self.message_user(request, text, messages.SUCCESS)
        return redirect(page_url("providers_provider", provider.pk))

    @button("Check connection", permissions=["change"], icon="network_check", path="check", post=True)
    def check_connection(self, request: HttpRequest, object_id: str) -> HttpResponse:
        provider = self._provider(request, object_id)
        context = self.admin_site.each_context(request) | {
            "title": f"Check connection: {provider}",
            "opts": self.opts,
            "provider": provider,
            "back": page_url("providers_provider", provider.pk),
        }
        if request.method == "POST":
            checked = check(provider)
            if checked.ok:
                refused_calls.note(provider.pk, CallCount.What.CONNECTED)
            request_body = body(str(checked.request.get("body", "")))
            context |= {"checked": checked, "request_body": request_body, "answer": body(checked.response)}
        return TemplateResponse(request, "providers/check.html", context)

    @button("Pause", permissions=["change"], icon="pause_circle")
    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        provider = self._provider(request, object_id)
        form = PauseForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            lifecycle.pause(provider, form.cleaned_data["reason"])
            return self._tell(
                request, provider, f"Paused {provider}: {form.cleaned_data['reason']}", "paused"
            )
        text = [
            "Nothing more is sent through this provider until it is resumed. Messages that CleverTap posts "
            "meanwhile are still accepted and kept; those older than the validity period fail.",
        ]
        return self._ask(request, provider, f"Pause {provider}", text, "Pause", form)

    @button("Resume", permissions=["change"], icon="play_circle", post=True, variant="primary")
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        provider = self._provider(request, object_id)
        if request.method == "POST":
            lifecycle.resume(provider)
            self.resumed(request, provider)
            return self._tell(
                request, provider, f"Resumed {provider}. Messages that waited are sent now.", "resumed"
            )
        why = provider.paused_reason or provider.hold_reason or "no reason was given"
        text = [f"Nothing is sent because: {why}", "Everything that waits is sent now."]
        return self._ask(request, provider, f"Resume {provider}", text, "Resume")

    def resumed(self, request: HttpRequest, provider: Provider) -> None:
        """What the page says besides, after a resume."""

    @button("Archive", permissions=["change"], icon="archive", post=True)
    def archive(self, request: HttpRequest, object_id: str) -> HttpResponse:
        provider = self._provider(request, object_id)
        if request.method == "POST":
            lifecycle.archive(provider)
            return self._tell(request, provider, f"{provider} is in the archive.")
        text = [
            "Nothing more is sent through it, and CleverTap's requests are refused. The messages that still "
            "wait fail when their validity ends.",
            "It disappears from lists and menus. What it sent and received stays readable, and its "
            "webhooks are still accepted.",
            "It can be brought back: filter the list of providers by the state “In the archive”.",
        ]
        return self._ask(request, provider, f"Archive {provider}", text, "Archive")

    @button("Restore", permissions=["change"], icon="unarchive", post=True, variant="primary")
    def restore(self, request: HttpRequest, object_id: str) -> HttpResponse:
        provider = self._provider(request, object_id)
        if request.method == "POST":
            lifecycle.restore(provider)
            return self._tell(request, provider, f"{provider} is back, and paused. Resume it to send.")
        text = ["It comes back paused: nothing is sent before you resume it."]
        return self._ask(request, provider, f"Restore {provider}", text, "Restore")

    @button("New credentials", permissions=["change"], icon="key", path="new-credentials")
    def new_credentials(self, request: HttpRequest, object_id: str) -> HttpResponse:
        provider = self._provider(request, object_id)
        form = LoginForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            login = lifecycle.new_login(provider, form.cleaned_data["header_names"])
            login_in_session.keep(request, provider, login)
            self.log_change(request, provider, f"Generated new credentials for CleverTap: {login.label}")
            return redirect("admin:providers_provider_login", provider.pk)
        text = [
            "Makes the login that CleverTap must send with every message. It is shown once, on the "
            "next page.",
            f"The present credentials keep working for {ROTATION_GRACE.days} days, so that no message is "
            "lost until CleverTap has the new ones. Any older ones stop working now.",
        ]
        return self._ask(request, provider, f"New credentials for {provider}", text, "Generate", form)

    def login_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Shows the generated credentials once. Only digests of them are stored."""
        provider = self._provider(request, object_id)
        login = login_in_session.take(request, provider)
        if login is not None:
            trail.note(request, What.CREDENTIALS, provider)
        context = self.admin_site.each_context(request) | {
            "title": f"Credentials for CleverTap: {provider}",
            "opts": self.opts,
            "provider": provider,
            "login": login,
            "urls": description.urls(provider),
        }
        return TemplateResponse(request, "providers/login.html", context)

    def rotate_view(self, request: HttpRequest, object_id: str, purpose: str) -> HttpResponse:
        provider = self._provider(request, object_id)
        if purpose not in CallbackToken.Purpose.values:
            raise Http404
        label = CallbackToken.Purpose(purpose).label
        if request.method == "POST":
            lifecycle.rotate_callback(provider, purpose)
            until = to_minute(timezone.now() + ROTATION_GRACE)
            return self._tell(request, provider, f"New {label}. The former one works until {until}.")
        text = [
            f"Makes a new {label}. The former one keeps working for {ROTATION_GRACE.days} days; "
            "replace it before that, or reports and inbound messages are lost.",
        ]
        return self._ask(request, provider, f"Rotate the {label} of {provider}", text, "Rotate")

    def _ask(
        self,
        request: HttpRequest,
        provider: Provider,
        title: str,
        text: list[str],
        button: str,
        form: Form | None = None,
    ) -> HttpResponse:
        back = page_url("providers_provider", provider.pk)
        return confirm(self, request, title=title, text=text, button=button, back=back, form=form)


def _hidden(provider: Provider) -> set[str]:
    """The paths of the buttons that would do nothing."""
    if provider.state == Provider.State.PAUSED:
        return {"pause", "restore"}
    now = timezone.now()
    held = any(until and until > now for until in (provider.hold_until, provider.marketing_held_until))
    return {"restore"} if held else {"resume", "restore"}
