"""What an import run's page shows: its progress in words, and its report with the differences."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from lib.admin import Tone, list_url, page_url
from lib.display import length
from templates_app.history import changes
from templates_app.imports import runs
from templates_app.models import ImportRun, Template, TemplateChange

SHOWN = 50  # of each kind of outcome; the list of templates has the rest
TONES: dict[str, Tone] = {
    ImportRun.State.QUEUED: "info",
    ImportRun.State.RUNNING: "info",
    ImportRun.State.DONE: "success",
    ImportRun.State.FAILED: "danger",
    ImportRun.State.CANCELLED: "warning",
}
_ABOUT = {
    "created": "New here.",
    "changed": "Their status, category, quality or content changed.",
    "unchanged": "Unchanged.",
    "unsupported": "CleverTap cannot use these. Waypost keeps them, and leaves them out of CleverTap's list.",
    "failed": "These could not be read. The others were imported.",
    "vanished": "Imported before, and no longer in the list. They are marked, not deleted.",
}


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a list was not imported, and what an operator may allow."""

    name: str
    field: str
    button: str
    about: str


DOUBTS = (
    Doubt(
        "empty_list",
        "allow_empty",
        "Import again and accept an empty list",
        "Every imported template is marked as vanished, none is deleted",
    ),
    Doubt(
        "many_vanish",
        "allow_vanishing",
        "Import again and let them vanish",
        "Those that the list no longer has are marked as vanished, none is deleted",
    ),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One template of a section. `entries` are what changed: kind, before, after, lines of a diff."""

    label: str
    url: str = ""
    text: str = ""
    entries: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    count: int
    about: str
    lines: list[Line]
    rest: int
    url: str


def page_context(run: ImportRun) -> dict[str, Any]:
    """The context of the page and of the part of it that refreshes itself."""
    end = run.finished_at or timezone.now()
    before = None
    if run.state in ImportRun.OPEN and not run.name:
        before = runs.latest(run.provider_id, state=ImportRun.State.DONE)
    return {
        "run": run,
        "tone": TONES[run.state],
        "open": run.state in ImportRun.OPEN,
        "took": length(end - run.started_at) if run.started_at else "",
        "rate": round(runs.rate(run)),
        "expected": max(before.templates, run.templates, 1) if before else 0,
        "doubts": [doubt for doubt in DOUBTS if run.report.get(doubt.name)],
        "sections": list(_sections(run)) if run.state == ImportRun.State.DONE else [],
    }


def _sections(run: ImportRun) -> Iterable[Section]:
    details = run.report.get("details", {})
    for name in runs.COUNTED:
        found = details.get(name, [])
        count = run.report.get(name, 0)
        lines = _lines(run, name, found[:SHOWN])
        url = ""
        if name in ("created", "changed"):
            url = list_url("templates_app_template", provider=run.provider_id, run=f"{run.pk}.{name}")
        yield Section(name, count, _ABOUT[name], lines, max(len(found) - SHOWN, 0), url)


def _lines(run: ImportRun, outcome: str, found: list[Any]) -> list[Line]:
    labels = [one if isinstance(one, str) else one["template"] for one in found]
    rows = Template.objects.filter(
        provider_id=run.provider_id, name__in={label.rpartition(" (")[0] for label in labels}
    )
    ids = {str(row): row.pk for row in rows.only("name", "language")}
    entries = _entries(run, ids.values()) if outcome == "changed" else {}
    return [
        Line(
            label or "a template without a name",
            page_url("templates_app_template", ids[label]) if label in ids else "",
            _words(outcome, one),
            entries.get(ids.get(label, 0), []),
        )
        for label, one in zip(labels, found, strict=True)
    ]


def _words(outcome: str, one: Any) -> str:
    if outcome == "changed":
        return ", ".join(kind or "id, tracking or notes" for kind in one["fields"])
    return one["reason"] if isinstance(one, dict) else ""


def _entries(run: ImportRun, ids: Iterable[int]) -> dict[int, list[dict[str, Any]]]:
    """What the run changed in each of the templates."""
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for entry in run.changes.filter(template_id__in=list(ids)).order_by("id"):
        found[entry.template_id].append(_entry(entry))
    return found


def _entry(entry: TemplateChange) -> dict[str, Any]:
    content = isinstance(entry.before, list | dict) or isinstance(entry.after, list | dict)
    return {
        "kind": entry.get_kind_display(),
        "before": "" if content else entry.before,
        "after": "" if content else entry.after,
        "reason": entry.reason,
        "diff": changes.folded(changes.diff(entry.before, entry.after)) if content else [],
    }
