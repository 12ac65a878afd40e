"""Which steps ask for a fresh proof: every page and action of the project, tried by whoever has none."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.roles.table import PAGES
from tests.roles.test_pages import address, attempts, text, undone, undrawn
from tests.roles.world import TO, World

pytestmark = pytest.mark.django_db

# Credentials are shown there, destinations and roles set, or data taken away: all steps ask …
SENSITIVE = (
    "auth_user", "auth_group", "providers_provider", "audience_optsetting", "audience_uploadaccount",
    "operations_channel", "privacy_hold", "privacy_retentionsetting", "privacy_retentionrun",
)  # fmt: skip
# … but these.
SPARED = {
    "providers_provider": (
        "check_connection", "pause", "resume", "archive", "restore", "acceptance", "resend_failed",
        "import_templates", "template_health", "pause_selected", "resume_selected", "import_selected",
    ),
    "operations_channel": ("send_test",),
    "privacy_retentionrun": ("due", "progress"),
}  # fmt: skip
EXPORTED = (
    "accounts_entry", "campaigns_message", "callbacks_reply", "audience_contact", "audience_optchange",
    "audience_subscription", "broadcasts_recipient", "broadcasts_broadcast",
)  # fmt: skip
# What hands out whole numbers, and what opens Waypost to programs and factors.
OTHERS = {
    *(f"admin:{name}_export{form}" for name in EXPORTED for form in ("", "_xlsx")),
    "admin:callbacks_webhook_raw webhook",
    "admin:audience_upload_errors done",
    "admin:audience_upload_warnings done",
    *(f"stats_messages {figure}" for figure in ("accepted", "delivered", "not_sent", "refused")),
    *(f"stats_export :messages :{form} not_sent" for form in ("csv", "xlsx")),
    "account_add_token",
    *(f"mfa_{step}" for step in ("activate_totp", "add_webauthn", "generate_recovery_codes")),
    *(f"mfa_{step} :1" for step in ("edit_webauthn", "remove_webauthn")),
    *(f"mfa_{step}" for step in ("reauthenticate", "reauthenticate_webauthn")),  # they lead to what is there
}


@pytest.fixture(scope="module")
def root(world: World) -> Client:
    """A superuser who signed in long ago."""
    client = Client()
    client.force_login(User.objects.create_superuser("late", password="four unrelated words"))
    return client


@pytest.fixture(autouse=True)
def _proofs(settings: Any) -> None:
    settings.PROOF_MINUTES = 15


def asks(client: Client, where: str, data: dict[str, Any] | None = None) -> bool:
    with undone(client), undrawn():
        answer = client.get(where) if data is None else client.post(where, data)
        text(answer)  # to its end: a download keeps its seat until then
    return str(answer.get("Location", "")).startswith("/admin/account/reauthenticate/")


def of(model: str, label: str) -> str:
    """The page or action that the label names, where it is one of the model's."""
    page = label.partition(" ")[0]
    for beginning in (f"admin:{model}_", f"admin/{model.replace('_', '/', 1)}/"):
        if page.startswith(beginning):
            return page.removeprefix(beginning)
    return label.removeprefix(f"{model}: ") if label.startswith(f"{model}: ") else ""


def test_every_sensitive_step_asks_and_no_other(world: World, root: Client) -> None:
    posts = {label: (where, data) for label, where, data, _ in attempts(world, "superuser")}
    asked = {label for label, (where, data) in posts.items() if asks(root, where, data)}
    asked |= {page.label for page in PAGES if asks(root, address(page, world))}
    spared = set()
    for model in SENSITIVE:
        steps = {label: of(model, label) for label in posts if of(model, label)}
        spared |= {label for label, step in steps.items() if step in SPARED.get(model, ())}
        assert {label for label in steps if label not in asked} == spared & set(steps)
        asked -= set(steps)
    assert len(spared) == sum(map(len, SPARED.values()))
    assert asked == OTHERS


def test_a_form_asks_before_it_is_filled_in_and_looking_does_not(world: World, root: Client) -> None:
    steps = {page.label: page for page in PAGES if any(of(model, page.label) for model in SENSITIVE)}
    asked = {page.name for page in steps.values() if asks(root, address(page, world))}
    for model in SENSITIVE:
        assert {f"admin:{model}_add", f"admin:{model}_delete"} <= asked
        assert not {f"admin:{model}_{look}" for look in ("changelist", "change", "history")} & asked


def test_an_action_hides_behind_no_other(world: World, root: Client) -> None:
    """A form may name several; the site takes the one at `index`."""
    chosen = {"_selected_action": [world.provider.pk], "post": "yes", "index": "0"}
    both = chosen | {"action": ["delete_selected", "pause_selected"]}
    assert asks(root, "/admin/providers/provider/", both)
    assert not asks(root, "/admin/providers/provider/", chosen | {"action": "pause_selected"})


@pytest.mark.parametrize("step", ["export", "erase"])
def test_a_person_is_not_handed_out_or_erased_without(world: World, root: Client, step: str) -> None:
    where = reverse("admin:privacy_erasure_person")
    assert asks(root, where, {"number": f"+{TO}", step: "yes"})
    assert not asks(root, where, {"number": f"+{TO}"})
