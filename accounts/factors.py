"""Second factors: who must have one, and taking them away from somebody who lost them."""

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import User

from lib import keys
from lib.crypto import KeyRing, Undecryptable

EVERYBODY = ("1", "true", "yes")
_SECRETS = ("secret", "seed")  # of an authenticator app, of recovery codes
REAL = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)  # recovery codes alone are not a factor


def are_required_of(user: User) -> bool:
    """REQUIRE_SECOND_FACTOR: 1 for everybody, or the names of groups."""
    wanted: list[str] = settings.REQUIRE_SECOND_FACTOR
    if not wanted or wanted == ["0"]:
        return False
    if wanted[0].lower() in EVERYBODY:
        return True
    return user.is_superuser or user.groups.filter(name__in=wanted).exists()


def has_one(user: User) -> bool:
    return bool(Authenticator.objects.filter(user=user, type__in=REAL).exists())


def lacking(user: User) -> bool:
    return are_required_of(user) and not has_one(user)


def reset(user: User) -> int:
    """Removes all factors of a person. Returns how many there were."""
    removed: int = Authenticator.objects.filter(user=user).delete()[0]
    return removed


def unreadable() -> list[tuple[int, User]]:
    """The factors that none of our keys can decrypt, and whose they are."""
    return [
        (row.pk, row.user)
        for row in Authenticator.objects.select_related("user").order_by("pk")
        if not all(keys.ring().opens(row.data[name]) for name in _SECRETS if name in row.data)
    ]


def encrypt_anew(newest: KeyRing, ring: KeyRing) -> tuple[int, list[str]]:
    """Stores their secrets with the newest key. Returns how many, and the users whose factors no key can
    decrypt."""
    done, lost = 0, []
    for row in Authenticator.objects.select_related("user").order_by("pk"):
        found = {name: row.data[name] for name in _SECRETS if name in row.data}
        try:
            row.data |= {name: newest.encrypt(ring.decrypt(text)) for name, text in found.items()}
        except Undecryptable:
            lost.append(f"second factor of {row.user}")
            continue
        if found:
            Authenticator.objects.filter(pk=row.pk).update(data=row.data)
            done += 1
    return done, lost
