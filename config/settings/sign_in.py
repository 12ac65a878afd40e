"""How people and programs sign in: sessions, passwords, second factors, OpenID Connect, tokens."""

from config.settings.environment import PUBLIC_BASE_URL, env

# Calls of an API by one token, as 300/min or 10/s
API_RATE = env.str("API_RATE", default="300/min")
# Whether the APIs take people's passwords too, by Basic authentication
API_PASSWORDS = env.bool("API_PASSWORDS", default=False)

# People: how long a session may be idle, how old a proof may be before a sensitive step, who must have a
# second factor ("1", or groups), whether passwords are taken at all
SESSION_IDLE_HOURS = env.float("SESSION_IDLE_HOURS", default=12.0)
PROOF_MINUTES = env.int("PROOF_MINUTES", default=15)
REQUIRE_SECOND_FACTOR = env.list("REQUIRE_SECOND_FACTOR", default=[])
PASSWORD_SIGN_IN = env.bool("PASSWORD_SIGN_IN", default=True)
# OpenID Connect: the provider, the claim with its groups, and ours for theirs, as wa-ops=operators
OIDC_ISSUER = env.str("OIDC_ISSUER", default="").rstrip("/")
OIDC_CLIENT_ID = env.str("OIDC_CLIENT_ID", default="")
OIDC_CLIENT_SECRET = env.str("OIDC_CLIENT_SECRET", default="")
OIDC_NAME = env.str("OIDC_NAME", default="single sign-on")
OIDC_GROUPS_CLAIM = env.str("OIDC_GROUPS_CLAIM", default="groups")
OIDC_GROUPS = env.dict("OIDC_GROUPS", default={})

SESSION_SERIALIZER = "accounts.sessions.Encrypted"
SESSION_COOKIE_AGE = int(SESSION_IDLE_HOURS * 3600)
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
LOGIN_URL = "account_login"
ACCOUNT_ADAPTER = "accounts.sign_in.Accounts"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True  # for as long as SESSION_IDLE_HOURS says
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_REAUTHENTICATION_TIMEOUT = PROOF_MINUTES * 60
# Wrong passwords: by address, and by name from one address or known browser; by name from all other addresses
SIGN_IN_LIMIT = env.str("SIGN_IN_LIMIT", default="10/m/ip,5/5m/key")
SIGN_IN_NAME_LIMIT = env.str("SIGN_IN_NAME_LIMIT", default="100/h/key")
ACCOUNT_RATE_LIMITS = {"login_failed": SIGN_IN_LIMIT}  # of second factors, too
WRONG_TOKENS_LIMIT = "30/m/ip"
SOCIALACCOUNT_OPENID_CONNECT_URL_PREFIX = ""
MFA_ADAPTER = "accounts.sign_in.Factors"
MFA_FORMS = {
    "add_webauthn": "accounts.passkey_forms.Add",
    "login_webauthn": "accounts.passkey_forms.Login",
    "authenticate_webauthn": "accounts.passkey_forms.Authenticate",
    "reauthenticate_webauthn": "accounts.passkey_forms.Reauthenticate",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_ISSUER = "Waypost"
MFA_TOTP_TOLERANCE = 1  # clocks differ
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PUBLIC_BASE_URL.startswith("https://")
SOCIALACCOUNT_ADAPTER = "accounts.oidc.Organization"
SOCIALACCOUNT_ONLY = False
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "oidc",
                "name": OIDC_NAME,
                "client_id": OIDC_CLIENT_ID,
                "secret": OIDC_CLIENT_SECRET,
                "settings": {"server_url": OIDC_ISSUER},
            }
        ]
        if OIDC_ISSUER
        else [],
    }
}

PASSWORD_HASHERS = ["accounts.hashing.Hasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "accounts.passwords.GuessablePasswordValidator"},
]
