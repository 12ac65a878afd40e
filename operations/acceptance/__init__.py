"""Tests one provider as CleverTap's integration team tests a new partner, and writes a report."""
