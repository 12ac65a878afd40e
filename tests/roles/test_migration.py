"""A migration makes the groups, in a database where no permission is yet."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from config import roles


@pytest.mark.django_db(transaction=True)
def test_a_migration_makes_the_groups() -> None:
    call_command("migrate", "config", "zero", verbosity=0)
    Group.objects.all().delete()
    Permission.objects.filter(codename="view_stats").delete()  # not there yet when a database is new
    call_command("migrate", "config", verbosity=0)
    assert set(Group.objects.values_list("name", flat=True)) == set(roles.ROLES)
    for name, wanted in roles.ROLES.items():
        assert set(Group.objects.get(name=name).permissions.all()) == set(Permission.objects.filter(wanted))
    assert Group.objects.get(name="analysts").permissions.filter(codename="view_stats").exists()
