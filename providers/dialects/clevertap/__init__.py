"""CleverTap's own format, as its Generic WhatsApp page documents it."""
