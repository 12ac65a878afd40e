"""Words that opt a person out or in, and whether a message is one of them."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

# Turkish has two letters for the Latin i. Both, and the dot that case folding leaves, are one here.
_LETTERS_I = str.maketrans({"\u0131": "i", "\u0307": None})
_SELECTORS = "\ufe0e\ufe0f"  # the character that says how the one before is drawn


@dataclass(frozen=True, slots=True)
class Words:
    """What a provider's people opt out and in with, in the form `folded` gives."""

    stop: tuple[str, ...]
    start: tuple[str, ...]


def folded(text: str) -> str:
    """A text without differences that nobody sees: case, width, how accents are stored, spaces, format
    characters."""
    shown = "".join(
        each for each in unicodedata.normalize("NFKC", text) if unicodedata.category(each) != "Cf"
    )
    # Folding may separate accents from letters, so the text is composed again.
    same_case = unicodedata.normalize("NFKC", shown.casefold()).translate(_LETTERS_I)
    return " ".join(same_case.split())


def plain(text: str) -> str:
    """A message as `folded`, without marks, emoji and WhatsApp's `*_~` at either end."""
    words = folded(text)
    inside = [number for number, each in enumerate(words) if unicodedata.category(each)[0] in "LN"]
    if not inside:
        return ""
    end = inside[-1] + 1
    while unicodedata.category(words[end : end + 1] or " ") in ("Mn", "Mc") and words[end] not in _SELECTORS:
        end += 1  # a vowel sign belongs to the letter before it
    return words[inside[0] : end]


def words_of(text: str) -> tuple[str, ...]:
    """The words of a setting, one a line."""
    words = (folded(line) for line in text.splitlines())
    return tuple(dict.fromkeys(word for word in words if _says_something(word)))


def _says_something(word: str) -> bool:
    return any(unicodedata.category(each)[0] in "LNS" for each in word)


def is_one(said: str, words: Iterable[str]) -> bool:
    """Whether it is one of the words, or begins with one that ends in `*`."""
    whole, bare = folded(said), plain(said)
    for word in words:
        if word.endswith("*") and len(word) > 1:
            if whole.startswith(word[:-1]) or bare.startswith(word[:-1]):
                return True
        elif whole == word or (bare and bare == plain(word)):
            return True
    return False
