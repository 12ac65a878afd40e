"""A test of a broadcast's message, with the values of a real contact."""

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import urlencode
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from accounts import trail
from accounts.trail import What
from broadcasts.message import composing
from broadcasts.message.composing import Composer
from broadcasts.message.values import Missing
from broadcasts.models import Broadcast
from broadcasts.people.builder import offer
from broadcasts.run import estimate
from broadcasts.run.estimate import Sample
from campaigns.sending import sample_sends
from lib import phone_masking
from lib.admin import ModelAdmin, user_id
from providers.messages import Refused
from templates_app.editor.values_form import MOST_NUMBERS, USER_IDS, numbers_of


class TrialForm(forms.Form):
    numbers = forms.CharField(
        label="Phone numbers",
        widget=UnfoldAdminTextareaWidget({"rows": 2, "placeholder": "+14155550100"}),
        help_text=f"With country code, separated by commas or line breaks; {MOST_NUMBERS} at most. "
        f"{USER_IDS}",
    )
    variant = forms.ChoiceField(widget=UnfoldAdminSelectWidget())
    sample = forms.ChoiceField(label="With the values of", widget=UnfoldAdminSelectWidget())

    def __init__(self, broadcast: Broadcast, samples: list[Sample], *args: Any) -> None:
        super().__init__(*args)
        self.country = broadcast.provider.quirks.default_country
        variants = [(each.name, f"{each.name}: {each.template}") for each in broadcast.messages]
        offer(self, "variant", variants)
        people = [
            (estimate.key(each), phone_masking.identity(each[0].identity, each[0].phone)) for each in samples
        ]
        offer(self, "sample", people)

    def clean_numbers(self) -> list[str]:
        return numbers_of(self.cleaned_data["numbers"], self.country)


class BroadcastTrials(ModelAdmin):
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.trial_view)
        return [path("<int:pk>/test/", view, name="broadcasts_broadcast_test"), *super().get_urls()]

    def trial_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Numbers, a variant and whose values; posted, the test is sent and its messages are watched."""
        broadcast = Broadcast.objects.select_related("provider", "segment").filter(pk=pk).first()
        if broadcast is None:
            raise Http404
        if not (self.has_change_permission(request) and request.user.has_perm("campaigns.change_message")):
            raise PermissionDenied
        samples = estimate.samples(broadcast, timezone.now(), request.POST.get("sample", ""))
        composer = Composer(broadcast)
        form = TrialForm(broadcast, samples, request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                return self._send(request, broadcast, composer, samples, form.cleaned_data)
            except (Missing, Refused) as error:
                words = error.message if isinstance(error, Refused) else f"{error}."
                form.add_error(None, f"It cannot be sent. {words}")
        context = self.admin_site.each_context(request) | {
            "title": f"Send a test of {broadcast}",
            "opts": self.opts,
            "broadcast": broadcast,
            "form": form,
            "problem": composer.problem
            or ("" if samples else "There is no contact whose values could be shown."),
            "back": reverse("admin:broadcasts_broadcast_change", args=[broadcast.pk]),
        }
        return TemplateResponse(request, "broadcasts/test.html", context)

    def _send(
        self,
        request: HttpRequest,
        broadcast: Broadcast,
        composer: Composer,
        samples: list[Sample],
        asked: dict[str, Any],
    ) -> HttpResponse:
        """Raises Missing and Refused."""
        contact, event = next(each for each in samples if estimate.key(each) == asked["sample"])
        who, properties = composing.profile(contact), event.properties if event else {}
        variant = next(each for each in broadcast.messages if each.name == asked["variant"])
        template = composer.templates.get(variant.name)
        if composer.problem or template is None:
            raise Missing(composer.problem)
        values = composer.values(variant.name, who, properties)
        sent = sample_sends.send(template, asked["numbers"], values, user_id(request))
        trail.note(request, What.SENT, broadcast, text="A test", rows=len(sent))
        query = urlencode({"ids": ",".join(str(message.pk) for message in sent)})
        return redirect(f"{reverse('admin:campaigns_message_tests')}?{query}")
