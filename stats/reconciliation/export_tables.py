"""The comparison as a table for spreadsheets, and as JSON."""

from collections.abc import Iterator, Mapping
from typing import Any

from lib import sheets
from stats.reconciliation.columns import FIGURES
from stats.reconciliation.comparing import LABELS, VERDICTS, Cell, Row
from stats.reconciliation.matching import Result


def cells(result: Result, providers: Mapping[int, str], titles: Mapping[str, str]) -> Iterator[sheets.Row]:
    """The heading, and a line for every day and campaign."""
    sides = ("ours", "CleverTap", "difference", "with possible causes", "unexplained")
    yield [
        "Day",
        "Campaign",
        "Name",
        "Provider",
        "Verdict",
        *(f"{LABELS[figure]} {side}" for figure in FIGURES for side in sides),
        "Why",
    ]
    for row in result.rows:
        yield [
            row.day.isoformat(),
            row.campaign,
            titles.get(row.campaign) or row.title,
            provider(row, providers),
            row.verdict,
            *(value for cell in row.cells for value in _numbers(cell)),
            why(row),
        ]


def _numbers(cell: Cell) -> list[int | None]:
    if cell.theirs is None:
        return [cell.ours, None, None, None, None]
    caused = cell.difference - cell.unexplained
    return [cell.ours, cell.theirs, cell.difference, caused, cell.unexplained]


def why(row: Row) -> str:
    """The possible causes of a row's differences in one text."""
    words = []
    if row.missing:
        words.append("Not in the report.")
    if row.unseen:
        words.append("No campaign here has this name.")
    for cell in row.differing:
        told = [f"{abs(each.explains):,} {each.cause.label}" for each in cell.explained]
        told += [f"{abs(cell.unexplained):,} unexplained"] if cell.unexplained else []
        words.append(f"{cell.label} {cell.difference:+,}: {', '.join(told)}.")
    return " ".join(words)


def provider(row: Row, providers: Mapping[int, str]) -> str:
    ids = {row.provider_id} - {None} or {key.provider_id for key in row.keys}
    return ", ".join(sorted(providers.get(pk or 0, "") for pk in ids))


def as_dict(result: Result, providers: Mapping[int, str], titles: Mapping[str, str]) -> dict[str, Any]:
    """All of it, as `manage.py reconcile --json` prints it."""
    verdict = result.verdict
    return {
        "verdict": {
            "state": verdict.state, "label": VERDICTS[verdict.state], "text": verdict.words,
            "compared": verdict.compared, "differences": verdict.differences,
            "with_possible_causes": verdict.explained, "unexplained": verdict.unexplained,
            "too_early_to_tell": verdict.early,
        },
        "totals": {
            total.figure: {
                "ours": total.ours, "clevertap": total.theirs, "difference": total.difference,
                "apart": total.apart, "with_possible_causes": total.explained,
                "unexplained": total.unexplained, "too_early_to_tell": total.early,
            }
            for total in verdict.totals
        },
        "rows": [
            {
                "day": row.day.isoformat(), "campaign": row.campaign,
                "name": titles.get(row.campaign) or row.title, "provider": provider(row, providers),
                "state": row.state, "verdict": row.verdict, "missing": row.missing, "unseen": row.unseen,
                **{cell.figure: _cell(cell) for cell in row.cells},
            }
            for row in result.rows
        ],
        "not_compared": {
            "conversations": result.left.conversations, "no_campaign": result.left.nameless,
            "tests": result.left.tests, "broadcasts": result.left.broadcasts,
        },
        "hints": result.hints,
    }  # fmt: skip


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "ours": cell.ours,
        "clevertap": cell.theirs,
        "difference": cell.difference,
        "possible_causes": [
            {
                "cause": each.cause.name,
                "label": each.cause.label,
                "found": each.count,
                "explains": each.explains,
            }
            for each in cell.explained
        ],
        "unexplained": cell.unexplained,
    }
