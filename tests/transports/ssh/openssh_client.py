"""What the OpenSSH client makes of a configuration, and random configurations to ask it about."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from hypothesis import strategies as st
from msgspec import Struct

from tests.support.ssh.places import need_program

NAMES = ("a", "b", "ab", "a.x", "A", "n1", "n2", "[a]")
_PATTERNS = (
    *("a", "b", "*", "a*", "?", "!a", "!b*", "*.x", "A", "n?", "a,b", "n[12]", '"a b"', "'n1'"),
    *("x*", "*x"),
)
_CRITERIA = (
    *("host a", "host a*,!ab", "host x.y", "host=a,b", "host H2", "host *.z", "originalhost n*"),
    *("user u1", "user u*", "localuser nobody", "final", "canonical", "exec true"),
    *('exec "test %h = a"', 'exec "test %n = n1"', 'exec "test %p = 22"', 'exec "test %r = u1"'),
)
_BOOLEANS = ("yes", "no", "True", "FALSE")
_VALUES = {
    "AddressFamily": ("any", "inet", "inet6"),
    "BatchMode": _BOOLEANS,
    "BindAddress": ("127.0.0.1",),
    "CertificateFile": ("/c/1", "/c/2"),
    "ChallengeResponseAuthentication": _BOOLEANS,
    "Compression": ("yes", "no"),
    "ConnectTimeout": ("1", "30s", "1m", "1h30m", "none", "2M"),
    "ForwardAgent": ("yes", "no"),
    "GlobalKnownHostsFile": ("/g1", "/g1 /g2 # c"),
    "HashKnownHosts": _BOOLEANS,
    "HostKeyAlias": ("al", "none"),
    "HostName": ("h1", "x.y", "%h.z", "%h", "a", "H2", "%%", "a%%b"),
    "IdentitiesOnly": _BOOLEANS,
    "IdentityAgent": ("none", "/s", "SSH_AUTH_SOCK"),
    "IdentityFile": ("/k/1", "/k/2", "none", '"/k/3 4"'),
    "KbdInteractiveAuthentication": _BOOLEANS,
    "PasswordAuthentication": _BOOLEANS,
    "Port": ("1", "22", "2222", "ssh"),
    "PreferredAuthentications": ("publickey", "password,publickey"),
    "ProxyCommand": ("none", "nc %h %p", 'sh -c "x y" # z', "  foo  bar"),
    "ProxyJump": ("none", "j1", "u@j2:22", "j1,j2", "[::1]:22"),
    "PubkeyAuthentication": (*_BOOLEANS, "unbound", "host-bound"),
    "StrictHostKeyChecking": ("yes", "no", "ask", "accept-new", "off", "YES", "true", "false"),
    "TCPKeepAlive": _BOOLEANS,
    "User": ("u1", "u2", '"u 3"', "u'4'", "u\\ 5", "u#6"),
    "UserKnownHostsFile": ("/f1", '/f1 "/f 2"', "/dev/null"),
}
_RAW = ("ProxyCommand", "ProxyJump")


class Case(Struct, frozen=True, kw_only=True):
    """Files of a configuration, the first the main one, and what it is asked for."""

    files: tuple[str, ...]
    name: str
    user: str | None
    port: int | None

    def write(self, directory: Path) -> Path:
        """Write the files; the main one."""
        for number, text in enumerate(self.files):
            (directory / str(number)).write_text(text.replace("DIRECTORY", str(directory)))
        return directory / "0"


class RefusedError(Exception):
    """OpenSSH does not take the configuration; the message says why."""


def ask_openssh(
    file: Path, name: str, *, user: str | None = None, port: int | None = None
) -> Mapping[str, Sequence[str]]:
    """All values that OpenSSH would use for a host, by keyword in lower case.

    Raises:
        RefusedError: it uses none.
    """
    program = need_program("ssh", package="openssh-client", untested="OPENSSH'S CONFIGURATION")
    given = [*(["-l", user] if user else []), *(["-p", str(port)] if port else [])]
    asked = subprocess.run(  # noqa: S603
        [program, "-G", "-F", str(file), *given, "--", name],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        raise RefusedError(asked.stderr)
    values = defaultdict(list)
    for line in asked.stdout.splitlines():
        keyword, _, value = line.partition(" ")
        values[keyword.lower()].append(value)
    return values


@st.composite
def _directives(draw: st.DrawFn) -> str:
    keyword = draw(st.sampled_from(sorted(_VALUES)))
    value = draw(st.sampled_from(_VALUES[keyword]))
    written = draw(st.sampled_from((keyword, keyword.lower(), keyword.upper())))
    separator = draw(st.sampled_from((" ", " ", "=", " = ", "\t", "= ")))
    end = "" if keyword in _RAW else draw(st.sampled_from(("", "", " # c", " ", '  #"')))
    return f"{draw(st.sampled_from(('', '  ', chr(9))))}{written}{separator}{value}{end}"


@st.composite
def _conditions(draw: st.DrawFn) -> str:
    if draw(st.booleans()):
        patterns = draw(st.lists(st.sampled_from(_PATTERNS), min_size=1, max_size=3))
        return f"{draw(st.sampled_from(('Host ', 'host=')))}{' '.join(patterns)}"
    criteria = draw(st.lists(st.sampled_from(_CRITERIA), min_size=1, max_size=2))
    negations = [draw(st.sampled_from(("", "", "!"))) for _ in criteria]
    return "Match " + " ".join(map("".join, zip(negations, criteria, strict=True)))


@st.composite
def _texts(draw: st.DrawFn, included: Sequence[int]) -> str:
    """A file that may include those of some numbers, DIRECTORY being theirs."""
    includes = [f"Include DIRECTORY/{number}" for number in included] + [
        "Include DIRECTORY/missing",
        "# comment",
        "",
    ]
    line = st.one_of(_directives(), _directives(), _conditions(), st.sampled_from(includes))
    return "\n".join(draw(st.lists(line, max_size=12))) + draw(st.sampled_from(("", "\n")))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Configurations of up to three files, and a host to ask for."""
    files = [draw(_texts(tuple(range(number + 1, 3)))) for number in range(3)]
    return Case(
        files=tuple(files),
        name=draw(st.sampled_from(NAMES)),
        user=draw(st.sampled_from((None, "u1"))),
        port=draw(st.sampled_from((None, 7))),
    )
