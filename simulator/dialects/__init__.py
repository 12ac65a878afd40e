"""The BSPs the simulator can play. A new one is a file here and a line below."""

from simulator.dialects.base import Dialect
from simulator.dialects.clevertap import CleverTap
from simulator.dialects.interakt import Interakt
from simulator.dialects.meta import Meta

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (Interakt(), Meta(), CleverTap())}
