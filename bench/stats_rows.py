"""Three months of messages and reports, and their counts, made by PostgreSQL itself; see bench.inside_stats.

Five providers, a thousand campaigns that go out within forty minutes each, a hundred and fifty that run
all the time, and conversations; and before them a few tests of a sixth provider. However many messages
there are, they are of the same campaigns: then what a page reads must not grow with them.
"""

from collections.abc import Iterator

from django.db import connection
from django.utils import timezone

from campaigns import rollups
from campaigns.models import Attempt, Event, Message, Refusal
from campaigns.rollups import MINUTES_KEPT
from campaigns.stat_models import Campaign, Span, StatCount, StatDetail, StatPoint, StatScope
from campaigns.stats.timing import BOUNDS
from providers.models import Provider

DAYS, PROVIDERS, TEMPLATES, BLASTS, STEADY = 90, 5, 200, 1000, 150
TESTS = 100  # older than all else: what a filter finds last
PENDING = "interval '3 minutes'"  # what upkeep has not folded yet
KEYS = "provider_id, minute, campaign, variant, template, metric, code, url"
Metric = StatCount.Metric


def load(count: int) -> None:
    """That many messages with their attempts and reports, and the counts the ledger would have written."""
    for number in range(PROVIDERS + 1):
        Provider.objects.get_or_create(
            nickname=f"bench-{number}", connector="generic", waba_number=f"1555000{number:04d}",
            endpoint="http://127.0.0.1:9/",
        )  # fmt: skip
    with connection.cursor() as cursor:
        moment = f"'{timezone.now().isoformat()}'::timestamptz"

        def run(statement: str) -> None:
            cursor.execute(statement.replace("now()", moment))  # the same for all of them

        # The foreign keys are right by construction.
        run("SET session_replication_role = replica; SET work_mem = '512MB'; SET synchronous_commit = off")
        run("SET maintenance_work_mem = '1GB'; SELECT setseed(0.42)")
        again = _without_indexes(cursor)
        run(_fates(count))
        for statement in (*_rows(), *again):
            run(statement)
        for statement in _counts():
            run(statement)
        for model in (
            Message,
            Attempt,
            Event,
            Refusal,
            StatCount,
            StatScope,
            StatPoint,
            StatDetail,
            Campaign,
        ):
            run(f"VACUUM ANALYZE {model._meta.db_table}")
        run("DROP TABLE bench_fate, bench_delta, bench_campaign, bench_scope")


def _without_indexes(cursor) -> list[str]:
    """Drops what would slow the loading down. Returns the statements that make it again."""
    again = []
    for model in (Message, Attempt, Event):
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
            again.append(definition)
    return again


def _fates(count: int) -> str:
    """What becomes of each message, oldest first. Reports carry whole seconds, as BSPs' do."""
    seconds = "make_interval(secs => {})".format
    return f"""
        CREATE UNLOGGED TABLE bench_campaign AS
        SELECT n, (1767225600 + n * 61)::text AS code, 'template_' || n % {TEMPLATES} AS template,
               (SELECT id FROM providers_provider WHERE nickname = 'bench-' || n % {PROVIDERS})
                   AS provider_id,
               CASE WHEN n < {BLASTS} THEN now() - random() * interval '{DAYS} days'
                    ELSE now() - interval '{DAYS} days' END AS begins,
               CASE WHEN n < {BLASTS} THEN interval '40 minutes' ELSE interval '{DAYS} days' END AS lasts
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
            SELECT {TESTS} + row_number() OVER (ORDER BY at) AS id, * FROM placed ORDER BY at
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


def _rows() -> Iterator[str]:
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
            40, now() - interval '{DAYS + 1} days', now(), 4, 1, now(), '', NULL, '', ''
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


def _counts() -> Iterator[str]:
    """Deltas of each minute, all but the newest folded into points."""

    def deltas(at: str, metric: int, code: str = "0", url: str = "''", having: str = "true") -> str:
        return (
            f"SELECT provider_id, date_trunc('minute', {at}), campaign, variant, template, {metric}, {code}, "
            f"{url}, COUNT(*) FROM bench_fate WHERE {at} < now() AND {having} "
            "GROUP BY 1, 2, 3, 4, 5, 6, 7, 8"
        )

    bounds = ", ".join(map(str, BOUNDS))

    def took(at: str) -> str:
        whole = f"floor(extract(epoch FROM {at})) - floor(extract(epoch FROM at))"
        return f"width_bucket(({whole})::float, ARRAY[{bounds}]::float[])"

    second = "clicked + interval '7 seconds'"
    parts = [
        deltas("at", Metric.ACCEPTED),
        deltas("at", Metric.SUBMITTED, having="NOT not_sent"),
        deltas("sent", Metric.SENT),
        deltas("delivered", Metric.DELIVERED),
        deltas("viewed", Metric.READ),
        deltas("clicked", Metric.CLICKED),
        deltas(second, Metric.CLICKED),
        deltas("clicked", Metric.CLICKED_UNIQUE),
        deltas("clicked", Metric.URL_CLICKED, url="url"),
        deltas(second, Metric.URL_CLICKED, url="url"),
        deltas("clicked", Metric.URL_CLICKED_UNIQUE, url="url"),
        deltas("replied", Metric.REPLIED),
        deltas("at", Metric.REFUSED, "2001 + (id % 2)::int", having="id % 200 = 0"),
        deltas("happened", Metric.NOT_SENT, "code", having="failed AND not_sent"),
        deltas("happened", Metric.UNDELIVERED, "code", having="failed AND NOT not_sent"),
        *(
            deltas(at, metric, took(at))
            for at, metric in (
                ("sent", Metric.TIME_TO_SENT),
                ("delivered", Metric.TIME_TO_DELIVERED),
                ("viewed", Metric.TIME_TO_READ),
            )
        ),
    ]
    yield f"CREATE UNLOGGED TABLE bench_raw({KEYS}, count) AS {' UNION ALL '.join(parts)}"
    yield (
        f"INSERT INTO {StatCount._meta.db_table} ({KEYS}, count) SELECT {KEYS}, count FROM bench_raw "
        f"WHERE minute >= now() - {PENDING}"
    )
    conversation = "campaign = '' AND template = ''"
    levels = [(1, "''", "''", "''"), (2, "''", "''", "template"), (3, "campaign", "variant", "template")]
    for level, campaign, variant, template in levels:
        yield (
            f"INSERT INTO {StatScope._meta.db_table} (level, provider_id, conversation, campaign, variant, "
            f"template) SELECT DISTINCT {level}, provider_id, {conversation}, {campaign}, {variant}, "
            f"{template} FROM bench_raw"
        )
    yield f"ANALYZE {StatScope._meta.db_table}"
    joins = " ".join(
        f"JOIN {StatScope._meta.db_table} AS s{level} ON s{level}.level = {level} "
        f"AND s{level}.provider_id = d.provider_id AND s{level}.conversation = "
        f"(d.campaign = '' AND d.template = '') AND s{level}.campaign = {_of_delta(campaign)} "
        f"AND s{level}.variant = {_of_delta(variant)} AND s{level}.template = {_of_delta(template)}"
        for level, campaign, variant, template in levels
    )
    yield (
        "CREATE UNLOGGED TABLE bench_scope AS SELECT d.*, ARRAY[s1.id, s2.id, s3.id] AS scopes FROM "
        f"(SELECT DISTINCT provider_id, campaign, variant, template FROM bench_raw) AS d {joins}"
    )
    yield "ANALYZE bench_scope; ANALYZE bench_raw"
    yield (
        "CREATE UNLOGGED TABLE bench_delta AS SELECT scopes, minute, metric, code, url, count FROM bench_raw "
        "JOIN bench_scope USING (provider_id, campaign, variant, template) "
        f"WHERE minute < now() - {PENDING}"
    )
    yield "DROP TABLE bench_raw; ANALYZE bench_delta"
    sums = ", ".join(
        f"COALESCE(SUM(count) FILTER (WHERE metric = {metric.value}), 0)" for metric in rollups.COLUMN
    )
    plain = ", ".join(str(metric.value) for metric in rollups.COLUMN)
    detailed = ", ".join(str(metric.value) for metric in rollups.DETAILED)
    for span in (Span.MINUTE, Span.QUARTER):
        at = f"date_bin('{span.value} minutes', minute, '2000-01-01T00:00Z')"
        kept = f" AND minute >= now() - interval '{MINUTES_KEPT.days} days'" if span == Span.MINUTE else ""
        for level in (1, 2, 3):
            yield (
                f"INSERT INTO {StatPoint._meta.db_table} (scope_id, span, at, {', '.join(rollups.COLUMNS)}) "
                f"SELECT scopes[{level}], {span.value}, {at}, {sums} FROM bench_delta "
                f"WHERE metric IN ({plain}){kept} GROUP BY 1, 3 ORDER BY 3"
            )
            yield (
                f"INSERT INTO {StatDetail._meta.db_table} (scope_id, span, at, metric, code, url, count) "
                f"SELECT scopes[{level}], {span.value}, {at}, metric, code, url, SUM(count) FROM bench_delta "
                f"WHERE metric IN ({detailed}){kept} GROUP BY 1, 3, 4, 5, 6 ORDER BY 3"
            )
    yield from _days()


def _days() -> Iterator[str]:
    """By the day, of the quarters of an hour."""
    day = f"{Span.DAY.value}, date_bin('1 day', at, '2000-01-01T00:00Z')"
    among = f"WHERE span = {Span.QUARTER.value}"
    names, sums = ", ".join(rollups.COLUMNS), ", ".join(f"SUM({name})" for name in rollups.COLUMNS)
    table = StatPoint._meta.db_table
    yield (
        f"INSERT INTO {table} (scope_id, span, at, {names}) SELECT scope_id, {day}, {sums} FROM {table} "
        f"{among} GROUP BY 1, 3 ORDER BY 3"
    )
    table = StatDetail._meta.db_table
    yield (
        f"INSERT INTO {table} (scope_id, span, at, metric, code, url, count) "
        f"SELECT scope_id, {day}, metric, code, url, SUM(count) FROM {table} {among} "
        "GROUP BY 1, 3, 4, 5, 6 ORDER BY 3"
    )


def _of_delta(column: str) -> str:
    return column if column == "''" else f"d.{column}"
