"""CSV uploads: choosing a file, saying what its columns are, watching it, and its result."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from accounts import proof, trail
from accounts.trail import What
from audience import drafts, exporting, upload, upload_pages
from audience.forms import ColumnForm, CountryForm, FileForm
from audience.models import Upload
from lib import phone_masking
from lib.admin import LogAdmin, badge, button, choice_filter, column, list_url, moment, page_url
from lib.csv_files import Unreadable
from lib.display import length
from lib.sheets import write_csv

State = Upload.State


@admin.register(Upload)
class UploadAdmin(LogAdmin):
    list_display = ("when", "name", "state_badge", "by", "rows", "outcome", "took")
    list_filter = (choice_filter("state", State.choices),)
    search_fields = ("name", "by")
    search_help_text = "File or who uploaded it"
    actions_list = ("choose",)
    empty_title = "No file has been uploaded yet"
    empty_text = "“Upload CSV” reads a file, shows what it would import, and asks before it begins."

    def has_upload_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("audience.add_upload")

    @column(description="chosen")
    def when(self, upload: Upload) -> SafeString | None:
        return moment(upload.created_at)

    @column(description="state")
    def state_badge(self, upload: Upload) -> SafeString:
        return badge(
            upload.get_state_display(), upload_pages.TONES[upload.state], phone_masking.text(upload.error)
        )

    @column(description="outcome", empty_value="")
    def outcome(self, upload: Upload) -> str | None:
        names = ("created", "updated", "unchanged", "failed", "warned")
        counted = ((name, getattr(upload, name)) for name in names)
        return ", ".join(f"{count:,} {name}" for name, count in counted if count) or None

    @column(description="took", empty_value="")
    def took(self, upload: Upload) -> str | None:
        if upload.started_at is None or upload.finished_at is None:
            return None
        return length(upload.finished_at - upload.started_at)

    # Choosing a file

    @button("Upload CSV", permissions=["upload"], icon="upload_file", path="choose", variant="primary")
    def choose(self, request: HttpRequest) -> HttpResponse:
        form = FileForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            file = form.cleaned_data["file"]
            try:
                chosen = drafts.draft(
                    file.name, file.file, request.user.get_username(), form.cleaned_data["encoding"]
                )
                trail.note(request, What.ADDED, chosen, rows=chosen.rows or "not counted yet")
                return redirect(page_url("audience_upload", chosen.pk))
            except Unreadable as error:
                form.add_error("file", str(error))
        context = self.admin_site.each_context(request) | {
            "title": "Upload contacts",
            "opts": self.opts,
            "form": form,
            "back": list_url("audience_upload"),
        }
        return TemplateResponse(request, "audience/choose.html", context)

    # The page

    def page_context(self, request: HttpRequest, obj: Upload) -> dict[str, Any]:
        shown = {State.READING: upload_pages.looking, State.DRAFT: upload_pages.mapping}
        context = shown.get(State(obj.state), upload_pages.progress)(obj)
        return context | {"may_upload": self.has_upload_permission(request)}

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        mine = (
            ("columns", self.columns_view),
            ("progress", self.progress_view),
            ("cancel", self.cancel_view),
            ("resume", self.resume_view),
            ("errors", self.errors_view),
            ("warnings", self.warnings_view),
        )
        return [
            *(
                path(f"<path:object_id>/{name}/", wrap(view), name=f"audience_upload_{name}")
                for name, view in mine
            ),
            *super().get_urls(),
        ]

    def columns_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Takes in what the columns are; starts, or only shows the first rows anew."""
        mine = self._posted(request, object_id)
        country = CountryForm(request.POST)
        found = upload.survey_of(mine)
        forms = [
            ColumnForm(request.POST, prefix=f"column-{n}", dates=dates) for n, dates in enumerate(found.dates)
        ]
        back = redirect(page_url("audience_upload", mine.pk))
        if mine.state != State.DRAFT:
            looking = mine.state == State.READING
            words = (
                "Waypost is still reading the file." if looking else "The upload has been started already."
            )
            self.message_user(request, words, messages.INFO)
            return back
        if not country.is_valid():
            self.message_user(request, " ".join(map(str, country.errors["country"])), messages.ERROR)
            return back
        if not all(form.is_valid() for form in forms):
            self.message_user(request, "The choice of columns arrived incomplete. Try again.", messages.ERROR)
            return back
        drafts.change(mine, [form.column for form in forms], country.cleaned_data["country"])
        starts = "start" in request.POST
        if not (starts and drafts.knows_numbers(mine)):
            drafts.look_through(mine)
        if starts:
            self._start(request, mine)
        return back

    def _start(self, request: HttpRequest, mine: Upload) -> None:
        if mine.state == State.READING:
            words = (
                "The upload was not started, because another column holds the numbers now. "
                "Check the table, then start again."
            )
            self.message_user(request, words, messages.WARNING)
        elif drafts.asks_for_country(mine):
            words = "The upload was not started. Choose the country of the numbers that have no country code."
            self.message_user(request, words, messages.ERROR)
            drafts.look_through(mine)
        else:
            try:
                upload.start(mine)
            except Unreadable as error:
                self.message_user(request, f"The upload was not started. {error}", messages.ERROR)
            else:
                trail.note(request, What.STARTED, mine, rows=mine.rows)

    def progress_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The part of the page that refreshes itself. When the file has been looked through, the page is
        loaded anew, for it asks what the columns are then."""
        mine = self._upload(request, object_id)
        if not self.has_view_permission(request, mine):
            raise PermissionDenied
        was_looking = "looking" in request.GET
        if mine.state == State.DRAFT or (was_looking and mine.state != State.READING):
            return HttpResponse(headers={"HX-Refresh": "true"})
        name = "looking" if mine.state == State.READING else "upload"
        return TemplateResponse(request, f"audience/{name}.html", self.page_context(request, mine))

    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        mine = self._posted(request, object_id)
        upload.cancel(mine)
        trail.note(request, What.STOPPED, mine)
        return redirect(page_url("audience_upload", mine.pk))

    def resume_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Continues a failed upload, after the last row that was imported."""
        mine = self._posted(request, object_id)
        if mine.state == State.FAILED:
            upload.start(mine)
            trail.note(request, What.RESUMED, mine)
        return redirect(page_url("audience_upload", mine.pk))

    def errors_view(self, request: HttpRequest, object_id: str) -> StreamingHttpResponse:
        return self._download(request, object_id, "errors", refused=True)

    def warnings_view(self, request: HttpRequest, object_id: str) -> StreamingHttpResponse:
        return self._download(request, object_id, "warnings", refused=False)

    def _download(
        self, request: HttpRequest, object_id: str, name: str, *, refused: bool
    ) -> StreamingHttpResponse:
        mine = self._upload(request, object_id)
        if not self.has_view_permission(request, mine):
            raise PermissionDenied
        if phone_masking.eyes().whole:
            proof.demand(request)
        rows = exporting.errors(mine, phone_masking.eyes(), refused=refused)
        rows = trail.exported(request, f"{name} of upload {mine.pk}", rows)
        response = StreamingHttpResponse(write_csv(rows), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{name}-of-upload-{mine.pk}.csv"'
        return response

    def _upload(self, request: HttpRequest, object_id: str) -> Upload:
        found: Upload | None = self.get_object(request, unquote(object_id))
        if found is None:
            raise Http404
        return found

    def _posted(self, request: HttpRequest, object_id: str) -> Upload:
        if request.method != "POST" or not self.has_upload_permission(request):
            raise PermissionDenied
        return self._upload(request, object_id)
