"""Deletes data by its age: some rows at a time, the oldest first, with a report."""
