"""What a page is to axe: its elements in their classes and roles, whatever they say and name.

Two roles often see the same page but for names, numbers and the open entry of the menu. Each shape needs one
look.
"""

import re

# What decides how an element looks, and what it is to somebody who does not see it.
_TELLING = "class|role|type|scope|tabindex|style|lang|aria-[a-z]+"
_OTHERS = re.compile(rf'\s(?!(?:{_TELLING})=)([\w:@.-]+)="[^"]+"')
_TEXT = re.compile(r">\s*[^<\s][^<]*<")
_ELEMENT = re.compile(r"<\w[^<]*(?=<)")


def shapes(html: str) -> set[str]:
    """The shape of the page's content as a whole, and the elements of the menu and the header one by one: who
    has fewer of them sees nothing new."""
    _, _, body = html.partition("<body")
    before, _, rest = body.partition("<main")
    content, _, after = rest.partition("</main>")
    return {_shape(content), *_ELEMENT.findall(_shape(before + after))}


def _shape(html: str) -> str:
    """Every text is as good as any other, and every value of an attribute that only names something."""
    return re.sub(r"\s+", " ", _OTHERS.sub(r' \1="x"', _TEXT.sub(">x<", html)))
