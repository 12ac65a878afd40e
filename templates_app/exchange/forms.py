"""The forms of the file import: the one that asks for the file, and the one that applies the preview."""

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, TimestampSigner
from django.forms import HiddenInput
from import_export.forms import ConfirmImportForm
from import_export.tmp_storages import BaseStorage
from unfold.contrib.import_export.forms import ExportForm, ImportForm

from templates_app.exchange.formats import FORMATS, MOST_BYTES

SEALED_FOR = 3600  # seconds between the preview and applying it
_SIGNER = TimestampSigner(salt="templates_app.exchange")
_ENDINGS = {f".{format().get_title()}": index for index, format in enumerate(FORMATS)}


def seal(content: bytes) -> str:
    """A file as signed text. The browser keeps it between the preview and Apply, and cannot change it."""
    return _SIGNER.sign(urlsafe_b64encode(zlib.compress(content)).decode())


def opened(sealed: str) -> bytes:
    """Raises BadSignature, also when it is too old."""
    return zlib.decompress(urlsafe_b64decode(_SIGNER.unsign(sealed, max_age=SEALED_FOR)))


class Sealed(BaseStorage):  # type: ignore[misc]
    """Stores a file in the name that refers to it. The browser sends the name back, to whichever process or
    host answers then."""

    def read(self) -> bytes:
        return opened(self.name)

    def remove(self) -> None:
        pass


class TemplateImportForm(ImportForm):  # type: ignore[misc]
    """Only asks for the file: its name tells the format."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["format"].required = False
        self.fields["format"].widget = HiddenInput()
        self.fields["import_file"].widget.attrs["accept"] = ",".join(_ENDINGS)
        self.fields["import_file"].label = "CSV, XLSX or JSON file"

    def clean_import_file(self) -> Any:
        file = self.cleaned_data["import_file"]
        if Path(file.name).suffix.lower() not in _ENDINGS:
            raise ValidationError(f"Choose a file whose name ends in {', '.join(_ENDINGS)}.")
        if file.size > MOST_BYTES:
            raise ValidationError(f"The file is larger than {MOST_BYTES // 1_000_000} MB. Split it.")
        file.sealed = seal(file.read())
        if len(file.sealed) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE - 10_000:
            raise ValidationError("The file is too large to be imported at once. Split it.")
        return file

    def clean(self) -> dict[str, Any]:
        file = self.cleaned_data.get("import_file")
        if file is not None:
            self.cleaned_data["format"] = str(_ENDINGS[Path(file.name).suffix.lower()])
        return dict(self.cleaned_data)


class TemplateConfirmForm(ConfirmImportForm):  # type: ignore[misc]
    def clean_import_file_name(self) -> str:
        sealed = str(self.cleaned_data["import_file_name"])
        try:
            opened(sealed)
        except BadSignature as error:
            raise ValidationError("The preview is older than an hour. Choose the file again.") from error
        return sealed


class TemplateExportForm(ExportForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields[
            "format"
        ].help_text = "CSV and XLSX open in a spreadsheet; JSON has the components exactly as they are."
