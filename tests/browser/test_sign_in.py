"""Second factors in a real browser: an authenticator app, and a passkey of its virtual authenticator."""

import re
import time

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD

pytestmark = pytest.mark.browser


def leave(page: Page, gateway: str) -> None:
    """Signs out, and is at the door again."""
    page.goto(f"{gateway}/admin/account/logout/")
    page.get_by_role("button", name="Sign Out").click()
    page.wait_for_url(f"{gateway}/admin/login/")


def enter(page: Page) -> None:
    page.get_by_label("Username").fill("operator")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def test_an_authenticator_app_is_set_up_and_asked_for(gateway: str, admin_page: Page) -> None:
    page = admin_page
    page.goto(f"{gateway}/admin/account/")
    page.get_by_role("link", name="Set up").click()
    page.get_by_role("link", name="Activate").click()
    secret = page.locator("#authenticator_secret").input_value()
    code = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
    page.get_by_label("Authenticator code").fill(code)
    page.get_by_role("button", name="Activate").click()
    expect(page.locator("#recovery_codes")).to_be_visible()
    codes = page.locator("#recovery_codes").input_value().split()
    leave(page, gateway)
    enter(page)
    page.wait_for_url(re.compile("/factors/authenticate/"))
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Sign In").click()
    page.wait_for_url(f"{gateway}/admin/")


def test_a_passkey_leads_in_without_a_password(gateway: str, admin_page: Page) -> None:
    page = admin_page
    at = gateway.replace("127.0.0.1", "localhost")  # a passkey belongs to a name, not to an address
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    page.goto(f"{at}/admin/login/")
    enter(page)
    page.wait_for_url(f"{at}/admin/")
    page.goto(f"{at}/admin/account/factors/webauthn/add/")
    page.get_by_label("Passwordless").check()
    page.get_by_role("button", name="Add").click()
    page.wait_for_url(re.compile("/factors/(webauthn|recovery-codes)/$"))
    leave(page, at)
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(f"{at}/admin/")
