"""A table as a file that a browser saves, written while it is sent."""

from collections.abc import Iterable

from django.http import StreamingHttpResponse

from lib.sheets import Row, write_csv, write_xlsx

TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def attachment(rows: Iterable[Row], form: str, name: str, sheet: str) -> StreamingHttpResponse:
    """`form` is one of TYPES and the file's extension; `sheet` names the sheet of a workbook."""
    content: Iterable[str | bytes] = write_csv(rows) if form == "csv" else write_xlsx(rows, sheet)
    response = StreamingHttpResponse(content, content_type=TYPES[form])
    response["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    return response
