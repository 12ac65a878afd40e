"""Django's test client, with a check of each answer's status."""

from typing import Any

from django.contrib.auth.models import User
from django.test import Client


class Visitor(Client):
    """A GET must be answered with 200 and a POST with a page or a redirect, unless another `status` is
    expected."""

    def get(self, path: Any, *args: Any, status: int = 200, **values: Any) -> Any:
        return _expected(super().get(path, *args, **values), path, (status,), values)

    def post(self, path: Any, *args: Any, status: int = 0, **values: Any) -> Any:
        statuses = (status,) if status else (200, 302)
        return _expected(super().post(path, *args, **values), path, statuses, values)


def _expected(response: Any, path: Any, statuses: tuple[int, ...], values: dict[str, Any]) -> Any:
    # Django says follow=False itself where it goes from one redirect to the next: the last answer counts.
    on_the_way = values.get("follow") is False
    assert on_the_way or response.status_code in statuses, (path, response.status_code)
    return response


def visiting(user: User) -> Visitor:
    """Somebody who has signed in."""
    visitor = Visitor()
    visitor.force_login(user)
    return visitor
