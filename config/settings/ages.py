"""How long data is kept, in days (docs/data.md); 0: for ever. Providers may have numbers of their own."""

from pathlib import Path

from config.settings.environment import DATA_DIR, env

WEBHOOK_RETENTION_DAYS = env.int("WEBHOOK_RETENTION_DAYS", default=30)
BODY_RETENTION_DAYS = env.int("BODY_RETENTION_DAYS", default=180)
NUMBER_RETENTION_DAYS = env.int("NUMBER_RETENTION_DAYS", default=730)
MESSAGE_RETENTION_DAYS = env.int("MESSAGE_RETENTION_DAYS", default=0)
# How long a repeated message is known by its hash, where no constraint can say so (PostgreSQL)
REPEAT_RETENTION_DAYS = env.int("REPEAT_RETENTION_DAYS", default=90)
CONTACT_RETENTION_DAYS = env.int("CONTACT_RETENTION_DAYS", default=0)
# Of rows that an upload could not take over, files of failed uploads, and opt-outs reported to CleverTap
AUDIENCE_RETENTION_DAYS = env.int("AUDIENCE_RETENTION_DAYS", default=30)
CONTACT_EVENT_RETENTION_DAYS = env.int("CONTACT_EVENT_RETENTION_DAYS", default=0)  # 0: for ever
MEDIA_RETENTION_DAYS = env.int("MEDIA_RETENTION_DAYS", default=14)  # of files that people sent us
TRAIL_RETENTION_DAYS = env.int("TRAIL_RETENTION_DAYS", default=730)
# For how long tokens are still listed that expired or were revoked
TOKEN_RETENTION_DAYS = env.int("TOKEN_RETENTION_DAYS", default=90)

# Within how many days a person who asks for it is to be erased, and where erasures are kept for a restore
ERASURE_DEADLINE_DAYS = env.int("ERASURE_DEADLINE_DAYS", default=30)
ERASURES_FILE = Path(env.str("ERASURES_FILE", default="") or DATA_DIR / "erasures.jsonl")
