"""Importing a provider's template list: where it comes from, its runs, what is applied, and the report."""
