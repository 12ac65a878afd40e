"""How long data is kept, and everything about one person: shown, exported, erased.

Above the apps whose rows it reads and deletes; only `operations` and `config` know it.
"""
