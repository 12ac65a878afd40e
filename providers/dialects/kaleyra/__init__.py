"""Kaleyra's format in API V1 and V2, as developers.kaleyra.io documents it under WhatsApp."""
