"""The BSPs the simulator can play. A new one is a file here and a line below."""

from simulator.dialects.base import Dialect
from simulator.dialects.clevertap import CleverTap
from simulator.dialects.dialog360 import Dialog360
from simulator.dialects.exotel import Exotel
from simulator.dialects.gupshup import Gupshup
from simulator.dialects.gupshup_enterprise import GupshupEnterprise
from simulator.dialects.haptik_legacy import HaptikLegacy
from simulator.dialects.infobip import Infobip
from simulator.dialects.interakt import Interakt
from simulator.dialects.kaleyra import Kaleyra
from simulator.dialects.kaleyra_v1 import KaleyraV1
from simulator.dialects.meta import Meta
from simulator.dialects.twilio import Twilio
from simulator.dialects.vonage import Vonage

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        Infobip(),
        Interakt(),
        Kaleyra(),
        KaleyraV1(),
        Meta(),
        CleverTap(),
        Dialog360(),
        Twilio(),
        Vonage(),
        Exotel(),
        HaptikLegacy(),
        Gupshup(),
        GupshupEnterprise(),
    )
}
