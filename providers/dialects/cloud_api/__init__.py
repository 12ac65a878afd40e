"""Meta's Cloud API, as developers.facebook.com/docs/whatsapp documents it; many BSPs hand it on."""
