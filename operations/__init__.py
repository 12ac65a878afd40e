"""Is it well? Incidents, and whoever is to be told of them.

Above all other apps: it reads their rows, and none of them knows it.
"""
