"""Prometheus' view: everything is computed from rows when it is asked for, so that any process may answer."""
