"""How long what is kept, and everything about one person: shown, exported, erased.

Above the apps whose rows it reads and takes away; only `operations` and `config` know it.
"""
