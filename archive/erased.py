"""The list by which readers leave out who was erased: files that were written stay as they are."""

import pyarrow as pa
import pyarrow.parquet as pq

from archive.models import Erased
from archive.target import Target

PATH = "erased.parquet"
SCHEMA = pa.schema([("person", pa.string()), ("erased_at", pa.timestamp("us", tz="UTC"))])


def write(target: Target) -> None:
    """The whole list, if it is not the one that is there."""
    rows = list(Erased.objects.order_by("pk").values_list("person", "at"))
    table = pa.table([[who for who, _ in rows], [at for _, at in rows]], schema=SCHEMA)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    content = sink.getvalue()
    if not target.has(PATH) or target.read(PATH) != content:
        target.write(PATH, content)
