"""The connectors, by slug. A new one is a file here, a line below and a folder of fixtures."""

from providers.connectors.base import Connector
from providers.connectors.generic import generic
from providers.connectors.interakt import interakt
from providers.connectors.meta import meta

_ALL: tuple[Connector, ...] = (generic, interakt, meta)

CONNECTORS: dict[str, Connector] = {connector.slug: connector for connector in _ALL}


def get(slug: str) -> Connector:
    """The connector of that name. Raises KeyError, naming those there are."""
    try:
        return CONNECTORS[slug]
    except KeyError:
        raise KeyError(f"no connector {slug!r}; there are: {', '.join(CONNECTORS)}") from None
