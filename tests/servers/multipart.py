"""Parsing of form bodies: multipart/form-data, urlencoded and JSON, into fields and uploaded files."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from tests.servers.wire import Request

_DISPOSITION = re.compile(r'(name|filename)="((?:[^"\\]|\\.)*)"')
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?')
_PERCENT = re.compile(r"%(22|0D|0A)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One uploaded file."""

    name: str
    content_type: str
    data: bytes


def parse_form(request: Request) -> tuple[dict[str, Any], dict[str, Upload]]:
    """Return the fields and files of a request: the query, overlaid by whatever form its body has.

    Raises ValueError when the body is not what its content type says.
    """
    fields: dict[str, Any] = dict(request.query)
    files: dict[str, Upload] = {}
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/form-data"):
        _parse_multipart(request.body, kind, fields, files)
    elif kind.startswith("application/json") and request.body:
        value = json.loads(request.body)
        if not isinstance(value, dict):
            raise ValueError("the JSON body is not an object")
        fields.update(value)
    elif request.body:
        fields.update(parse_qsl(request.body.decode(), keep_blank_values=True))
    return fields, files


def _parse_multipart(body: bytes, kind: str, fields: dict[str, Any], files: dict[str, Upload]) -> None:
    found = _BOUNDARY.search(kind)
    if found is None:
        raise ValueError("multipart without a boundary")
    mark = b"--" + found.group(1).encode("latin-1")
    for part in (b"\r\n" + body).split(b"\r\n" + mark)[1:]:
        if part.startswith(b"--"):
            return
        head, separator, data = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        if not separator:
            raise ValueError("a part without an end of its headers")
        _add_part(head.decode(), data, fields, files)
    raise ValueError("multipart without its end")


def _add_part(head: str, data: bytes, fields: dict[str, Any], files: dict[str, Upload]) -> None:
    headers = {name.strip().lower(): value.strip() for name, _, value in (x.partition(":") for x in head.split("\r\n"))}
    names = {key: _unquote(value) for key, value in _DISPOSITION.findall(headers.get("content-disposition", ""))}
    if "name" not in names:
        raise ValueError("a part without a name")
    if "filename" in names:
        kind = headers.get("content-type", "application/octet-stream")
        files[names["name"]] = Upload(name=names["filename"], content_type=kind, data=data)
    else:
        fields[names["name"]] = data.decode()


def _unquote(value: str) -> str:
    """Undo the escapes of browsers and httpx in a quoted file name."""
    plain = value.replace('\\"', '"').replace("\\\\", "\\")
    return _PERCENT.sub(lambda match: chr(int(match.group(1), 16)), plain)
