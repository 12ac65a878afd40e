"""Three months of messages and reports, and their counts, made by PostgreSQL itself; see bench.inside_stats.

Five providers, a thousand campaigns that go out within forty minutes each, a hundred and fifty that run
all the time, and conversations; and before them a few tests of a sixth provider. However many messages
there are, they are of the same campaigns: then what a page reads must not grow with them.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.db import connection
from django.db.models import Model
from django.utils import timezone

from bench import stats_counts
from campaigns.models import (
    Attempt,
    Campaign,
    Event,
    Message,
    Month,
    Refusal,
    StatCount,
    StatDetail,
    StatPoint,
    StatScope,
)
from lib.postgres import parts
from providers.models import Provider

MONTH = 30  # days
DAYS, PROVIDERS, TEMPLATES, BLASTS, STEADY = 90, 5, 200, 1000, 150
TESTS = 100  # older than all other messages: a filter finds them last
OF_MESSAGES = (Message, Attempt, Event, Refusal, Campaign)
OF_COUNTS = (StatCount, StatPoint, StatDetail)


def load(count: int, months: int = 0) -> None:
    """That many messages with their attempts and reports, and the counts the ledger would have written.

    With `months`, they are of so many, each in its part of the tables.
    """
    if months:
        _begin(months)
    days = months * MONTH or DAYS
    for number in range(PROVIDERS + 1):
        Provider.objects.get_or_create(
            nickname=f"bench-{number}",
            connector_slug="generic",
            waba_number=f"1555000{number:04d}",
            endpoint="http://127.0.0.1:9/",
        )
    moment = f"'{timezone.now().isoformat()}'::timestamptz"  # the same for all statements
    _run(moment, [_fates(count, days, _part(months))])
    with ThreadPoolExecutor(2) as pool:
        works = [
            pool.submit(_run, moment, _rows(days), OF_MESSAGES),
            pool.submit(_run, moment, stats_counts.statements(), OF_COUNTS),
        ]
        for work in works:
            work.result()
    # VACUUM marks pages as visible to all only now that no transaction has an older snapshot.
    filled = (*OF_MESSAGES, *OF_COUNTS, StatScope)
    _run(moment, (f"VACUUM ANALYZE {model._meta.db_table}" for model in filled))
    _run(moment, ["DROP TABLE bench_fate, bench_campaign"])
    if months:
        parts.move(months - 1)


def _begin(months: int) -> None:
    """As if the parts had begun one after the other, the last one a month ago."""
    now = timezone.now()
    for number in range(months):
        began = now - timedelta(days=MONTH) * (months - number)
        Month.objects.create(number=number, began_at=began, moved_at=began)
    for table in parts.BY:
        parts.make(table, months + 1)


def _part(months: int) -> str:
    """SQL for the number of a row's part."""
    if not months:
        return "0"
    age = f"EXTRACT(epoch FROM now() - at) / {MONTH * 86400}"
    return f"{months - 1} - LEAST(floor({age}), {months - 1})::bigint"


def _run(moment: str, statements: Iterable[str], filled: Sequence[type[Model]] = ()) -> None:
    """Runs statements that fill these tables, on a connection of its own."""
    try:
        with connection.cursor() as cursor:
            # The foreign keys are right by construction.
            cursor.execute("SET session_replication_role = replica; SET synchronous_commit = off")
            cursor.execute("SET work_mem = '512MB'; SET maintenance_work_mem = '1GB'; SELECT setseed(0.42)")
            again = _without_indexes(cursor, filled)
            for statement in (*statements, *again):
                cursor.execute(statement.replace("now()", moment))
    finally:
        connection.close()


def _without_indexes(cursor, filled: Sequence[type[Model]]) -> list[str]:
    """Drops what would slow the loading down. Returns the statements that make it again."""
    again = []
    for model in filled:
        table = model._meta.db_table
        cursor.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE conrelid = %s::regclass AND contype = 'u'",
            [table],
        )
        for name, definition in cursor.fetchall():
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
            again.append(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes "
            "WHERE tablename = %s AND indexname NOT LIKE '%%_pkey'",
            [table],
        )
        for name, definition in cursor.fetchall():
            cursor.execute(f'DROP INDEX "{name}"')
            again.append(definition.replace(" ON ONLY ", " ON "))
    return again


def _fates(count: int, days: int, part: str) -> str:
    """What becomes of each message, oldest first. Reports carry whole seconds, as BSPs' do."""
    seconds = "make_interval(secs => {})".format
    return f"""
        CREATE UNLOGGED TABLE bench_campaign AS
        SELECT n, (1767225600 + n * 61)::text AS code, 'template_' || n % {TEMPLATES} AS template,
               (SELECT id FROM providers_provider WHERE nickname = 'bench-' || n % {PROVIDERS})
                   AS provider_id,
               CASE WHEN n < {BLASTS} THEN now() - random() * interval '{days} days'
                    ELSE now() - interval '{days} days' END AS begins,
               CASE WHEN n < {BLASTS} THEN interval '40 minutes' ELSE interval '{days} days' END AS lasts
        FROM generate_series(0, {BLASTS + STEADY - 1}) AS n;
        CREATE UNLOGGED TABLE bench_fate AS
        WITH chosen AS MATERIALIZED (
            SELECT random() AS dice, floor(random() * {BLASTS})::int AS blast, random() AS a, random() AS b,
                   random() AS c, random() AS d, random() AS e, random() AS f, random() AS g
            FROM generate_series(1, {count})
        ), placed AS (
            SELECT chosen.*, c.*, LEAST(c.begins + chosen.a * c.lasts, now() - interval '1 second') AS at
            FROM chosen JOIN bench_campaign AS c ON c.n = CASE
                WHEN dice < 0.72 THEN blast ELSE {BLASTS} + blast * {STEADY} / {BLASTS} END
        ), numbered AS (
            SELECT ({part}) * {parts.ROOM} + {TESTS} + row_number() OVER (ORDER BY at) AS id, *
            FROM placed ORDER BY at
        )
        SELECT id, at, provider_id,
               CASE WHEN dice < 0.95 THEN code ELSE '' END AS campaign,
               CASE WHEN dice < 0.95 THEN (id % 2)::text ELSE '' END AS variant,
               CASE WHEN dice < 0.95 THEN template ELSE '' END AS template,
               date_trunc('second', at + {seconds("1 + 9 * b")}) AS happened,
               CASE WHEN c < 0.96 THEN date_trunc('second', at + {seconds("1 + 9 * b")}) END AS sent,
               CASE WHEN c < 0.92 THEN date_trunc('second', at + {seconds("12 - 40 * ln(d + 1e-9)")}) END
                   AS delivered,
               CASE WHEN c < 0.70 THEN date_trunc('second', at + {seconds("60 - 9000 * ln(e + 1e-9)")}) END
                   AS viewed,
               CASE WHEN c < 0.12 THEN date_trunc('second', at + {seconds("90 - 9000 * ln(e + 1e-9)")}) END
                   AS clicked,
               CASE WHEN c < 0.03 THEN date_trunc('second', at + {seconds("99 - 5000 * ln(e + 1e-9)")}) END
                   AS replied,
               c > 0.985 AS not_sent, c > 0.96 AS failed,
               (ARRAY[1002, 1002, 1002, 1004, 1004, 1009, 1010, 1010, 1005, 1001])[1 + floor(f * 10)::int]
                   AS code,
               'https://shop.example.org/' || code || '/' || floor(g * 3)::int AS url
        FROM numbered;
        ANALYZE bench_fate
    """


def _rows(days: int) -> Iterator[str]:
    yield f"""
        INSERT INTO {Message._meta.db_table} (id, provider_id, msg_id, untracked, reported, "to", to_raw,
            kind, template, language, campaign, batch, variant, payload, content, custom_props, notes, status,
            accepted_at, queued_at, answer_ms, attempt, next_attempt_at, bsp_id, error_code, bsp_code,
            error_text)
        SELECT id, provider_id, id || '|' || campaign || '|20260105|' || id || '|' || variant, false, true,
            '9198' || lpad((id * 7919 % 100000000)::text, 8, '0'), '', (template <> '')::int, template, 'en',
            campaign, '', variant, repeat('x', 400), repeat('y', 150), '{{}}', '[]',
            CASE WHEN viewed < now() THEN 80 WHEN delivered < now() THEN 70 WHEN failed THEN 60
                 WHEN sent < now() THEN 50 ELSE 40 END,
            at, at, 4, 1, at, 'wamid.' || md5(id::text), CASE WHEN failed THEN code END, '',
            CASE WHEN failed THEN 'why' ELSE '' END
        FROM bench_fate ORDER BY id
    """
    yield f"""
        INSERT INTO {Message._meta.db_table} (id, provider_id, msg_id, untracked, reported, "to", to_raw,
            kind, template, language, campaign, batch, variant, payload, content, custom_props, notes, status,
            accepted_at, queued_at, answer_ms, attempt, next_attempt_at, bsp_id, error_code, bsp_code,
            error_text)
        SELECT n, (SELECT id FROM providers_provider WHERE nickname = 'bench-{PROVIDERS}'), '0|0|0|0', true,
            true, '1415' || lpad(n::text, 7, '0'), '', 1, 'try_out', 'en', '', '', '', '', '', '{{}}', '[]',
            40, now() - interval '{days + 1} days', now(), 4, 1, now(), '', NULL, '', ''
        FROM generate_series(1, {TESTS}) AS n
    """
    yield f"SELECT setval(pg_get_serial_sequence('{Message._meta.db_table}', 'id'), MAX(id)) FROM bench_fate"
    yield f"""
        INSERT INTO {Attempt._meta.db_table} (message_id, number, started_at, milliseconds, outcome, bsp_id,
            bsp_code, text, request, response_body)
        SELECT id, 1, at, 120, CASE WHEN not_sent THEN 'rejected' ELSE 'accepted' END, '', '', '', '', ''
        FROM bench_fate ORDER BY id
    """
    kinds = "\nUNION ALL ".join(
        f"SELECT id, provider_id, {kind}, {key}, {at} AS at, {code}, {url}, {not_sent} FROM bench_fate "
        f"WHERE {at} < now(){having}"
        for kind, key, at, code, url, not_sent, having in (
            (1, "''", "sent", "NULL::int", "''", "false", ""),
            (2, "''", "delivered", "NULL", "''", "false", ""),
            (3, "''", "viewed", "NULL", "''", "false", ""),
            (4, "'1'", "happened", "code", "''", "not_sent", " AND failed"),
            (5, "'a'", "clicked", "NULL", "url", "false", ""),
            (5, "'b'", "clicked + interval '7 seconds'", "NULL", "url", "false", ""),
            (6, "''", "replied", "NULL", "''", "false", ""),
        )
    )
    yield f"""
        INSERT INTO {Event._meta.db_table} (message_id, provider_id, kind, key, at, received_at, code,
            bsp_code, text, url, short_url, user_agent, not_sent, forward, owed_since, forward_attempts,
            forward_error, forwarded_at)
        SELECT id, provider_id, kind, key, at, at, code, '', '', url, '', '', not_sent, 2, at, 1, '', at
        FROM ({kinds}) AS e(id, provider_id, kind, key, at, code, url, not_sent) ORDER BY at
    """
    yield f"""
        INSERT INTO {Refusal._meta.db_table} (provider_id, received_at, code, text, msg_id, to_raw, campaign,
            variant, template, untracked, payload)
        SELECT provider_id, at, 2001 + (id % 2)::int, 'why', '', '', campaign, variant, template, false, ''
        FROM bench_fate WHERE id % 200 = 0 ORDER BY id
    """
    yield f"""
        INSERT INTO {Campaign._meta.db_table} (provider_id, code, name, first_seen_at, last_seen_at)
        SELECT provider_id, campaign, '', date_trunc('minute', MIN(at)), date_trunc('minute', MAX(at))
        FROM bench_fate WHERE campaign <> '' GROUP BY provider_id, campaign
    """
