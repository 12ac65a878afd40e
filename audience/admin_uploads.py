"""CSV uploads: choosing a file, saying what its columns are, watching it, and what came of it."""

from typing import Any

import msgspec
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString

from audience import csv_reading, exporting, upload
from audience.forms import ColumnForm, CountryForm, FileForm
from audience.models import Upload
from lib import shown
from lib.admin import LogAdmin, Tone, badge, button, choice_filter, column, list_url, moment, page_url
from lib.csv_files import ENCODINGS, Unreadable
from lib.pretty import length
from lib.sheets import write_csv

PREVIEWED = 10  # rows
SAMPLES = 3  # values of a column
ERRORS_SHOWN = 20

State = Upload.State
TONES: dict[str, Tone] = {
    State.DRAFT: "",
    State.QUEUED: "info",
    State.RUNNING: "info",
    State.DONE: "success",
    State.FAILED: "danger",
    State.CANCELLED: "warning",
}
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


@admin.register(Upload)
class UploadAdmin(LogAdmin):
    list_display = ("when", "name", "state_badge", "by", "rows", "outcome", "took")
    list_filter = (choice_filter("state", State.choices),)
    search_fields = ("name", "by")
    search_help_text = "File or who uploaded it"
    actions_list = ("choose",)
    empty_title = "No file has been uploaded yet"
    empty_text = "“Upload CSV” takes a file, shows what it makes of it, and asks before it begins."

    def has_upload_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("audience.add_upload")

    @column(description="chosen")
    def when(self, upload: Upload) -> SafeString | None:
        return moment(upload.created_at)

    @column(description="state")
    def state_badge(self, upload: Upload) -> SafeString:
        return badge(upload.get_state_display(), TONES[upload.state], shown.text(upload.error))

    @column(description="outcome", empty_value="")
    def outcome(self, upload: Upload) -> str | None:
        counted = ((name, getattr(upload, name)) for name in ("created", "updated", "unchanged", "failed"))
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
                chosen = upload.draft(
                    file.name, file.file, request.user.get_username(), form.cleaned_data["encoding"]
                )
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
        may_upload = self.has_upload_permission(request)
        if obj.state != State.DRAFT:
            return _progress(obj) | {"may_upload": may_upload}
        return _mapping(obj) | {"may_upload": may_upload}

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        mine = (
            ("columns", self.columns_view),
            ("progress", self.progress_view),
            ("cancel", self.cancel_view),
            ("resume", self.resume_view),
            ("errors", self.errors_view),
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
        forms = [ColumnForm(request.POST, prefix=f"column-{n}") for n in range(len(mine.header))]
        back = redirect(page_url("audience_upload", mine.pk))
        if mine.state != State.DRAFT:
            self.message_user(request, "It has been started already.", messages.INFO)
            return back
        if not country.is_valid():
            self.message_user(request, " ".join(map(str, country.errors["country"])), messages.ERROR)
            return back
        if not all(form.is_valid() for form in forms):
            self.message_user(request, "The columns came in incompletely. Try again.", messages.ERROR)
            return back
        mine.mapping = msgspec.to_builtins([form.column for form in forms])
        mine.country = country.cleaned_data["country"]
        mine.save(update_fields=["mapping", "country"])
        if "start" in request.POST:
            try:
                upload.start(mine)
            except Unreadable as error:
                self.message_user(request, f"It was not started. {error}", messages.ERROR)
        return back

    def progress_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The part of the page that renews itself."""
        mine = self._upload(request, object_id)
        if not self.has_view_permission(request, mine):
            raise PermissionDenied
        return TemplateResponse(request, "audience/upload.html", _progress(mine))

    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        mine = self._posted(request, object_id)
        upload.cancel(mine)
        return redirect(page_url("audience_upload", mine.pk))

    def resume_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Goes on with what failed, after the last row that was taken over."""
        mine = self._posted(request, object_id)
        if mine.state == State.FAILED:
            upload.start(mine)
        return redirect(page_url("audience_upload", mine.pk))

    def errors_view(self, request: HttpRequest, object_id: str) -> StreamingHttpResponse:
        mine = self._upload(request, object_id)
        if not self.has_view_permission(request, mine):
            raise PermissionDenied
        response = StreamingHttpResponse(
            write_csv(exporting.errors(mine, shown.eyes())), content_type="text/csv; charset=utf-8"
        )
        response["Content-Disposition"] = f'attachment; filename="errors-of-upload-{mine.pk}.csv"'
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


def _mapping(draft: Upload) -> dict[str, Any]:
    """A draft's page: each column with its first values and what becomes of it, and the first rows."""
    columns = upload.columns_of(draft)
    rows = upload.preview(draft, PREVIEWED)
    table = []
    for position, (title, target) in enumerate(zip(draft.header, columns, strict=True)):
        values = [cells[position] for _, cells, _ in rows if position < len(cells) and cells[position]]
        initial = {"to": target.to, "name": target.name or title, "type": target.type}
        form = ColumnForm(prefix=f"column-{position}", initial=initial, title=title)
        table.append({"title": title, "samples": values[:SAMPLES], "form": form, "to": target.to})
    return {
        "upload": draft,
        "rows": f"{draft.rows:,}",
        "columns": table,
        "country": CountryForm(initial={"country": draft.country}),
        "preview": rows,
        "wrong": sum(1 for *_, wrong in rows if wrong),
        "problems": csv_reading.problems(columns),
        "encoding": ENCODINGS.get(draft.encoding, "UTF-16"),
        "delimiter": DELIMITERS[draft.delimiter],
    }


def _progress(mine: Upload) -> dict[str, Any]:
    end = mine.finished_at or timezone.now()
    seconds = (end - mine.started_at).total_seconds() if mine.started_at else 0.0
    rate = mine.done / seconds if seconds else 0.0
    counts = (
        ("created", f"{mine.created:,}", "New here."),
        ("updated", f"{mine.updated:,}", "Something about them changed."),
        ("unchanged", f"{mine.unchanged:,}", "As they were."),
        ("failed", f"{mine.failed:,}", "Not taken over; the list below says why."),
    )
    return {
        "upload": mine,
        "tone": TONES[mine.state],
        "open": mine.state in Upload.OPEN,
        "counts": counts,
        "took": length(end - mine.started_at) if mine.started_at else "",
        "rows": f"{mine.rows:,}",
        "done": f"{mine.done:,}",
        "rate": f"{rate:,.0f}",
        "percent": 100 * mine.done // mine.rows if mine.rows else 100,
        "errors": list(mine.errors.order_by("pk")[:ERRORS_SHOWN]),
        "kept": settings.AUDIENCE_RETENTION_DAYS,
        "more_errors": f"{mine.failed - ERRORS_SHOWN:,}" if mine.failed > ERRORS_SHOWN else "",
        "resumable": mine.state == State.FAILED and bool(mine.file),
    }
