"""The page that shows the API to people: what its OpenAPI description says, with forms to try it out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import TemplateHTMLRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from stats.api import views


@dataclass(frozen=True, slots=True)
class Operation:
    """One address with its parameters, as OpenAPI has them. It can be tried out where nothing in its path has
    to be filled in."""

    address: str
    text: str
    parameters: list[dict[str, Any]]
    answers: list[tuple[str, str]]

    @property
    def name(self) -> str:
        return self.address.removeprefix("/api/").replace("/", "-").strip("-{}.")

    @property
    def to_try(self) -> bool:
        return "{" not in self.address


class DocsView(views.Readable):
    renderer_classes = (TemplateHTMLRenderer,)

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        generator = SchemaGenerator(urlconf="stats.api.urls")  # type: ignore[no-untyped-call]
        schema = generator.get_schema(request=request, public=True)  # type: ignore[no-untyped-call]
        context = {"about": schema["info"], "operations": list(_operations(schema))}
        return Response(context, template_name="stats/api_docs.html")


def _operations(schema: dict[str, Any]) -> Iterator[Operation]:
    for address, methods in schema["paths"].items():
        about = methods["get"]
        answers = [(status, each.get("description", "")) for status, each in about["responses"].items()]
        yield Operation(address, about.get("description", ""), about.get("parameters", []), answers)
