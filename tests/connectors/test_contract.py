"""What every connector must do, shown by the cases in its fixture folder.

A new connector is covered by registering it and adding a folder; nothing here changes.
"""

import ast
import inspect
import itertools
import json
import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, get_args
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

import providers
from lib.http import HttpRequest, HttpResponse, host
from lib.redact import redact_request
from providers.connectors import CONNECTORS
from providers.features import Feature
from providers.messages import (
    AnswerCode,
    InboundMedia,
    Malformed,
    Outcome,
    Refused,
    Reply,
    SendResult,
    StatusUpdate,
    TemplatePage,
    Unhandled,
    WebhookItem,
)
from tests.connectors import cases
from tests.connectors.cases import Case

SLUGS = sorted(CONNECTORS)
DIALECTS = Path(providers.__path__[0]) / "dialects"


# The registry and the declarations


def test_every_connector_has_a_folder_and_every_folder_a_connector() -> None:
    assert cases.folders() == SLUGS


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("kind", ["send", "answer", "webhook"])
def test_every_folder_holds_cases_of_each_kind(slug: str, kind: str) -> None:
    assert list(cases.read(slug, kind))


@pytest.mark.parametrize("slug", SLUGS)
def test_declarations(slug: str) -> None:
    connector = CONNECTORS[slug]
    assert connector.slug == slug
    assert connector.label
    names = [field.name for field in (*connector.credentials, *connector.options)]
    assert len(set(names)) == len(names)
    assert all(
        field.label and field.help.endswith(".") for field in (*connector.credentials, *connector.options)
    )
    assert connector.webhook_setup.endswith(".")
    assert all(reason for reason in connector.lacks.values())
    assert not any(field.secret for field in connector.options), "a secret belongs to the credentials"
    assert "base_url" in [field.name for field in connector.options]


# Formats that many connectors speak: they count for none of them.
SHARED_DIALECTS = {"clevertap", "cloud_api"}
MOST_LINES, MOST_CONNECTOR_LINES = 850, 250


@pytest.mark.parametrize("slug", SLUGS)
def test_a_bsp_is_one_connector_and_one_dialect_folder_and_both_are_small(slug: str) -> None:
    connector = Path(inspect.getfile(type(CONNECTORS[slug])))
    imported = re.findall(r"^from providers\.dialects\.(\w+)\.", connector.read_text(), re.MULTILINE)
    folders = set(imported) - SHARED_DIALECTS
    assert len(folders) <= 1
    files = [path for folder in folders for path in (DIALECTS / folder).glob("*.py")]
    lines = {path: len(path.read_text().splitlines()) for path in (connector, *files)}
    assert lines[connector] <= MOST_CONNECTOR_LINES
    assert sum(lines.values()) <= MOST_LINES, lines


@pytest.mark.parametrize("slug", SLUGS)
def test_the_words_a_connector_reads_are_declared(slug: str) -> None:
    """Without it the coverage tests below would pass for want of anything to look for."""
    assert CONNECTORS[slug].mapped_statuses or Feature.SENT in CONNECTORS[slug].lacks


# Sending


@pytest.mark.parametrize(("slug", "case"), cases.parameters("send", "request"))
def test_request(slug: str, case: Case) -> None:
    set_up, message = cases.config(slug, case), cases.outbound(case)
    request = CONNECTORS[slug].build_request(message, set_up)
    wanted = case["request"]
    assert (request.method, request.url) == (wanted["method"], wanted["url"])
    assert dict(request.headers) == wanted["headers"]
    if "form" in wanted:
        assert dict(parse_qsl(request.body.decode(), strict_parsing=True)) == wanted["form"]
    else:
        assert json.loads(request.body) == wanted["json"]
    assert CONNECTORS[slug].build_request(message, set_up) == request, (
        "the same message must give the same bytes"
    )


@pytest.mark.parametrize(("slug", "case"), cases.parameters("send", "request"))
def test_stored_requests_hold_no_secret(slug: str, case: Case) -> None:
    set_up = cases.config(slug, case)
    secrets = cases.secrets(slug, set_up)
    assert secrets or slug == "generic"
    request = CONNECTORS[slug].build_request(cases.outbound(case), set_up)
    # As a BSP that wants its key in the URL or the body would have it, too.
    url = f"{request.url}#{quote(''.join(secrets))}"
    leaky = replace(request, url=url, body=request.body + repr(secrets).encode())
    for one in (request, leaky):
        stored = redact_request(one, secrets)
        written = f"{stored.url}\n{stored.headers}\n{stored.body.decode()}"
        for secret in secrets:
            username = set_up.credentials.get("username", "user")
            basic = b64encode(f"{username}:{secret}".encode()).decode()
            for form in (secret, quote(secret, safe=""), quote_plus(secret), basic):
                assert form not in written


@pytest.mark.parametrize(("slug", "case"), cases.parameters("send", "refused"))
def test_refusal_names_the_part(slug: str, case: Case) -> None:
    with pytest.raises(Refused) as refused:
        CONNECTORS[slug].build_request(cases.outbound(case), cases.config(slug, case))
    assert case["refused"] in refused.value.message
    assert refused.value.code == case.get("code", AnswerCode.TEMPLATE)


# Answers


@pytest.mark.parametrize(("slug", "case"), cases.parameters("answer"))
def test_answer(slug: str, case: Case) -> None:
    result = CONNECTORS[slug].parse_response(cases.answer(case))
    assert cases.plain(result) == case["result"]
    check_result(result)


def check_result(result: SendResult) -> None:
    """What dispatch relies on."""
    rejected = result.outcome is Outcome.REJECTED
    assert (result.code is not None) is rejected
    stopped = result.account is not None or result.marketing_is_off
    assert stopped is (result.outcome is Outcome.STOPPED)
    assert result.outcome is Outcome.ACCEPTED or result.text
    assert result.retry_after is None or result.retry_after >= 0


@pytest.mark.parametrize("slug", SLUGS)
def test_refusals_of_the_whole_account_are_told_apart(slug: str) -> None:
    """They pause the provider and fail no message: credentials, and one other reason at least."""
    accounts = {case["result"].get("account") for _, case in cases.read(slug, "answer")} - {None}
    assert "credentials" in accounts
    assert len(accounts) > 1


@pytest.mark.parametrize("slug", sorted(set(SLUGS) - {"generic", "haptik-legacy"}))
def test_reports_of_an_account_that_sends_too_fast_are_told_apart(slug: str) -> None:
    """They slow the provider and fail no message."""
    items = [item for _, case in cases.read(slug, "webhook") for item in case.get("items", [])]
    assert any("wait" in item.get("StatusUpdate", {}) for item in items)


@pytest.mark.parametrize("slug", SLUGS)
def test_what_a_gateway_says_of_a_bsp_that_does_not_answer_is_unknown(slug: str) -> None:
    """The message may have been taken. Whether it is sent again is for `repeats_safely` to say."""
    for status in (502, 503, 504):
        result = CONNECTORS[slug].parse_response(HttpResponse(status, {}, b"<h1>Gateway</h1>"))
        assert result.outcome is Outcome.UNKNOWN


# Webhooks


@pytest.mark.parametrize(("slug", "case"), cases.parameters("webhook", "items"))
def test_webhook_items(slug: str, case: Case) -> None:
    items = CONNECTORS[slug].read_webhook(cases.incoming(case), cases.config(slug, case))
    assert [{type(item).__name__: without_receiver(item)} for item in items] == case["items"]
    for item in items:
        check_item(item)


def without_receiver(item: object) -> Any:
    """The item as its case has it. Whom it is for stands beside it, in `receivers`."""
    return {name: value for name, value in cases.plain(item).items() if name != "receiver"}


@pytest.mark.parametrize(("slug", "case"), cases.parameters("webhook", "receivers"))
def test_whom_the_items_are_for(slug: str, case: Case) -> None:
    items = CONNECTORS[slug].read_webhook(cases.incoming(case), cases.config(slug, case))
    receivers = [getattr(item, "receiver", None) for item in items]
    assert cases.plain(receivers) == case["receivers"]
    if case.get("for_another"):
        set_up = cases.config(slug, case)
        assert [CONNECTORS[slug].receives(one, set_up) for one in receivers] == [False]


def check_item(item: object) -> None:
    """What the ledger and the database rely on."""
    assert isinstance(item, get_args(WebhookItem))
    assert "\0" not in "".join(cases.scalars(cases.plain(item))), "PostgreSQL stores no NUL"
    if isinstance(item, StatusUpdate):
        assert item.reference or item.bsp_id or item.msg_id
        assert (item.code is not None) is (item.kind == "failed")
    if isinstance(item, Reply):
        assert not item.sender or item.sender.isdecimal()
    if isinstance(item, Unhandled):
        assert 0 < len(item.kind) <= 60
    else:
        assert 0 <= item.timestamp < 2**40


@pytest.mark.parametrize(("slug", "case"), cases.parameters("webhook", "malformed"))
def test_malformed_webhook(slug: str, case: Case) -> None:
    with pytest.raises(Malformed, match=case["malformed"]):
        CONNECTORS[slug].parse_webhook(cases.incoming(case))


@pytest.mark.parametrize(("slug", "case"), cases.parameters("webhook", "verified"))
def test_verification(slug: str, case: Case) -> None:
    assert CONNECTORS[slug].verify(cases.incoming(case), cases.config(slug, case)) is case["verified"]


@pytest.mark.parametrize(("slug", "case"), cases.parameters("webhook", "proof"))
def test_proof_of_origin(slug: str, case: Case) -> None:
    """What follows for any verified webhook, from how it is proven and with which secrets."""
    verify, request, set_up = CONNECTORS[slug].verify, cases.incoming(case), cases.config(slug, case)
    assert verify(request, set_up)
    if case["proof"] == "signature":
        assert not verify(replace(request, body=request.body + b" "), set_up), "forged body"
    assert not verify(replace(request, headers={}), set_up), "no proof at all"
    broken = {name: value[:-1] + "\udcff" for name, value in request.headers.items()}
    assert not verify(replace(request, headers=broken), set_up), "broken proof"
    others = {name: f"other {value}" for name, value in set_up.credentials.items()}
    assert not verify(request, replace(set_up, credentials=others)), "another secret"
    rotated = replace(set_up, credentials=others, previous=set_up.credentials)
    assert verify(request, rotated), "a replaced secret that is still live"
    assert verify(request, replace(set_up, credentials={})) is case.get("without_secret", False)


@pytest.mark.parametrize(("slug", "case"), cases.parameters("webhook", "handshake"))
def test_handshake(slug: str, case: Case) -> None:
    response = CONNECTORS[slug].handshake(cases.incoming(case), cases.config(slug, case))
    wanted = case["handshake"]
    if wanted is None:
        assert response is None
    else:
        assert response is not None
        assert response.status == wanted["status"]
        assert response.header("Content-Type") == wanted["content_type"]
        assert response.text == wanted["body"]


# Template lists


@pytest.mark.parametrize(("slug", "case"), cases.parameters("templates", "request"))
def test_template_list_request(slug: str, case: Case) -> None:
    set_up = cases.config(slug, case)
    request = CONNECTORS[slug].templates_request(set_up, case.get("cursor", ""))
    if case["request"] is None:
        assert request is None
        return
    assert request is not None
    wanted = case["request"]
    assert (request.method, request.url, dict(request.headers)) == (
        wanted["method"],
        wanted["url"],
        wanted["headers"],
    )
    assert request.body == b""


@pytest.mark.parametrize(("slug", "case"), cases.parameters("templates", "page"))
def test_template_list_page(slug: str, case: Case) -> None:
    page = CONNECTORS[slug].parse_templates(cases.answer(case), case.get("cursor", ""))
    assert cases.plain(page) == case["page"]
    check_page(page)


def _items(answer: Any) -> list[Any]:
    """The list of templates in an answer: the first list of objects."""
    inner = answer.values() if isinstance(answer, dict) else ()
    found = [each for each in inner if isinstance(each, list) and each and isinstance(each[0], dict)]
    return found[0] if found else next(filter(None, map(_items, inner)), [])


def _with_new_keys(value: Any, count: Iterator[int]) -> Any:
    """Every object within the value has one more key, whose value is a number of its own."""
    if isinstance(value, list):
        return [_with_new_keys(each, count) for each in value]
    if not isinstance(value, dict):
        return value
    # What is a map by names, or one value told as an object, is no part of a template.
    maps = ("variables", "types", "quality_score", "language", "example")
    inner = {key: each if key in maps else _with_new_keys(each, count) for key, each in value.items()}
    if isinstance(value.get("types"), dict):
        inner["types"] = {kind: _with_new_keys(each, count) for kind, each in value["types"].items()}
    return inner | {"brand_new": f"new-{next(count)}"}


@pytest.mark.parametrize(
    ("slug", "case"),
    [each for each in cases.parameters("templates", "page") if "json" in each.values[1]],
)
def test_keys_that_nobody_knows_yet_are_kept(slug: str, case: Case) -> None:
    """Of a listing, its components and its buttons."""
    page = CONNECTORS[slug].parse_templates(cases.answer(case), case.get("cursor", ""))
    answer, count = json.loads(json.dumps(case["json"])), itertools.count()
    items = _items(answer)
    if len(page.templates) < len(items) or len(items) > 5:
        return  # some of them are no templates, or it is a case of paging
    for place, item in enumerate(items):
        inner = item.get("data")  # of an envelope
        new = _with_new_keys(inner if isinstance(inner, dict) else item, count)
        items[place] = item | {"data": new} if isinstance(inner, dict) else new
    page = CONNECTORS[slug].parse_templates(cases.answer(case | {"json": answer}), case.get("cursor", ""))
    kept = json.dumps(cases.plain(page.templates))
    lost = [n for n in range(next(count)) if f'"new-{n}"' not in kept]
    assert not lost, [each for each in items if any(f'"new-{n}"' in json.dumps(each) for n in lost)]


def check_page(page: TemplatePage) -> None:
    """What importing relies on."""
    for template in page.templates:
        assert template.name
        assert template.language
        kinds = [component["type"] for component in template.components or ()]
        assert kinds == [kind.upper() for kind in kinds]
        assert template.parameter_format in ("POSITIONAL", "NAMED")


@pytest.mark.parametrize(("slug", "case"), cases.parameters("templates", "malformed"))
def test_malformed_template_list(slug: str, case: Case) -> None:
    with pytest.raises(Malformed, match=case["malformed"]):
        CONNECTORS[slug].parse_templates(cases.answer(case), case.get("cursor", ""))


# Inbound media


@pytest.mark.parametrize(("slug", "case"), cases.parameters("media"))
def test_fetching_inbound_media(slug: str, case: Case) -> None:
    set_up = cases.config(slug, case)
    if "media" in case:
        request = CONNECTORS[slug].media_request(cases.media(case), set_up)
    else:
        request = CONNECTORS[slug].media_follow(cases.answer(case), set_up)
    if case["request"] is None:
        assert request is None
        return
    assert request is not None
    wanted = case["request"]
    assert (request.method, request.url, dict(request.headers)) == (
        "GET",
        wanted["url"],
        wanted.get("headers", {}),
    )


def strangers(slug: str) -> list[str]:
    """URLs of somebody else, some of which look like the BSP's (its hosts are those of its cases), and its
    own without encryption."""
    requests = [case["request"]["url"] for _, case in cases.read(slug, "media") if case["request"]]
    own = {host(url) for url in requests}
    shapes = ("{}.stranger.test", "stranger.test/{}", "stranger.test#{}", "{}@stranger.test")
    looks = [shape.format(name) for name in own for shape in shapes]
    looks += ["x" + ".".join(name.split(".")[-2:]) for name in own]
    paths = {urlsplit(url).path for url in requests}
    bases = [
        f"{scheme}://{name}" for scheme in ("https", "http") for name in ("stranger.example.net", *looks)
    ]
    bases += [f"http://{name}" for name in own]
    return [base + path for base in bases for path in ("/media/1", *paths)]


@pytest.mark.parametrize("slug", SLUGS)
def test_no_secret_goes_to_a_host_that_a_webhook_names(slug: str) -> None:
    """Whatever the credentials, they are for the BSP's own address, and go there encrypted."""
    set_up = cases.config(slug, {})
    own = {host(case["request"]["url"]) for _, case in cases.read(slug, "media") if case["request"]}
    for url in strangers(slug):
        request = CONNECTORS[slug].media_request(InboundMedia(url=url), set_up)
        told = HttpResponse(200, {}, json.dumps({"url": url}).encode())
        for one in (request, CONNECTORS[slug].media_follow(told, set_up)):
            if one is None or (host(one.url) in own and one.url.startswith("https://")):
                continue
            written = f"{one.url} {dict(one.headers)}"
            assert not [secret for secret in cases.secrets(slug, set_up) if secret in written], url
            assert "Authorization" not in one.headers, url


# Coverage of what a connector says it maps


@pytest.mark.parametrize("slug", SLUGS)
def test_every_mapped_status_has_a_case(slug: str) -> None:
    mapped = CONNECTORS[slug].mapped_statuses
    mentioned = {word for _, case in cases.read(slug, "webhook") for word in cases.scalars(case["request"])}
    assert {status.lower() for status in mapped} <= mentioned


@pytest.mark.parametrize("slug", SLUGS)
def test_every_mapped_code_has_a_case(slug: str) -> None:
    mapped = CONNECTORS[slug].mapped_codes
    read = [case for kind in ("answer", "webhook") for _, case in cases.read(slug, kind)]
    mentioned = {word for case in read for word in cases.scalars(case)}
    assert {str(code).lower() for code in mapped} <= mentioned


# Whatever arrives

JSON: SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "Date", "Content-Type", "X-Business-Use-Case-Usage"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=126)) | JSON.map(json.dumps),
)
HOOK = "https://gw.example.test/hooks/t0ken"
SAMPLES = {
    (slug, kind): [
        body["json"]
        for _, case in cases.read(slug, kind)
        if "json" in (body := case["request"] if kind == "webhook" else case)
    ]
    for slug in cases.folders()
    for kind in ("answer", "webhook", "templates", "media")
}
relaxed = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def bent(draw: DrawFn, samples: list[Any]) -> bytes:
    """The body of a case with one value somewhere in it replaced by any other."""
    bent_value = json.loads(json.dumps(draw(st.sampled_from(samples))))
    place: Any = {"root": bent_value}
    key: Any = "root"
    while isinstance(place[key], dict | list) and place[key] and draw(st.integers(0, 5)):
        place = place[key]
        key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
    root_replaced = place.get("root") is bent_value if isinstance(place, dict) else False
    place[key] = draw(JSON)
    return json.dumps(place["root"] if root_replaced else bent_value).encode()


@cache
def any_body(slug: str, kind: str) -> SearchStrategy[bytes]:
    arbitrary = st.binary() | JSON.map(lambda value: json.dumps(value).encode())
    samples = SAMPLES[slug, kind]
    return bent(samples) | arbitrary if samples else arbitrary


@pytest.mark.parametrize("slug", SLUGS)
@relaxed
@given(data=st.data())
def test_parse_webhook_raises_nothing_but_malformed(slug: str, data: st.DataObject) -> None:
    check_reading(slug, HttpRequest("POST", HOOK, {}, data.draw(any_body(slug, "webhook"))))


FORMS = {
    slug: [
        pairs
        for _, case in cases.read(slug, "webhook")
        if (
            pairs := case["request"].get("form")
            or dict(parse_qsl(urlsplit(case["request"].get("url", "")).query))
        )
    ]
    for slug in cases.folders()
}


@pytest.mark.parametrize("slug", [slug for slug in SLUGS if FORMS[slug]])
@relaxed
@given(data=st.data(), method=st.sampled_from(["POST", "GET"]))
def test_parse_webhook_of_any_form_raises_nothing_but_malformed(
    slug: str, data: st.DataObject, method: str
) -> None:
    """The fields of a case, one of them replaced by any text, as a body or as a query."""
    pairs = dict(data.draw(st.sampled_from(FORMS[slug])))
    pairs[data.draw(st.sampled_from(sorted(pairs)) | st.text())] = data.draw(st.text() | JSON.map(json.dumps))
    form = urlencode(pairs, errors="replace")
    if method == "GET":
        check_reading(slug, HttpRequest("GET", f"{HOOK}?{form}"))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    check_reading(slug, HttpRequest("POST", HOOK, headers, form.encode()))


def check_reading(slug: str, request: HttpRequest) -> None:
    try:
        items = CONNECTORS[slug].read_webhook(request, cases.config(slug, {}))
    except Malformed:
        return
    for item in items:
        check_item(item)


@pytest.mark.parametrize("slug", SLUGS)
@relaxed
@given(data=st.data(), status=st.integers(100, 599), headers=HEADERS)
def test_parse_response_raises_nothing(
    slug: str, data: st.DataObject, status: int, headers: dict[str, str]
) -> None:
    body = data.draw(any_body(slug, "answer"))
    check_result(CONNECTORS[slug].parse_response(HttpResponse(status, headers, body)))


@pytest.mark.parametrize("slug", SLUGS)
@relaxed
@given(data=st.data(), headers=HEADERS, cursor=st.text(max_size=20))
def test_parse_templates_raises_nothing_but_malformed(
    slug: str, data: st.DataObject, headers: dict[str, str], cursor: str
) -> None:
    body = data.draw(any_body(slug, "templates"))
    try:
        page = CONNECTORS[slug].parse_templates(HttpResponse(200, headers, body), cursor)
    except Malformed:
        return
    check_page(page)


@pytest.mark.parametrize("slug", SLUGS)
@relaxed
@given(data=st.data(), url=st.text(), media_id=st.text())
def test_fetching_media_raises_nothing(slug: str, data: st.DataObject, url: str, media_id: str) -> None:
    set_up = cases.config(slug, {})
    CONNECTORS[slug].media_request(InboundMedia(url=url, id=media_id), set_up)
    CONNECTORS[slug].media_follow(HttpResponse(200, {}, data.draw(any_body(slug, "media"))), set_up)


PROOFS = {  # the headers that may hold one
    slug: {name for _, case in cases.read(slug, "webhook") for name in case["request"].get("headers", {})}
    for slug in cases.folders()
}


@pytest.mark.parametrize("slug", SLUGS)
@relaxed
@given(body=st.binary(), proof=st.text(), query=st.dictionaries(st.text(), st.text()))
def test_verify_and_handshake_raise_nothing(
    slug: str, body: bytes, proof: str, query: dict[str, str]
) -> None:
    set_up = cases.config(slug, {})
    search = urlencode({"hub.mode": "subscribe", **query})
    request = HttpRequest(
        "GET", f"https://gw.example.test/?{search}", dict.fromkeys(PROOFS[slug], proof), body
    )
    CONNECTORS[slug].verify(request, set_up)
    CONNECTORS[slug].handshake(request, set_up)


# Purity

PURE = [
    path
    for folder in ("connectors", "dialects")
    for path in sorted((Path(providers.__path__[0]) / folder).rglob("*.py"))
]
LIBRARIES = {"msgspec", "phonenumbers"}
OUR_PURE_MODULES = (
    "providers.connectors",
    "providers.dialects",
    "providers.features",
    "providers.messages",
    "providers.outcomes",
)
OUR_PURE_LIBS = ("lib.http", "lib.jwt_tokens", "lib.phone", "lib.reading", "lib.signatures", "lib.user_ids")
# fmt: off
IMPURE_STDLIB = {
    "asyncio", "concurrent", "ftplib", "http", "imaplib", "io", "multiprocessing", "os", "pathlib", "poplib",
    "random", "secrets", "select", "selectors", "shutil", "smtplib", "socket", "socketserver", "sqlite3",
    "ssl", "subprocess", "tempfile", "threading", "time", "xmlrpc",
}
# fmt: on


@pytest.mark.parametrize("path", PURE, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_connectors_and_dialects_are_pure(path: Path) -> None:
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                assert may_import(alias.name), alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "absolute imports only"
            for alias in node.names:
                assert may_import(f"{node.module}.{alias.name}"), f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Attribute) and ast.unparse(node) != "config.now":
            assert node.attr not in ("now", "utcnow", "today"), "a connector reads no clock"


def may_import(name: str) -> bool:
    root = name.partition(".")[0]
    if root == "providers":
        return name.startswith((*OUR_PURE_MODULES, "providers.quirks"))
    if root == "lib":
        return name.startswith(OUR_PURE_LIBS)
    if name.startswith("urllib"):
        return name.startswith("urllib.parse")
    return root in LIBRARIES or (root in sys.stdlib_module_names and root not in IMPURE_STDLIB)


def test_connectors_load_without_django_or_an_http_client() -> None:
    script = "import sys, providers.connectors; print(*{name.partition('.')[0] for name in sys.modules})"
    root = Path(providers.__path__[0]).parent
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
    )
    assert not set(done.stdout.split()) & {"django", "requests", "urllib3", "aiohttp", "celery"}
