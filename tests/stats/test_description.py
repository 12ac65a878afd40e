"""The API does what its OpenAPI description says: schemathesis makes questions of it, right and wrong ones.

API_QUESTIONS says how many of each operation, of each of the two kinds.
"""

import os
from datetime import timedelta
from typing import Any

import hypothesis
import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from accounts import tokens
from config.wsgi import application
from providers.models import Provider
from tests.stats.conftest import accepted, reported, submitted

QUESTIONS = int(os.environ.get("API_QUESTIONS", "4"))


def served(environ: Any, start_response: Any) -> list[bytes]:
    """The application, each answer closed as a server does it."""
    answer: Any = application(environ, start_response)
    try:
        return [b"".join(answer)]
    finally:
        answer.close()


@pytest.fixture
def token(settings: Any, transactional_db: None, shop: Provider) -> str:
    settings.API_RATE, settings.WRONG_TOKENS_LIMIT = "1000000/min", "1000000/m/ip"
    message = accepted(shop, timezone.now() - timedelta(hours=1))
    submitted(message)
    reported(message, "sent", "delivered")
    owner = User.objects.create_user("grafana", is_staff=True)
    owner.user_permissions.add(
        *Permission.objects.filter(codename__in=["view_stats", "export_stats", "view_message"])
    )
    return tokens.add(owner, ["stats:read", "messages:read"], timezone.now()).secret


def test_the_api_keeps_to_its_description(token: str) -> None:
    """No 500, and only the statuses, types and forms of answers that it names; nothing without a token.

    What OpenAPI cannot say is not asked for: that `range` goes without `from`, or that a parameter that is
    empty is one left out.
    """
    # Here, because every worker that looks for tests would load it.
    import schemathesis
    from schemathesis.generation.modes import GenerationMode
    from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

    beyond = [positive_data_acceptance, negative_data_rejection]
    headers = {"Authorization": f"Bearer {token}"}
    described = schemathesis.openapi.from_wsgi("/api/schema", served, headers=headers)
    asked = []

    for found in described.get_all_operations():
        operation = found.ok()
        asked.append(operation.path)
        for mode in GenerationMode.POSITIVE, GenerationMode.NEGATIVE:

            @hypothesis.settings(max_examples=QUESTIONS, database=None)
            @hypothesis.given(case=operation.as_strategy(mode))
            def ask(case: Any) -> None:
                case.call_and_validate(headers=headers, excluded_checks=beyond)

            ask()
    assert len(asked) == 15
