"""What the groups may, and what a person with a permission more or less sees."""

import json
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q
from django.test import Client

from config import roles
from tests.roles.world import ASHA, NAMELESS, SEGMENT, SENDER, TO, World

pytestmark = pytest.mark.django_db

CHANGING = (
    Q(codename__startswith="add_") | Q(codename__startswith="change_") | Q(codename__startswith="delete_")
)


def codenames(name: str) -> set[str]:
    return set(Group.objects.get(name=name).permissions.values_list("codename", flat=True))


def test_granting_again_keeps_what_an_administrator_gave() -> None:
    roles.grant(apps)
    analysts = Group.objects.get(name="analysts")
    analysts.permissions.add(Permission.objects.get(codename="view_contact"))
    before = codenames("analysts")
    roles.grant(apps)
    assert codenames("analysts") == before
    assert Group.objects.filter(name__in=roles.ROLES).count() == len(roles.ROLES)


def test_what_the_groups_may() -> None:
    roles.grant(apps)
    assert not Group.objects.get(name="auditors").permissions.filter(CHANGING).exists()
    assert not Group.objects.get(name="analysts").permissions.filter(CHANGING).exists()
    assert "view_phone_numbers" not in codenames("analysts")
    assert codenames("operators") >= {"view_phone_numbers", "change_message", "add_provider", "export_stats"}
    assert not codenames("operators") & {"view_user", "change_user", "add_group", "change_permission"}
    viewing = Permission.objects.filter(codename__startswith="view_", content_type__app_label__in=roles.OURS)
    assert codenames("auditors") >= set(viewing.values_list("codename", flat=True))


def with_permissions(*names: str) -> Client:
    user = User.objects.create_user(f"one-{User.objects.count()}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(user)
    return client


def rows(client: Client, name: str, term: str) -> int:
    return len(answered(client, f"/admin/{name}/", q=term).context["cl"].result_list)


def answered(client: Client, url: str, **query: str) -> Any:
    answer = client.get(url, query)
    assert answer.status_code == 200, url
    return answer


def test_a_number_is_granted(world: World, people: dict[str, Client]) -> None:
    url = f"/admin/campaigns/message/{world.message.pk}/change/"
    assert TO not in answered(people["analysts"], url).content.decode()
    for client in (with_permissions("view_message", "view_phone_numbers"), people["auditors"]):
        assert TO in answered(client, url).content.decode()


LISTS = {"campaigns/message": TO, "callbacks/reply": SENDER, "audience/contact": ASHA}


@pytest.mark.parametrize("name", LISTS)
def test_numbers_are_not_found_out_by_their_beginnings(
    world: World, people: dict[str, Client], name: str
) -> None:
    number = LISTS[name]
    assert rows(people["auditors"], name, number[:-1]) > 0
    assert rows(people["veiled"], name, number[:-1]) == 0
    assert rows(people["veiled"], name, number) > 0


@pytest.mark.parametrize(
    "address",
    [
        f"campaigns/message/?to__startswith={TO[:5]}",
        f"campaigns/message/export/?to__startswith={TO[:5]}",
        f"campaigns/message/?payload__contains={TO[:5]}",
        f"campaigns/refusal/?to_raw__contains={TO[:5]}",
        f"broadcasts/recipient/?phone__startswith={TO[:5]}",
        f"audience/contact/?phone__startswith={TO[:5]}",
        "providers/provider/?public_id__startswith=a",
    ],
)
def test_nor_by_comparisons_in_the_address(people: dict[str, Client], address: str) -> None:
    """Django's lists take any column and comparison there, unless they are told not to."""
    assert people["veiled"].get(f"/admin/{address}").status_code == 400


def test_the_lists_filters_stay(world: World, people: dict[str, Client]) -> None:
    provider = world.provider.pk
    for address in (
        f"campaigns/message/?status=20&provider={provider}&accepted_at_from_0=2026-01-01",
        f"campaigns/event/?forward=2&kind=4&provider={provider}",
        f"templates_app/templatechange/?template={world.template.pk}",
        "auth/user/?is_active__exact=1&groups__id__exact=1",
    ):
        assert people["superuser"].get(f"/admin/{address}").status_code == 200, address


def test_nor_is_an_identity_that_is_a_number(world: World, people: dict[str, Client]) -> None:
    assert rows(people["auditors"], "audience/contact", f"+{NAMELESS}"[:-1]) > 0
    assert rows(people["veiled"], "audience/contact", f"+{NAMELESS}"[:-1]) == 0
    assert rows(people["veiled"], "audience/contact", "ash") == 1


def count(client: Client, **condition: Any) -> Any:
    posted = {"groups": [{"conditions": [condition]}]}
    return client.post("/admin/broadcasts/segment/count/", {"filter": json.dumps(posted)}).json()


def test_nobody_is_counted_by_their_number(world: World, people: dict[str, Client]) -> None:
    asked = {"kind": "field", "name": "phone", "op": "begins", "values": [ASHA[:-1]]}
    assert count(people["operators"], **asked)["people"] >= 1
    assert "may not see phone numbers" in count(people["veiled"], **asked)["problems"][""]
    assert count(people["veiled"], **asked | {"name": "name", "values": ["Ash"]})["people"] == 1


def test_a_segment_that_names_a_number_is_not_edited_blindly(world: World, people: dict[str, Client]) -> None:
    url = f"/admin/broadcasts/segment/{world.segment.pk}/change/"
    assert people["veiled"].post(url, {"name": "x", "filter": "{}"}).status_code == 403
    assert SEGMENT in people["operators"].get(url).content.decode()
