"""`lib.phone.person` in SQL, for columns that the database computes and for comparing two of them."""

from django.db.models import CharField, Func


class Person(Func):
    """The number in the column, in the spelling by which numbers are compared."""

    arity = 1
    # Literals, not parameters: SQLite takes an index only for the very same expression.
    template = (
        "CASE"
        " WHEN LENGTH(%(expressions)s) = 13 AND SUBSTR(%(expressions)s, 1, 3) = '521'"
        " THEN '52' || SUBSTR(%(expressions)s, 4)"
        " WHEN LENGTH(%(expressions)s) = 13 AND SUBSTR(%(expressions)s, 1, 3) = '549'"
        " THEN '54' || SUBSTR(%(expressions)s, 4)"
        " WHEN LENGTH(%(expressions)s) = 13 AND SUBSTR(%(expressions)s, 1, 2) = '55'"
        " AND SUBSTR(%(expressions)s, 5, 1) = '9' AND SUBSTR(%(expressions)s, 6, 1) IN ('6', '7', '8', '9')"
        " THEN SUBSTR(%(expressions)s, 1, 4) || SUBSTR(%(expressions)s, 6)"
        " ELSE %(expressions)s END"
    )
    output_field = CharField(max_length=160)  # as Message.to
