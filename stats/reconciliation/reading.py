"""A campaign report as a file → CleverTap's figures by day and campaign. Pure.

A line that cannot be read is named with its number. All other lines of the file are used.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, tzinfo
from itertools import islice
from typing import IO, NamedTuple

from lib import csv_files
from lib.csv_files import Alive, Unreadable
from stats.reconciliation import cells, columns
from stats.reconciliation.cells import Bad
from stats.reconciliation.columns import FIGURES, INTERNAL, PARTS, Mapped

MOST_BYTES = 100_000_000
MOST_ROWS = 200_000  # CleverTap's longest: 2,500 campaigns on 60 days
TOLD_EVERY = 2_000  # rows
NAMED = 12  # columns and lines that a note names
TOTALS = frozenset(("total", "totals", "grandtotal", "overall", "sum", "all"))
WHATSAPP = frozenset(("whatsapp", "wa", "whatsappconnect"))


Tell = Callable[[int], None]  # called now and then with the count of rows read; stops the reading by raising


@dataclass(frozen=True, slots=True)
class Facts:
    """What kind of file it is, and what its headings say. Nobody has counted its rows where there are 0."""

    encoding: str
    delimiter: str
    header_row: int
    header: list[str]
    mapped: dict[str, int]
    rows: int


@dataclass(frozen=True, slots=True)
class Options:
    """What the file does not say. `day` is the day of a file without dates."""

    zone: tzinfo
    month_first: bool | None = None
    day: date | None = None


class Line(NamedTuple):
    """CleverTap's figures of a campaign on a day. `provider` and `waba` are as the file has them.

    `named` says that `campaign` is a name, because the line has no id. `internal` is the part of the errors
    that never left CleverTap.
    """

    day: date
    campaign: str
    named: bool
    title: str
    provider: str
    sent: int | None
    delivered: int | None
    viewed: int | None
    errors: int | None
    internal: int
    waba: str = ""


def add(one: int | None, more: int | None) -> int | None:
    """The sum; None where both are missing."""
    return None if one is None and more is None else (one or 0) + (more or 0)


@dataclass(slots=True)
class Reading:
    lines: list[Line] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)


def glance(file: IO[bytes]) -> Facts:
    """Looks through the file once; of a large one only at its beginning. Raises Unreadable."""
    _check_kind(file)
    return _headings(file, csv_files.glance(file, worth=_worth))


def inspect(file: IO[bytes], alive: Alive = lambda: None) -> Facts:
    """Looks through the file once. Raises Unreadable."""
    _check_kind(file)
    return _headings(file, csv_files.inspect(file, worth=_worth, alive=alive))


def _worth(row: Sequence[str]) -> int:
    return len(columns.guess(row))


def _check_kind(file: IO[bytes]) -> None:
    if file.seek(0, 2) > MOST_BYTES:
        raise Unreadable(f"The file is larger than {MOST_BYTES // 10**6} MB. Export fewer days at a time.")
    file.seek(0)
    head = file.read(2048).lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").replace(b"\0", b"").lower()
    if head.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        raise Unreadable(
            "This is a web page, not a report: the download was answered with a page, often the one to log "
            "in at. Log in to CleverTap and download the report again."
        )
    if head.startswith((b"{", b"[")):
        raise Unreadable("This is JSON, not CSV. Download the campaign report, which is a CSV file.")


def _headings(file: IO[bytes], facts: csv_files.Facts) -> Facts:
    """With the row among the first that names most of what we know."""
    if facts.rows > MOST_ROWS:
        raise Unreadable(f"The file has {facts.rows:,} rows; {MOST_ROWS:,} are read. Export fewer days.")
    first = islice(csv_files.rows(file, facts.encoding, facts.delimiter, -1), csv_files.HEADER_WITHIN)
    candidates = [[cell.strip() for cell in row] for _, row in first]
    known = [len(columns.guess(header)) for header in candidates]
    row = known.index(max(known))
    if 0 < facts.rows <= row:
        raise Unreadable("The file has headings and no rows. Choose other days or campaigns in CleverTap.")
    header = candidates[row]
    return Facts(
        facts.encoding, facts.delimiter, row, header, columns.guess(header), max(facts.rows - row, 0)
    )


def sample(file: IO[bytes], facts: Facts, rows: int) -> list[list[str]]:
    """The first rows below the headings."""
    return [row for _, row in islice(_rows(file, facts), rows)]


def read(
    file: IO[bytes], facts: Facts, mapped: Mapped, options: Options, tell: Tell = lambda rows: None
) -> Reading:
    """Every line of the file by day and campaign. Raises Unreadable where nothing of it can be used."""
    reading = Reading(people=columns.people(facts.header, mapped))
    if told := columns.problems(mapped, options.day is not None):
        raise Unreadable(" ".join(told))
    if columns.unused(facts.header, mapped):
        reading.notes.append(f"Columns not used: {_some(columns.unused(facts.header, mapped))}.")
    _Sums(file, facts, mapped, options, reading, tell).run()
    if not reading.lines:
        why = "; ".join(f"line {line}: {reason}" for line, reason in reading.problems[:3])
        raise Unreadable(f"No line of the file can be used. {why or ' '.join(reading.notes)}")
    return reading


def _rows(file: IO[bytes], facts: Facts) -> Iterator[tuple[int, list[str]]]:
    return csv_files.rows(file, facts.encoding, facts.delimiter, facts.header_row)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


class _About(NamedTuple):
    """What a line is about: two lines with the same values are added up."""

    day: date
    campaign: str
    named: bool
    provider: str
    waba: str


class _Found(NamedTuple):
    """The figures of one part, with the internal errors last, and the number of its line."""

    line: int
    values: tuple[int | None, ...]


class _Sums:
    """Lines of the file, put together by day and campaign."""

    def __init__(
        self, file: IO[bytes], facts: Facts, mapped: Mapped, options: Options, reading: Reading, tell: Tell
    ) -> None:
        self.file, self.facts, self.mapped, self.options, self.reading = file, facts, mapped, options, reading
        self.tell = tell
        self.internal = columns.positions(facts.header, INTERNAL)
        self.parts = columns.positions(facts.header, PARTS)
        self.months_first = options.month_first
        self.found: dict[tuple[_About, tuple[str, ...]], _Found] = {}
        self.titles: dict[_About, str] = {}
        self.repeated: list[str] = []
        self.corrected: list[str] = []
        self.totals: list[str] = []
        self.others = 0

    def run(self) -> None:
        self._look_at_dates()
        header = self.facts.header
        for done, (line, row) in enumerate(_rows(self.file, self.facts)):
            if done % TOLD_EVERY == 0:
                self.tell(done)
            if row[0].strip() == header[0] and [cell.strip() for cell in row] == header:
                continue  # files put one below the other
            try:
                self._take(line, row)
            except Bad as error:
                self.reading.problems.append((line, str(error)))
        self._tell()
        self.reading.lines = self._summed()

    def _look_at_dates(self) -> None:
        if "day" not in self.mapped:
            return
        heading = self.facts.header[self.mapped["day"]]
        if columns.normal(heading) == "startdate":
            self.reading.notes.append(
                "The day is each campaign’s start: figures of its later days are booked there too. In "
                "CleverTap choose “Split all data by: Day”, which adds the run date."
            )
        if self.months_first is None:
            # All rows are looked at: the file may begin with many days that are 12 or less.
            dates: dict[str, None] = {}
            for done, (_, row) in enumerate(_rows(self.file, self.facts)):
                if done % TOLD_EVERY == 0:
                    self.tell(0)
                dates[self._cell(row, "day")] = None
            self.months_first = cells.month_first(dates)
            doubtful = next(filter(cells.ambiguous, dates), None)
            if self.months_first is None and doubtful:
                self.reading.notes.append(
                    f"Days are written as “{doubtful.strip()}” and were read with the day before the month. "
                    "If the month comes first, say so and upload the file again."
                )

    def _cell(self, row: Sequence[str], target: str) -> str:
        position = self.mapped.get(target)
        return row[position] if position is not None and position < len(row) else ""

    def _take(self, line: int, row: Sequence[str]) -> None:
        told = {name: cells.plain(self._cell(row, name)) for name in ("day", "campaign", "name", "channel")}
        first = next(filter(None, (told["campaign"], told["name"], told["day"])), "")
        if columns.normal(first) in TOTALS or not first:
            self.totals.append(str(line))
            return
        if told["channel"] and columns.normal(told["channel"]) not in WHATSAPP:
            self.others += 1
            return
        day = self.options.day
        if "day" in self.mapped:
            day = cells.day(told["day"], self.options.zone, bool(self.months_first))
        campaign = cells.campaign(told["campaign"])
        name = "" if told["name"].lower() in cells.EMPTY else told["name"]
        if not campaign and not name:
            raise Bad("the campaign’s id and name are both empty")
        figures = tuple(cells.count(self._cell(row, figure)) for figure in FIGURES)
        internal = sum(cells.count(row[position]) or 0 for position in self.internal if position < len(row))
        provider, waba = cells.plain(self._cell(row, "provider")), cells.plain(self._cell(row, "waba"))
        assert day is not None
        about = _About(day, campaign or name[:120], not campaign, provider, waba)
        # Several runs of one day are parts too. Their ids or days hold something besides.
        others = (row[position].strip() for position in self.parts if position < len(row))
        parts = (told["campaign"], told["day"], *others)
        self.titles.setdefault(about, name[:200])
        before = self.found.get((about, parts))
        values = (*figures, internal)
        if before and before.values == values:
            self.repeated.append(f"{line} (as {before.line})")
            return
        if before:
            self.corrected.append(f"{line} (not {before.line})")
        self.found[about, parts] = _Found(line, values)

    def _summed(self) -> list[Line]:
        sums: dict[_About, list[int | None]] = {}
        for (about, _), (_, values) in self.found.items():
            so_far = sums.setdefault(about, [None] * len(values))
            so_far[:] = [add(one, more) for one, more in zip(so_far, values, strict=True)]
        return [
            Line(
                day=about.day,
                campaign=about.campaign,
                named=about.named,
                title=self.titles[about],
                provider=about.provider,
                sent=sent,
                delivered=delivered,
                viewed=viewed,
                errors=errors,
                internal=internal or 0,
                waba=about.waba,
            )
            for about, (sent, delivered, viewed, errors, internal) in sums.items()
        ]

    def _tell(self) -> None:
        notes = self.reading.notes
        if self.totals:
            notes.append(f"Left out as totals: line {_some(self.totals)}.")
        if self.others:
            notes.append(f"Left out, of another channel than WhatsApp: {self.others:,} lines.")
        if self.repeated:
            notes.append(f"Repeated word for word, counted once: line {_some(self.repeated)}.")
        if self.corrected:
            notes.append(
                f"About the same campaign and day with other figures, the later was taken: line "
                f"{_some(self.corrected)}."
            )
        for figure in FIGURES:
            if figure not in self.mapped:
                notes.append(f"The report has no column for {columns.TARGETS[figure]}: it is not compared.")
        if self.reading.people:
            labels = ", ".join(columns.TARGETS[figure] for figure in self.reading.people)
            notes.append(
                f"{labels} count people here, where Waypost counts messages. The columns “(events)” compare "
                "better."
            )
