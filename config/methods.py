"""People's pages accept GET, HEAD and POST, and only URLs without a null character."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseNotAllowed

METHODS = ("GET", "HEAD", "POST")


class MethodsMiddleware:
    """Refuses every other method before the session is read: Django's pages would treat it as a GET. Also
    refuses a null character, which PostgreSQL refuses in texts. Stats and the API themselves say which filter
    has it."""

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
        # Quoted, as `"\000"`. The session would be searched by it.
        if any("\0" in each for each in request.COOKIES.values()):
            return HttpResponseBadRequest("There is a null character in a cookie.", content_type="text/plain")
        return self.get_response(request)
