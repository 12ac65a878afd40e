"""Vonage's format, as developer.vonage.com documents it under Messages API."""
