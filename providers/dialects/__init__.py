"""Pure wire formats that several connectors share."""
