"""Messages on their way to the BSPs: claimed, built, sent, settled; resends and test messages."""
