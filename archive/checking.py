"""Reads an archive: what is in it, and whether it agrees with the manifests."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from archive import batches
from archive.batches import File, Manifest
from archive.datasets import ALL
from archive.target import Target, Unreachable

_WHOLE_EACH_DAY = {each.name for each in ALL if not each.day}


def listed(target: Target) -> list[dict[str, Any]]:
    """A line for each data set, day and provider."""
    lines: dict[tuple[str, str, str], dict[str, Any]] = {}
    for manifest in batches.manifests(target):
        for file in manifest.files:
            key = manifest.dataset, file.day, file.provider
            about = {"dataset": key[0], "day": key[1], "provider": key[2]}
            line = lines.setdefault(key, about | {"files": 0, "rows": 0, "bytes": 0, "corrections": 0})
            line["files"] += 1
            line["rows"] += file.rows
            line["bytes"] += file.bytes
            line["corrections"] += file.correction
    return [lines[key] for key in sorted(lines)]


def problems(target: Target) -> Iterator[str]:
    """Every difference between the files and the manifests, as a sentence."""
    named: dict[str, dict[str, Manifest]] = defaultdict(dict)
    for manifest in batches.manifests(target):
        for file in manifest.files:
            named[manifest.dataset][file.path] = manifest
            yield from _wrong(target, file)
    for dataset, files in named.items():
        yield from _gaps(dataset, list({id(each): each for each in files.values()}.values()))
    for path, _ in target.names(""):
        dataset = path.partition("/")[0]
        if path.endswith(".parquet") and "/" in path and path not in named[dataset]:
            yield f"{path} is in no manifest: its batch is not finished, or the file is not Waypost's."


def _wrong(target: Target, file: File) -> Iterator[str]:
    try:
        content = target.read(file.path)
    except Unreachable as error:
        yield str(error)
        return
    if hashlib.sha256(content).hexdigest() != file.sha256:
        yield f"{file.path} was changed after it was written: its SHA-256 differs."
    elif (rows := pq.read_metadata(pa.BufferReader(content)).num_rows) != file.rows:
        yield f"{file.path} has {rows} rows, and the manifest says {file.rows}."


def _gaps(dataset: str, written: list[Manifest]) -> Iterator[str]:
    if dataset in _WHOLE_EACH_DAY:
        return
    last: dict[str, Manifest] = {}
    for each in sorted(written, key=lambda each: each.number):
        before = last.get(each.life)
        if before and before.upto != each.after:
            yield f"{dataset}: batch {each.number} begins after {each.after}, and {before.upto} was the last."
        last[each.life] = each
