"""The support table: what each connector can do, as docs/providers/README.md and the admin show it."""

from collections.abc import Iterable

from providers.connectors import CONNECTORS
from providers.connectors.base import Connector
from providers.features import Feature, groups

HAS, LACKS = "●", "–"


def markdown() -> str:
    """The table of docs/providers/README.md, a line a feature, a column a connector."""
    connectors = list(CONNECTORS.values())
    heads = [f"[{connector.slug}]({connector.slug}.md)" for connector in connectors]
    lines = [_row("", heads), _row("---", [":-:"] * len(connectors))]
    for title, features in groups().items():
        lines.append(_row(f"**{title}**", [""] * len(connectors)))
        lines += [
            _row(feature.value, [LACKS if feature in each.lacks else HAS for each in connectors])
            for feature in features
        ]
    return "\n".join(lines)


def _row(head: str, cells: Iterable[str]) -> str:
    return f"| {' | '.join([head, *cells])} |"


def of(connector: Connector) -> list[tuple[str, list[tuple[Feature, str]]]]:
    """The features by heading, each with the reason why it is lacking; an empty one where it is not."""
    return [
        (title, [(feature, connector.lacks.get(feature, "")) for feature in features])
        for title, features in groups().items()
    ]
