"""The admin's pages of incidents and alarms."""

from operations.acceptance.runs_admin import AcceptanceRunAdmin
from operations.channels_admin import ChannelAdmin, DeliveryAdmin
from operations.incidents_admin import IncidentAdmin

__all__ = ["AcceptanceRunAdmin", "ChannelAdmin", "DeliveryAdmin", "IncidentAdmin"]
