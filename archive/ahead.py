"""What is not archived yet and so must not be deleted. Works without pyarrow, so that everybody may ask."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models

from archive.datasets import COSTS, MESSAGES, REPLIES, REPORTS, Dataset
from archive.models import Cursor, Erased, Run

LATE = timedelta(hours=1)


def written(model: type[models.Model], keys: Sequence[int]) -> Sequence[int]:
    """The first of these keys, in rising order, up to one that is not in the archive yet. All of them where
    there is no archive, or none of the table."""
    dataset = {each.model: each for each in (MESSAGES, REPLIES)}.get(model)
    if not settings.ARCHIVE_TO or dataset is None or not keys:
        return keys
    waiting = {key for key in keys if key > _after(dataset)}
    if dataset is MESSAGES:
        for each in (REPORTS, COSTS):
            later: Any = each.model._base_manager.filter(message__in=keys, pk__gt=_after(each))
            waiting |= set(later.values_list("message", flat=True))
    return [key for key in keys if key < min(waiting)] if waiting else keys


def all_written(model: type[models.Model], low: int, high: int) -> bool:
    """Whether every row from one key up to another is in the archive, with what lies beside it."""
    dataset = {each.model: each for each in (MESSAGES, REPLIES)}.get(model)
    if not settings.ARCHIVE_TO or dataset is None:
        return True
    waiting = [(dataset, "pk"), *((each, "message") for each in (REPORTS, COSTS) if dataset is MESSAGES)]
    return not any(
        each.model._base_manager.filter(
            **{f"{column}__gte": low, f"{column}__lt": high}, pk__gt=_after(each)
        ).exists()
        for each, column in waiting
    )


def _after(dataset: Dataset) -> int:
    return Cursor.objects.filter(dataset=dataset.name).values_list("after", flat=True).first() or 0


def erase(people: Iterable[str], at: datetime) -> None:
    """Notes keyed hashes of erased people: readers leave out older rows of theirs. The next run writes the
    list."""
    for person in people:
        Erased.objects.update_or_create(person=person, defaults={"at": at})


def behind(now: datetime) -> Run | None:
    """The run that has not ended for an hour, or the last one where none has begun since."""
    if not settings.ARCHIVE_TO:
        return None
    late = LATE + timedelta(minutes=settings.ARCHIVE_MINUTES)
    if Run.objects.filter(finished_at__gt=now - late).exists():
        return None
    first = Run.objects.filter(state=Run.State.OPEN).first() or Run.objects.order_by("pk").last()
    return first if first and first.started_at < now - late else None
