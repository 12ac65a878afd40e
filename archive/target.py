"""Where files lie: a directory, or a bucket that speaks S3. A file is there whole or not at all."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pyarrow as pa
from django.conf import settings
from pyarrow import fs

S3 = "s3://"
CONNECT_SECONDS, ANSWER_SECONDS = 5, 30


class Unreachable(Exception):
    """The directory or bucket cannot be read or written. The text says why."""


class Target:
    """ARCHIVE_TO. Paths are relative to it, with slashes. Whatever fails raises Unreachable."""

    def __init__(self) -> None:
        where = settings.ARCHIVE_TO
        self.is_bucket = where.startswith(S3)
        self.root = where.removeprefix(S3).rstrip("/") if self.is_bucket else str(Path(where).absolute())
        self._files: Any = _bucket() if self.is_bucket else fs.LocalFileSystem()

    def write(self, path: str, content: pa.Buffer | bytes) -> None:
        """Replaces what has this name."""
        try:
            if self.is_bucket:
                # The object appears when all of it has arrived.
                with self._files.open_output_stream(f"{self.root}/{path}") as stream:
                    stream.write(content)
            else:
                _write(Path(self.root, path), content)
        except OSError as error:
            raise Unreachable(f"{path} cannot be written: {error}") from error

    def read(self, path: str) -> pa.Buffer:
        try:
            with self._files.open_input_file(f"{self.root}/{path}") as file:
                return file.read_buffer()
        except OSError as error:
            raise Unreachable(f"{path} cannot be read: {error}") from error

    def has(self, path: str) -> bool:
        try:
            return bool(self._files.get_file_info(f"{self.root}/{path}").is_file)
        except OSError as error:
            raise Unreachable(f"{path} could not be checked for: {error}") from error

    def names(self, folder: str) -> Iterator[tuple[str, int]]:
        """The files below a folder with their bytes, in order. None where there is no folder."""
        selector = fs.FileSelector(f"{self.root}/{folder}".rstrip("/"), allow_not_found=True, recursive=True)
        try:
            found = self._files.get_file_info(selector)
        except OSError as error:
            raise Unreachable(f"{folder or self.root} cannot be listed: {error}") from error
        for each in sorted(found, key=lambda each: str(each.path)):
            if each.is_file:
                yield str(each.path).removeprefix(f"{self.root}/"), int(each.size)

    def delete(self, path: str) -> None:
        try:
            self._files.delete_file(f"{self.root}/{path}")
        except OSError as error:
            raise Unreachable(f"{path} cannot be deleted: {error}") from error


def folder(day: object, nickname: str) -> str:
    """The folder of a day and provider, as Hive, Spark and DuckDB understand it."""
    return f"day={day}/provider={quote(nickname, safe='')}"


def _bucket() -> Any:
    address = urlsplit(settings.ARCHIVE_BUCKET_ENDPOINT)
    named: dict[str, Any] = (
        {"endpoint_override": address.netloc, "scheme": address.scheme} if address.netloc else {}
    )
    if settings.ARCHIVE_BUCKET_KEY:
        named |= {"access_key": settings.ARCHIVE_BUCKET_KEY, "secret_key": settings.ARCHIVE_BUCKET_SECRET}
    try:
        return fs.S3FileSystem(
            region=settings.ARCHIVE_BUCKET_REGION,
            connect_timeout=CONNECT_SECONDS,
            request_timeout=ANSWER_SECONDS,
            **named,
        )
    except (OSError, ValueError) as error:
        raise Unreachable(f"The bucket cannot be reached: {error}") from error


def _write(path: Path, content: pa.Buffer | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name must survive a power cut, too
    finally:
        os.close(folder)
