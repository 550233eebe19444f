"""Files on their way in: streamed to the visitor's own folder, then named in a message by a signed reference.

A reference says whose file it is; one of somebody else is refused. Strangers cannot upload.
"""

from __future__ import annotations

import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from bots.channels.files import create_file
from bots.channels.updates import UPLOADS
from clawsite.core.errors import BadInput, ClawError, NotAllowed, log_unknown
from clawsite.web.chat.identity import KIND, Visitor, find_visitor
from clawsite.web.limits import is_too_often
from sessions_app.models import Contact

MAX_BYTES = 20 * 1024 * 1024
DAY_BYTES = 200 * 1024 * 1024
DAY_FILES = 500
DAY_SECONDS = 24 * 3600
KEEP_SECONDS = 7 * DAY_SECONDS
_CHUNK = 64 * 1024
_SALT = "clawsite.web.chat.upload"
PHOTOS = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})


class TooLarge(ClawError):
    """The file, or all files of a day, are more than a visitor may upload."""

    code = "too_large"


def kind_of(mime: str) -> str:
    """Return how channels call a sort of file."""
    top = mime.partition("/")[0]
    return "photo" if mime in PHOTOS else top if top in ("audio", "video") else "document"


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """An uploaded file, as its reference says."""

    visitor: str
    file: str
    name: str
    mime: str
    size: int

    @property
    def kind(self) -> str:
        """How channels call this sort of file."""
        return kind_of(self.mime)

    def as_raw(self) -> dict[str, Any]:
        """Return the file as a stored update names it."""
        ref = f"{self.visitor}/{self.file}"
        return {"kind": self.kind, "ref": ref, "name": self.name, "mime": self.mime, "size": self.size}


def sign(upload: Upload) -> str:
    """Return the reference that the page sends along with its message."""
    fields = [upload.visitor, upload.file, upload.name, upload.mime, upload.size]
    return signing.dumps(fields, salt=_SALT, compress=True)


def read_ref(ref: str, *, visitor: Visitor) -> Upload:
    """Return the file behind a reference of this visitor; BadInput for any other."""
    try:
        owner, file, name, mime, size = signing.loads(ref, salt=_SALT, max_age=DAY_SECONDS)
    except (signing.BadSignature, ValueError, TypeError):
        raise BadInput(_("A file is not there any more. Please add it again.")) from None
    if owner != visitor.external_id:
        raise BadInput(_("A file is not there any more. Please add it again."))
    return Upload(visitor=owner, file=file, name=name, mime=mime, size=size)


@require_POST
def upload(request: HttpRequest) -> JsonResponse:
    """Take one file (the body is its bytes) and answer with its reference."""
    visitor = find_visitor(request)
    try:
        if visitor is None:
            raise NotAllowed(_("Please reload the page."))
        if is_too_often(request, "chat.upload", who=visitor.external_id):
            return _error("too_often", _("Too many files at once. Please wait a minute."), 429)
        _check_allowed(visitor)
        return _taken(_take(request, visitor))
    except TooLarge as error:
        return _error(error.code, error.message, 413)
    except NotAllowed as error:
        return _error(error.code, error.message, 403)
    except BadInput as error:
        return _error(error.code, error.message, 400)
    except OSError as error:
        error_id = log_unknown(error, where="an upload")
        return _error("failed", _("The file could not be stored (error {id}).").format(id=error_id), 507)


def _error(code: str, message: str, status: int) -> JsonResponse:
    return JsonResponse({"error": {"code": code, "message": message}}, status=status)


def _taken(made: Upload) -> JsonResponse:
    return JsonResponse({"ref": sign(made), "name": made.name, "size": made.size, "kind": made.kind})


def _check_allowed(visitor: Visitor) -> None:
    approved = Contact.objects.filter(channel__kind=KIND, external_id=visitor.external_id, state=Contact.State.APPROVED)
    if not approved.exists():
        raise NotAllowed(_("You can send files once an admin has let you in."))


def _take(request: HttpRequest, visitor: Visitor) -> Upload:
    length = request.META.get("CONTENT_LENGTH") or ""
    if not length.isdecimal() or int(length) == 0:
        raise BadInput(_("The file is empty."))
    folder = settings.MEDIA_ROOT / UPLOADS / visitor.external_id
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_room(folder, int(length))
    file = uuid.uuid4().hex
    size = _store(request, folder / file)
    name = unquote(request.headers.get("X-File-Name", ""))[:200].strip() or "file"
    mime = request.META.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()[:100]
    return Upload(visitor=visitor.external_id, file=file, name=clean_name(name), mime=mime, size=size)


def clean_name(name: str) -> str:
    """Return a file name as a label: no control characters, no path."""
    printable = "".join(char for char in name if char.isprintable())
    return printable.replace("\\", "/").rpartition("/")[2][:200] or "file"


def check_room(folder: Path, size: int) -> None:
    """Refuse what is over the limits of a file and of a day; remove what nobody fetched for a week."""
    if size > MAX_BYTES:
        raise TooLarge(_("The file is larger than {limit} MB.").format(limit=MAX_BYTES // 1024 // 1024))
    now, used, count = time.time(), size, 0
    for entry in list(folder.iterdir()):
        with suppress(FileNotFoundError):  # another upload may just have renamed it
            found = entry.stat()
            if now - found.st_mtime > KEEP_SECONDS:
                entry.unlink()
            elif now - found.st_mtime < DAY_SECONDS:
                used, count = used + found.st_size, count + 1
    if used > DAY_BYTES or count >= DAY_FILES:
        raise TooLarge(_("You have uploaded a lot today. Please try again tomorrow."))


def _store(request: HttpRequest, target: Path) -> int:
    """Write the body to disk piece by piece and return its size; nothing stays when it is too large."""
    size = 0
    with create_file(target) as out:
        while chunk := request.read(_CHUNK):
            size += len(chunk)
            if size > MAX_BYTES:
                raise TooLarge(_("The file is larger than {limit} MB.").format(limit=MAX_BYTES // 1024 // 1024))
            out.write(chunk)
    return size
