"""Which numbers and user ids belong to one person: learnt from BSPs' webhooks, and looked up."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db import connection
from django.db.models import QuerySet

from identities.models import Alias, Person
from lib import phone
from lib.user_ids import is_user_id
from providers.messages import Identity, IdentityChange

_USERNAME = re.compile(r"@?(?=[^a-z]*[a-z])[a-z0-9._]{3,35}")
_LOCK = 1_907_032  # of PostgreSQL's advisory locks, used for nothing else


@dataclass(slots=True)
class Learnt:
    """What is new: user ids that got a number, and user ids whose number changed."""

    numbers: dict[str, str] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)


def _key(name: str) -> str:
    """The name as it is stored: each number in one spelling, a user id as it is."""
    return name if is_user_id(name) else phone.person(name)


def news(named: Iterable[Identity]) -> set[Identity]:
    """The identities that may have something new, found by one statement."""
    pairs = {each for each in named if _tells(each)}
    known = _people_of(name for each in pairs for name in each.names)
    return {each for each in pairs if not _is_known(each, known)}


def _tells(each: Identity) -> bool:
    """Whether it has more than one name of a person."""
    return bool(each.names) and (bool(each.username) or len(each.names) > 1)


def _is_known(each: Identity, known: dict[str, Person]) -> bool:
    person = _known_person(each, known)
    if person is None or (each.username and each.username != person.username):
        return False
    return not each.phone or _key(each.phone) == _key(person.phone)


def stand_still() -> None:
    """Nobody else learns anything until the end of the caller's transaction."""
    if connection.vendor == "postgresql":  # SQLite has one writer anyway
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def learn(named: Iterable[Identity], changes: Sequence[IdentityChange] = ()) -> Learnt:
    """Stores what is new, in the caller's transaction. Others with something new wait for its end."""
    stand_still()
    learnt = Learnt()
    pairs = [each for each in dict.fromkeys(named) if _tells(each)]
    sides = [side for change in changes for side in (change.old, change.new)]
    known = _people_of(name for each in (*pairs, *sides) for name in each.names)
    new: list[Identity] = []
    for each in pairs:
        people = {known[key].pk for name in each.names if (key := _key(name)) in known}
        if not people:
            new.append(each)
        elif (person := _known_person(each, known)) is None:
            _add(each, known, learnt)
        elif each.phone and not person.phone:
            _name(person, each, learnt)
        else:
            _rename(person, each)
            _note_former(each, person, learnt)
    _create(new, learnt)
    for change in sorted(changes, key=lambda change: change.timestamp):
        _change(change, learnt)
    return learnt


def _people_of(names: Iterable[str]) -> dict[str, Person]:
    """The people by name; one object for each, whichever of the names leads to it."""
    wanted = {_key(name) for name in names}
    people: dict[int, Person] = {}
    rows = Alias.objects.filter(name__in=wanted).select_related("person")
    return {row.name: people.setdefault(row.person_id, row.person) for row in rows}


def _known_person(each: Identity, known: dict[str, Person]) -> Person | None:
    """The one person who has all these names already, or had them: late reports have former names."""
    people = {known[key].pk if (key := _key(name)) in known else None for name in each.names}
    return known[_key(each.names[0])] if len(people) == 1 and None not in people else None


def _create(new: Sequence[Identity], learnt: Learnt) -> None:
    """Stores people who were unknown. People who share a name within the batch are added one by one."""
    taken: set[str] = set()
    alone: list[Identity] = []
    again: list[Identity] = []
    for each in new:
        keys = {_key(name) for name in each.names}
        (again if keys & taken else alone).append(each)
        taken |= keys
    people = Person.objects.bulk_create(Person(phone=one.phone, username=one.username) for one in alone)
    Alias.objects.bulk_create(
        Alias(name=_key(name), person=person)
        for one, person in zip(alone, people, strict=True)
        for name in one.names
    )
    for one in alone:
        if one.phone:
            learnt.numbers |= {name: one.phone for name in one.names if is_user_id(name)}
    for one in again:
        _add(one, _people_of(one.names), learnt)


def _add(each: Identity, known: dict[str, Person], learnt: Learnt) -> None:
    """Adds a pair of which a part is known.

    A number that was somebody's, and now comes with a user id that is not theirs, has a new owner.
    """
    ids = [name for name in each.names if is_user_id(name)]
    by_id = next((known[name] for name in ids if name in known), None)
    holder = known.get(_key(each.phone)) if each.phone else None
    if holder is not None and by_id is not None and holder.pk == by_id.pk:
        # The number may be a former one, from a late report.
        _name(by_id, each, learnt, number=by_id.phone)
        _note_former(each, by_id, learnt)
        return
    if holder is not None and _key(holder.phone or each.phone) != _key(each.phone):
        holder = None
    if by_id is not None and holder is not None and not by_id.phone:
        person = _merged([holder, by_id])
        known |= {name: person for name, one in known.items() if one is by_id}
    else:
        person = holder or by_id or Person.objects.create()
    _name(person, each, learnt)
    for name in each.names:
        known[_key(name)] = person


def _rename(person: Person, latest: Identity) -> None:
    if latest.username and latest.username != person.username:
        person.username = latest.username
        person.save(update_fields=["username"])


def _note_former(each: Identity, person: Person, learnt: Learnt) -> None:
    """A number that is the person's no longer has become the present one."""
    if each.phone and _key(each.phone) != _key(person.phone):
        learnt.moved[_key(each.phone)] = person.phone


def _change(change: IdentityChange, learnt: Learnt) -> None:
    """Makes both sides one person, with the new number where there is one."""
    ids = [name for name in change.new.names if is_user_id(name)]
    known = _people_of([*change.old.names, *ids])
    people = list({person.pk: person for person in known.values()}.values())
    person = _merged(people) if people else Person.objects.create()
    before = [row.name for row in person.aliases.all() if not is_user_id(row.name)]
    _name(person, change.old, learnt, number=person.phone or change.old.phone)
    _name(person, change.new, learnt)
    if new := change.new.phone:
        former = {*before, *filter(None, [change.old.phone and _key(change.old.phone)])} - {_key(new)}
        learnt.moved |= dict.fromkeys(former, new)


def _merged(people: Sequence[Person]) -> Person:
    """The first of them, who now has the names of all."""
    person, *others = people
    for other in others:
        Alias.objects.filter(person=other).update(person=person)
        person.phone = person.phone or other.phone
        other.delete()
    return person


def _name(person: Person, identity: Identity, learnt: Learnt, number: str = "") -> None:
    """Gives the person these names, even if others had them. Returns the user ids that now have a number."""
    person.phone = number or identity.phone or person.phone
    person.username = identity.username or person.username
    person.save()
    for name in map(_key, identity.names):
        others = Person.objects.filter(aliases__name=name).exclude(pk=person.pk)
        others.filter(phone__in=phone.spellings(name)).update(phone="")  # it is not theirs any longer
        Alias.objects.update_or_create(name=name, defaults={"person": person})
    if person.phone:
        ids = [row.name for row in person.aliases.all() if is_user_id(row.name)]
        learnt.numbers |= dict.fromkeys(ids, person.phone)


def numbers(user_ids: Iterable[str]) -> dict[str, str]:
    """The present number of each user id whose number is known."""
    rows = Alias.objects.filter(name__in=set(filter(None, user_ids))).exclude(person__phone="")
    return dict(rows.values_list("name", "person__phone"))


def all_names(names: Iterable[str]) -> dict[str, set[str]]:
    """Each number or user id → the same person's, former ones too. Numbers are spelt as in Message.person."""
    keys = {name: _key(name) for name in names if name}
    found = {name: {key} for name, key in keys.items()}
    whose = dict(Alias.objects.filter(name__in=set(keys.values())).values_list("name", "person_id"))
    others: dict[int, set[str]] = defaultdict(set)
    for person_id, name in Alias.objects.filter(person_id__in=whose.values()).values_list(
        "person_id", "name"
    ):
        others[person_id].add(name)
    for name, key in keys.items():
        if key in whose:
            found[name] |= others[whose[key]]
    return found


def who(term: str) -> set[str]:
    """The numbers, in every spelling, and the user ids of whoever is looked for by a user id or a username.

    Empty for anything else that is typed, and for a username that nobody has.
    """
    if is_user_id(term):
        names = all_names([term])[term]
    else:
        people = by_username(term)
        names = set(Alias.objects.filter(person__in=people).values_list("name", flat=True))
    return spelt(names)


def by_username(term: str) -> QuerySet[Person]:
    """Those whose username it is, with or without its "@". One may have had it before another."""
    if not _USERNAME.fullmatch(term.lower()):
        return Person.objects.none()
    return Person.objects.filter(username=term.lower().removeprefix("@")).exclude(username="")


def usernames(names: Iterable[str]) -> set[str]:
    """Of the people who have these numbers, in their first spelling, and user ids."""
    people = Person.objects.filter(aliases__name__in=list(names)).exclude(username="")
    return set(people.values_list("username", flat=True))


def spelt(names: Iterable[str]) -> set[str]:
    """The names with each number in every spelling, as messages and contacts may have it."""
    return {each for name in names for each in ((name,) if is_user_id(name) else phone.spellings(name))}


def user_ids(number: str) -> list[str]:
    """The user ids of whoever has, or had, this number."""
    whose = Alias.objects.filter(name=_key(number)).values("person_id")
    names = Alias.objects.filter(person_id__in=whose).order_by("pk").values_list("name", flat=True)
    return [name for name in names if is_user_id(name)]
