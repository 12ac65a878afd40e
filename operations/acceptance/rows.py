"""One line of the acceptance report."""

from enum import StrEnum

from msgspec import Struct


class Verdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not run here"


class Row(Struct, frozen=True):
    """The request, the answer, and how long that took. `why` gives the reason for the verdict."""

    section: str
    name: str
    verdict: Verdict
    why: str = ""
    request: str = ""
    answer: str = ""
    milliseconds: int | None = None


def not_run(section: str, name: str, because: str) -> Row:
    return Row(section, name, Verdict.NOT_RUN, f"Not run here, because {because}")


def judged(section: str, name: str, flaw: str, right: str, **shown: object) -> Row:
    """Passed while there is no flaw."""
    verdict = Verdict.FAILED if flaw else Verdict.PASSED
    return Row(section, name, verdict, flaw or right, **shown)  # type: ignore[arg-type]
