"""What our admin pages share: lists that never count, badges, links, pages that ask first."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from django.contrib import messages
from django.contrib.admin import ShowFacets, display
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import FieldDoesNotExist, PermissionDenied, ValidationError
from django.db.models import IntegerField, ManyToManyField, Model, QuerySet, Subquery
from django.forms import Form, Media, ModelMultipleChoiceField
from django.forms.utils import flatatt
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from unfold.admin import checkbox as _tick
from unfold.contrib.filters.admin import DropdownFilter as _DropdownFilter
from unfold.decorators import action as _action
from unfold.enums import ActionVariant

from lib import list_headers, phone_masking
from lib.display import to_minute, to_second
from lib.listing import Grouping, InfinitePaginator

if TYPE_CHECKING:
    from django.contrib import admin

    _ModelAdmin = admin.ModelAdmin[Any]
    _ModelMultipleChoiceField = ModelMultipleChoiceField[Any]
    SimpleListFilter = admin.SimpleListFilter
else:
    from unfold.admin import ModelAdmin as _ModelAdmin

    _ModelMultipleChoiceField = ModelMultipleChoiceField
    SimpleListFilter = _DropdownFilter

Tone = Literal["success", "info", "warning", "danger", ""]
F = TypeVar("F", bound=Callable[..., Any])

CAP = 10_000  # counts stop here, so that no page waits for a queue of millions

column = display

list_headers.make_once_a_list()

_LOOKS = ("changelist", "change", "history", "")  # where only a POST is a step

_UNUSED = ("/urlify.js", "/prepopulate.js", "/xregexp.js", "/xregexp.min.js")

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
    """What people do with its forms and buttons goes to Django's history and, by the site, to the trail."""

    admin_site: Any  # accounts.site has it
    list_per_page = 50
    never_counts = False
    list_sections = ()  # Unfold asks for them in each row, and what is missing takes Django long to look for

    # Whether every step with these rows asks for a fresh proof: adding, changing, deleting, and all other
    # pages and actions except those named in the second setting.
    asks_for_proof = False
    without_proof: tuple[str, ...] = ()

    @property
    def media(self) -> Media:
        """Without the scripts of fields that are filled in from others: no form of ours has any."""
        return _without(super().media, *_UNUSED)

    def render_change_form(
        self, request: HttpRequest, context: Any, *more: Any, **named: Any
    ) -> HttpResponse:
        """Without the script of the actions that lists have."""
        context["media"] = _without(context["media"], "/actions.js")
        return super().render_change_form(request, context, *more, **named)

    @property
    def urls(self) -> list[URLPattern]:
        pages: list[URLPattern] = super().urls  # after all that has pages of its own
        return [self._proved(page) for page in pages] if self.asks_for_proof else pages

    def _proved(self, page: URLPattern) -> URLPattern:
        name = (page.name or "").removeprefix(f"{self.opts.app_label}_{self.opts.model_name}_")
        if name in self.without_proof:
            return page

        @wraps(page.callback)
        def view(request: HttpRequest, *args: Any, **values: Any) -> HttpResponse:
            steps = {name}
            if name == "changelist":  # of several actions in a form the site takes any
                steps = set(request.POST.getlist("action")) or steps
            asked = request.method == "POST" or name not in _LOOKS
            if asked and not steps <= {*self.without_proof} and self.admin_site.has_permission(request):
                self.admin_site.prove(request)
            answer: HttpResponse = page.callback(request, *args, **values)
            return answer

        return URLPattern(page.pattern, view, page.default_args, page.name)

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *more: Any, **named: Any
    ) -> HttpResponse | None:
        """Does what was chosen with the rows that were ticked, and nothing where one of them cannot be a row:
        Django would ask the database for it."""
        try:
            _rows_can_have(self.model, request.POST.getlist(ACTION_CHECKBOX_NAME))
        except ValidationError:
            self.message_user(
                request, "A ticked row has no readable number. Nothing was done.", messages.ERROR
            )
            return None
        return super().response_action(request, queryset, *more, **named)

    def formfield_for_manytomany(
        self, db_field: "ManyToManyField[Any, Any]", request: HttpRequest, **options: Any
    ) -> Any:
        return super().formfield_for_manytomany(db_field, request, **{"form_class": RowsField} | options)

    @column(description=_ModelAdmin.action_checkbox.short_description)  # type: ignore[attr-defined]
    def action_checkbox(self, obj: Model) -> SafeString:
        """Unfold's box of a row, without a template for each."""
        return format_html(
            '<input type="checkbox" name="{}" value="{}"{}>',
            ACTION_CHECKBOX_NAME,
            obj.pk,
            flatatt(_tick.attrs),
        )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The browser's tab says what is listed; Django's would say “Select … to change”."""
        title = capfirst(str(self.opts.verbose_name_plural))
        return super().changelist_view(request, {"title": title} | (extra_context or {}))

    def row(self, request: HttpRequest, object_id: str, *, change: bool = False) -> Any:
        """The row that a URL names. Raises Http404 where there is none, and PermissionDenied for whoever may
        not see it, or not `change` it."""
        found = self.get_object(request, unquote(object_id))
        if found is None:
            raise Http404
        may = self.has_change_permission if change else self.has_view_permission
        if not may(request, found):
            raise PermissionDenied
        return found

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The row; a page that only shows it reads it once, for itself and for its buttons."""
        if request.method != "GET":
            return super().get_object(request, object_id, from_field)
        known = request.__dict__.setdefault("_rows", {})
        key = (self.model, object_id, from_field)
        if key not in known:
            known[key] = super().get_object(request, object_id, from_field)
        return known[key]

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        self.admin_site.note_form(request, "changed" if change else "added", form, formsets, form.instance)

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        if isinstance(message, str):  # what a form added is noted with its values
            self.admin_site.note(request, "added", obj, text=message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any, what: str = "changed") -> Any:
        if isinstance(message, str):
            self.admin_site.note(request, what, obj, text=message)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Model]) -> Any:
        for row in queryset:
            self.admin_site.note(request, "deleted", row)
        return super().log_deletions(request, queryset)  # type: ignore[arg-type]

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What people wrote about the object, its numbers hidden from those who may not see them."""
        response = super().history_view(request, object_id, extra_context)
        entries = (getattr(response, "context_data", None) or {}).get("action_list")
        if entries is not None:
            entries.object_list = list(entries.object_list)
            for entry in entries.object_list:
                entry.change_message = phone_masking.text(entry.change_message)
        return response

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Allows the list's own filters, and filters by what a row belongs to. Django would take any
        comparison of any column from the address. With those, people could find out what they may not see."""
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
        names_a_row = field.is_relation and lookup == column and value.isdecimal() and len(value) < 19
        known = column in mine or names_a_row
        return known and super().lookup_allowed(lookup, value, request)


class RowsField(_ModelMultipleChoiceField):
    """Several rows by their numbers. Django would ask SQLite for one that no row can have, which fails."""

    def clean(self, value: Any) -> Any:
        assert self.queryset is not None
        _rows_can_have(self.queryset.model, value if isinstance(value, list) else [])
        return super().clean(value)


def _rows_can_have(model: type[Model], numbers: Iterable[Any]) -> None:
    """Raises ValidationError where no row of the model can have one of the numbers."""
    for number in numbers:
        model._meta.pk.clean(number, None)


def _without(media: Any, *names: str) -> Media:
    kept = [each for each in media._js if not (isinstance(each, str) and each.endswith(names))]
    return Media(css=media._css, js=kept)


def badge(text: object, tone: Tone = "", title: str = "") -> SafeString:
    return format_html('<span class="{}" title="{}">{}</span>', _BADGE + _TONES[tone], title, text)


def link(url: str, text: object) -> SafeString:
    return format_html('<a class="text-link" href="{}">{}</a>', url, text)


def moment(at: datetime | None) -> SafeString | None:
    """A time to the minute, on one line; its second is in the title."""
    if at is None:
        return None
    return format_html('<time class="whitespace-nowrap" title="{}">{}</time>', to_second(at), to_minute(at))


def copied(element: str, text: str) -> SafeString:
    """A long id: shows its end, has all of it in the title, and a button that copies it."""
    return format_html(
        '<span class="wp-short" title="{1}"><span id="{0}">{1}</span></span>'
        '<button type="button" class="wp-icon-button" data-copy="{0}" aria-label="Copy {1}">'
        '<span aria-hidden="true" class="material-symbols-outlined">content_copy</span></button>',
        element,
        text,
    )


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
    """The id of the user who does it. Only people who are signed in see admin pages."""
    assert request.user.pk is not None
    return request.user.pk


class CappedCount(Subquery):
    """The number of rows of a subquery. Where the subquery is a slice, counting stops at its end."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS capped)"
    output_field = IntegerField()

    def __init__(self, queryset: QuerySet[Any], cap: int = CAP) -> None:
        super().__init__(queryset.order_by().values("pk")[: cap + 1])


def capped(count: int) -> str:
    return f"{CAP:,}+" if count > CAP else f"{count:,}"


def choice_filter(
    field: str,
    choices: Iterable[tuple[Any, Any]],
    *,
    title: str = "",
    spelled: Mapping[str, str] | None = None,
) -> type[SimpleListFilter]:
    """A filter by a field's values. `spelled` gives for a value the condition of the partial index that finds
    it. SQLite uses such an index only where the query repeats its condition word by word."""
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
    list_filter_submit = True
    list_fullwidth = True
    ordering = ("-id",)
    sortable_by = ()
    list_defer: tuple[str, ...] = ()  # what only the row's own page shows
    never_counts = True
    empty_title = "Nothing here yet"
    empty_text = ""
    progress_template = ""  # the part of a row's page that refreshes itself, from …/progress/

    def get_urls(self) -> list[URLPattern]:
        if not self.progress_template:
            return super().get_urls()
        view = self.admin_site.admin_view(self.progress_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_progress"
        return [path("<path:object_id>/progress/", view, name=name), *super().get_urls()]

    def progress_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        found = self.row(request, object_id)
        return TemplateResponse(request, self.progress_template, self.page_context(request, found))

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
        """A button that posts without a question first. Without JavaScript there is a page that asks."""
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
