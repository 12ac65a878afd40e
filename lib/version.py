"""Which version of Waypost this is. The changelog has a part for each."""

from django.http import HttpRequest

VERSION = "0.2.0"


def of_the_page(request: HttpRequest) -> dict[str, str]:
    """A context processor, for the foot of the admin's pages."""
    return {"waypost_version": VERSION}
