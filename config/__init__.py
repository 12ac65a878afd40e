"""The project: settings, URLs, servers, processes, the menu, roles, and the demo."""

import gc

# What is loaded stays, so looking through it for garbage is in vain, and takes an eighth of the time until a
# process serves. With a thousand requests under way it is the same.
gc.set_threshold(50_000, 20, 50)

from config.celery import app as celery_app  # noqa: E402

__all__ = ["celery_app"]
