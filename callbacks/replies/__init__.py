"""Inbound messages: stored, credited to the message they answer, answered automatically."""
