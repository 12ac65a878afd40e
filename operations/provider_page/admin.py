"""The provider's page with its checklist and its health, and the button that resends after an outage."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html

from accounts import trail
from accounts.trail import What
from callbacks.webhooks import kinds
from campaigns.sending import resend
from lib.admin import CAP, button, capped, confirm, page_url, user_id
from lib.display import counted
from operations.acceptance import runs
from operations.acceptance.kit import Options
from operations.forms import AcceptanceForm
from operations.provider_page import health, set_up
from operations.provider_page.meanwhile import last_outage
from providers.admin import ProviderAdmin
from providers.models import CallSample, Provider
from templates_app.imports import runs as imports

MAY_ACCEPT = "operations.add_acceptancerun"
MAY_RESEND = "campaigns.change_message"


class ProviderOperations(ProviderAdmin):
    actions_detail = (*ProviderAdmin.actions_detail, "acceptance")
    without_proof = (*ProviderAdmin.without_proof, "acceptance", "resend_failed")

    @button("Acceptance", permissions=["change"], icon="fact_check")
    def acceptance(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Starts a run of the kit. A test number is wanted where the BSP is a real one."""
        provider = self._provider(request, object_id)
        if not request.user.has_perm(MAY_ACCEPT):
            raise PermissionDenied
        form = AcceptanceForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            options = Options(to=form.cleaned_data["to"], media=form.cleaned_data["folder"])
            run = runs.start(provider, request.user.get_username(), options)
            trail.note(request, What.STARTED, run)
            return redirect(page_url("operations_acceptancerun", run.pk))
        text = [
            "Does what CleverTap's integration team does with a new partner: validation, refusals, templates "
            "and freeform messages of every kind, failures, inbound messages, outages, and 1,500 requests at "
            "once. The report can be handed over.",
            "On the simulator it needs nothing. At a real BSP some forty messages go to the test number, and "
            "what only the simulator can play is named as not run.",
        ]
        return confirm(
            self, request, title=f"Acceptance of {provider}", text=text, button="Start",
            back=page_url("providers_provider", provider.pk), form=form,
        )  # fmt: skip

    def get_urls(self) -> list[URLPattern]:
        wrap, name = self.admin_site.admin_view, "providers_provider"
        return [
            path("<path:object_id>/health/", wrap(self.health_view), name=f"{name}_health"),
            path(
                "<path:object_id>/resend-failed/",
                wrap(self.resend_failed_view),
                name=f"{name}_resend_failed",
            ),
            *super().get_urls(),
        ]

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
            alarm, arrivals = imports.alarm(obj.pk), kinds.arrivals(obj)
            context |= {
                "import_alarm": alarm,
                "arrivals": arrivals,
                "ticks": set_up.ticks(obj, _samples(obj), arrivals, alarm),
                "state_badge": health.state(obj, timezone.now()),
            }
        return super().render_change_form(request, context, add, change, form_url, obj)

    def health_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The part of the page with the provider's health."""
        provider: Provider = self.row(request, object_id)
        now, may = timezone.now(), request.user.has_perm
        context: dict[str, Any] = {
            "provider": provider,
            "refused_calls": health.refused_calls(_samples(provider)),
            "account_events": health.account_events(provider),
        }
        if may("operations.view_incident"):
            context["incidents"] = health.incidents(provider, now)
        if may("campaigns.view_stats") and may("campaigns.view_message"):
            context["figures"] = health.hour(provider, now)
        if may("callbacks.view_reply"):
            context["no_number"], context["no_number_url"] = health.no_number(provider)
        if may(MAY_RESEND):
            context |= {"failed_meanwhile": _failed(provider), "resend_url": _resend_url(provider)}
        return TemplateResponse(request, "operations/health.html", context)

    def resumed(self, request: HttpRequest, provider: Provider) -> None:
        failed = _failed(provider)
        if failed and request.user.has_perm(MAY_RESEND):
            text = format_html(
                '{} messages failed meanwhile. <a class="text-link" href="{}">Send them again?</a>',
                capped(failed),
                _resend_url(provider),
            )
            self.message_user(request, text, messages.WARNING)

    def resend_failed_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        provider = self._provider(request, object_id)
        if not request.user.has_perm(MAY_RESEND):
            raise PermissionDenied
        outage = last_outage(provider, timezone.now())
        if request.method == "POST" and outage is not None:
            sent = resend.run(outage.failed, user_id(request))
            return self._tell(request, provider, f"{counted(sent, 'message')} queued again.")
        failed = _failed(provider)
        text = [
            f"{capped(failed)} messages failed while {provider} could not send. Each becomes a new attempt."
        ]
        if not failed:
            text = [f"No message failed while {provider} could not send, or all were sent again."]
        return confirm(
            self,
            request,
            title="Send again what failed meanwhile",
            text=text,
            button="Send again",
            back=page_url("providers_provider", provider.pk),
            possible=bool(failed),
        )


def _samples(provider: Provider) -> list[CallSample]:
    """All of its calls, newest first."""
    return list(CallSample.objects.filter(provider=provider).order_by("-pk"))


def _failed(provider: Provider) -> int:
    """How many messages the last outage left behind, counted no further than CAP."""
    outage = last_outage(provider, timezone.now())
    return outage.failed.order_by().values("pk")[: CAP + 1].count() if outage else 0


def _resend_url(provider: Provider) -> str:
    return reverse("admin:providers_provider_resend_failed", args=[provider.pk])
