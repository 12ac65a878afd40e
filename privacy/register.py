"""Every table of the database: what its rows are to a person who asks to be erased.

`docs/data.md` says the same to a data-protection officer. A table that is in neither list fails the tests,
and so does a column in which a number outlives an erasure.
"""

import json
from collections.abc import Iterator

from django.apps import apps
from django.db import models
from django.db.models import Q

from audience.models import Subscription, Upload
from callbacks.models import Webhook
from campaigns.models import Forward, Status
from providers.encrypted_fields import EncryptedJSONField
from stats.models import Report

# Tables that are searched for the person, and what happens to a row in which something is found: it goes,
# some of its columns are emptied, or what was found is replaced.
GO = "go"
LOOKED_THROUGH: dict[str, str | tuple[str, ...]] = {
    "callbacks.Webhook": GO,
    "audience.UploadError": GO,
    "callbacks.ForwardCall": ("body", "answer"),
    "campaigns.Refusal": ("payload",),
    **dict.fromkeys(
        (
            "accounts.Entry",
            "admin.LogEntry",
            "audience.Contact",
            "audience.ContactEvent",
            "audience.ContactDate",
            "audience.KnownProperty",
            "audience.OptChange",
            "audience.PhoneChoice",
            "audience.Subscription",
            "audience.Upload",
            "broadcasts.Broadcast",
            "broadcasts.Recipient",
            "broadcasts.Segment",
            "callbacks.Media",
            "callbacks.Outlet",
            "callbacks.Referral",
            "callbacks.Reply",
            "callbacks.WebhookKind",
            "campaigns.Attempt",
            "campaigns.Campaign",
            "campaigns.Click",
            "campaigns.Event",
            "campaigns.Link",
            "campaigns.Message",
            "campaigns.Pricing",
            "campaigns.StatCount",
            "campaigns.StatDetail",
            "campaigns.StatScope",
            "identities.Alias",
            "identities.Person",
            "operations.AcceptanceRun",
            "operations.AuditFinding",
            "operations.Delivery",
            "operations.Incident",
            "privacy.Erasure",
            "privacy.Hold",
            "providers.AccountEvent",
            "providers.CallSample",
            "stats.Report",
            "stats.ReportLine",
            "stats.SavedView",
            "templates_app.ImportRun",
            "templates_app.SeenTemplate",
            "templates_app.TemplateChange",
        ),
        (),
    ),
}

# Tables that hold nothing of the people who are written to, and why.
NOBODYS: dict[str, str] = {
    **dict.fromkeys(
        (
            "account.EmailAddress", "account.EmailConfirmation", "accounts.Token", "auth.Group",
            "auth.Group_permissions", "auth.Permission", "auth.User", "auth.User_groups",
            "auth.User_user_permissions", "mfa.Authenticator", "socialaccount.SocialAccount",
            "socialaccount.SocialApp", "socialaccount.SocialToken",
            "stats.MondayMail", "usersessions.UserSession",
        ),
        "of those who sign in",
    ),
    "accounts.Cached": "counts of attempts, by address and by hashed name",
    "sessions.Session": "encrypted, and gone when the session is",
    **dict.fromkeys(
        (
            "audience.OptSetting", "audience.UploadAccount", "operations.Channel", "operations.Rule",
            "privacy.RetentionSetting", "providers.ApiCredential", "providers.CallbackToken",
            "providers.Provider", "templates_app.Template",
        ),
        "set up by operators: the business's own numbers, words and addresses",
    ),
    **dict.fromkeys(
        (
            "archive.Cursor", "archive.Erased", "archive.Run", "broadcasts.Listed", "campaigns.Horizon",
            "campaigns.Installation", "campaigns.Month",
            "campaigns.Once", "campaigns.StatPoint",
            "contenttypes.ContentType", "identities.PseudonymKey", "operations.Expiry", "operations.Process",
            "operations.Sign", "operations.TimingCount", "operations.WaitSample", "privacy.Cursor",
            "privacy.Gist", "privacy.RetentionRun", "providers.CallCount", "providers.Lease",
        ),
        "the gateway's own notes: numbers, times, keyed hashes, and references to other rows",
    ),
}  # fmt: skip

# Rows that something still works on: they are left until it is done.
OPEN: dict[str, Q] = {
    "callbacks.Webhook": Q(state__in=Webhook.OPEN),
    "campaigns.Message": Q(status__in=(Status.QUEUED, Status.SENDING)),
    "campaigns.Attempt": Q(message__status__in=(Status.QUEUED, Status.SENDING)),
    "campaigns.Event": Q(forward=Forward.PENDING) & ~Q(provider__delivery_url=""),
    "callbacks.Reply": Q(forward=Forward.PENDING) & ~Q(provider__inbound_url=""),
    "audience.Subscription": Q(state=Subscription.State.PENDING),
    "audience.Upload": Q(state__in=(Upload.State.READING, *Upload.OPEN)),
    "stats.Report": Q(state__in=Report.OPEN),
}

# Columns that say what must stay. Without them a hold would keep nothing, and nobody would notice.
KEPT: dict[str, tuple[str, ...]] = {"privacy.Hold": ("number", "campaign")}

# What happened to a row; stands before its table in `Erasure.counts`.
DELETED, ALTERED, NOT_SENT = "deleted", "altered", "not sent"


def deleted(label: str) -> str:
    return f"{DELETED} {label}"


def altered(label: str) -> str:
    return f"{ALTERED} {label}"


_TEXTS = (models.CharField, models.TextField, models.JSONField, models.BinaryField)


def tables() -> Iterator[type[models.Model]]:
    """Every model whose table is in the database."""
    return (each for each in apps.get_models(include_auto_created=True) if each._meta.managed)


def columns(model: type[models.Model]) -> list[models.Field]:  # type: ignore[type-arg]
    """The columns that may hold a text by or about a person."""
    return [
        each
        for each in model._meta.concrete_fields
        if isinstance(each, _TEXTS)
        and not isinstance(each, EncryptedJSONField)
        and not each.choices
        and not each.primary_key
        and each.name not in KEPT.get(model._meta.label, ())
    ]


def text(value: object) -> str:
    """What a column says, as it is looked through."""
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("latin-1")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
