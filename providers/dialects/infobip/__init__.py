"""Infobip's format, as its API reference at www.infobip.com/docs/api documents it under WhatsApp."""
