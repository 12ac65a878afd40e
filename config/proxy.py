"""Writes the configuration of a reverse proxy in front of Waypost, for nginx and Caddy.

Every size and every wait comes from where the product itself has it, so that the two agree. A proxy lets
through a little more than the product accepts: then callers get the product's own answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.conf import settings
from django.urls import reverse

from config.body_limits import FILES, ROOM
from config.web import BACKLOG, CONNECTIONS

FILE_SECONDS = 300  # a large file is read once before its page answers
ANSWER_SECONDS = 60
CONNECT_SECONDS = 3
ERRORS = "/var/log/nginx/error.log"
KEPT = 256  # idle connections to the web that each process of nginx keeps
IN_MEMORY = 128_000  # bytes of a body that nginx keeps in memory, and not in a file
YEAR = 31_536_000
# The placeholder for an id in the URLs of pages.
ARGUMENTS = {"admin:broadcasts_broadcast_step": (0, "who")}


@dataclass(frozen=True)
class Site:
    """`webs` are the addresses of the web's processes, as 127.0.0.1:8000."""

    name: str = "wa.example.com"
    webs: Sequence[str] = ("127.0.0.1:8000", "127.0.0.1:8001")
    address: str = ""
    port: int = 443
    plain_port: int = 80
    certificate: str = "/etc/ssl/waypost/fullchain.pem"
    key: str = "/etc/ssl/waypost/privkey.pem"


class Route(NamedTuple):
    """`most` are bytes of a body. `again`: the same request may come twice without harm, because constraints
    in the database make one of the two, so the proxy may repeat it when a process of the web has gone.
    `secret`: the URL itself gives access, so it must not be logged."""

    path: str
    most: int
    again: bool = False
    secret: bool = False
    seconds: int = ANSWER_SECONDS

    @property
    def pattern(self) -> str:
        """The path as a regular expression, where it has an id in it; else empty."""
        return f"^{self.path.replace('/0/', '/[0-9]+/')}$" if "/0/" in self.path else ""


def routes() -> Iterator[Route]:
    """What has a limit of its own. Everything else may be as long as `form()`."""
    yield Route("/v1/", settings.INTAKE_MAX_BODY + ROOM, again=True)
    yield Route("/webhooks/", settings.WEBHOOK_MAX_BODY + ROOM, again=True, secret=True)
    yield Route("/callbacks/", settings.WEBHOOK_MAX_BODY + ROOM, again=True, secret=True)
    yield Route(reverse("upload").rstrip("/"), settings.UPLOAD_MAX_BODY + ROOM, again=True)
    yield Route("/l/", 0, again=True, secret=True)
    yield Route("/media/", 0, secret=True)
    for name, most in FILES.items():
        yield Route(reverse(name, args=ARGUMENTS.get(name)), most + 2 * ROOM, seconds=FILE_SECONDS)


def form() -> int:
    """Bytes of any other page's form."""
    most: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return most + ROOM


def nginx(site: Site) -> str:
    """The whole configuration: how many connections there may be is no matter of a single site."""
    servers = "\n        ".join(f"server {web} max_fails=0;" for web in site.webs)
    listen = f"{site.address}:" if site.address else ""
    header = _wait(settings.HEADER_SECONDS)
    return f"""\
# Written by: manage.py proxy nginx
# It is the whole of /etc/nginx/nginx.conf. Sizes and waits are the product's own: after a change to the
# settings that they come from, write it anew.

worker_processes auto;
worker_rlimit_nofile {4 * CONNECTIONS};
error_log {ERRORS};

events {{
    worker_connections {2 * CONNECTIONS};  # a request takes two: from its caller, and to the web
}}

http {{
    server_tokens off;
    reset_timedout_connection on;

    # Style sheets and scripts come compressed from the web; this is for pages, and for answers of the APIs.
    gzip on;
    gzip_vary on;
    gzip_min_length 1000;
    gzip_types text/plain text/csv application/json;

    # While one process restarts, the other answers. None is left out for a while after a failure (max_fails),
    # because the next to restart may be the one that is left.
    upstream waypost {{
        {servers}
        keepalive {KEPT};
        keepalive_timeout {_wait(settings.HEADER_SECONDS / 2)};  # the web ends them after {header}
    }}

    # A form that is posted must not come twice, so it never goes over a connection that may just be ending.
    upstream waypost_pages {{
        {servers}
    }}

    client_header_timeout {header};
    client_body_timeout {_wait(settings.BODY_SECONDS)};  # between two pieces of it
    client_body_buffer_size {IN_MEMORY};
    client_max_body_size {form()};
    keepalive_requests 100000;  # CleverTap sends thousands over one connection

    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Request-Id $request_id;
    proxy_connect_timeout {CONNECT_SECONDS}s;
    proxy_read_timeout {ANSWER_SECONDS}s;

    server {{
        listen {listen}{site.plain_port};
        server_name {site.name};
        access_log off;  # an address that opens something may be called here too
        return 301 https://$host$request_uri;
    }}

    server {{
        listen {listen}{site.port} ssl backlog={BACKLOG};
        server_name {site.name};
        ssl_certificate {site.certificate};
        ssl_certificate_key {site.key};
        add_header Strict-Transport-Security "max-age={YEAR}" always;

        location / {{
            proxy_pass http://waypost_pages;
        }}
        location ~ ^/(readyz|healthz)$ {{
            deny all;  # they show how long the queue is
        }}
{"".join(_location(route) for route in routes())}    }}
}}
"""


def _wait(seconds: float) -> str:
    """As nginx reads it: it knows no fractions."""
    return f"{seconds:g}s" if seconds == int(seconds) else f"{round(seconds * 1000)}ms"


def _location(route: Route) -> str:
    where = f"~ {route.pattern}" if route.pattern else route.path
    if not route.pattern and route.seconds != ANSWER_SECONDS:
        where = f"= {where}"
    lines = [f"client_max_body_size {route.most};"] if route.most else []
    if route.secret:
        lines += ["access_log off;", f"error_log {ERRORS} crit;"]  # a line of either would have the address
    if route.seconds != ANSWER_SECONDS:
        lines.append(f"proxy_read_timeout {route.seconds}s;")
    if route.again:
        lines.append("proxy_next_upstream error timeout non_idempotent;")
        lines.append(f"proxy_next_upstream_timeout {ANSWER_SECONDS // 2}s;")
    lines.append(f"proxy_pass http://{'waypost' if route.again else 'waypost_pages'};")
    inside = "".join(f"            {line}\n" for line in lines)
    return f"        location {where} {{\n{inside}        }}\n"


def caddy(site: Site) -> str:
    """A Caddyfile. Caddy has no wait between two pieces of a body; the product has it itself."""
    return f"""\
# Written by: manage.py proxy caddy
# It is the whole Caddyfile. Sizes and waits are the product's own: after a change to the settings that they
# come from, write it anew.

{{
	servers {{
		timeouts {{
			read_header {settings.HEADER_SECONDS:g}s
		}}
	}}
}}

# While one process of the web restarts, the other answers. No request goes over a connection that may just be
# ending. Caddy before 2.11.2 answers 502 to a POST that met the one that is away (its issue 7546).
(web) {{
	reverse_proxy {" ".join(site.webs)} {{
		lb_policy round_robin
		lb_try_duration {CONNECT_SECONDS}s
		header_up X-Request-Id {{http.request.uuid}}
		transport http {{
			keepalive off
			dial_timeout {CONNECT_SECONDS}s
			response_header_timeout {FILE_SECONDS}s
		}}
	}}
}}

{site.name} {{
	encode gzip
	header Strict-Transport-Security "max-age={YEAR}"

	@health path /readyz /healthz
	handle @health {{
		respond 403
	}}

{"".join(_handle(route) for route in routes() if route.most)}	handle {{
		request_body {{
			max_size {form()}
		}}
		import web
	}}
}}
"""


def _handle(route: Route) -> str:
    name = "@" + "_".join(part for part in route.path.split("/") if part not in ("", "0"))
    exact = route.seconds != ANSWER_SECONDS
    match = f"path_regexp {route.pattern}" if route.pattern else f"path {route.path}{'' if exact else '*'}"
    return f"""\
	{name} {match}
	handle {name} {{
		request_body {{
			max_size {route.most}
		}}
		import web
	}}

"""


WRITERS = {"nginx": nginx, "caddy": caddy}
