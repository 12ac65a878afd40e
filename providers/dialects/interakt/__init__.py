"""Interakt's format, as its resource center documents it under Template sending APIs and Webhooks."""
