#!/usr/bin/env python
import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        from django.core.management import ManagementUtility

        if sys.argv[1:2] == ["version"]:  # Django would tell its own
            import django

            django.setup()
            ManagementUtility(sys.argv).fetch_command("version").run_from_argv(sys.argv)
        else:
            ManagementUtility(sys.argv).execute()
    except KeyboardInterrupt:
        sys.exit(130)  # Ctrl-C while starting is no error to look into
