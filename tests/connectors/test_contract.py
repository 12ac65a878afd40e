"""What every connector must do, shown by the cases in its fixture folder.

A new connector is covered by registering it and adding a folder; nothing here changes.
"""

import ast
import inspect
import json
import subprocess
import sys
from base64 import b64encode
from dataclasses import replace
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
from providers.connectors import CONNECTORS, get
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


# The registry and the declarations


def test_every_connector_has_a_folder_and_every_folder_a_connector() -> None:
    assert cases.folders() == SLUGS


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("kind", ["send", "answer", "webhook"])
def test_every_folder_holds_cases_of_each_kind(slug: str, kind: str) -> None:
    assert list(cases.read(slug, kind))


@pytest.mark.parametrize("slug", SLUGS)
def test_declarations(slug: str) -> None:
    connector = get(slug)
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


def test_connectors_are_small() -> None:
    """A BSP is one file that fits on a few screens; one that speaks a known format fits on one."""
    lines = {slug: len(Path(inspect.getfile(type(get(slug)))).read_text().splitlines()) for slug in SLUGS}
    assert max(lines.values()) <= 250, lines
    assert min(lines.values()) < 60, lines


@pytest.mark.parametrize("slug", SLUGS)
def test_the_words_a_connector_reads_are_declared(slug: str) -> None:
    """Without it the coverage tests below would pass for want of anything to look for."""
    assert get(slug).mapped_statuses or Feature.SENT in get(slug).lacks


def test_an_unknown_slug_names_those_there_are() -> None:
    with pytest.raises(KeyError, match="interakt"):
        get("carrier-pigeon")


# Sending


@pytest.mark.parametrize(("slug", "case"), cases.parameters("send", "request"))
def test_request(slug: str, case: Case) -> None:
    set_up, message = cases.config(slug, case), cases.outbound(case)
    request = get(slug).build_request(message, set_up)
    wanted = case["request"]
    assert (request.method, request.url) == (wanted["method"], wanted["url"])
    assert dict(request.headers) == wanted["headers"]
    if "form" in wanted:
        assert dict(parse_qsl(request.body.decode(), strict_parsing=True)) == wanted["form"]
    else:
        assert json.loads(request.body) == wanted["json"]
    assert get(slug).build_request(message, set_up) == request, "the same message must give the same bytes"


@pytest.mark.parametrize(("slug", "case"), cases.parameters("send", "request"))
def test_stored_requests_hold_no_secret(slug: str, case: Case) -> None:
    set_up = cases.config(slug, case)
    secrets = cases.secrets(slug, set_up)
    request = get(slug).build_request(cases.outbound(case), set_up)
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
        get(slug).build_request(cases.outbound(case), cases.config(slug, case))
    assert case["refused"] in refused.value.message
    assert refused.value.code == case.get("code", AnswerCode.TEMPLATE)


# Answers


@pytest.mark.parametrize(("slug", "case"), cases.parameters("answer"))
def test_answer(slug: str, case: Case) -> None:
    result = get(slug).parse_response(cases.answer(case))
    assert cases.plain(result) == case["result"]
    check_result(result)


def check_result(result: SendResult) -> None:
    """What dispatch relies on."""
    rejected = result.outcome is Outcome.REJECTED
    assert (result.code is not None) is rejected
    assert not result.credentials or rejected
    assert result.outcome is Outcome.ACCEPTED or result.text
    assert result.retry_after is None or result.retry_after >= 0


# Webhooks


@pytest.mark.parametrize(("slug", "case"), cases.parameters("webhook", "items"))
def test_webhook_items(slug: str, case: Case) -> None:
    items = get(slug).read_webhook(cases.incoming(case), cases.config(slug, case))
    assert [{type(item).__name__: cases.plain(item)} for item in items] == case["items"]
    for item in items:
        check_item(item)


def check_item(item: object) -> None:
    """What the ledger and the database rely on."""
    assert isinstance(item, get_args(WebhookItem))
    assert "\0" not in "".join(cases.scalars(cases.plain(item))), "PostgreSQL stores no NUL"
    if isinstance(item, StatusUpdate):
        assert item.reference or item.bsp_id or item.msg_id
        assert (item.code is not None) is (item.kind == "failed")
    if isinstance(item, Reply):
        assert item.sender.isdecimal()
    if isinstance(item, Unhandled):
        assert 0 < len(item.kind) <= 60
    else:
        assert 0 <= item.timestamp < 2**40


@pytest.mark.parametrize(("slug", "case"), cases.parameters("webhook", "malformed"))
def test_malformed_webhook(slug: str, case: Case) -> None:
    with pytest.raises(Malformed, match=case["malformed"]):
        get(slug).parse_webhook(cases.incoming(case))


@pytest.mark.parametrize(("slug", "case"), cases.parameters("webhook", "verified"))
def test_verification(slug: str, case: Case) -> None:
    assert get(slug).verify(cases.incoming(case), cases.config(slug, case)) is case["verified"]


@pytest.mark.parametrize(("slug", "case"), cases.parameters("webhook", "proof"))
def test_proof_of_origin(slug: str, case: Case) -> None:
    """What follows for any verified webhook, from how it is proven and with which secrets."""
    verify, request, set_up = get(slug).verify, cases.incoming(case), cases.config(slug, case)
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
    response = get(slug).handshake(cases.incoming(case), cases.config(slug, case))
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
    request = get(slug).templates_request(set_up, case.get("cursor", ""))
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
    page = get(slug).parse_templates(cases.answer(case), case.get("cursor", ""))
    assert cases.plain(page) == case["page"]
    check_page(page)


def check_page(page: TemplatePage) -> None:
    """What the importer relies on."""
    for template in page.templates:
        assert template.name
        assert template.language
        kinds = [component.get("type") for component in template.components]
        assert set(kinds) <= {"HEADER", "BODY", "FOOTER", "BUTTONS", "LIMITED_TIME_OFFER", "CAROUSEL"}
        assert template.parameter_format in ("POSITIONAL", "NAMED")


@pytest.mark.parametrize(("slug", "case"), cases.parameters("templates", "malformed"))
def test_malformed_template_list(slug: str, case: Case) -> None:
    with pytest.raises(Malformed, match=case["malformed"]):
        get(slug).parse_templates(cases.answer(case), case.get("cursor", ""))


# Inbound media


@pytest.mark.parametrize(("slug", "case"), cases.parameters("media"))
def test_fetching_inbound_media(slug: str, case: Case) -> None:
    set_up = cases.config(slug, case)
    if "media" in case:
        request = get(slug).media_request(cases.media(case), set_up)
    else:
        request = get(slug).media_follow(cases.answer(case), set_up)
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
        request = get(slug).media_request(InboundMedia(url=url), set_up)
        told = HttpResponse(200, {}, json.dumps({"url": url}).encode())
        for one in (request, get(slug).media_follow(told, set_up)):
            if one is None or (host(one.url) in own and one.url.startswith("https://")):
                continue
            written = f"{one.url} {dict(one.headers)}"
            assert not [secret for secret in cases.secrets(slug, set_up) if secret in written], url
            assert "Authorization" not in one.headers, url


# Coverage of what a connector says it maps


@pytest.mark.parametrize("slug", SLUGS)
def test_every_mapped_status_has_a_case(slug: str) -> None:
    mapped = get(slug).mapped_statuses
    mentioned = {word for _, case in cases.read(slug, "webhook") for word in cases.scalars(case["request"])}
    assert {status.lower() for status in mapped} <= mentioned


@pytest.mark.parametrize("slug", SLUGS)
def test_every_mapped_code_has_a_case(slug: str) -> None:
    mapped = get(slug).mapped_codes
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
relaxed = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


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
        items = get(slug).read_webhook(request, cases.config(slug, {}))
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
    check_result(get(slug).parse_response(HttpResponse(status, headers, body)))


@pytest.mark.parametrize("slug", SLUGS)
@relaxed
@given(data=st.data(), headers=HEADERS, cursor=st.text(max_size=20))
def test_parse_templates_raises_nothing_but_malformed(
    slug: str, data: st.DataObject, headers: dict[str, str], cursor: str
) -> None:
    body = data.draw(any_body(slug, "templates"))
    try:
        page = get(slug).parse_templates(HttpResponse(200, headers, body), cursor)
    except Malformed:
        return
    check_page(page)


@pytest.mark.parametrize("slug", SLUGS)
@relaxed
@given(data=st.data(), url=st.text(), media_id=st.text())
def test_fetching_media_raises_nothing(slug: str, data: st.DataObject, url: str, media_id: str) -> None:
    set_up = cases.config(slug, {})
    get(slug).media_request(InboundMedia(url=url, id=media_id), set_up)
    get(slug).media_follow(HttpResponse(200, {}, data.draw(any_body(slug, "media"))), set_up)


@pytest.mark.parametrize("slug", SLUGS)
@relaxed
@given(body=st.binary(), proof=st.text(), query=st.dictionaries(st.text(), st.text()))
def test_verify_and_handshake_raise_nothing(
    slug: str, body: bytes, proof: str, query: dict[str, str]
) -> None:
    set_up = cases.config(slug, {})
    names = {name for _, case in cases.read(slug, "webhook") for name in case["request"].get("headers", {})}
    search = urlencode({"hub.mode": "subscribe", **query})
    request = HttpRequest("GET", f"https://gw.example.test/?{search}", dict.fromkeys(names, proof), body)
    get(slug).verify(request, set_up)
    get(slug).handshake(request, set_up)


# Purity

PURE = [
    path
    for folder in ("connectors", "dialects")
    for path in sorted((Path(providers.__path__[0]) / folder).glob("*.py"))
]
LIBRARIES = {"msgspec", "phonenumbers"}
OUR_PURE_MODULES = (
    "providers.connectors",
    "providers.dialects",
    "providers.features",
    "providers.messages",
    "providers.outcomes",
)
OUR_PURE_LIBS = ("lib.http", "lib.jwt_tokens", "lib.phone", "lib.reading", "lib.signatures")
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
