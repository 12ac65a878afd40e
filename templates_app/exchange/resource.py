"""Templates written to tables and read from them, one in each row. An import counts as an edit by the person
who uploads the file.

A template is found by provider, name and language; a row whose template is not there creates it.
Columns that are left out stay as they are. One bad row, and nothing of the file is applied.
"""

from contextlib import suppress
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import DatabaseError
from django.utils import timezone
from import_export.fields import Field
from import_export.resources import ModelResource
from import_export.results import Result, RowResult
from tablib import Dataset

from providers.models import Provider
from templates_app.content import rules
from templates_app.content.components import dynamic_urls, unsupported
from templates_app.exchange.cells import Choice, Components, Extra, Paths, Seconds, Word, parsed, short
from templates_app.exchange.formats import CHANGEABLE, COLUMNS, KEY
from templates_app.history import changes
from templates_app.models import Template, TemplateChange

CHUNK = 500
CHOICES: dict[str, list[str]] = {
    "category": Template.Category.values,
    "status": Template.Status.values,
    "parameter_format": Template.Format.values,
}
CONTENT = frozenset({"components", "category", "parameter_format", "ttl_seconds"})  # what the rules are about
WRITTEN = (*CHANGEABLE, "previous_category", "status_reason", "unsupported", "updated_at")

Key = tuple[str, ...]
Source = TemplateChange.Source


class Difference(NamedTuple):
    """A column whose value the file changes."""

    column: str
    before: Any
    after: Any


class TemplateResource(ModelResource):  # type: ignore[misc]
    provider = Field("provider__nickname", "provider", Word())
    name = Field("name", "name", Word())
    language = Field("language", "language", Word())
    category = Field("category", "category", Choice())
    status = Field("status", "status", Choice())
    parameter_format = Field("parameter_format", "parameter_format", Choice())
    ttl_seconds = Field("ttl_seconds", "ttl_seconds", Seconds())
    tracked = Field("tracked", "tracked", Paths())
    components = Field("components", "components", Components())
    extra = Field("extra", "extra", Extra())

    class Meta:
        model = Template
        fields = COLUMNS
        import_id_fields = KEY
        use_bulk = True
        batch_size = CHUNK
        skip_diff = True  # ours is in `differences` of a row's result
        report_skipped = False
        store_instance = True
        clean_model_instances = False

    def import_data(self, dataset: Dataset, dry_run: bool = False, **kwargs: Any) -> Result:
        """A preview writes nothing, so it takes no transaction that others would have to wait for."""
        self._dry_run = dry_run
        if dry_run:
            kwargs.pop("raise_errors", None)
            return self.import_data_inner(dataset, True, False, False, False, **kwargs)
        return super().import_data(dataset, **kwargs)

    def before_import(self, dataset: Dataset, **kwargs: Any) -> None:
        self.timeline: list[TemplateChange] = []
        self._rows: dict[Key, int] = {}
        self._providers = {provider.nickname: provider for provider in Provider.objects.all()}
        self._stored = self._load(dataset)

    def _load(self, dataset: Dataset) -> dict[Key, Template]:
        """The stored templates of those names. Before writing they are locked: webhooks change them too."""
        rows = Template.objects.order_by("pk")
        rows = rows if self._dry_run else rows.select_for_update()
        names = set()
        for cell in dataset["name"]:
            with suppress(ValueError):
                names.add(self.fields["name"].widget.clean(cell))
        found = {}
        ordered = sorted(names)
        for start in range(0, len(ordered), CHUNK):
            for row in rows.filter(name__in=ordered[start : start + CHUNK]):
                found[row.provider_id, row.name, row.language] = row
        nicknames = {provider.pk: nickname for nickname, provider in self._providers.items()}
        return {(nicknames[pk], name, language): row for (pk, name, language), row in found.items()}

    def before_import_row(self, row: dict[str, Any], **kwargs: Any) -> None:
        self._changes: list[TemplateChange] = []
        self._differences: list[Difference] = []
        errors = {}
        for name in KEY:
            try:
                row[name] = self.fields[name].clean(row)
            except ValueError as error:
                errors[name] = str(error)
        if "provider" not in errors and row["provider"] not in self._providers:
            known = ", ".join(list(self._providers)[:10]) or "none yet"
            errors["provider"] = f"There is no provider {short(row['provider'])}. Providers: {known}."
        if errors:
            raise ValidationError(errors)
        key = tuple(row[name] for name in KEY)
        first = self._rows.setdefault(key, kwargs["row_number"])
        if first != kwargs["row_number"]:
            raise ValidationError("The file has this template twice. Delete one of the rows.")

    def get_instance(self, instance_loader: Any, row: dict[str, Any]) -> Template | None:
        return self._stored.get(tuple(row[name] for name in KEY))

    def init_instance(self, row: dict[str, Any]) -> Template:
        provider = self._providers[row["provider"]]
        return Template(provider=provider, name=row["name"], language=row["language"])

    def import_instance(self, instance: Template, row: dict[str, Any], **kwargs: Any) -> None:
        new = instance.pk is None
        values, errors = {}, {}
        for name in CHANGEABLE:
            if name in row:
                try:
                    values[name] = self.fields[name].clean(row)
                except ValueError as error:
                    if new or not _is_stored(instance, name, row[name]):
                        errors[name] = str(error)
        if new and "components" not in row:
            errors["components"] = "A new template needs components, and the file has no column for them."
        if errors:
            raise ValidationError(errors)
        values = {name: value for name, value in values.items() if getattr(instance, name) != value}
        if not values and not new:
            return
        by = kwargs["user"].get_username()
        before = {name: None if new else getattr(instance, name) for name in CHANGEABLE}
        self._changes = _edit(instance, values, by)
        after = {name: getattr(instance, name) for name in CHANGEABLE}
        self._differences = [
            Difference(name, before[name], after[name]) for name in after if before[name] != after[name]
        ]
        if new:
            self._changes = [changes.created(instance, Source.PERSON, by=by)]
        problems = _problems(instance, frozenset(COLUMNS if new else values))
        if problems:
            raise ValidationError(problems)

    def skip_row(
        self, instance: Template, original: Any, row: Any, import_validation_errors: Any = None
    ) -> bool:
        return not import_validation_errors and not self._changes and not self._differences

    def after_save_instance(self, instance: Template, row: Any, **kwargs: Any) -> None:
        self.timeline += self._changes

    def after_import_row(self, row: Any, row_result: RowResult, **kwargs: Any) -> None:
        row_result.differences = self._differences

    def bulk_update(
        self,
        using_transactions: bool,
        dry_run: bool,
        raise_errors: bool,
        batch_size: int | None = None,
        result: Result | None = None,
    ) -> None:
        """Writes with an upsert, which is several times as fast as Django's bulk_update."""
        try:
            if self.update_instances and not dry_run:
                Template.objects.bulk_create(
                    self.update_instances, update_conflicts=True, unique_fields=["id"], update_fields=WRITTEN
                )
        except DatabaseError as error:
            self.handle_import_error(result, error, raise_errors)
        finally:
            self.update_instances.clear()

    def after_import(self, dataset: Dataset, result: Result, **kwargs: Any) -> None:
        """The timeline, in the transaction of the rows. Without what the library does here: setting
        PostgreSQL's sequence to the highest id breaks those who insert at the same time."""
        result.first_row = dataset.first_row
        if not self._dry_run:
            TemplateChange.objects.bulk_create(self.timeline, batch_size=CHUNK)


def _is_stored(template: Template, name: str, cell: Any) -> bool:
    """Whether a value that no file may set is there already: a list has what BSPs list, as no components."""
    with suppress(ValueError):
        return bool((parsed(cell) if isinstance(cell, str) else cell) == getattr(template, name))
    return False


def _edit(template: Template, values: dict[str, Any], by: str) -> list[TemplateChange]:
    """Sets the values and what follows from them. Returns the timeline's entries, unsaved."""
    entries = changes.assign(template, values, Source.PERSON, by=by)
    if "status" in values:
        template.status_reason = ""
    if template.tracked and "tracked" not in values and "components" in values:
        template.tracked = sorted(dynamic_urls(template.components).keys() & set(template.tracked))
    template.unsupported = unsupported(template.category, template.components)[:200]
    template.updated_at = timezone.now()
    return entries


def _problems(template: Template, touched: frozenset[str]) -> dict[str, list[str]]:
    """What is wrong, by column. Only changes are checked: imported templates need not follow every rule."""
    found: dict[str, list[str]] = {}
    for name in touched & CHOICES.keys():
        value = getattr(template, name)
        if value not in CHOICES[name]:
            found[name] = [f"{short(value)} is not one of {', '.join(CHOICES[name])}."]
    if template.tracked and touched & {"tracked", "components"}:
        strange = sorted(set(template.tracked) - dynamic_urls(template.components).keys())
        if strange:
            found["tracked"] = [f"{short(strange[0])} is not a URL button with a variable."]
    if found or not touched & CONTENT:
        return found
    checked = rules.check(
        template.components,
        name=template.name,
        language=template.language,
        category=template.category,
        parameter_format=template.parameter_format,
        ttl_seconds=template.ttl_seconds,
    )
    for place, words in checked.problems.items():
        if place in COLUMNS:
            if place in touched:
                found.setdefault(place, []).append(words)
        elif touched & {"components", "parameter_format"}:
            found.setdefault("components", []).append(f"{rules.label(place)}: {words}")
    return found
