"""CleverTap's requests: read, checked, committed, answered."""
