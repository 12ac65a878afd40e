"""The only writer of messages: accepted, claimed, attempted, reported on; each counted as it happens."""
