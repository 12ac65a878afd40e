"""Pure wire formats: a folder for each BSP, Meta's and CleverTap's that many share, and helpers for all.

In a folder `messages` writes what is sent, `codes` reads answers and error codes, `webhook` reads what
the BSP posts, and `templates` reads its template list; a format that has nothing of its own in one of
them has no such module.
"""
