"""Segments: the builder with its live count, and who is in one."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString

from broadcasts import contact_filters
from broadcasts.contact_filters import Wrong
from broadcasts.models import Segment
from broadcasts.people.builder import FilterField, decoded
from broadcasts.run import estimate
from lib import phone_masking
from lib.admin import ModelAdmin, column, moment

if TYPE_CHECKING:
    _Form = forms.ModelForm[Segment]
else:
    _Form = forms.ModelForm

# People who may write filters: a count by a narrow filter says something about a single person.
MAY_COUNT = (
    "broadcasts.add_segment",
    "broadcasts.change_segment",
    "broadcasts.add_broadcast",
    "broadcasts.change_broadcast",
)


class SegmentForm(_Form):
    filter = FilterField(label="Who is in it")

    class Meta:
        model = Segment
        fields = ("name", "filter")


@admin.register(Segment)
class SegmentAdmin(ModelAdmin):
    form = SegmentForm
    fields = ("name", "filter")
    list_display = ("name", "meaning", "by", "changed")
    search_fields = ("name",)
    list_fullwidth = True
    warn_unsaved_form = True
    empty_title = "No segment yet"
    empty_text = (
        "A segment is a saved filter on contacts. A broadcast may be for one; who is in it is asked then."
    )

    class Media:
        css = {"all": ["templates_app/editor.css"]}

    @column(description="who is in it")
    def meaning(self, segment: Segment) -> str:
        return phone_masking.text(segment.words)

    @column(description="last change", ordering="updated_at")
    def changed(self, segment: Segment) -> SafeString | None:
        return moment(segment.updated_at)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        may_write = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return self.fields if may_write else ("name", "meaning", "by", "changed")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("meaning", "by", "changed")

    def save_model(self, request: HttpRequest, obj: Segment, form: Any, change: bool) -> None:
        if not change:
            obj.by = request.user.get_username()
        obj.save()

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A user who may not see a number in the filter only sees the filter's words, with the number
        masked."""
        legible = not isinstance(obj, Segment) or phone_masking.text(obj.words) == obj.words
        return legible and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        used = isinstance(obj, Segment) and obj.broadcast_set.exists()
        return super().has_delete_permission(request, obj) and not used

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.count_view)
        return [path("count/", view, name="broadcasts_segment_count"), *super().get_urls()]

    def count_view(self, request: HttpRequest) -> HttpResponse:
        """How many a filter means, in numbers and in words; or what is wrong with it, place by place."""
        if request.method != "POST":
            return JsonResponse({"failure": "Send the filter by POST to count."}, status=405)
        if not any(request.user.has_perm(permission) for permission in MAY_COUNT):
            raise PermissionDenied
        try:
            found = contact_filters.read(decoded(request.POST.get("filter")))
            if _asks_for_numbers(found) and not phone_masking.eyes().whole:
                words = "You may not see phone numbers, so nobody is counted by them."
                return JsonResponse({"problems": {"": words}})
            head = estimate.heads(found, timezone.now())
        except Wrong as wrong:
            return JsonResponse({"problems": wrong.problems})
        except ValidationError as error:
            return JsonResponse({"problems": {"": " ".join(error.messages)}})
        except estimate.TooSlow as slow:
            return JsonResponse({"failure": str(slow), "words": contact_filters.describe(found)})
        return JsonResponse(
            {"people": head.people, "reachable": head.reachable, "words": contact_filters.describe(found)}
        )


def _asks_for_numbers(found: contact_filters.Filter) -> bool:
    return any(
        isinstance(condition, contact_filters.Field) and condition.name in ("phone", "identity")
        for group in found.groups
        for condition in group.conditions
    )
