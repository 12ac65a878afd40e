"""What our admin pages share: lists that never count, badges, links, pages that ask first."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from django.contrib.admin import ShowFacets, display
from django.contrib.admin.utils import unquote
from django.core.exceptions import FieldDoesNotExist
from django.db.models import IntegerField, Model, Q, QuerySet, Subquery, Value
from django.db.models.functions import Greatest
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter as _DropdownFilter
from unfold.decorators import action as _action
from unfold.enums import ActionVariant

from lib.listing import Grouping, InfinitePaginator
from lib.pretty import clock

if TYPE_CHECKING:
    from django.contrib import admin

    _ModelAdmin = admin.ModelAdmin[Any]
    SimpleListFilter = admin.SimpleListFilter
else:
    from unfold.admin import ModelAdmin as _ModelAdmin

    SimpleListFilter = _DropdownFilter

Tone = Literal["success", "info", "warning", "danger", ""]
F = TypeVar("F", bound=Callable[..., Any])

CAP = 10_000  # counts stop here, so that no page waits for a queue of millions

column = display

_BADGE = (
    "inline-block font-semibold rounded-default text-[11px] uppercase whitespace-nowrap h-6 leading-6 px-2 "
)
_TONES: dict[Tone, str] = {
    "success": "bg-green-100 text-green-700 dark:bg-green-500/20 dark:text-green-400",
    "info": "bg-blue-100 text-blue-700 dark:bg-blue-500/20 dark:text-blue-400",
    "warning": "bg-orange-100 text-orange-700 dark:bg-orange-500/20 dark:text-orange-400",
    "danger": "bg-red-100 text-red-700 dark:bg-red-500/20 dark:text-red-400",
    "": "bg-base-500/8 text-base-700 dark:bg-base-500/20 dark:text-base-200",
}


class ModelAdmin(_ModelAdmin):
    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """By the list's filters alone, and by what a row belongs to. Django takes any comparison of any
        column from the address, which tells bit by bit what people may not see."""
        column = lookup.partition("__")[0]
        try:
            field = self.opts.get_field(column)
        except FieldDoesNotExist:
            return super().lookup_allowed(lookup, value, request)
        filters: Iterable[Any] = self.get_list_filter(request)
        mine = {
            each if isinstance(each, str) else each[0] if isinstance(each, tuple) else each.parameter_name
            for each in filters
        }
        known = column in mine or (field.is_relation and lookup == column)
        return known and super().lookup_allowed(lookup, value, request)


def badge(text: object, tone: Tone = "", title: str = "") -> SafeString:
    return format_html('<span class="{}" title="{}">{}</span>', _BADGE + _TONES[tone], title, text)


def link(url: str, text: object) -> SafeString:
    return format_html('<a class="text-link" href="{}">{}</a>', url, text)


def moment(at: datetime | None) -> SafeString | None:
    """A time to the second, on one line."""
    return None if at is None else format_html('<span class="whitespace-nowrap">{}</span>', clock(at)[:-4])


def list_url(name: str, **filters: str | int) -> str:
    """The list of `app_model`, filtered."""
    return reverse(f"admin:{name}_changelist") + ("?" + urlencode(filters) if filters else "")


def page_url(name: str, pk: object) -> str:
    return reverse(f"admin:{name}_change", args=[pk])


def button(
    description: str,
    *,
    permissions: Iterable[str],
    icon: str = "",
    path: str = "",
    post: bool = False,
    variant: Literal["default", "primary", "danger", "warning"] = "default",
) -> Callable[[F], F]:
    """A button at the top of a row's page. With `post` one click does it, else a page asks first."""
    return _action(  # type: ignore[no-any-return]
        description=description,
        permissions=list(permissions),
        icon=icon or None,
        url_path=path or None,
        attrs={"data-post": ""} if post else {},
        variant=ActionVariant(variant),
    )


def confirm(
    admin: ModelAdmin,
    request: HttpRequest,
    *,
    title: str,
    text: Iterable[str],
    button: str,
    back: str,
    form: Form | None = None,
    hidden: Iterable[tuple[str, str]] = (),
    danger: bool = False,
    possible: bool = True,
) -> TemplateResponse:
    """A page that says what is about to happen and asks. It posts to its own address."""
    context = admin.admin_site.each_context(request) | {
        "title": title,
        "opts": admin.opts,
        "text": list(text),
        "button": button,
        "back": back,
        "form": form,
        "hidden": list(hidden),
        "danger": danger,
        "possible": possible,
    }
    return TemplateResponse(request, "waypost/confirm.html", context)


def user_id(request: HttpRequest) -> int:
    """Whose doing it is. Admin pages are for those who signed in."""
    assert request.user.pk is not None
    return request.user.pk


class CappedCount(Subquery):
    """How many rows a subquery has; slice it, and the counting stops there."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS capped)"
    output_field = IntegerField()

    def __init__(self, queryset: QuerySet[Any], cap: int = CAP) -> None:
        super().__init__(queryset.order_by().values("pk")[: cap + 1])


def capped(count: int) -> str:
    return f"{CAP:,}+" if count > CAP else f"{count:,}"


def prefix(field: str, text: str) -> Q:
    """Rows whose field begins with the text, by a range that a plain index serves on any database.

    LIKE would need an index of its own on PostgreSQL, and uses none on SQLite. Of the two upper
    bounds one sorts after every continuation: "~" byte by byte, "zzzz" in a language's order.
    """
    return Q(**{f"{field}__gte": text, f"{field}__lt": Greatest(Value(text + "zzzz"), Value(text + "~"))})


def choice_filter(
    field: str,
    choices: Iterable[tuple[Any, Any]],
    *,
    title: str = "",
    spelled: Mapping[str, str] | None = None,
) -> type[SimpleListFilter]:
    """A filter by a field's values. `spelled` repeats, for a value, the condition of the partial index
    that finds it: SQLite takes such an index only for a query with its very words."""
    options = [(str(value), str(label)) for value, label in choices]

    class ChoiceFilter(SimpleListFilter):
        parameter_name = field

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            return options

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            value = self.value()
            if value not in dict(options):
                return queryset
            words = (spelled or {}).get(value)
            return queryset.filter(**{field: value}).extra(where=[words] if words else [])  # noqa: S610

    ChoiceFilter.title = title or field.replace("_", " ")
    return ChoiceFilter


class LogAdmin(ModelAdmin):
    """Rows that the gateway writes and nobody edits, in tables of millions: lists never count."""

    groupings: tuple[Grouping, ...] = ()  # the indexes that serve the filters
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    list_filter_submit = True
    list_fullwidth = True
    ordering = ("-id",)
    sortable_by = ()
    list_defer: tuple[str, ...] = ()  # what only the row's own page shows
    never_counts = True
    empty_title = "Nothing here yet"
    empty_text = ""

    def get_paginator(
        self, request: HttpRequest, queryset: QuerySet[Any], per_page: int, *_: Any, **__: Any
    ) -> InfinitePaginator:
        return InfinitePaginator(queryset, per_page, self.groupings)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest, obj: Model | str | None = None) -> bool:
        """Whether the user may act on rows (send again, read again): the model's change permission."""
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        return []  # the page is a template of its own

    def at_once(
        self,
        request: HttpRequest,
        object_id: str,
        act: Callable[[HttpRequest, QuerySet[Any]], None],
        title: str,
        text: Iterable[str],
    ) -> HttpResponse:
        """A button that posts and needs no asking. Who comes without JavaScript is asked nevertheless."""
        back = page_url(f"{self.opts.app_label}_{self.opts.model_name}", object_id)
        if request.method != "POST":
            return confirm(self, request, title=title, text=text, button=title, back=back)
        act(request, self.model._default_manager.filter(pk=unquote(object_id)))
        return redirect(back)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        queryset = super().get_queryset(request)
        match = request.resolver_match
        if match is not None and (match.url_name or "").endswith("_changelist"):
            return queryset.defer(*self.list_defer)
        return queryset

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> Any:
        context |= {"show_save_and_continue": False} | self.page_context(request, obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """What the row's own template shows."""
        return {}
