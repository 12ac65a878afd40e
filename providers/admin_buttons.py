"""What the buttons of a provider's page do. Each asks first, or shows what came of it."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from lib.admin import ModelAdmin, button, confirm, page_url
from lib.pretty import body, clock
from providers import once, setup
from providers.check import check
from providers.forms import LoginForm, PauseForm
from providers.models import ROTATION_GRACE, CallbackToken, Provider


class ProviderButtons(ModelAdmin):
    actions_detail: tuple[str, ...] = ("check_connection", "pause", "resume", "new_credentials")

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
        hidden = set()
        if provider is not None and provider.state == Provider.State.PAUSED:
            hidden.add("pause")
        elif provider is not None and (provider.hold_until is None or provider.hold_until <= timezone.now()):
            hidden.add("resume")
        shown = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        return [action for action in shown if action.path not in hidden]

    def _provider(self, request: HttpRequest, object_id: str) -> Provider:
        provider: Provider | None = self.get_object(request, unquote(object_id))
        if provider is None:
            raise Http404
        if not self.has_change_permission(request, provider):
            raise PermissionDenied
        return provider

    def _tell(self, request: HttpRequest, provider: Provider, text: str) -> HttpResponse:
        """Notes in the provider's history what was done, says so, and goes back to its page."""
        self.log_change(request, provider, text)
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
            request_body = body(str(checked.request.get("body", "")))
            context |= {"checked": checked, "request_body": request_body, "answer": body(checked.response)}
        return TemplateResponse(request, "providers/check.html", context)

    @button("Pause", permissions=["change"], icon="pause_circle")
    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        provider = self._provider(request, object_id)
        form = PauseForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            setup.pause(provider, form.cleaned_data["reason"])
            return self._tell(request, provider, f"Paused {provider}: {form.cleaned_data['reason']}")
        text = [
            "Nothing more is sent through this provider until it is resumed. Messages that CleverTap posts "
            "meanwhile are still accepted and kept; those older than the validity period fail.",
        ]
        return self._ask(request, provider, f"Pause {provider}", text, "Pause", form)

    @button("Resume", permissions=["change"], icon="play_circle", post=True, variant="primary")
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        provider = self._provider(request, object_id)
        if request.method == "POST":
            setup.resume(provider)
            return self._tell(request, provider, f"Resumed {provider}. What was waiting is being sent.")
        why = provider.paused_reason or provider.hold_reason or "no reason was given"
        text = [f"Nothing is sent because: {why}", "Everything waiting goes out at once."]
        return self._ask(request, provider, f"Resume {provider}", text, "Resume")

    @button("New credentials", permissions=["change"], icon="key", path="new-credentials")
    def new_credentials(self, request: HttpRequest, object_id: str) -> HttpResponse:
        provider = self._provider(request, object_id)
        form = LoginForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            login = setup.new_login(provider, form.cleaned_data["header_names"])
            once.keep(request, provider, login)
            self.log_change(request, provider, f"Generated new credentials for CleverTap: {login.label}")
            return redirect("admin:providers_provider_login", provider.pk)
        text = [
            "Generates what CleverTap must present with every message. It is shown once, on the next page.",
            f"The present credentials keep working for {ROTATION_GRACE.days} days, so that no message is "
            "lost until CleverTap has the new ones. Any older ones stop working now.",
        ]
        return self._ask(request, provider, f"New credentials for {provider}", text, "Generate", form)

    def login_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The generated credentials, once. A second look finds nothing: we keep only digests."""
        provider = self._provider(request, object_id)
        context = self.admin_site.each_context(request) | {
            "title": f"Credentials for CleverTap: {provider}",
            "opts": self.opts,
            "provider": provider,
            "login": once.take(request, provider),
            "urls": setup.urls(provider),
        }
        return TemplateResponse(request, "providers/login.html", context)

    def rotate_view(self, request: HttpRequest, object_id: str, purpose: str) -> HttpResponse:
        provider = self._provider(request, object_id)
        if purpose not in CallbackToken.Purpose.values:
            raise Http404
        label = CallbackToken.Purpose(purpose).label
        if request.method == "POST":
            setup.rotate_callback(provider, purpose)
            until = clock(timezone.now() + ROTATION_GRACE)[:-7]
            return self._tell(request, provider, f"New {label}. The former one works until {until}.")
        text = [
            f"Makes a new {label}. The former one keeps working for {ROTATION_GRACE.days} days; "
            "put the new one in its place before that, or reports and inbound messages will be missed.",
        ]
        return self._ask(request, provider, f"Rotate the {label} of {provider}", text, "Rotate")

    def _ask(
        self, request: HttpRequest, provider: Provider, title: str, text: list[str], button: str,
        form: Form | None = None,
    ) -> HttpResponse:  # fmt: skip
        back = page_url("providers_provider", provider.pk)
        return confirm(self, request, title=title, text=text, button=button, back=back, form=form)
