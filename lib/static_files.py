"""Collected style sheets and scripts: under names with their hash, compressed, so that browsers keep them."""

from django.contrib.staticfiles.apps import StaticFilesConfig
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage  # type: ignore[import-untyped]

# Unfold asks for these, and Django brings the same in less.
_LIGHTER = {"admin/js/vendor/select2/select2.full.js": "admin/js/vendor/select2/select2.full.min.js"}


class App(StaticFilesConfig):
    """Leaves out what no page of ours uses, which is most of it: source maps and other people's pages."""

    ignore_patterns = [*StaticFilesConfig.ignore_patterns, "*.map", "rest_framework"]


class Storage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    support_js_module_import_aggregation = True  # our modules import each other by name
    keep_only_hashed_files = True
    manifest_strict = False
    patterns = tuple(
        (kind, tuple(each for each in found if "sourceMappingURL" not in str(each)))
        for kind, found in ManifestStaticFilesStorage.patterns
    )

    def stored_name(self, name: str) -> str:
        """The name with its hash; the plain name if nothing is collected, as in the embedded default."""
        plain: str = self.clean_name(_LIGHTER.get(name, name))
        found: str = self.hashed_files.get(self.hash_key(plain), plain)
        return found
