"""The connectors, by slug. A new one is a file here, a line below and a folder of fixtures."""

from providers.connectors.base import Connector
from providers.connectors.dialog360 import dialog360
from providers.connectors.exotel import exotel
from providers.connectors.generic import generic
from providers.connectors.gupshup import gupshup
from providers.connectors.gupshup_enterprise import gupshup_enterprise
from providers.connectors.haptik import haptik
from providers.connectors.haptik_legacy import haptik_legacy
from providers.connectors.infobip import infobip
from providers.connectors.interakt import interakt
from providers.connectors.kaleyra import kaleyra
from providers.connectors.kaleyra_v1 import kaleyra_v1
from providers.connectors.meta import meta
from providers.connectors.twilio import twilio
from providers.connectors.vonage import vonage

_ALL: tuple[Connector, ...] = (
    generic,
    dialog360,
    exotel,
    gupshup,
    gupshup_enterprise,
    haptik,
    haptik_legacy,
    infobip,
    interakt,
    kaleyra,
    kaleyra_v1,
    meta,
    twilio,
    vonage,
)

CONNECTORS: dict[str, Connector] = {connector.slug: connector for connector in _ALL}
