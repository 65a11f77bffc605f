"""Calls methods of an XML-RPC server over HTTPS or HTTP, and takes nothing endless from it.

Redirects are not followed.  An answer is read unpacked, up to a limit, and may have no document
type, so that nothing in it expands or is fetched.
"""

from __future__ import annotations

import ssl
from contextlib import closing
from http import HTTPStatus
from http.client import (
    HTTP_PORT,
    HTTPS_PORT,
    HTTPConnection,
    HTTPException,
    HTTPResponse,
    HTTPSConnection,
    IncompleteRead,
    InvalidURL,
    RemoteDisconnected,
)
from typing import NoReturn, TypeVar
from urllib.parse import urlsplit
from xml.parsers import expat
from xmlrpc.client import Fault, ResponseError, Unmarshaller, dumps

import msgspec

from gplmt import __version__
from gplmt.errors import SetupError

MAX_MEBIBYTES = 64
_HEADERS = {
    "Content-Type": "text/xml",
    "User-Agent": f"gplmt/{__version__}",
    "Connection": "close",  # no call then fails as the server gave up an old connection
}
_USUAL_PATH = "/RPC2"  # what an XML-RPC client asks where an address names none
_AUTHENTICATION_FAILED = 103  # the API's PLCAuthenticationFailure
_MAX_QUOTED_CHARACTERS = 300
_MALFORMED = (  # what Unmarshaller raises for answers that make no sense
    expat.ExpatError,
    ResponseError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    msgspec.ValidationError,
)

T = TypeVar("T")
Parameter = dict[str, str] | list[str] | list[int]


class ApiError(SetupError):
    """An API gave no answer of use: what happened, and what the user can do."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(f"{problem}; {hint}")
        self.problem = problem
        self.hint = hint


class Endpoint:
    """A server's address; each call has a connection of its own.

    `timeout_seconds` bounds each wait for the server, not a whole call.  `secret` is blotted out
    of what the server says before that is quoted.
    """

    def __init__(self, url: str, *, timeout_seconds: float, secret: str) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._secret = secret

    def call(self, method: str, *parameters: Parameter, answer: type[T]) -> T:
        """What a method returns, which must have the form of `answer`.

        Raises:
            ApiError: there is no answer, a refusal, or one of another form.
        """
        content = self._post(self._request(method, parameters))
        try:
            return msgspec.convert(_decoded(content), answer)
        except Fault as fault:
            raise self._refusal(method, fault) from None
        except _MALFORMED as error:
            problem = f"the API {self._url} answers {method} with what is not expected"
            raise ApiError(problem, "check <apiurl>") from error

    def _request(self, method: str, parameters: tuple[Parameter, ...]) -> bytes:
        try:
            return dumps(parameters, method).encode()
        except UnicodeEncodeError:
            problem = f"the password for the API {self._url} is not UTF-8"
            raise ApiError(problem, "set it in that encoding") from None

    def _post(self, body: bytes) -> bytes:
        try:
            connection, path = self._connection()
            with closing(connection):
                connection.request("POST", path, body, _HEADERS)
                with connection.getresponse() as response:
                    return self._content(response)
        except (OSError, HTTPException, ValueError) as error:
            raise self._failure(error) from error

    def _connection(self) -> tuple[HTTPConnection, str]:
        """A connection, not yet open, and the path to ask.

        Raises:
            ValueError: the URL is no address.
        """
        parts = urlsplit(self._url)
        if "@" in parts.netloc:
            problem = "<apiurl> has a user or a password in it"
            raise ApiError(problem, "write them as <user> and GPLMT_PLANETLAB_PASSWORD")
        host, port, seconds = parts.hostname, parts.port, self._timeout_seconds
        if not host:
            raise ValueError("it names no host")
        path = parts.path or _USUAL_PATH
        if parts.query:
            path = f"{path}?{parts.query}"
        if parts.scheme == "http":
            return HTTPConnection(host, port or HTTP_PORT, timeout=seconds), path
        context = ssl.create_default_context()
        return HTTPSConnection(host, port or HTTPS_PORT, timeout=seconds, context=context), path

    def _content(self, response: HTTPResponse) -> bytes:
        if response.status != HTTPStatus.OK:
            raise self._bad_status(response)
        limit = MAX_MEBIBYTES << 20
        content = response.read(limit + 1)
        if len(content) > limit:
            problem = f"the answer of the API {self._url} is larger than {MAX_MEBIBYTES} MiB"
            raise ApiError(problem, "check <apiurl>")
        if response.length:
            raise IncompleteRead(b"", response.length)
        return content

    def _bad_status(self, response: HTTPResponse) -> ApiError:
        reason = f"{response.status} {self._quoted(response.reason)}".rstrip()
        problem = f"the API {self._url} answers with HTTP status {reason}"
        address = response.getheader("Location")
        if address is None:
            return ApiError(problem, "check <apiurl>")
        return ApiError(problem, f"check <apiurl>; the server names {self._quoted(address)}")

    def _refusal(self, method: str, fault: Fault) -> ApiError:
        text, code = fault.faultString, fault.faultCode
        reason = self._quoted(text) if isinstance(text, str) else "no reason given"
        number = f" (fault {code})" if isinstance(code, int) else ""
        problem = f"the API {self._url} refuses {method}: {reason}{number}"
        is_login = code == _AUTHENTICATION_FAILED
        hint = "check <user> and the password" if is_login else "check <slicename> and <user>"
        return ApiError(problem, hint)

    def _failure(self, error: OSError | HTTPException | ValueError) -> ApiError:
        api, hint = f"the API {self._url}", "check <apiurl> and the network"
        match error:
            case ssl.SSLCertVerificationError():
                reason = _lowered(error.verify_message)
                hint = "check <apiurl>; the file of another CA can be named with SSL_CERT_FILE"
                return ApiError(f"the certificate of {api} is not accepted: {reason}", hint)
            case TimeoutError():
                return no_answer(self._url, self._timeout_seconds)
            case ssl.SSLError():
                reason = _lowered((error.reason or str(error)).replace("_", " "))
                return ApiError(f"{api} cannot be talked to with TLS: {reason}", hint)
            case RemoteDisconnected() | IncompleteRead():
                return ApiError(f"{api} closes the connection without a whole answer", hint)
            case OSError():
                reason = _lowered(error.strerror or str(error))
                return ApiError(f"{api} cannot be reached: {reason}", hint)
            case HTTPException() if not isinstance(error, InvalidURL):
                return ApiError(f"{api} does not speak HTTP", hint)
            case _:
                return ApiError(f"{self._url!r} is not an address", "check <apiurl>")

    def _quoted(self, text: str) -> str:
        """What a server says, as it can stand in a message."""
        if self._secret:
            text = text.replace(self._secret, "***")
        return " ".join(text.split())[:_MAX_QUOTED_CHARACTERS]


def no_answer(url: str, timeout_seconds: float) -> ApiError:
    """The fault of an API that lets one wait."""
    problem = f"the API {url} does not answer within {timeout_seconds:g} s"
    return ApiError(problem, "check <apiurl> and the network")


def _decoded(content: bytes) -> object:
    """The value that an answer holds.

    Raises:
        Fault: it is a refusal.
        others: those of `_MALFORMED`.
    """
    unmarshaller = Unmarshaller(use_builtin_types=True)
    unmarshaller.xml("", None)  # no encoding: what it gets is decoded already
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_document_type
    parser.StartElementHandler = unmarshaller.start
    parser.EndElementHandler = unmarshaller.end
    parser.CharacterDataHandler = unmarshaller.data
    parser.Parse(content, True)
    (value,) = unmarshaller.close()
    return value


def _refuse_document_type(*_: object) -> NoReturn:
    raise ResponseError("an answer has no document type")


def _lowered(text: str) -> str:
    return text.lower().rstrip(".")
