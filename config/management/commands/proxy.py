from argparse import ArgumentParser
from importlib import import_module
from typing import Any

from django.conf import settings

from config.proxy import WRITERS, Site
from lib.commands import BaseCommand


class Command(BaseCommand):
    help = "Writes the configuration of a reverse proxy, with the limits that Waypost itself has."

    def add_arguments(self, parser: ArgumentParser) -> None:
        usual = Site()
        parser.add_argument("proxy", choices=sorted(WRITERS), help="Which reverse proxy.")
        parser.add_argument("--name", default=usual.name, help=f"The public host name. Default: {usual.name}")
        parser.add_argument(
            "--web",
            action="append",
            metavar="HOST:PORT",
            help=f"Where a web process listens; may be given several times. Default: {usual.webs}",
        )
        parser.add_argument(
            "--address", default=usual.address, help="The address to listen at. Default: all."
        )
        parser.add_argument(
            "--port", type=int, default=usual.port, help=f"The https port. Default: {usual.port}"
        )
        parser.add_argument(
            "--plain-port",
            type=int,
            default=usual.plain_port,
            help=f"The http port, which redirects to --port. Default: {usual.plain_port}",
        )
        parser.add_argument(
            "--certificate", default=usual.certificate, help="The certificate with its chain, as PEM."
        )
        parser.add_argument("--key", default=usual.key, help="The private key of the certificate, as PEM.")

    def handle(self, *args: Any, **options: Any) -> None:
        import_module(settings.ROOT_URLCONF)
        names = ("name", "address", "port", "plain_port", "certificate", "key")
        site = Site(webs=tuple(options["web"] or Site.webs), **{name: options[name] for name in names})
        self.stdout.write(WRITERS[options["proxy"]](site), ending="")
