"""Makes the tables of `lib.postgres.parts` as tables in parts, from plain models and migrations."""

from typing import Any

from django.db.backends.postgresql import schema
from django.db.models import Model

from lib.postgres import parts


class SchemaEditor(schema.DatabaseSchemaEditor):
    def create_model(self, model: type[Model]) -> None:
        super().create_model(model)
        if model._meta.db_table in parts.BY:
            for statement in parts.made(model._meta.db_table, 0):
                self.execute(statement)

    def table_sql(self, model: type[Model]) -> tuple[str, Any]:
        """The key of the table must hold the column that it is parted by, and then no other is unique."""
        sql, parameters = super().table_sql(model)
        column = parts.BY.get(model._meta.db_table)
        if column is None:
            return sql, parameters
        if column != "id":
            sql = sql.replace(" PRIMARY KEY", "", 1)  # the id's, which says so first of all
            sql = f'{sql[:-1]}, PRIMARY KEY ("id", "{column}"))'
        return f'{sql} PARTITION BY RANGE ("{column}")', parameters

    def _unique_sql(self, model: type[Model], fields: Any, *args: Any, **options: Any) -> Any:
        """Within CREATE TABLE."""
        if _holds(model, fields):
            return super()._unique_sql(model, fields, *args, **options)  # type: ignore[misc]
        self.deferred_sql.append(self._create_unique_sql(model, fields, *args, **options))
        return None

    def _create_unique_sql(self, model: type[Model], fields: Any, *args: Any, **options: Any) -> Any:
        """A constraint without that column is an index: it would hold in each part alone."""
        made = super()._create_unique_sql(model, fields, *args, **options)  # type: ignore[misc]
        if made is not None and not _holds(model, fields):
            made.template = "CREATE INDEX %(name)s ON %(table)s (%(columns)s)%(condition)s"
        return made


def _holds(model: type[Model], fields: Any) -> bool:
    """Whether a constraint on these fields holds for the whole table."""
    column = parts.BY.get(model._meta.db_table)
    return column is None or column in {field.column for field in fields}
