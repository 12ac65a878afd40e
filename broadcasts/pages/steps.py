"""A broadcast written step by step, each saved separately; then reviewed, tested, launched."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from accounts import trail
from accounts.trail import What
from audience.models import KnownProperty
from broadcasts.message import composing, message_form
from broadcasts.message.message_form import MessageForm
from broadcasts.message.values import Missing, Style, parse, rendered
from broadcasts.models import Broadcast
from broadcasts.pages import progress
from broadcasts.pages.delivery_form import DeliveryForm
from broadcasts.pages.forms import BasicsForm, TriggerForm, WhoForm
from broadcasts.people import lists
from broadcasts.people.lists import Taken
from broadcasts.run import estimate, lifecycle
from broadcasts.run.estimate import Rehearsal
from lib import phone_masking
from lib.admin import ModelAdmin, confirm, list_url, page_url
from lib.csv_files import Unreadable
from lib.display import counted, length
from templates_app.content.components import slots
from templates_app.content.preview import bubble
from templates_app.models import Template

State = Broadcast.State
TITLES = {
    "basics": "What",
    "trigger": "When",
    "who": "Who",
    "message": "Message",
    "delivery": "Delivery",
    "review": "Review",
}
SHOWN = 3  # people whose messages the review shows
_OF_TYPE = ("event_name", "event_where", "without", "date_name", "wait_minutes", "offset", "ends_at")
_FORMS = {"basics": BasicsForm, "trigger": TriggerForm, "who": WhoForm, "delivery": DeliveryForm}


def steps(broadcast: Broadcast) -> list[str]:
    return [step for step in TITLES if step != "trigger" or broadcast.triggered]


class BroadcastSteps(ModelAdmin):
    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        views: dict[str, Callable[..., HttpResponse]] = {
            "step/<str:step>": self.step_view,
            "estimate": self.estimate_view,
        }
        names = {"step/<str:step>": "step", "estimate": "estimate"}
        return [
            *(
                path(f"<int:pk>/{route}/", wrap(view), name=f"broadcasts_broadcast_{names[route]}")
                for route, view in views.items()
            ),
            *super().get_urls(),
        ]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        draft = Broadcast(by=request.user.get_username(), zone=timezone.get_default_timezone_name())
        form = BasicsForm(request.POST or None, instance=draft)
        if request.method == "POST" and form.is_valid():
            made = form.save()
            self.log_addition(request, made, "Saved as a draft.")
            return _after(made, "basics")
        return self._page(request, draft, "basics", {"form": form})

    def step_view(self, request: HttpRequest, pk: int, step: str) -> HttpResponse:
        """One step of a draft."""
        broadcast = self._draft(request, pk)
        if isinstance(broadcast, HttpResponse):
            return broadcast
        if step not in steps(broadcast):
            raise Http404
        if step == "review":
            return self._review(request, broadcast)
        if step == "message":
            return self._message(request, broadcast)
        form: Any = _FORMS[step](request.POST or None, request.FILES or None, instance=broadcast)
        if request.method == "POST" and form.is_valid():
            try:
                taken = _save(form, broadcast, step)
                trail.note(request, What.CHANGED, broadcast, changes=trail.changes(form))
            except Unreadable as error:
                form.add_error("file", str(error))
            else:
                if taken is not None:
                    self.message_user(
                        request,
                        phone_masking.text(str(taken)),
                        messages.WARNING if taken.unknown else messages.SUCCESS,
                    )
                return _after(broadcast, step)
        context: dict[str, Any] = {"form": form}
        if step == "who" and broadcast.list_name:
            context["listed"] = f"{broadcast.listed.count():,} contacts, {broadcast.list_unknown:,} unknown"
        if step == "trigger":
            events = KnownProperty.objects.exclude(event="").order_by("event")
            context["events"] = events.values_list("event", flat=True).distinct()[:500]
        return self._page(request, broadcast, step, context)

    def _draft(self, request: HttpRequest, pk: int) -> Broadcast | HttpResponse:
        """The draft, or the way to the page of one that is no longer a draft."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        broadcast = Broadcast.objects.select_related("provider", "segment").filter(pk=pk).first()
        if broadcast is None:
            raise Http404
        if broadcast.state != State.DRAFT:
            if request.method == "POST":
                words = (
                    "This broadcast is no longer a draft: it may have been launched in another "
                    "tab. Nothing was changed."
                )
                self.message_user(request, words, messages.WARNING)
            return redirect(page_url("broadcasts_broadcast", broadcast.pk))
        return broadcast

    def _page(
        self, request: HttpRequest, broadcast: Broadcast, step: str, context: dict[str, Any]
    ) -> HttpResponse:
        context |= self.admin_site.each_context(request) | {
            "title": broadcast.name or "New broadcast",
            "opts": self.opts,
            "broadcast": broadcast,
            "step": step,
            "step_title": TITLES[step],
            "steps": [
                (each, TITLES[each], _url(broadcast, each) if broadcast.pk else "")
                for each in steps(broadcast)
            ],
            "back": list_url("broadcasts_broadcast"),
        }
        return TemplateResponse(request, f"broadcasts/step_{step}.html", context)

    # The message

    def _message(self, request: HttpRequest, broadcast: Broadcast) -> HttpResponse:
        form = MessageForm(broadcast, request.POST if request.method == "POST" else None)
        chosen = request.POST.get("sample", "")
        found = {estimate.key(each): each for each in estimate.samples(broadcast, timezone.now(), chosen)}
        chosen = chosen if chosen in found else next(iter(found), "")
        written = [(each.name, each.chosen, each.texts) for each in form.forms if each.chosen]
        context = {
            "form": form,
            "samples": [
                (key, phone_masking.identity(contact.identity, contact.phone))
                for key, (contact, _) in found.items()
            ],
            "sample": chosen,
            "previews": _previews(written, found.get(chosen), composing.style(broadcast)),
            "insertable": message_form.insertable(broadcast),
        }
        if request.method == "POST" and form.action == "preview":
            return render(request, "broadcasts/previews.html", context)
        if request.method == "POST" and form.action == "save" and form.is_valid():
            form.save()
            trail.note(request, What.CHANGED, broadcast, text="What it says")
            return _after(broadcast, "message")
        return self._page(request, broadcast, "message", context)

    # The review

    def _review(self, request: HttpRequest, broadcast: Broadcast) -> HttpResponse:
        now = timezone.now()
        rehearsal = Rehearsal(broadcast, now)
        problems = estimate.problems(broadcast, now, rehearsal)
        if request.method == "POST" and not problems and "confirmed" not in request.POST:
            return self._asked(request, broadcast, now)
        if request.method == "POST" and not problems:
            if lifecycle.launch(broadcast):
                words = "Scheduled." if broadcast.starts_at else "Launched."
                self.log_change(request, broadcast, words, "sent")
                self.message_user(request, words, messages.SUCCESS)
            return redirect(page_url("broadcasts_broadcast", broadcast.pk))
        context = {
            "problems": [(TITLES[step], _url(broadcast, step), words) for step, words in problems],
            "summary": [(_url(broadcast, step), *rest) for step, *rest in progress.summary(broadcast)],
            "people": [] if problems else _people(rehearsal),
        }
        return self._page(request, broadcast, "review", context)

    def _asked(self, request: HttpRequest, broadcast: Broadcast, now: datetime) -> HttpResponse:
        """Before the launch, with the number of messages in the button that starts them."""
        text = [f"{_begins(broadcast, now)}, through {broadcast.provider}."]
        button = "Schedule" if broadcast.starts_at else "Launch"
        try:
            found = estimate.estimate(broadcast, now)
        except (estimate.TooSlow, ValueError) as error:
            text.append(f"How many messages that will be could not be counted: {error}")
        else:
            people = sum(number for _, number in found.excluded)
            if broadcast.triggered:
                text.append(
                    f"{found.messages:,} people could get it, each when something triggers it for them."
                )
            else:
                of_them = counted(found.messages, "message")
                text.append(f"{of_them}, and {people:,} of {found.people:,} people left out.")
                button += f" {of_them}"
            if found.takes:
                text.append(f"Sending takes about {length(found.takes)}, without quiet hours.")
        title = f"Launch {broadcast}?"
        back = _url(broadcast, "review")
        return confirm(self, request, title=title, text=text, button=button, back=back)

    def estimate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """How many it would reach, as a part of a page; the page itself does not wait for it."""
        broadcast = self._draft(request, pk)
        if isinstance(broadcast, HttpResponse):
            raise Http404
        context: dict[str, Any] = {"broadcast": broadcast, "days": estimate.EXPECTED_DAYS}
        try:
            now = timezone.now()
            found = estimate.estimate(broadcast, now)
            context["begins"] = _begins(broadcast, now)
            context |= {"estimate": found, "takes": length(found.takes) if found.takes else ""}
            figures = ("people", "messages", "control", "expected", "unknown")
            context |= {name: f"{getattr(found, name) or 0:,}" for name in figures}
            context["excluded"] = [(words, f"{number:,}") for words, number in found.excluded]
        except estimate.TooSlow as slow:
            context["failure"] = str(slow)
        except ValueError as error:
            context["failure"] = f"The audience cannot be counted yet: {error}"
        return render(request, "broadcasts/estimate.html", context)


def _people(rehearsal: Rehearsal) -> list[dict[str, Any]]:
    """What some real people would get: each variant as a bubble for each of them."""
    composer = rehearsal.composer
    written = [
        (each.name, composer.templates[each.name], each.values) for each in rehearsal.broadcast.messages
    ]
    return [
        {
            "name": phone_masking.identity(contact.identity, contact.phone),
            "previews": _previews(written, (contact, event), composer.style),
        }
        for contact, event in rehearsal.samples[:SHOWN]
    ]


def _begins(broadcast: Broadcast, now: datetime) -> str:
    """When it starts, by the clock of its zone."""
    at = progress.local(broadcast, broadcast.starts_at or now)
    return f"It starts at {at}" if broadcast.starts_at else f"Launched now, it starts at {at}"


def _url(broadcast: Broadcast, step: str) -> str:
    return reverse("admin:broadcasts_broadcast_step", args=[broadcast.pk, step])


def _after(broadcast: Broadcast, step: str) -> HttpResponse:
    """On to the next step."""
    listed = steps(broadcast)
    return redirect(_url(broadcast, listed[listed.index(step) + 1]))


def _save(form: Any, broadcast: Broadcast, step: str) -> Taken | None:
    """Stores the fields of the form, and nothing that a worker may have written. Raises Unreadable.

    Returns the result of the uploaded list, if there is one.
    """
    file = form.cleaned_data.get("file")
    source = None if file is None else lists.inspect(file.file, file.name, file.size)
    if step == "basics" and "kind" in form.changed_data:
        broadcast.event_name = broadcast.without = broadcast.date_name = ""
        broadcast.event_where, broadcast.wait_minutes, broadcast.offset = [], 0, 0
        broadcast.ends_at = None  # a one-time broadcast has no field for it
    form.save(commit=False)
    names = {*form._meta.fields, *_OF_TYPE, "updated_at"}
    broadcast.save(update_fields=names)
    return None if source is None else lists.take(broadcast, source)


def _previews(
    written: Iterable[tuple[str, Template, Mapping[str, str]]], sample: Any, style: Style
) -> list[dict[str, Any]]:
    """Each variant, by name, template and texts, as the sample's person would see it."""
    previews = []
    for name, template, given in written:
        texts, missing = dict(given), []
        labels = {slot.path: slot.label for slot in slots(template.components)}
        if sample is not None:
            contact, event = sample
            who, properties = composing.profile(contact), event.properties if event else {}
            for path_, text in texts.items():
                try:
                    texts[path_] = phone_masking.text(rendered(parse(text), who, properties, style))
                except (Missing, ValueError) as error:
                    missing.append(f"{labels[path_]}: {error}")
        previews.append({"name": name, "bubble": bubble(template.components, texts), "missing": missing})
    return previews
