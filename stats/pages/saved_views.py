"""Views that people saved: named, shared by their link, and mailed every Monday to people who ask for it."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from accounts import trail
from accounts.trail import What
from stats.models import MondayMail, SavedView
from stats.pages import monday_mails
from stats.pages.page_view import DEFAULT_RANGE, MAY_SEE, SAVED, TABS, UNSEEN
from stats.query.filters import PARAMETERS, Invalid, parse

Page = Callable[..., HttpResponse]


def _for_analysts(view: Page) -> Page:
    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.has_perm(MAY_SEE):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return cast(Page, admin.site.admin_view(checked))


def _posted(view: Page) -> Page:
    """A button without a page."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method != "POST":
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return checked


class SaveForm(forms.Form):
    name = forms.CharField(max_length=120)
    page = forms.ChoiceField(choices=SAVED)
    query = forms.CharField(max_length=2000, required=False)

    def clean_query(self) -> str:
        """Only parameters that the pages know and that are valid today. Whoever opens the view, it keeps the
        zone in which it was looked at."""
        given = QueryDict(self.cleaned_data["query"])
        kept = {name: str(given[name]) for name in (*PARAMETERS, *UNSEEN, "by", "q") if given.get(name)}
        kept.setdefault("tz", timezone.get_current_timezone_name())
        try:
            parse(kept, timezone.now(), DEFAULT_RANGE)
        except Invalid as error:
            raise forms.ValidationError(str(error)) from error
        query = QueryDict(mutable=True)
        query.update(kept)
        return query.urlencode()


@_for_analysts
def views(request: HttpRequest) -> HttpResponse:
    """All of them, with what each shows and whether one has it mailed."""
    person = cast(User, request.user)
    context = admin.site.each_context(request) | {
        "title": "Saved views",
        "tabs": [(title, reverse(each), each == "stats:views") for each, title in TABS],
        "views": _shown(person, SavedView.objects.select_related("owner")),
        "mail": mail_words(person),
    }
    return TemplateResponse(request, "stats/views.html", context)


@_for_analysts
def view(request: HttpRequest, pk: int) -> HttpResponse:
    """The link that is shared: it leads to the page with its filters."""
    saved = get_object_or_404(SavedView, pk=pk)
    return redirect(f"{reverse(f'stats:{saved.page}')}?{saved.query}")


@_for_analysts
@_posted
def save(request: HttpRequest) -> HttpResponse:
    form = SaveForm(request.POST)
    if not form.is_valid():
        for name, errors in form.errors.items():
            messages.error(request, f"Not saved. {name.capitalize()}: {' '.join(map(str, errors))}")
        return redirect("stats:views")
    try:
        with transaction.atomic():
            saved = SavedView.objects.create(owner=cast(User, request.user), **form.cleaned_data)
            trail.note(request, What.ADDED, saved, query=saved.query)
    except IntegrityError:
        messages.error(request, f"Not saved: there is a view named {form.cleaned_data['name']} already.")
        return redirect("stats:views")
    messages.success(request, f"Saved as {saved.name}. Its link can be shared, and it can be mailed.")
    return redirect("stats:views")


@_for_analysts
@_posted
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    saved = get_object_or_404(SavedView, pk=pk)
    if not _may_remove(cast(User, request.user), saved):
        raise PermissionDenied
    trail.note(request, What.DELETED, saved)
    saved.delete()
    messages.success(request, f"{saved.name} is deleted, and no longer mailed to anybody.")
    return redirect("stats:views")


@_for_analysts
@_posted
def mail(request: HttpRequest, pk: int) -> HttpResponse:
    """Starts or stops a mail to the user every Monday, in the time zone of the user's browser."""
    saved, person = get_object_or_404(SavedView, pk=pk), cast(User, request.user)
    back = "account" if request.POST.get("back") == "account" else "stats:views"
    mine = MondayMail.objects.filter(view=saved, person=person)
    if request.POST.get("stop"):
        mine.delete()
        trail.note(request, What.STOPPED, saved, mail="every Monday")
        messages.success(request, f"{saved.name} is not mailed to you any more.")
        return redirect(back)
    if words := mail_words(person):
        messages.error(request, words)
        return redirect(back)
    zone = timezone.get_current_timezone()
    due_at = monday_mails.next_monday(timezone.now(), zone)
    MondayMail.objects.update_or_create(
        view=saved, person=person, defaults={"zone": str(zone), "due_at": due_at, "error": ""}
    )
    trail.note(request, What.STARTED, saved, mail="every Monday")
    messages.success(request, f"{saved.name} comes by mail every Monday at 08:00 ({zone}).")
    return redirect(back)


def mail_words(person: User) -> str:
    """Why nothing can be mailed to a user; empty if it can."""
    if not settings.EMAIL_HOST:
        return "No view can be mailed: Waypost has no mail server. Set EMAIL_URL and restart Waypost."
    if not person.email:
        return (
            "No view can be mailed to you: your account has no e-mail address. Ask an "
            "administrator to add one."
        )
    return ""


def own_part(request: HttpRequest) -> str:
    """The part of “My account” with the mails that the user gets."""
    mine = MondayMail.objects.filter(person=cast(User, request.user)).select_related("view")
    return render_to_string("stats/own_part.html", {"mails": mine.order_by("view__name")}, request)


def _shown(person: User, views: Any) -> list[dict[str, Any]]:
    mine = {each.view_id: each for each in MondayMail.objects.filter(person=person)}
    titles = dict(SAVED)
    return [
        {
            "view": each,
            "page": titles[each.page],
            "filters": [(name, value) for name, value in QueryDict(each.query).items()],
            "mail": mine.get(each.pk),
            "may_remove": _may_remove(person, each),
        }
        for each in views
    ]


def _may_remove(person: User, saved: SavedView) -> bool:
    return person.is_superuser or saved.owner_id == person.pk
