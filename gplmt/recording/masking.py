"""Keeps secrets out of a run directory, which people hand to colleagues.

Two places of a document hold secrets: `<password>`, and the value of an `<export-env>` whose
variable sounds like one (`DB_PASSWORD`, `API_KEY`).  What a command's text or output tells is the
user's own.
"""

from __future__ import annotations

import codecs
import re

MASK = "***"
_SECRET_VARIABLE = re.compile(
    r"PASSWORD|PASSWD|PASSPHRASE|SECRET|CREDENTIAL|(?:API|PRIVATE|ACCESS)_?KEY"
    r"|(?:^|_)(?:PASS|TOKEN)(?:_|$)|_PWD$",
    re.IGNORECASE,
)
_PASSWORD = re.compile(r"(<password\b[^<>]*>).*?(</password\s*>)", re.DOTALL)
_EXPORT_ENV = re.compile(r"<export-env\b[^<>]*>")
_VAR = re.compile(r"""\bvar\s*=\s*["']([^"']*)["']""")
_VALUE = re.compile(r"""(\bvalue\s*=\s*)("[^"]*"|'[^']*')""")
_ENCODINGS = (  # by how a document begins; most encodings write tags as ASCII does
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)


def is_secret_variable(name: str) -> bool:
    """Whether a variable of this name probably holds a secret."""
    return _SECRET_VARIABLE.search(name) is not None


def mask_document(content: bytes) -> bytes:
    """A document as it was read, the secrets in it replaced by `***`.

    Works on the text, comments included, so that everything else stays as it is.
    """
    encoding = next((name for start, name in _ENCODINGS if content.startswith(start)), "latin-1")
    text = content.decode(encoding, "surrogatepass")
    masked = _EXPORT_ENV.sub(_mask_value, _PASSWORD.sub(rf"\g<1>{MASK}\g<2>", text))
    return content if masked == text else masked.encode(encoding, "surrogatepass")


def _mask_value(element: re.Match[str]) -> str:
    variable = _VAR.search(element[0])
    if variable is None or not is_secret_variable(variable[1].strip()):
        return element[0]
    return _VALUE.sub(rf'\g<1>"{MASK}"', element[0])
