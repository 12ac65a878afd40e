"""What a reading of a whole CSV file finds: types of columns, phone numbers without a country. Pure."""

from collections.abc import Iterable, Sequence

import msgspec
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from audience import csv_reading, csv_values, profiles
from audience.csv_reading import Column
from lib import phone
from lib.csv_files import plain

SAMPLES = 5  # numbers that are shown as they will be stored
FEW = 0.1  # below this share of a file's numbers, a country is pointed out


class Country(msgspec.Struct):
    """The numbers of a file that begin with one calling code."""

    numbers: int = 0
    line: int = 0  # of the first
    example: str = ""


class Phones(msgspec.Struct):
    """The phone numbers of one column."""

    column: int
    numbers: int = 0
    bare: int = 0  # without a country code
    samples: list[str] = []  # first of those without, then of those with one
    countries: dict[str, Country] = {}  # by calling code; as if those without a code had one


class Survey(msgspec.Struct):
    """`phones` is None for a file without a column of numbers. `dates` has the dates that each column may
    hold, by type and format, with an example. Columns are counted from 0. `consent` is what the file would do
    to consent, as `audience.consent_preview` counts it; None until it is counted."""

    phones: Phones | None = None
    dates: list[dict[str, str]] = []
    empty: list[int] = []  # columns without a value
    consent: dict[str, int] | None = None


def columns(
    header: Sequence[str], rows: Iterable[tuple[int, Sequence[str]]], known: dict[str, str]
) -> tuple[list[Column], Survey]:
    """Guesses what each column is, from its name, all its values and the types that attributes have."""
    guessed = csv_reading.by_names(header, known)
    seen = [csv_values.Seen() for _ in header]
    position = phone_column(guessed)
    phones = Phones(position) if position is not None else None
    attributes = [n for n, column in enumerate(guessed) if column.to == "attribute"]
    bare: list[str] = []
    coded: list[str] = []
    for line, cells in rows:
        for n in attributes:
            if n < len(cells) and (text := plain(cells[n])):
                seen[n].add(text)
        if phones and phones.column < len(cells):
            _count(phones, plain(cells[phones.column]), line, bare, coded)
    if phones:
        phones.samples = (bare + coded)[:SAMPLES]
    for n in attributes:
        column = guessed[n]
        if column.name in known:
            column.type = csv_reading.known_type(known[column.name])
            column.format = seen[n].format(column.type)
        else:
            column.type, column.format = seen[n].guess()
    empty = [n for n in attributes if not seen[n].filled]
    return guessed, Survey(phones, [each.offered() for each in seen], empty)


def phones(rows: Iterable[tuple[int, Sequence[str]]], position: int) -> Phones:
    """The phone numbers of another column."""
    found = Phones(position)
    bare: list[str] = []
    coded: list[str] = []
    for line, cells in rows:
        if position < len(cells):
            _count(found, plain(cells[position]), line, bare, coded)
    found.samples = (bare + coded)[:SAMPLES]
    return found


def phone_column(guessed: Sequence[Column]) -> int | None:
    return next((n for n, column in enumerate(guessed) if column.to == "phone"), None)


def _count(found: Phones, raw: str, line: int, bare: list[str], coded: list[str]) -> None:
    digits = phone.digits(raw.lstrip("\u200e\u200f\u202a\u202b\u2066\ufeff"))
    if not digits:
        return
    found.numbers += 1
    has_code = "+" in raw or "＋" in raw or raw.startswith("00")
    found.bare += not has_code
    kept = coded if has_code else bare
    if len(kept) < SAMPLES:
        kept.append(raw)
    code = (phone.split(digits) or ("", ""))[0]
    country = found.countries.setdefault(code, Country(line=line, example=raw))
    country.numbers += 1


def unexpected(found: Phones, country: str) -> list[tuple[str, Country]]:
    """(calling code, numbers) of the countries that few of the file's numbers belong to, when most belong
    to another. They may be numbers that lack their code, or that were mistyped."""
    if found.bare and country != profiles.OWN_CODES:
        return []
    most = max((each.numbers for each in found.countries.values()), default=0)
    return sorted(
        (code, each)
        for code, each in found.countries.items()
        if each.numbers < FEW * found.numbers or (each.numbers == most == 1 and len(found.countries) > 2)
    )


def name_of(code: str) -> str:
    """The country of a calling code, or several; empty for no country's code."""
    regions = COUNTRY_CODE_TO_REGION_CODE.get(int(code or 0), ())
    return ", ".join(phone.country_name(region) for region in regions[:3])


def stored(found: Phones, country: str) -> list[tuple[str, str, str]]:
    """(as written, as it will be stored, country or what is wrong) of the samples."""
    shown = []
    for raw in found.samples:
        try:
            digits = profiles.phone_number(raw, country)
            shown.append((raw, f"+{digits}", phone.country_name(phone.parse(f"+{digits}").country)))
        except profiles.Invalid as error:
            shown.append((raw, "", str(error)))
    return shown
