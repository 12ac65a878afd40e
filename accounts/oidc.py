"""Signing in by an OpenID Connect provider, whose groups decide what a person may do here."""

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts import trail
from accounts.trail import What


class Organization(DefaultSocialAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return True  # people with one of our groups get a user

    def is_auto_signup_allowed(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return True

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Refuses people without any of our groups. Otherwise the user's groups are set as the provider
        says."""
        names = groups_of(sociallogin.account.extra_data)
        if not names or (sociallogin.is_existing and not sociallogin.user.is_active):
            raise ImmediateHttpResponse(_refused(request))
        if sociallogin.is_existing:
            take(request, sociallogin.user, names)

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        sociallogin.user.is_staff = True
        user: User = super().save_user(request, sociallogin, form)
        trail.note(request, What.ADDED, user, text="By the organization's provider.")
        take(request, user, groups_of(sociallogin.account.extra_data))
        return user


def groups_of(told: dict[str, Any]) -> set[str]:
    """Our groups for the provider's groups, from the answer about the user or from the identity token."""
    claim = settings.OIDC_GROUPS_CLAIM
    theirs: set[str] = set()
    for part in (told.get("userinfo"), told.get("id_token"), told):
        found = part.get(claim) if isinstance(part, dict) else None
        theirs.update([found] if isinstance(found, str) else map(str, found or ()))
    return {ours for their, ours in settings.OIDC_GROUPS.items() if their in theirs}


def take(request: HttpRequest, user: User, names: set[str]) -> None:
    """The person's groups, of those that the provider decides on. Others stay as they are."""
    before = _groups(user)
    decided = Group.objects.filter(name__in=settings.OIDC_GROUPS.values())
    user.groups.remove(*decided.exclude(name__in=names))
    user.groups.add(*decided.filter(name__in=names))
    if (after := _groups(user)) != before:
        trail.note(request, What.CHANGED, user, changes={"groups": [before, after]})


def _groups(user: User) -> list[str]:
    return sorted(user.groups.values_list("name", flat=True))


def _refused(request: HttpRequest) -> HttpResponse:
    from django.contrib import messages

    messages.error(request, "Your organization gives you no role in Waypost.")
    return redirect("account_login")
