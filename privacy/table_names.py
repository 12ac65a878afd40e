"""Tables by the names that pages give their rows. Files, receipts and commands keep those of the models."""

from django.apps import apps


def plain(label: str) -> str:
    """`campaigns.Message` is “messages”, and `bodies: campaigns.Message` “bodies: messages”. A table that is
    there no more keeps its label."""
    about, colon, table = label.rpartition(": ")
    try:
        return f"{about}{colon}{apps.get_model(table)._meta.verbose_name_plural}"
    except (LookupError, ValueError):
        return label
