"""Everybody's tokens, and the trail, for those who look after users."""

import json
from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import action
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RangeDateTimeFilter

from accounts import tokens, trail
from accounts.models import Entry, Token
from accounts.trail import What
from lib import phone_masking
from lib.admin import LogAdmin, SimpleListFilter, Tone, badge, choice_filter, column, moment
from lib.exported import ExportedAdmin
from lib.phone_masking import Eyes
from lib.sheets import Row

_TONES: dict[str, Tone] = {"valid": "success", "expired": "", "revoked": "danger"}


@admin.register(Token)
class TokenAdmin(LogAdmin):
    list_display = ("label", "owner", "scopes", "state", "created", "expires", "used")
    list_select_related = ("owner",)
    list_filter = ("owner",)
    list_display_links = None
    actions = ("revoke_selected",)
    empty_title = "There are no tokens"
    empty_text = "People make theirs on their own page, “My account”."

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return ["owner", "name", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at"]

    @column(description="token")
    def label(self, token: Token) -> str:
        return str(token)

    @column(description="state")
    def state(self, token: Token) -> SafeString:
        state = token.state(timezone.now())
        return badge(state, _TONES[state])

    @column(description="created")
    def created(self, token: Token) -> SafeString | None:
        return moment(token.created_at)

    @column(description="expires")
    def expires(self, token: Token) -> SafeString | None:
        return moment(token.expires_at)

    @column(description="last used", empty_value="never")
    def used(self, token: Token) -> SafeString | None:
        return moment(token.last_used_at)

    @action(description="Revoke", permissions=["operate"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[Token]) -> None:
        now = timezone.now()
        revoked = [token for token in queryset if tokens.revoke(token, now)]
        for token in revoked:
            trail.note(request, What.REVOKED, token)
        self.message_user(request, f"{len(revoked):,} revoked.", messages.SUCCESS)


_ALARMING: dict[str, Tone] = {What.NOT_SIGNED_IN: "warning", What.LOOKED: "info", What.EXPORTED: "info"}


class KindFilter(SimpleListFilter):
    """Only rows of one kind, as providers or users."""

    title = "about"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        kinds = Entry.objects.exclude(kind="").order_by("kind").values_list("kind", flat=True).distinct()
        return [(kind, kind.rpartition(".")[2]) for kind in kinds]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Entry]) -> QuerySet[Entry]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Entry)
class EntryAdmin(ExportedAdmin, LogAdmin):
    """The trail. It is only read here."""

    export_name = "trail"
    export_permission = "accounts.view_entry"
    list_display = ("when", "who_did", "did", "about", "more")
    list_display_links = None
    list_filter = (choice_filter("what", What.choices, title="what"), KindFilter, ("at", RangeDateTimeFilter))
    search_fields = ("who",)
    search_help_text = "The whole name of a user, or an address"
    empty_title = "No actions yet"
    empty_text = "Sign-ins, changes, exports, and looks at whole phone numbers are written here."

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return ["when", "who_did", "by", "did", "about", "more"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return self.get_fields(request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Entry], search_term: str
    ) -> tuple[QuerySet[Entry], bool]:
        term = search_term.strip()
        return (queryset.filter(Q(who=term) | Q(address=term)) if term else queryset), False

    def export_rows(self, found: QuerySet[Any], eyes: Eyes) -> Iterator[Row]:
        yield ("At", "Who", "By", "Address", "What", "About", "Key", "Name", "Details")
        for row in found.order_by("pk").iterator(2000):
            details = json.dumps(row.details, ensure_ascii=False)
            yield (
                row.at.isoformat(), row.who, row.by, row.address, row.what, row.kind, row.key,
                eyes.text(row.name), eyes.text(details),
            )  # fmt: skip

    @column(description="at")
    def when(self, entry: Entry) -> SafeString | None:
        return moment(entry.at)

    @column(description="who")
    def who_did(self, entry: Entry) -> str:
        return " ".join(filter(None, (entry.who, entry.by, f"({entry.address})" if entry.address else "")))

    @column(description="what")
    def did(self, entry: Entry) -> SafeString:
        return badge(entry.get_what_display(), _ALARMING.get(entry.what, ""))

    @column(description="about")
    def about(self, entry: Entry) -> str:
        return phone_masking.text(f"{entry.kind.rpartition('.')[2]} {entry.name}".strip())

    @column(description="details")
    def more(self, entry: Entry) -> str:
        return phone_masking.text("; ".join(_words(entry.details)))


def _words(details: dict[str, Any]) -> Iterator[str]:
    for name, value in details.items():
        if name == "changes":
            for field, change in value.items():
                yield (
                    f"{field}: {change}" if isinstance(change, str) else f"{field}: {change[0]} → {change[1]}"
                )
        elif value not in ("", {}):
            yield str(value) if name == "text" else f"{name.replace('_', ' ')}: {value}"
