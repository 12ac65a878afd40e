"""Alarms: which rule sends what to which channel, and the deliveries as rows."""
