"""Every page and action leaves its entry in the trail, or stands here with the reason why it needs none."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Max
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Entry
from audience.models import Contact, Upload
from broadcasts.models import Broadcast
from lib.admin import LogAdmin, ModelAdmin
from providers.models import Provider
from tests.roles.filling import filled
from tests.roles.table import PAGES
from tests.roles.test_pages import _arg, buttons, shown_numbers, text, undone, url
from tests.roles.world import World

pytestmark = pytest.mark.django_db

# What is posted there, and why that is no deed.
NEEDS_NONE = {
    "admin:templates_app_template_preview": "it only draws a template",
    "admin:templates_app_template_import": "it only shows what a file would change",
    "admin:templates_app_template_process_import": "without a file it takes nothing; test_exchange has one",
    "admin:templates_app_template_validate_with_provider template": "it asks the BSP, and changes nothing",
    "admin:providers_provider_check_connection provider": "it asks the BSP, and changes nothing",
    "admin:templates_app_template_send_test template": "it leads to the page that sends",
    "admin:privacy_retentionsetting_add": "the world's provider has its own days already",
    "admin:privacy_erasure_person": "it looks, which is noted as such",
    "admin:broadcasts_segment_count": "it counts",
    "admin:providers_provider_delete provider": "its messages keep it",
    "admin:providers_provider_add": "each BSP asks for other credentials; tests/accounts has one",
    "admin:templates_app_template_add": "a script fills its form in; it is noted by lib.admin as others are",
    "admin:templates_app_template_change template": "the same",
    "admin:audience_optsetting_add": "every provider has its words already",
    "admin:audience_upload_choose": "without a file it takes nothing; tests/accounts has one",
    "stats:view_save": "without a name it saves nothing; tests/stats has one",
    "stats:view_mail saved_view": "without a mail server it begins nothing; tests/stats has one",
    "reconciliation:upload": "without a file it takes nothing; tests/accounts has one",
    "admin:audience_upload_columns draft": "the file of the world's draft is not complete",
    "admin:broadcasts_broadcast_do broadcast :end": "only what is triggered can be ended",
    "broadcasts_segment: delete_selected": "its broadcasts hold the world's segment",
}  # fmt: skip
STATE = Broadcast.State
Prepare = Callable[[World], Any]
# What must be so that there is something to do.
FIRST: dict[str, Prepare] = {
    "admin:audience_contact_opt_in contact": lambda world: Contact.objects.update(opted_in=False),
    "admin:audience_contact_resume contact": lambda world: Contact.objects.update(dnd=True),
    "admin:broadcasts_broadcast_do broadcast :resume": lambda world: state(STATE.PAUSED),
    "admin:broadcasts_broadcast_do broadcast :withdraw": lambda world: state(STATE.SCHEDULED),
    "admin:audience_upload_resume done": lambda world: Upload.objects.update(state=Upload.State.FAILED),
    "providers_provider: resume_selected": lambda world: Provider.objects.update(state="paused"),
}
# What the form gets besides what it shows.
NEW: dict[str, dict[str, Any]] = {
    "admin:auth_user_add": {
        "username": "new", "password1": "a-long-one-1", "password2": "a-long-one-1", "usable_password": "true"
    },
    "admin:auth_user_change user": {"first_name": "Asha"},
    "admin:providers_provider_change provider": {"nickname": "Renamed"},
    "admin:templates_app_template_import_now": {"provider": ("provider",)},
    "admin:campaigns_message_test template": {"numbers": "919812345602"},
    "admin:broadcasts_broadcast_test written": {"numbers": "919812345602"},
    "admin:privacy_retentionsetting_change kept": {"bodies": "9"},
    "admin:audience_uploadaccount_change account": {"label": "Renamed"},
    "admin:audience_optsetting_change setting": {"stop_words": "HALT"},
    "admin:broadcasts_broadcast_add": {"name": "New"},
    "admin:operations_channel_add": {"name": "pager", "how": "webhook", "address": "http://127.0.0.1:9/"},
    "admin:operations_channel_change channel": {"name": "Renamed"},
    "admin:operations_incident_silence incident": {"hours": "1", "reason": "A planned move"},
    "admin:broadcasts_broadcast_step written :basics": {"name": "Renamed"},
}  # fmt: skip


def state(wanted: str) -> None:
    later = timezone.now() + timedelta(days=1)
    Broadcast.objects.exclude(state=STATE.DRAFT).update(state=wanted, starts_at=later, next_step_at=None)


def entries(client: Client, address: str, data: dict[str, Any] | None = None) -> tuple[list[Entry], str, int]:
    """What a GET, or a POST of the data, adds to the trail; and its answer."""
    last = Entry.objects.aggregate(last=Max("pk"))["last"] or 0
    answer = client.get(address) if data is None else client.post(address, data)
    body = text(answer)
    return list(Entry.objects.filter(pk__gt=last)), body, answer.status_code


def new(label: str, world: World) -> dict[str, Any]:
    given = NEW.get(label, {})
    return {name: _arg(*each, world) if isinstance(each, tuple) else each for name, each in given.items()}


def done(found: list[Entry]) -> list[Entry]:
    return [entry for entry in found if entry.what != Entry.What.LOOKED]


def test_what_can_be_done_is_noted(world: World, people: dict[str, Client]) -> None:
    client, lacking, noted = people["superuser"], {}, []
    for page in PAGES:
        if not page.do:
            continue
        address = url(page, world)
        with undone(client):
            FIRST.get(page.label, lambda world: None)(world)
            found, _, status = entries(client, address, page.data)
            if not done(found) and (status == 200 or page.label in NEW):
                shown = filled(client.get(address).content.decode()) | new(page.label, world)
                shown = {name: value or "1" if "slot-" in name else value for name, value in shown.items()}
                found, _, status = entries(client, address, shown)
        if done(found):
            noted.append(page.label)
        elif page.label not in NEEDS_NONE:
            lacking[page.label] = status
    assert lacking == {}
    assert [label for label in noted if label in NEEDS_NONE] == []
    assert len(noted) > 50


def test_actions_are_noted(world: World, people: dict[str, Client]) -> None:
    row = {page.name: page.args[0] for page in PAGES if page.args}
    client, lacking = people["superuser"], []
    for model, name in buttons():
        label = f"{model}: {name}"
        pk = _arg(row[f"admin:{model}_change"], world)
        data = {"action": name, "_selected_action": [pk], "confirmed": "yes", "post": "yes"}
        with undone(client):
            FIRST.get(label, lambda world: None)(world)
            found, _, _ = entries(client, reverse(f"admin:{model}_changelist"), data)
        stays = label in NEEDS_NONE or (name == "delete_selected" and _stays(model))
        if not done(found) and not stays:
            lacking.append(label)
    assert lacking == []


def _stays(name: str) -> bool:
    """Whether its list does not offer to delete rows."""
    from django.test import RequestFactory

    from tests.roles.test_pages import _user

    request = RequestFactory().get("/")
    request.user = _user("superuser")
    (page,) = (
        page
        for model, page in admin.site._registry.items()
        if f"{model._meta.app_label}_{model._meta.model_name}" == name
    )
    return "delete_selected" not in page.get_actions(request)


def test_forms_are_of_the_kind_that_notes(world: World) -> None:
    """Adding, changing and deleting rows is noted in one place, `lib.admin`."""
    assert [page for page in admin.site._registry.values() if not isinstance(page, ModelAdmin)] == []
    assert issubclass(LogAdmin, ModelAdmin)


def test_looks_at_whole_numbers_are_noted(world: World, people: dict[str, Client]) -> None:
    """Whoever gets one on a page, or in a file; and nobody whose numbers are masked."""
    shown = []
    for page in PAGES:
        query = page.query | ({"ids": str(world.test.pk)} if "ids" in page.query else {})
        address = url(page, world) + ("?" + "&".join(f"{a}={b}" for a, b in query.items()) if query else "")
        with undone(people["auditors"]):
            found, body, status = entries(people["auditors"], address)
        if status == 200 and shown_numbers(body):
            shown.append(page.label)
            assert {entry.what for entry in found} & {Entry.What.LOOKED, Entry.What.EXPORTED}, page.label
            assert all(entry.who == "auditors" for entry in found)
        with undone(people["analysts"]):
            found, _, _ = entries(people["analysts"], address)
        assert [entry for entry in found if entry.what == Entry.What.LOOKED] == [], page.label
    assert len(shown) > 40
