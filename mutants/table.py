"""The modules that are tried, by area, and the tests of each."""

LISTS = "tests/admin/test_long_lists.py tests/admin/test_long_logs.py"
LEDGER = "tests/ledger tests/sending tests/callbacks/test_reading.py tests/stats/test_figures.py"
SENDING = "tests/sending tests/ledger/test_together.py"
READING = (
    "tests/callbacks/test_reading.py tests/callbacks/test_replied.py tests/callbacks/test_auto_reply.py "
    "tests/callbacks/test_routing.py tests/callbacks/test_people.py tests/callbacks/test_wakeups.py"
)
FORWARDING = (
    "tests/callbacks/test_forwarding.py tests/callbacks/test_no_answers.py tests/callbacks/test_wakeups.py"
)
CONSENT = "tests/audience"
GATE = "tests/templates_app tests/intake/test_answers.py tests/sending/test_queue.py"
COUNTING = (
    "tests/ledger tests/stats/test_series.py tests/stats/test_breakdowns.py tests/stats/test_figures.py"
)

AREAS: dict[str, dict[str, str]] = {
    "ledger": {
        f"campaigns.ledger.{name}": LEDGER
        for name in (
            "account_refused",
            "campaigns_seen",
            "capped",
            "claims",
            "entries",
            "events",
            "ledger",
            "lives",
            "marketing_stops",
            "pricing",
            "removing",
            "statuses",
        )
    },
    "matching": {"campaigns.ledger.matching": LEDGER},
    "sending": {
        f"campaigns.sending.{name}": SENDING
        for name in ("dispatch", "limits", "marketing_hold", "outgoing", "resend", "resuming")
    },
    "reading": {
        f"callbacks.{name}": READING
        for name in ("webhooks.ingest", "webhooks.recording", "replies.auto_reply", "replies.record")
    },
    "forwarding": {
        f"callbacks.forwarding.{name}": FORWARDING for name in ("answers", "calls", "forward", "owed")
    },
    "consent": {
        f"audience.{name}": CONSENT
        for name in ("opting", "wishes", "stops", "words", "merging", "consent_locks")
    },
    "gate": {
        **{f"templates_app.gate.{name}": GATE for name in ("cache", "check", "prepare", "validate")},
        "templates_app.content.fill": GATE,
    },
    "counting": {f"campaigns.counting.{name}": COUNTING for name in ("buckets", "deltas", "keys", "points")},
    "leases": {"providers.leases": "tests/providers tests/sending/test_queue.py"},
    "lib": {
        "lib.addresses": "tests/lib/test_addresses.py tests/callbacks/test_networks.py",
        "lib.crypto": "tests/intake/test_credentials.py tests/setup/test_rotate_keys.py",
        "lib.csv_files": "tests/audience/test_upload.py tests/reconciliation/test_reading.py",
        "lib.group_commit": "tests/intake/test_overload.py tests/intake/test_storing.py",
        "lib.listing": LISTS,
        "lib.phone": "tests/lib/test_phone.py tests/lib/test_phone_parsing.py",
        "lib.phone_hiding": "tests/lib/test_phone_hiding.py tests/lib/test_phone_in_any_dress.py",
        "lib.redact": "tests/connectors/test_redact.py tests/setup/test_logs.py",
        "lib.sheets": "tests/lib/test_sheets.py tests/stats/test_export.py",
        "lib.signatures": "tests/connectors/test_signatures.py",
        "lib.sql": "tests/audience tests/ledger",
        "lib.targets": "tests/sending/test_targets.py",
        "lib.throttle": "tests/sending/test_limits.py tests/broadcasts/test_sending.py",
        "lib.transport": "tests/sending/test_transport.py tests/sending/test_targets.py",
        "lib.ttl_cache": "tests/intake/test_remembering.py",
        "lib.wakeup": "tests/sending/test_wakeups.py tests/callbacks/test_wakeups.py",
    },
}
