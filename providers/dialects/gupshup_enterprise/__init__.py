"""The format of Gupshup's Enterprise API: no public page of its own, see CleverTap's “WhatsApp: Gupshup”."""
