"""Connection URLs as people write them."""

import re
from urllib.parse import quote

_WITH_PASSWORD = re.compile(
    r"([a-z0-9+]+://[^:/?#@]*:)"  # scheme and user
    r"(.*)"  # the password, up to the last @
    r"(@[^@/?#]*(?:[/?#][^@]*)?)",  # host, and what follows
    re.DOTALL,
)


def with_quoted_password(url: str) -> str:
    """The URL with a quoted password, so that parsers read passwords such as `p@/:?#` correctly. What is
    quoted already stays so; a % of the password itself has to be written %25."""
    found = _WITH_PASSWORD.fullmatch(url)
    return f"{found[1]}{quote(found[2], safe='%')}{found[3]}" if found else url
