"""Haptik's WhatsApp product, which is Interakt under Haptik's name.

Source: Netcore, "WhatsApp via Haptik (Interakt)": an API key and a webhook of the Interakt panel. Haptik's
notification API for customers of its bots is another one: `haptik-legacy`.
"""

from providers.connectors.interakt import Interakt


class Haptik(Interakt):
    slug = "haptik"
    label = "Haptik (Interakt)"
    webhook_setup = f"In Haptik's panel, which is Interakt's. {Interakt.webhook_setup}"


haptik = Haptik()
