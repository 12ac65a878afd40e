"""What broadcasts have to say when a template is about to be deleted."""

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.http import HttpRequest

from broadcasts.models import Broadcast
from lib.admin import ModelAdmin
from templates_app.models import Template

State = Broadcast.State
UNDER_WAY = (State.SCHEDULED, State.RUNNING, State.PAUSED)


def using(template: Template) -> Iterator[Broadcast]:
    """The broadcasts under way that send the template."""
    for broadcast in Broadcast.objects.filter(provider=template.provider_id, state__in=UNDER_WAY):
        key = (template.name, template.language)
        if any((one.template, one.language) == key for one in broadcast.messages):
            yield broadcast


class TemplateUses(ModelAdmin):
    """Warns, on the page that asks whether to delete, of the broadcasts that need the template."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        if "post" not in request.POST:  # it still asks
            for template in objs:
                for broadcast in using(template):
                    words = (
                        f"The broadcast “{broadcast.name}” ({broadcast.get_state_display().lower()}) sends "
                        f"{template}. Without the template it pauses itself."
                    )
                    self.message_user(request, words, messages.WARNING)
        return super().get_deleted_objects(objs, request)
