"""The template's form: its name, language and other fields, and the content as the editor posts it."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from msgspec import Struct
from unfold.widgets import INPUT_CLASSES, UnfoldAdminTextInputWidget

from lib.reading import decode
from providers.dialects.clevertap.requests import meta_language
from providers.models import Provider
from templates_app.content import draft as drafts
from templates_app.content import link_tracking, rules
from templates_app.content.components import Component, unsupported
from templates_app.content.draft import Draft
from templates_app.content.languages import LANGUAGES
from templates_app.models import Template

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Template]
else:
    _ModelForm = forms.ModelForm


class Content(Struct, frozen=True):
    """A template's components and the paths of its tracked buttons."""

    components: list[Component] = []
    tracked: list[str] = []


class Posted(Struct, frozen=True):
    """What the editor's inputs hold: the draft (empty without JavaScript, and when the JSON is
    edited), the components as JSON, and what the page began with."""

    draft: str
    components: str
    base: str


class EditorWidget(forms.Widget):
    template_name = "templates_app/editor/editor.html"

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Posted:
        return Posted(data.get(f"{name}-draft", ""), data.get(name, ""), data.get(f"{name}-base", ""))

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, None, attrs)
        if isinstance(value, Posted):  # a form that comes back with errors
            draft, components, base = value.draft, value.components, value.base
        else:
            content = value or Content()
            draft = _json(drafts.read(content.components, content.tracked))
            components = _pretty(content.components)
            base = _json(content)
        context["widget"] |= {
            "draft": draft,
            "components": components,
            "base": base,
            "as_json": not draft,
            "empty": _json(Draft()),
            "languages": sorted(LANGUAGES),
            "input": " ".join(INPUT_CLASSES),
        }
        return context


class ContentField(forms.Field):
    """Cleans to Content. A draft that nobody changed gives the same components as before."""

    widget = EditorWidget

    def to_python(self, value: Any) -> Content:
        base = _base(value)
        if value.draft:
            return _from_draft(value.draft, base)
        if not value.components.strip():
            return Content()
        try:
            components = decode(value.components.encode())
        except ValueError as error:
            raise ValidationError(f"The components are not JSON: {error}") from error
        if not isinstance(components, list) or not all(isinstance(each, dict) for each in components):
            raise ValidationError("Write the components as a JSON list of objects, as in Meta's API.")
        # Of the tracked buttons those remain that are dynamic URL buttons in these components too.
        _, tracked = drafts.write(drafts.read(components, base.tracked))
        return Content(components, tracked)

    def validate(self, value: Content) -> None:
        if not value.components:
            raise ValidationError("The template is empty. Write its text at least.")

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return self.to_python(data) != _base(data)
        except ValidationError:
            return True


def _from_draft(posted: str, base: Content) -> Content:
    try:
        draft = msgspec.convert(decode(posted.encode()), Draft)
    except (ValueError, msgspec.ValidationError) as error:
        raise ValidationError(f"What the editor sent could not be read: {error}") from error
    before = drafts.read(base.components, base.tracked)
    if draft == before:
        return base
    components, tracked = drafts.write(draft)
    # Only the tracking changed: the components stay as they came, key by key.
    if components == drafts.write(before)[0]:
        components = base.components
    return Content(components, tracked)


def _base(posted: Posted) -> Content:
    try:
        return msgspec.convert(decode(posted.base.encode()), Content)
    except (ValueError, msgspec.ValidationError):
        return Content()


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _pretty(components: list[Component]) -> str:
    return json.dumps(components, indent=2, ensure_ascii=False)


class TemplateForm(_ModelForm):
    content = ContentField(label="content", required=False)

    class Meta:
        model = Template
        fields = ()  # the admin's fieldsets name them
        widgets = {
            "language": UnfoldAdminTextInputWidget({"list": "template-languages", "autocomplete": "off"})
        }
        help_texts = {
            "name": "As it is at the BSP: the letters a to z, digits and underscores.",
            "language": "Meta's code: en, en_GB, hi. CleverTap's “en(uk)” is en_GB.",
            "parameter_format": "Positional: {{1}}, {{2}}. Named: {{first_name}}.",
            "bsp_id": "Only for BSPs that send templates by ids of their own. An import fills it in.",
            "status": "An import or a webhook of the BSP also sets it.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        template = self.instance
        self.initial.setdefault("content", Content(template.components, template.tracked))
        self.written = Content()  # as far as it could be read, problems or not
        self.problems: dict[str, str] = {}
        self.hints: dict[str, str] = {}
        for name, field in self.fields.items():
            # An import or a webhook may write the row meanwhile: only what the person changed is saved.
            field.show_hidden_initial = name not in ("provider", "content")
        if template.pk and "provider" in self.fields:
            self.fields["provider"].disabled = True
        elif "provider" in self.fields:
            chosen = self.fields["provider"]
            assert isinstance(chosen, forms.ModelChoiceField)
            chosen.queryset = Provider.in_use()

    def clean_name(self) -> str:
        return str(self.cleaned_data["name"]).strip()

    def clean_language(self) -> str:
        raw = str(self.cleaned_data["language"]).strip()
        return raw if raw in LANGUAGES else meta_language(raw)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        content: Content | None = cleaned.get("content")
        if content is None:
            return cleaned
        self.written = content
        template = self.instance
        template.components, template.tracked = content.components, content.tracked
        template.unsupported = unsupported(cleaned.get("category", ""), content.components)[:200]
        self._check(content)
        for place, words in self.problems.items():
            if place not in self.fields:
                self.add_error("content", _sentence(f"{rules.label(place)}: {words}"))
            elif place not in self.errors:
                self.add_error(place, words)
        return cleaned

    def _check(self, content: Content) -> None:
        """Fills problems and hints. Meta has approved the rest: only changed parts can be problems."""
        given = self.cleaned_data.get
        checked = rules.check(
            content.components,
            name=given("name", ""),
            language=given("language", ""),
            category=given("category", ""),
            parameter_format=given("parameter_format", ""),
            ttl_seconds=given("ttl_seconds"),
        )
        changed = set(self.changed_data)
        whole = self.instance.pk is None or changed & {"content", "parameter_format"}
        blocking = {place for place in checked.problems if whole or place in changed}
        self.problems = {place: checked.problems[place] for place in checked.problems if place in blocking}
        self.hints = {place: words for place, words in checked.problems.items() if place not in blocking}
        self.hints |= checked.hints | dict(self._untracked(content))

    def _untracked(self, content: Content) -> Iterator[tuple[str, str]]:
        """The buttons that are marked as tracked, though no short link of ours fits their URL."""
        provider = self.cleaned_data.get("provider")
        ours, domain = settings.PUBLIC_BASE_URL, provider.click_domain if provider else ""
        fitting = link_tracking.prefixes(content.components, ours, domain)
        for path in content.tracked:
            if path not in fitting:
                place = path.replace("card.", "cards.").replace("button.", "buttons.") + ".tracked"
                yield (
                    place,
                    f"Clicks are counted only on {ours}{link_tracking.PATH}{{{{1}}}}, registered at the BSP.",
                )


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]
