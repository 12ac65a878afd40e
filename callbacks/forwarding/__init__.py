"""Reports and inbound messages on their way to CleverTap."""
