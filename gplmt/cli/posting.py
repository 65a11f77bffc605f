"""Posts a JSON document to a URL, of which nothing but the host is ever shown."""

from __future__ import annotations

import re
from base64 import b64encode
from http.client import HTTPException, HTTPMessage, InvalidURL
from socket import gaierror
from ssl import SSLCertVerificationError, SSLError
from threading import Thread
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from gplmt import __version__
from gplmt.cli.patience import Patience, Waited
from gplmt.diagnostics import printable
from gplmt.recording.faults import in_words
from gplmt.recording.masking import MASK

_KEEP_METHOD = (301, 302, 307, 308)  # a GET instead would look fine and tell nothing
_MOST_CHARACTERS = 200
_URL = re.compile(r"[A-Za-z]+://[^\s'\"]+")


def post(url: str, document: bytes, patience: Patience, *, seconds: float) -> str | None:
    """Post it, wait at most so long for the answer; why it was not taken, None if it was.

    A thread does it, as a name server may keep us waiting for longer than any time limit.
    """
    problems: list[str | None] = []
    thread = Thread(target=lambda: problems.append(_post(url, document, 2 * seconds)), daemon=True)
    patience.renew()
    try:
        thread.start()
    except RuntimeError as error:  # there are too many processes for it
        return str(error)
    match patience.wait(lambda pause: _has_ended(thread, pause), seconds=seconds):
        case Waited.INTERRUPTED:
            return "gplmt was interrupted"
        case Waited.TOO_LONG:
            return f"there was no answer within {seconds:g} s"
    return problems[0] if problems else "it broke off"


def _has_ended(thread: Thread, seconds: float) -> bool:
    thread.join(seconds)
    return not thread.is_alive()


def _post(url: str, document: bytes, seconds: float) -> str | None:
    try:
        with build_opener(_Redirections).open(_request(url, document), timeout=seconds):
            return None
    except HTTPError as error:
        with error:  # which is the answer as well
            return f"it answered {error.code} {_shown(error.reason)}".strip()
    except URLError as error:
        return _in_words(error.reason)
    except (OSError, HTTPException, ValueError) as error:
        return _in_words(error)


def _request(url: str, document: bytes) -> Request:
    """The request; a user and a password in the URL become a header, as browsers do it."""
    headers = {"Content-Type": "application/json", "User-Agent": f"gplmt/{__version__}"}
    parts = urlsplit(url)
    login, separator, host = parts.netloc.rpartition("@")
    if separator:
        user, _, password = login.partition(":")
        secret = b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()
        headers["Authorization"] = f"Basic {secret}"
        url = parts._replace(netloc=host).geturl()
    return Request(url, data=document, headers=headers, method="POST")  # noqa: S310 (http or https)


class _Redirections(HTTPRedirectHandler):
    """Follows with the same document, unless that would give away what https has protected."""

    def redirect_request(
        self,
        req: Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> Request | None:
        """The request to the other place.

        Raises:
            HTTPError: it is not followed.
        """
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if new.scheme not in ("http", "https") or (old.scheme, new.scheme) == ("https", "http"):
            reason = "and redirects to where is no https, which is not followed"
            raise HTTPError(req.full_url, code, reason, headers, fp)
        if code not in _KEEP_METHOD:
            return super().redirect_request(req, fp, code, msg, headers, newurl)
        kept = dict(req.headers)
        if (old.scheme, old.netloc) != (new.scheme, new.netloc):
            kept.pop("Authorization", None)
        return Request(newurl, data=req.data, headers=kept, method="POST")  # noqa: S310


def _in_words(error: object) -> str:
    """What went wrong; texts of others may quote the URL, so few of them are repeated."""
    match error:
        case TimeoutError():
            return "there was no answer in time"
        case SSLCertVerificationError():
            return f"its certificate is not accepted: {_shown(error.verify_message)}"
        case SSLError():
            return f"TLS failed: {_shown(error.reason).lower().replace('_', ' ')}"
        case gaierror():
            return _shown(error.strerror).lower()
        case OSError(errno=int()):
            return in_words(error)
        case ValueError() | InvalidURL():
            return "it is not a valid URL"
        case HTTPException() | OSError():
            return "it broke off"
    return _shown(error)


def _shown(words: object) -> str:
    """What others say, on one line and not endless."""
    return printable(_URL.sub(MASK, str(words))[:_MOST_CHARACTERS])
