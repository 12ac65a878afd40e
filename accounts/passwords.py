"""Refuses passwords that a program would guess soon.

zxcvbn knows 30,000 breached passwords, names and words, and how people alter them: P@ssw0rd2026, keys in a
row, dates, repetitions. Django's own list has only what stands in it.
"""

from typing import Any

from django.core.exceptions import ValidationError
from zxcvbn import zxcvbn

LEAST_GUESSES = 10**8
_LONGEST = 72  # characters that are looked at: it takes longer than linear time


class GuessablePasswordValidator:
    def validate(self, password: str, user: Any = None) -> None:
        about = [getattr(user, name, "") for name in ("username", "first_name", "last_name", "email")]
        found = zxcvbn(password[:_LONGEST], ["waypost", *filter(None, about)])
        if found["guesses"] < LEAST_GUESSES:
            why = found["feedback"]["warning"] or "It consists of words or patterns that attackers try first."
            raise ValidationError(f"This password is too easy to guess. {why}", code="guessable")

    def get_help_text(self) -> str:
        return "Your password must be hard to guess: several unrelated words are good."
