"""What arguments of the command line may be."""

from argparse import ArgumentParser, ArgumentTypeError


def how_many(text: str) -> int:
    """A number of rows, 0 or more. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise ArgumentTypeError(f"{text!r} is not a number of rows")
    return int(text)


def with_json(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="Print JSON, for programs.")
