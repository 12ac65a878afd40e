"""Rows that retention must not delete: those of a provider, a campaign or a person under a hold."""

from collections.abc import Sequence

from django.db.models import Q, QuerySet

from identities import known, pseudonyms
from privacy import mentions
from privacy.holding import is_for_a_provider
from privacy.models import Cursor, Hold
from privacy.needles import needles


class Holds:
    """The holds at one moment."""

    def __init__(self) -> None:
        held = list(Hold.objects.all())
        self.providers = {each.provider_id for each in held if is_for_a_provider(each)}
        self.campaigns = {each.campaign for each in held if each.campaign}
        numbers = {each.number for each in held if each.number and not pseudonyms.is_one(each.number)}
        self._names = {name for names in known.all_names(numbers).values() for name in names}
        self.numbers = known.spelt(self._names)

    @property
    def people(self) -> set[str]:
        """The names by which rows may know those who are held."""
        return self._names | self.numbers

    @property
    def anyone(self) -> bool:
        """Whether a campaign's or a person's rows are held: any part may have some."""
        return bool(self.campaigns or self._names)

    @property
    def anything(self) -> bool:
        return bool(self.anyone or self.providers)

    def named(self, rows: QuerySet, campaign: str = "", people: Sequence[str] = ()) -> set[int]:  # type: ignore[type-arg]
        """The keys of those rows that are a held campaign's or person's, by these columns; where the table
        has none, by what the rows say."""
        if not (self.campaigns or self._names):
            return set()
        which = Q(pk__in=())
        if campaign:
            which |= Q(**{f"{campaign}__in": self.campaigns})
        for column in people:
            which |= Q(**{f"{column}__in": self._names | self.numbers})
        found = set(rows.filter(which).values_list("pk", flat=True))
        unsaid = [] if campaign else sorted(self.campaigns)
        unsaid_names = [] if people else sorted(self.numbers)
        if unsaid or unsaid_names:
            looked_for = needles(unsaid_names, unsaid, least=1)
            found |= set(mentions.naming(rows, looked_for))
        return found


def ended() -> None:
    """Rows that a hold kept are looked at again, from the first row on."""
    Cursor.objects.all().delete()
