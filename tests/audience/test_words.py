"""When a message is one of the words, however it is written."""

import pytest

from audience.words import is_one, plain, words_of

WORDS = words_of("STOP\nIPTAL\nإيقاف\nÇIKIŞ\nRÉSILIER\nबंद करें\noptout|*\n🛑")


@pytest.mark.parametrize(
    "said",
    [
        # With characters that nobody sees.
        "\u200fSTOP\u200f", "STOP\u200b", "\u2068STOP\u2069", "\u0625\u064a\u0642\u0627\u0641\u200f",
        "STOP\ufe0f", "S\u00adTOP",
        # In another width, or with its accents apart.
        "\uff33\uff34\uff2f\uff30", "re\u0301silier", "Résilier",
        # With marks, emoji and WhatsApp's own marks around it.
        "*STOP*", "_stop_", "~Stop~", "(STOP)", "STOP 🙏", "🙏🏽 stop!!", "❤\ufe0f stop",
        "“stop”", "*_STOP_*.",
        # In another case, by Unicode's rules and with the Turkish letters.
        "İPTAL", "iptal", "ıptal", "çıkış", "ÇIKIŞ",
        # Whose last letter has a vowel sign.
        "बंद करें", "*बंद करें*",
        # With what is no letter at all, as it is in the setting.
        "🛑", "optout|88", "*optout|88*", "🙏 _Optout|1_",
    ],
)  # fmt: skip
def test_it_is_one(said: str) -> None:
    assert is_one(said, WORDS)


@pytest.mark.parametrize(
    "said", ["stop it", "please stop", "stopp", "resiliér", "", "🙏", "...", "optouting", "st op"]
)
def test_it_is_none(said: str) -> None:
    assert not is_one(said, WORDS)


def test_a_message_without_letters_is_empty() -> None:
    assert plain("*_~ 🙏") == ""
