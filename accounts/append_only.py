"""The trigger that keeps the trail as it was written. Rows may be added, and deleted when they are old."""

from typing import Any

_SQLITE = """
CREATE TRIGGER trail_is_append_only BEFORE UPDATE ON accounts_entry
BEGIN SELECT RAISE(ABORT, 'the trail is append-only'); END
"""
_POSTGRES = """
CREATE FUNCTION trail_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the trail is append-only'; END $$;
CREATE TRIGGER trail_is_append_only BEFORE UPDATE ON accounts_entry
FOR EACH ROW EXECUTE FUNCTION trail_is_append_only()
"""


def guard(apps: Any, schema_editor: Any) -> None:
    """For a migration: from now on the database refuses every change of an entry, whoever asks for it."""
    schema_editor.execute(_SQLITE if schema_editor.connection.vendor == "sqlite" else _POSTGRES)


def unguard(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TRIGGER IF EXISTS trail_is_append_only")
    else:
        schema_editor.execute("DROP FUNCTION IF EXISTS trail_is_append_only() CASCADE")
