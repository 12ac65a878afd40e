import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from callbacks import audit
from lib.arguments import with_json
from lib.commands import BaseCommand


class Command(BaseCommand):
    help = "Counts everything anew from the rows, and exits with 1 if something does not agree."

    def add_arguments(self, parser: ArgumentParser) -> None:
        with_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with audit.snapshot():
            findings, totals = audit.run(), audit.totals()
        sound = not any(finding.problems for finding in findings)
        if options["json"]:
            rows = [asdict(finding) for finding in findings]
            self.stdout.write(json.dumps({"ok": sound, "checks": rows, "totals": totals}))
        else:
            for name, count in totals.items():
                self.stdout.write(f"{count:>10}  {name}")
            for finding in findings:
                self.stdout.write(f"{'ok' if not finding.problems else 'WRONG':>10}  {finding.check}")
                for example in finding.examples:
                    self.stdout.write(f"{'':>12}{example}")
                if finding.problems > len(finding.examples):
                    self.stdout.write(f"{'':>12}… {finding.problems} in all")
        if not sound:
            sys.exit(1)
