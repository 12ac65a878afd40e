"""Callbacks of BSPs: verified, stored and answered; read afterwards."""
