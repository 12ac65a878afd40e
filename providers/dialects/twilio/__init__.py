"""Twilio's format, as www.twilio.com/docs documents it under Messages resource and Content API."""
