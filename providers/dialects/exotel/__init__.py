"""Exotel's format, as developer.exotel.com documents it under WhatsApp API."""
