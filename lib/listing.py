"""The newest rows of a filtered list, found quickly in a table of millions, also when few rows match.

Where few rows match, a database would read through all the others. So each list has an index on the columns
that it is filtered by, with the id at the end. These columns have few values, which make few groups. The
index gives the newest rows of each group that matches, and the newest of these are the page. An export takes
one group after the other.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.core.paginator import Page
from django.db import connection
from django.db.models import Model, Q, QuerySet, Value
from django.db.models.expressions import Col
from django.db.models.functions import Greatest
from django.db.models.lookups import Exact, GreaterThanOrEqual, In, LessThanOrEqual, Lookup
from django.db.models.sql.where import AND, ExtraWhere, WhereNode
from unfold import paginator

M = TypeVar("M", bound=Model)

BRANCHES = 200  # of a statement; SQLite takes 500
LAST_ID = 2**63 - 1
FEW = 10_000  # rows read at once when a whole list is read


@dataclass(frozen=True, slots=True)
class Grouping:
    """An index and its columns but the last, which is the id. In it none of the columns is null.

    `among` is the condition of a partial index, in SQL with the table's name. It serves a list with a
    filter that says the very same (QuerySet.extra), as SQLite demands of a query, too.
    """

    index: str
    columns: tuple[str, ...]
    among: str = ""


class InfinitePaginator(paginator.InfinitePaginator):  # type: ignore[misc]
    """Pages of a queryset, newest first. Of the groupings the first is taken whose condition is a filter,
    or that begins with one, else the last. Unfold's templates look at the name of this class."""

    def __init__(self, rows: QuerySet[Any], per_page: int, groupings: Sequence[Grouping]) -> None:
        super().__init__(rows, per_page)
        self.groupings = groupings

    def page(self, number: Any) -> Page[Any]:
        number = self.validate_number(number)
        top = number * self.per_page
        ids = newest(self.object_list, self.groupings, top)
        if ids is None:
            return super().page(number)  # type: ignore[no-any-return]
        rows = self.object_list.all()
        rows.query.where = WhereNode()  # the ids say it all
        return self._get_page(  # type: ignore[no-any-return]
            rows.filter(pk__in=ids[top - self.per_page :]), number, self
        )


def prefix(field: str, text: str) -> Q:
    """Rows whose field begins with the text, by a range that a plain index serves on any database.

    LIKE would need an index of its own on PostgreSQL, and uses none on SQLite. The upper bound is the
    greater of two texts: "~" sorts last where texts are compared by their bytes, "zzzz" where they are
    compared by a language's rules.
    """
    return Q(**{f"{field}__gte": text, f"{field}__lt": Greatest(Value(text + "zzzz"), Value(text + "~"))})


def found_first(rows: QuerySet[M], *alternatives: QuerySet[M]) -> QuerySet[M] | None:
    """The rows that match any of the alternatives, as a condition on their ids. So the database finds these
    rows first, and checks the other filters afterwards. Each alternative is sorted as its index is, so that
    the planner takes this index. None where many rows match: then the list itself comes to them quickly."""
    ids: set[int] = set()
    for each in alternatives:
        ids.update(each.values_list("pk", flat=True)[: FEW + 1])
        if len(ids) > FEW:
            return None
    return rows.filter(pk__in=ids)


def newest(rows: QuerySet[M], groupings: Sequence[Grouping], count: int) -> list[int] | None:
    """The ids of that many newest rows. None where no filter needs this."""
    conditions = _Conditions(rows)
    if conditions.contradict:
        return []
    if conditions.few:
        return sorted(rows.order_by().values_list("pk", flat=True), reverse=True)[:count]
    grouping = _serving(groupings, conditions)
    if grouping is None:
        return None
    rest = conditions.without(grouping.columns)
    parts = [
        _newest_of(rest, grouping, group, (conditions.low, conditions.high), count)
        for group in groups(rows.model, grouping, conditions.equal)
    ]
    found: list[int] = []
    for start in range(0, len(parts), BRANCHES):
        chunk = parts[start : start + BRANCHES]
        union = " UNION ALL ".join(f"SELECT * FROM ({sql}) AS part" for sql, _ in chunk)
        found += _ids(
            f"SELECT * FROM ({union}) AS found ORDER BY 1 DESC LIMIT {int(count)}",
            [value for _, values in chunk for value in values],
        )
    return sorted(found, reverse=True)[:count]


def batches(rows: QuerySet[Any], groupings: Sequence[Grouping], size: int) -> Iterator[list[int]]:
    """The ids of all the rows, so many at a time: by group, newest first. Each batch is a query of its own,
    so nothing is held open."""
    conditions = _Conditions(rows)
    if conditions.contradict:
        return
    grouping = None if conditions.few else _serving(groupings, conditions)
    if grouping is None:
        newest_first, high = rows.order_by("-pk").values_list("pk", flat=True), conditions.high
        while batch := list(newest_first.filter(pk__lte=high)[:size]):
            yield batch
            high = batch[-1] - 1
        return
    rest = conditions.without(grouping.columns)
    for group in groups(rows.model, grouping, conditions.equal):
        high = conditions.high
        while batch := _ids(*_newest_of(rest, grouping, group, (conditions.low, high), size)):
            yield batch
            high = batch[-1] - 1


def _ids(sql: str, parameters: Sequence[Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [pk for (pk,) in cursor.fetchall()]


def _serving(groupings: Sequence[Grouping], conditions: "_Conditions") -> Grouping | None:
    for each in groupings:
        if each.among in conditions.words if each.among else each.columns[0] in conditions.equal:
            return each
    last = groupings[-1] if groupings else None
    return last if last and not last.among and conditions.equal.keys() & set(last.columns) else None


def groups(model: type[Model], grouping: Grouping, equal: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The values these columns have together, those that are not equal left out.

    From each group the index leads to the first row of the next one.
    """
    only = equal.get(grouping.columns[0])
    columns = [_column(model, name) for name in grouping.columns]
    walk = _walk if connection.vendor == "postgresql" else _walk_on_sqlite
    with connection.cursor() as cursor:
        cursor.execute(
            walk(model._meta.db_table, grouping, columns, only is not None),
            [] if only is None else [only] * 3,
        )
        found = cursor.fetchall()
    wanted = [(n, equal[name]) for n, name in enumerate(grouping.columns) if name in equal]
    return [group for group in found if all(group[n] == value for n, value in wanted)]


def _column(model: type[Model], name: str) -> str:
    return str(model._meta.get_field(name).get_attname_column()[1])  # type: ignore[union-attr]


def _walk(table: str, grouping: Grouping, columns: Sequence[str], only: bool) -> str:
    """`only` is the one value of the first column that counts. The SQL has a range for it and no equality:
    with an equality another index could give the same order."""
    order, among, since, until = _limits(table, grouping, columns, only)
    return f"""
        WITH RECURSIVE walk AS (
            (SELECT {order} FROM {table} WHERE true{among}{since}{until} ORDER BY {order} LIMIT 1)
            UNION ALL
            SELECT next.* FROM walk, LATERAL (
                SELECT {order} FROM {table} WHERE ({order}) > ({_list("walk", columns)}){among}{until}
                ORDER BY {order} LIMIT 1
            ) AS next
        )
        SELECT * FROM walk"""


def _walk_on_sqlite(table: str, grouping: Grouping, columns: Sequence[str], only: bool) -> str:
    """The same without LATERAL. To compare several columns at once would lead through a whole group."""
    order, among, since, until = _limits(table, grouping, columns, only)
    source = f"SELECT {table}.id FROM {table} INDEXED BY {grouping.index} WHERE true{among}"
    steps = []
    for level, rising in reversed(list(enumerate(columns))):
        same = "".join(f" AND {table}.{column} = x.{column}" for column in columns[:level])
        end = "" if level else until
        steps.append(f"({source}{same} AND {table}.{rising} > x.{rising}{end} ORDER BY {order} LIMIT 1)")
    return f"""
        WITH RECURSIVE walk(id) AS (
            SELECT * FROM ({source}{since}{until} ORDER BY {order} LIMIT 1) AS first
            UNION ALL
            SELECT COALESCE(NULL, {", ".join(steps)}) FROM walk JOIN {table} AS x ON x.id = walk.id
        )
        SELECT {_list("x", columns)} FROM walk JOIN {table} AS x ON x.id = walk.id"""


def _limits(table: str, grouping: Grouping, columns: Sequence[str], only: bool) -> tuple[str, str, str, str]:
    """SQL for the order of the index, its condition, and both ends of what is left in of it."""
    among = f" AND {grouping.among}" if grouping.among else ""
    first = f"{table}.{columns[0]}"
    since, until = (f" AND {first} >= %s", f" AND {first} <= %s") if only else ("", "")
    return _list(table, columns), among, since, until


def _list(alias: str, columns: Sequence[str]) -> str:
    return ", ".join(f"{alias}.{column}" for column in columns)


class _Conditions:
    """What is asked of all rows: columns that equal a value, and between which ids they are."""

    def __init__(self, rows: QuerySet[Any]) -> None:
        self.rows = rows
        self.equal: dict[str, Any] = {}
        self.words: set[str] = set()  # conditions in SQL
        self.contradict = False  # a column is to equal two values
        self.few = False  # the ids that come into question are listed
        self.low, self.high = 0, LAST_ID
        for each in _all_of(rows.query.where):
            if isinstance(each, ExtraWhere):
                self.words.update(each.sqls)
            if not isinstance(each, Lookup) or not isinstance(each.lhs, Col):
                continue
            field = each.lhs.target
            if hasattr(each.rhs, "as_sql") or field.model is not rows.model:
                continue
            if isinstance(each, Exact):
                self.contradict |= self.equal.setdefault(field.name, each.rhs) != each.rhs
            elif field.primary_key and isinstance(each, In):
                self.few = True
            elif field.primary_key and isinstance(each, GreaterThanOrEqual):
                self.low = max(self.low, each.rhs)
            elif field.primary_key and isinstance(each, LessThanOrEqual):
                self.high = min(self.high, each.rhs)

    def without(self, names: Sequence[str]) -> QuerySet[Any]:
        """The rows without these columns' equalities."""
        rest = self.rows.select_related(None).order_by()
        rest.query.where = WhereNode(
            [
                each
                for each in _all_of(rest.query.where)
                if not (
                    isinstance(each, Exact) and isinstance(each.lhs, Col) and each.lhs.target.name in names
                )
            ],
            AND,
        )
        return rest


def _all_of(where: WhereNode) -> list[Any]:
    """The conditions that hold together."""
    if where.connector != AND or where.negated:
        return [where]
    found: list[Any] = []
    for each in where.children:
        found += _all_of(each) if isinstance(each, WhereNode) else [each]
    return found


def _newest_of(
    rest: QuerySet[Any], grouping: Grouping, group: Sequence[Any], between: tuple[int, int], count: int
) -> tuple[str, Sequence[Any]]:
    """SQL for the newest ids of a group, of those from one id to another."""
    table = rest.model._meta.db_table
    columns = [f"{table}.{_column(rest.model, name)}" for name in grouping.columns]
    where = [grouping.among] if grouping.among else []
    # Spelled out, as Django writes an equality of a boolean so that SQLite finds no index for it.
    where += [f"{column} = %s" for column in columns[:-1]]
    order = ["-id"]
    if connection.vendor == "postgresql":
        # A range, and its order: only this index has it. The planner cannot choose the primary key.
        pair = f"({columns[-1]}, {table}.id)"
        where.append(f"{pair} >= (%s, %s) AND {pair} <= (%s, %s)")
        parameters = [*group, between[0], group[-1], between[1]]
        order = [f"-{grouping.columns[-1]}", "-id"]
    else:
        where.append(f"{columns[-1]} = %s AND {table}.id >= %s AND {table}.id <= %s")
        parameters = [*group, *between]
    rows = rest.extra(where=where, params=parameters).order_by(*order)  # noqa: S610
    return rows.values_list("id")[:count].query.sql_with_params()
