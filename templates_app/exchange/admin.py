"""Templates out of and into files."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import NON_FIELD_ERRORS, BadRequest
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from import_export.admin import ImportExportMixin
from import_export.results import Result, RowResult
from tablib import Dataset

from accounts import trail
from accounts.trail import What
from lib.admin import ModelAdmin, list_url, user_id
from templates_app.exchange.formats import COLUMNS, FORMATS, KEY
from templates_app.exchange.forms import Sealed, TemplateConfirmForm, TemplateExportForm, TemplateImportForm
from templates_app.exchange.resource import TemplateResource
from templates_app.gate import cache
from templates_app.history import changes

SHOWN = 200  # rows of a preview
OPEN = 20  # rows of which the details need no click


class TemplateExchange(ImportExportMixin, ModelAdmin):  # type: ignore[misc]
    resource_classes = (TemplateResource,)
    formats = FORMATS
    import_form_class = TemplateImportForm
    confirm_form_class = TemplateConfirmForm
    export_form_class = TemplateExportForm
    tmp_storage_class = Sealed
    import_template_name = "templates_app/exchange/import.html"
    import_export_change_list_template = "templates_app/exchange/change_list.html"

    def has_import_permission(self, request: HttpRequest) -> bool:
        """A file may change templates and create them."""
        return self.has_add_permission(request) and self.has_change_permission(request)

    def has_export_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_export_queryset(self, request: HttpRequest) -> Any:
        try:
            return super().get_export_queryset(request)
        except IncorrectLookupParameters as error:
            raise BadRequest("This list has no such filter or page.") from error

    def get_export_data(self, file_format: Any, request: HttpRequest, queryset: Any, **kwargs: Any) -> Any:
        trail.note(request, What.EXPORTED, "templates", filter=request.GET.dict(), rows=queryset.count())
        return super().get_export_data(file_format, request, queryset, **kwargs)

    def get_export_filename(self, request: HttpRequest, queryset: Any, file_format: Any) -> str:
        return f"templates-{timezone.localdate()}.{file_format.get_extension()}"

    def write_to_tmp_storage(self, import_file: Any, input_format: Any) -> Sealed:
        return Sealed(name=import_file.sealed)

    def add_data_read_fail_error_to_form(self, form: TemplateImportForm, e: Exception) -> None:
        form.add_error("import_file", str(e))

    def import_action(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """The form, then the preview: what would happen, or what is wrong with the file."""
        response: TemplateResponse = super().import_action(request, **kwargs)
        context: dict[str, Any] = response.context_data or {}
        found = preview(context["result"]) if "result" in context else None
        response.context_data = context | _page(found)
        return response

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Applies what was previewed."""
        form = self.create_confirm_form(request)
        if request.method == "POST" and self.has_import_permission(request) and not form.is_valid():
            problems = [str(problem) for found in form.errors.values() for problem in found]
            self.message_user(request, f"Nothing was imported. {' '.join(problems)}", messages.ERROR)
            return redirect("admin:templates_app_template_import")
        return super().process_import(request, **kwargs)  # type: ignore[no-any-return]

    def process_dataset(
        self, dataset: Dataset, form: TemplateConfirmForm, request: HttpRequest, **kwargs: Any
    ) -> Result:
        kwargs["rollback_on_validation_errors"] = True
        result = super().process_dataset(dataset, form, request, **kwargs)
        result.file_name = form.cleaned_data["original_file_name"]
        return result

    def process_result(self, result: Result, request: HttpRequest) -> HttpResponse:
        if result.has_errors() or result.has_validation_errors():
            form = self.import_form_class(
                self.get_import_formats(), self.get_import_resource_classes(request)
            )
            context = self.admin_site.each_context(request) | {"opts": self.opts, "form": form}
            self.message_user(
                request, "Nothing was imported: something changed since the preview.", messages.ERROR
            )
            return TemplateResponse(request, self.import_template_name, context | _page(preview(result)))
        cache.forget()
        trail.note(request, What.CHANGED, "templates", file=result.file_name, text=_counted(result))
        self.generate_log_entries(result, request)
        words = f"Imported {result.file_name}: {_counted(result)}."
        self.message_user(request, words, messages.SUCCESS)
        return redirect(list_url("templates_app_template"))

    def generate_log_entries(self, result: Result, request: HttpRequest) -> None:
        for kind, flag in ((RowResult.IMPORT_TYPE_NEW, ADDITION), (RowResult.IMPORT_TYPE_UPDATE, CHANGE)):
            rows = [row.instance for row in result.rows if row.import_type == kind]
            if rows:
                LogEntry.objects.log_actions(
                    user_id(request), rows, flag, f"From the file {result.file_name}"
                )


def _page(found: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "title": "Import templates from a file",
        "columns": COLUMNS,
        "key": KEY,
        "preview": found,
        "back": list_url("templates_app_template"),
    }


def preview(result: Result) -> dict[str, Any]:
    """What the page shows: counts, the errors by row, and the first rows with what changes in them."""
    rows = [row for row in result.rows if row.is_new() or row.is_update()]
    errors = [("", [_reason(each.error)]) for each in result.base_errors]
    failed = {row.number: [_reason(each.error) for each in row.errors] for row in result.error_rows}
    failed |= {row.number: _words(row.error_dict) for row in result.invalid_rows}
    errors += [(f"Row {number + result.first_row - 1}", failed[number]) for number in sorted(failed)]
    return {
        "counts": _counted(result),
        "errors": errors[:SHOWN],
        "more_errors": _more(errors),
        "rows": [_shown(row) for row in rows[:SHOWN]] if not errors else [],
        "more_rows": _more(rows),
        "open": len(rows) <= OPEN,
    }


def _reason(error: Exception) -> str:
    if isinstance(error, IntegrityError):
        return "Somebody else has created a template of this file meanwhile. Choose the file again."
    return str(error)


def _more(rows: list[Any]) -> str:
    """How many are not shown, empty for none."""
    return f"{len(rows) - SHOWN:,}" if len(rows) > SHOWN else ""


def _counted(result: Result) -> str:
    kinds = {"new": RowResult.IMPORT_TYPE_NEW, "changed": RowResult.IMPORT_TYPE_UPDATE}
    kinds["unchanged"] = RowResult.IMPORT_TYPE_SKIP
    return ", ".join(f"{result.totals[kind]:,} {word}" for word, kind in kinds.items())


def _words(errors: dict[str, list[str]]) -> list[str]:
    """Each error with its column before it."""
    return [
        word if column == NON_FIELD_ERRORS else f"{column}: {word}"
        for column, found in errors.items()
        for word in found
    ]


def _shown(row: RowResult) -> dict[str, Any]:
    new = row.is_new()
    fields = []
    for column, before, after in row.differences:
        lines = changes.folded(changes.diff(before, after)) if column == "components" else []
        fields.append({"name": column, "before": before, "after": after, "lines": lines})
    return {"label": str(row.instance), "provider": row.instance.provider, "new": new, "fields": fields}
