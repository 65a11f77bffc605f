"""What is written into attributes and texts: values of the right kind, of another, and extreme."""

from __future__ import annotations

from hypothesis import strategies as st

STRANGE_TAGS = ("rnu", "stepp", "x", "capture", "monitor", "{urn:x}run", "a" * 5000, "experiment")
_NAMES = (
    "a", "b", "n1", "here", "lab", "t", "measure", "tidy", "lib.clean", "lib.spare", "run", "run-2",
    "step-1", "x" * 100, "x" * 101, "1", "_", "a.b-c", "a b", "\u00e9", "-a", "",
)  # fmt: skip
_TARGETS = (
    "*", "n*", "a b", "here lab", "[", "[!", "[z-a]", "[[:alpha:]]", "?", "*" * 50, "*a" * 60 + "b",
    "a a a", "\u00a0a", "a\nb", "node[1-", "**", "[]]", "[^a]*", "lib.*", "(a+)+$", "\\",
)  # fmt: skip
_NUMBERS = (
    "0", "1", "-1", "+1", "007", "2147483648", "999999999999999999", "9999999999999999999",
    "9" * 5000, "1e9", "1.5", "\u0663", "65535", "65536", "NaN", "INF", "0x10", "1_0", " 1 ",
    "100%", "101%", "0%", "33.333333333333336%", "0.0000000000001%", "1e1%", f"99.{'9' * 20}%",
)  # fmt: skip
_DURATIONS = (
    "PT1S", "PT0S", "-PT1S", "P1Y", "P", "PT", "P9999999999D", "P999999999D", "P999999999DT24H",
    "P200000DT0.123456S", "PT0.0000001S", "PT0.1234567S", "PT1.S", "P1DT", f"PT{'9' * 400}S",
    f"PT0.{'1' * 5000}S", "PT9007199254.740993S", "P1M", "PT1M", "\u0661", "P\u0661D",
)  # fmt: skip
_MOMENTS = (
    "2030-01-01T00:00:00", "2030-01-01T00:00:00Z", "0001-01-01T00:00:00", "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59", "9999-12-31T23:59:59-14:00",
    "1850-01-01T00:00:00", "1969-12-31T23:59:59", "2030-02-30T00:00:00", "2030-01-01T24:00:00",
    "2030-01-01T00:00:60", "2024-10-27T02:30:00", "2024-03-31T02:30:00", "2030-01-01", "0000-01-01",
    "2030-01-01T00:00:00.1234567891", "10000-01-01T00:00:00", "-0001-01-01T00:00:00",
    "1890-01-01T00:00:00+00:53", "20\u0663\u0660-01-01T00:00:00",
)  # fmt: skip
_PATHS = (
    "x", "library.xml", "files", "files/*", "files/numbers.txt", "*.xml", "[", "~", "~/x",
    "~root/x", "~nobody-here/x", "/", "..", ".", "./", "$", "$$", "${", "${X}", "$GPLMT_TARGET",
    "$SET/x", "${GPLMT_STEP}", "$GPLMT_RUN_DIR/x",
    "a" * 300, "a/" * 3000, "*/" * 1200 + "x", "\u00e9",
    "\u2028", "a\nb", "cost$$/x", "none", "%d/x", "x/$GPLMT_TARGET", "$A", "//x", "*/*/*", "**/x",
    "files/" * 50, "?" * 300, "[!]", "fifo.xml", "sparse.xml", "\U000e0001",
)  # fmt: skip
FILES = (
    "library.xml", "library.xml", "include/lab.xml", "include/words.xml", "lab.xml", "./lab.xml",
    "self.xml", "back.xml", "directory.xml", ".", "/", "..", "zero.xml", "/dev/zero", "/dev/null",
    "fifo.xml", "loop.xml", "lone.xml", "secret.xml", "empty.xml", "binary.xml", "sparse.xml",
    "odd\n[31m\u202e.xml", "$SET", "$UNSET/x", "${", "a" * 300,
    "library.xml/", "library.xml/x", "http://127.0.0.1:1/x", "file:///etc/passwd", "", " ",
)  # fmt: skip
_LISTS = (
    "1:5", "5:1", "1:10:3", "1:9:0", "1:9:-1", "10:1:-3", "1:999999999999999999", "1:1000000000",
    "-999999999999999999:999999999999999999", "1:9999999999999999999", "a b c", "", "\u00a01:5",
    "1:5 6", "x " * 1000, "\u0661:\u0665", "+1:+5", "1:2:3:4", ":", "a\u00a0b", "1\u2003:5",
)  # fmt: skip
_VARIABLES = (
    "A", "X", "SET", "UNSET", "PASSWORD", "API_KEY", "PATH", "UID", "GPLMT_X", "a-b", "", "\u00e9",
    "LIBRARY", "A" * 5000, "1A",
)  # fmt: skip
_TEXTS = (
    "true", "echo $X", "", " ", "\n", "a\nb", "]]>", "&<>\"'", "\t x \r\n y", "\u2028", "\x85",
    "\u202e", "\ufeff", "x" * 70_000, "\U0001f600", "-->", "\u00a0", "\u0085x",
)  # fmt: skip
_WORDS = (
    "true", "false", "1", "0", "TRUE", "local", "ssh", "group", "planetlab", "stop-step",
    "continue", "stop-experiment", "TERM", "KILL", "SIGTERM", "strict", "accept-new", "off", "ask",
    "https://x/", "http://127.0.0.1:1/", "host", "a b",
)  # fmt: skip
_KINDS = {
    "name tasklist cleanup ref prefix": _NAMES,
    "targets": _TARGETS + _NAMES,
    "repeat max-parallel min-success retries expected-status port": _NUMBERS,
    "timeout retry-delay duration interval start_relative stop_relative connect-timeout":
        _DURATIONS,
    "until start_absolute stop_absolute": _MOMENTS,
    "source destination stdin directory identity-file known-hosts-file": _PATHS,
    "file": FILES,
    "list": _LISTS,
    "var param password-env": _VARIABLES,
    "run wait-for description status value password": _TEXTS,
}  # fmt: skip
_BY_NAME = {name: kind for names, kind in _KINDS.items() for name in names.split()}
_ALL = tuple(dict.fromkeys(word for kind in (*_KINDS.values(), _WORDS) for word in kind))
ATTRIBUTES = [
    *_BY_NAME, "enabled", "background", "keep", "on-error", "stop-signal", "leave-running", "type",
    "start", "nmae", "{urn:x}name", "xml", "{http://www.w3.org/XML/1998/namespace}space",
]  # fmt: skip


def values_of(name: str) -> st.SearchStrategy[str]:
    """Values for an attribute, or texts for an element, of this name."""
    own = st.sampled_from(_BY_NAME.get(name, _WORDS))
    other = st.sampled_from(_ALL) | st.text(_characters(), max_size=20)
    return st.one_of(own, own, own, other)


def _characters() -> st.SearchStrategy[str]:
    """What XML can hold."""
    return st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
