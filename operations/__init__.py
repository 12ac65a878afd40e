"""Is everything well? Incidents, and the people who are told about them.

Above all other apps: it reads their rows, and none of them knows it.
"""
