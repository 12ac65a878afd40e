"""`manage.py COMMAND --help` says what each of our commands, their actions and their arguments do."""

from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterator

import pytest
from django.core.management import get_commands, load_command_class

from tests.setup.prose import APPS

DJANGOS = {"check", "migrate", "createsuperuser", "changepassword"}  # ours do a little besides
OURS = sorted(name for name, app in get_commands().items() if app in APPS and name not in DJANGOS)


def explained(parser: ArgumentParser, name: str) -> Iterator[tuple[str, str | None]]:
    """Each action and argument, with what its help says."""
    for action in parser._actions:
        if isinstance(action, _SubParsersAction):
            helps = {choice.dest: choice.help for choice in action._choices_actions}
            for each, inside in action.choices.items():
                yield f"{name} {each}", helps.get(each)
                yield from explained(inside, f"{name} {each}")
        else:
            yield f"{name} {'/'.join(action.option_strings) or action.dest}", action.help


def test_there_are_commands_to_look_at() -> None:
    assert {"provider", "incidents", "audit"} <= set(OURS)


@pytest.mark.parametrize("name", OURS)
def test_everything_is_explained(name: str) -> None:
    command = load_command_class(get_commands()[name], name)
    assert command.help
    found = dict(explained(command.create_parser("manage.py", name), name))
    assert {what for what, words in found.items() if not words} == set()
