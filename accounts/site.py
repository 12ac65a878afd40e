"""The admin's site: Unfold's, which keeps the trail for every page of it."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth.views import PasswordChangeView
from django.db.models import Model
from django.forms import BaseForm
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.module_loading import import_string
from django.utils.safestring import mark_safe

from accounts import proof, trail
from accounts.forms import OwnPasswordForm
from accounts.models import Entry
from lib.sheets import Row

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite
else:
    from unfold.sites import UnfoldAdminSite as AdminSite


class Site(AdminSite):
    """`lib.admin` reports to it what was done: `lib` may not import apps, so it cannot write entries
    itself."""

    # Marked, as a list on a phone leaves out what has no value.
    empty_value_display = mark_safe('<span class="wp-none">–</span>')

    def note(self, request: HttpRequest, what: str, about: Model | str = "", **details: Any) -> None:
        trail.note(request, Entry.What(what), about, **details)

    def note_form(
        self, request: HttpRequest, what: str, form: BaseForm, formsets: Iterable[Any], about: Model
    ) -> None:
        """What a form changed, and the rows on its page; nothing where neither changed."""
        changes = trail.changes(form) | trail.changes_of_rows(formsets)
        if changes or what == "added":
            trail.note(request, Entry.What(what), about, changes=changes)

    def exported(self, request: HttpRequest, what: str, rows: Iterable[Row]) -> Iterator[Row]:
        return trail.exported(request, what, rows)

    def prove(self, request: HttpRequest) -> None:
        """Before a sensitive step: asks again for a proof that is too old."""
        proof.demand(request)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """Looked up where a page shows it. Each page is given it, and ours have a menu of their own."""
        return SimpleLazyObject(partial(super().get_app_list, request, app_label))

    def search(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        """What the palette finds, by the function that the settings name. Unfold's own search knows models
        only, and keeps what it found for minutes."""
        term = request.GET.get("s", "").strip()
        found = import_string(settings.PALETTE)
        results = found(request, term) if term else []
        return TemplateResponse(request, "waypost/palette_results.html", {"results": results, "term": term})

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        """As Unfold's, with our form."""
        view = PasswordChangeView.as_view(
            form_class=OwnPasswordForm,
            success_url=reverse("admin:password_change_done", current_app=self.name),
            template_name=self.password_change_template or PasswordChangeView.template_name,
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        request.current_app = self.name
        response: TemplateResponse = view(request)  # type: ignore[assignment]
        if request.method == "POST" and response.status_code == 302:
            trail.note(request, Entry.What.PASSWORD, request.user)  # type: ignore[arg-type]
            UserSession.objects.create_from_request(request)  # it has another key now
        return response
