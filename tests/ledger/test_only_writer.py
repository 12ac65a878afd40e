"""The ledger is the only writer of messages: no other line of the product creates, changes or deletes one."""

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
LEDGER = ROOT / "campaigns" / "ledger"
PACKAGES = (
    *("config", "lib", "providers", "templates_app", "audience", "campaigns", "stats", "broadcasts"),
    "callbacks",
    "archive",
    "privacy",
)
WRITES = {"save", "delete", "update", "create", "get_or_create", "update_or_create", "bulk_create"}
WRITES |= {"bulk_update", "_raw_delete", "save_base"}
# What leads from messages to messages: managers, and the methods of a QuerySet.
LEADS_ON = {"objects", "_base_manager", "_default_manager", "filter", "exclude", "order_by", "all", "only"}
LEADS_ON |= {"select_for_update", "select_related", "using", "defer", "distinct", "annotate", "alias", "get"}
LEADS_ON |= {"first", "last", "latest", "earliest", "in_bulk", "iterator", "values", "reverse"}
# What leads to messages from rows that refer to them, and from a provider.
LEADS_HERE = {"message", "answers", "message_set"}
STATEMENT = re.compile(r'\b(update|insert\s+into|delete\s+from)\s+"?campaigns_message\b', re.IGNORECASE)


class Finder(ast.NodeVisitor):
    """Notes the lines that write messages, following names within a function."""

    def __init__(self) -> None:
        self.lines: set[int] = set()
        self.models = {"Message"}
        self.names: set[str] = set()

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.models |= {name.asname for name in node.names if name.name == "Message" and name.asname}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        outside, self.names = self.names, set(self.names)
        for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
            if argument.annotation is not None and self.annotated(argument.annotation):
                self.names.add(argument.arg)
        self.generic_visit(node)
        self.names = outside

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self.take(target, node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if isinstance(node.target, ast.Name) and self.annotated(node.annotation):
            self.names.add(node.target.id)
        self.generic_visit(node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.take(node.target, node.value)
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        self.take(node.target, node.iter)
        self.generic_visit(node)

    def visit_comprehensions(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
    ) -> None:
        for each in node.generators:
            self.take(each.target, each.iter)
        self.generic_visit(node)

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = visit_comprehensions

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        if isinstance(function, ast.Attribute):
            if function.attr in WRITES and self.leads_to_messages(function.value):
                self.lines.add(node.lineno)
            if function.attr in ("insert", "update") and node.args and self.is_model(node.args[0]):
                self.lines.add(node.lineno)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and STATEMENT.search(node.value):
            self.lines.add(node.lineno)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        text = "".join(
            part.value if isinstance(part, ast.Constant) else self.table(part.value)  # type: ignore[attr-defined]
            for part in node.values
        )
        if STATEMENT.search(text):
            self.lines.add(node.lineno)
        self.generic_visit(node)

    def take(self, target: ast.expr, value: ast.expr) -> None:
        """A name becomes one for messages, or for something else."""
        if isinstance(target, ast.Name):
            wanted = self.leads_to_messages(value) or self.table(value) == "campaigns_message"
            (self.names.add if wanted else self.names.discard)(target.id)

    def annotated(self, annotation: ast.expr) -> bool:
        return any(re.search(rf"\b{name}\b", ast.unparse(annotation)) for name in self.models)

    def is_model(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Attribute):
            return node.attr == "Message"
        return isinstance(node, ast.Name) and node.id in self.models

    def leads_to_messages(self, node: ast.expr) -> bool:
        """Whether it is the model, its rows, or a query for them."""
        if self.is_model(node) or (isinstance(node, ast.Name) and node.id in self.names):
            return True
        if isinstance(node, ast.Attribute):
            return node.attr in LEADS_HERE or (node.attr in LEADS_ON and self.leads_to_messages(node.value))
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in ("list", "sorted", "reversed"):
                return bool(node.args) and self.leads_to_messages(node.args[0])
            return self.leads_to_messages(node.func)
        return isinstance(node, ast.Subscript) and self.leads_to_messages(node.value)

    def table(self, node: ast.expr) -> str:
        """The table's name where the expression stands for it."""
        named = isinstance(node, ast.Name) and node.id in self.names
        spelled = isinstance(node, ast.Attribute) and ast.unparse(node).endswith("Message._meta.db_table")
        return "campaigns_message" if named or spelled else "?"


def writes(source: str) -> set[int]:
    finder = Finder()
    finder.visit(ast.parse(source))
    return finder.lines


def product() -> list[Path]:
    return [
        path for name in PACKAGES for path in (ROOT / name).rglob("*.py") if "migrations" not in path.parts
    ]


def test_nothing_else_writes_messages() -> None:
    found = {
        str(path.relative_to(ROOT)): lines
        for path in product()
        if LEDGER not in path.parents and (lines := writes(path.read_text()))
    }
    assert found == {}, "what happens to a message is written in campaigns/ledger"


def test_the_ledger_does() -> None:
    found = {path.name for path in product() if LEDGER in path.parents and writes(path.read_text())}
    assert found == {"anonymising.py", "claims.py", "ledger.py", "removing.py", "statuses.py"}


@pytest.mark.parametrize(
    "lines",
    [
        "Message.objects.create(to='91')",
        "Message.objects.filter(pk=1).exclude(to='').update(status=60)",
        "Message.objects.bulk_create(rows)",
        "Message._base_manager.all()._raw_delete('default')",
        "mine = Message.objects.filter(pk=1)\nmine.update(answer_ms=1)",
        "for row in Message.objects.all():\n    row.save()",
        "[row.delete() for row in Message.objects.all()]",
        "row = Message(to='91')\nrow.save()",
        "if row := Message.objects.first():\n    row.save()",
        "rows = list(Message.objects.all())\nrows[0].save()",
        "def f(row: Message):\n    row.save()",
        "def f(rows: QuerySet[Message]):\n    rows.filter(pk=1).delete()",
        "from campaigns.models import Message as Row\nRow.objects.update(status=60)",
        "models.Message.objects.update(status=60)",
        "event.message.save(update_fields=['status'])",
        "provider.message_set.update(status=60)",
        "sql.insert(Message, ('to',), rows)",
        "sql.update(Message, ('to',), rows, '', '')",
        "cursor.execute('UPDATE campaigns_message SET status = 60')",
        "cursor.execute(f'delete from campaigns_message where id = {pk}')",
        "cursor.execute(f'INSERT INTO {Message._meta.db_table} (id) VALUES (1)')",
        "table = Message._meta.db_table\ncursor.execute(f'UPDATE {table} SET status = 60')",
    ],
)
def test_a_line_that_does_is_noticed(lines: str) -> None:
    assert writes(lines) == {len(lines.splitlines())}


@pytest.mark.parametrize(
    "lines",
    [
        "Message.objects.filter(pk=1).first()",
        "Event.objects.filter(message__in=Message.objects.all()).update(forward=2)",
        "row = Message.objects.get()\nrow.provider.save()",
        "rows = Message.objects.all()\nrows = Link.objects.all()\nrows.delete()",
        "def f(row: Message):\n    pass\ndef g(row):\n    row.save()",
        "sql.update(Link, ('clicks',), rows, '', '')",
        "page_url('campaigns_message', pk)",
        "cursor.execute('UPDATE campaigns_message_note SET text = 1')",
    ],
)
def test_others_are_not(lines: str) -> None:
    assert writes(lines) == set()
