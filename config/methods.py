"""People's pages are asked for with GET or HEAD, and told with POST, by an address that can be stored."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseNotAllowed

METHODS = ("GET", "HEAD", "POST")


class MethodsMiddleware:
    """Refuses every other method, before anybody is looked for: Django's pages would take it for a GET. And a
    null character, which PostgreSQL takes in no text. Stats and API say by themselves which filter has it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in METHODS:
            return HttpResponseNotAllowed(METHODS)
        path, query = request.path_info, request.META.get("QUERY_STRING", "")
        if "\0" in path or ("%00" in query and not path.startswith(("/admin/stats/", "/api/"))):
            return HttpResponseBadRequest(
                "There is a null character in the address.", content_type="text/plain"
            )
        # Quoted, as `"\000"`. A session would be looked for by it.
        if any("\0" in each for each in request.COOKIES.values()):
            return HttpResponseBadRequest("There is a null character in a cookie.", content_type="text/plain")
        return self.get_response(request)
