"""What an upload's page shows: while its file is looked through, what its columns are, and how far it is."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.utils import timezone

from audience import consent_preview, csv_reading, drafts, survey, upload, upload_preview
from audience.forms import ColumnForm, CountryForm
from audience.models import Upload
from lib.admin import Tone
from lib.csv_files import ENCODINGS
from lib.display import length

PREVIEWED = 10  # rows
SAMPLES = 3  # values of a column
ERRORS_SHOWN = 20

State = Upload.State
TONES: dict[str, Tone] = {
    State.READING: "info",
    State.DRAFT: "",
    State.QUEUED: "info",
    State.RUNNING: "info",
    State.DONE: "success",
    State.FAILED: "danger",
    State.CANCELLED: "warning",
}
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


def looking(draft: Upload) -> dict[str, Any]:
    """The progress of reading a long file. It is read once for the columns, and again for the consent."""
    return {
        "upload": draft,
        "rows": f"{draft.rows:,}",
        "done": f"{draft.done:,}",
        "percent": 100 * draft.done // draft.rows if draft.rows else 0,
    }


def mapping(draft: Upload) -> dict[str, Any]:
    """A draft's page: each column with its first values and what becomes of it, and the first rows."""
    columns = upload.columns_of(draft)
    rows = upload_preview.preview(draft, PREVIEWED)
    found = upload.survey_of(draft)
    problems = csv_reading.problems(columns)
    table = []
    for position, (title, target) in enumerate(zip(draft.header, columns, strict=True)):
        values = [row.cells[position] for row in rows if position < len(row.cells) and row.cells[position]]
        kind = target.type if target.format == "iso" else f"{target.type} {target.format}"
        initial = {"to": target.to, "name": target.name or title, "type": kind}
        dates = found.dates[position]
        form = ColumnForm(prefix=f"column-{position}", initial=initial, title=title, dates=dates)
        table.append(
            {
                "title": title,
                "samples": values[:SAMPLES],
                "form": form,
                "to": target.to,
                "maybe_dates": bool(dates) and target.type not in ("date", "moment"),
            }
        )
    return {
        "upload": draft,
        "rows": f"{draft.rows:,}",
        "columns": table,
        "country": CountryForm(initial={"country": draft.country}),
        "preview": rows,
        "wrong": sum(1 for row in rows if row.wrong),
        "warned": sum(1 for row in rows if row.warnings),
        "problems": problems,
        "asks_for_country": drafts.asks_for_country(draft),
        "phones": found.phones,
        "stored": survey.stored(found.phones, draft.country) if found.phones else [],
        "unexpected": _unexpected(found.phones, draft.country) if found.phones else [],
        "consent": _consent_of(draft, columns) if not problems else None,
        "encoding": ENCODINGS.get(draft.encoding, "UTF-16"),
        "delimiter": DELIMITERS[draft.delimiter],
    }


def _unexpected(phones: survey.Phones, country: str) -> list[dict[str, Any]]:
    """The countries that only few numbers of the file belong to."""
    return [
        {"code": code, "country": survey.name_of(code), "numbers": f"{each.numbers:,}", "line": each.line,
         "example": each.example}
        for code, each in survey.unexpected(phones, country)
    ]  # fmt: skip


def _consent_of(draft: Upload, columns: Sequence[csv_reading.Column]) -> dict[str, Any]:
    if not consent_preview.speaks_of_consent(columns):
        return {"mapped": False}
    counts = upload.survey_of(draft).consent
    return {"mapped": True, "counted": counts is not None} | _consent(counts or {})


def _consent(counts: Mapping[str, int]) -> dict[str, Any]:
    """The changes of consent, and the stops that stay with the reason, each with its number."""
    changes, stays = (
        [(f"{counts[name]:,}", words) for name, words in named if counts.get(name)]
        for named in (consent_preview.CHANGES, consent_preview.STAYS)
    )
    return {"changes": changes, "stays": stays}


def progress(mine: Upload) -> dict[str, Any]:
    end = mine.finished_at or timezone.now()
    seconds = (end - mine.started_at).total_seconds() if mine.started_at else 0.0
    rate = mine.done / seconds if seconds else 0.0
    counts = (
        ("created", f"{mine.created:,}", "New here."),
        ("updated", f"{mine.updated:,}", "Something about these contacts changed."),
        ("unchanged", f"{mine.unchanged:,}", "Unchanged."),
        ("failed", f"{mine.failed:,}", "Not imported; the list below says why."),
        (
            "warned",
            f"{mine.warned:,}",
            "Imported without the values that do not fit; the list below names them.",
        ),
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
        "errors": list(mine.errors.filter(refused=True).order_by("pk")[:ERRORS_SHOWN]),
        "warnings": list(mine.errors.filter(refused=False).order_by("pk")[:ERRORS_SHOWN]),
        "more_warnings": f"{mine.warned - ERRORS_SHOWN:,}" if mine.warned > ERRORS_SHOWN else "",
        "consent": _consent(mine.consent),
        "kept": settings.AUDIENCE_RETENTION_DAYS,
        "more_errors": f"{mine.failed - ERRORS_SHOWN:,}" if mine.failed > ERRORS_SHOWN else "",
        "resumable": mine.state == State.FAILED and bool(mine.file),
    }
