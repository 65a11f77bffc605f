"""Which attributes and children each element may have, for messages that say what is allowed.

The schema decides what is valid; this table explains.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

ANYWHERE = -1


class Shape(Struct, frozen=True, kw_only=True):
    """What may stand in an element.

    `ranks` are the children that are allowed: one of a lower rank stands before one of a higher,
    one of rank ANYWHERE where it likes.
    """

    attributes: frozenset[str] = frozenset()
    required: tuple[str, ...] = ()
    ranks: Mapping[str, int] = {}
    once: frozenset[str] = frozenset()
    has_text: bool = False


def _shape(
    attributes: str = "",
    *,
    required: str = "",
    children: tuple[str, ...] = (),
    anywhere: str = "",
    once: str = "",
    has_text: bool = False,
) -> Shape:
    """A shape from words; each of `children` holds those that may mix, in order."""
    ranks = {word: rank for rank, words in enumerate(children) for word in words.split()}
    return Shape(
        attributes=frozenset(attributes.split() + required.split()),
        required=tuple(required.split()),
        ranks=ranks | dict.fromkeys(anywhere.split(), ANYWHERE),
        once=frozenset(once.split()),
        has_text=has_text,
    )


_TASKS = "run put get call seq par fail wait-for"
_RETRIES = "timeout retries retry-delay"
_SSH_OPTIONS = (
    "user port identity-file proxy-jump known-hosts-file host-key-checking connect-timeout "
    "forward-agent password-env"
)
_ITEMS = "step synchronize loop register-teardown"
_COPY_ENDS = "source destination"
_SLICE = "apiurl slicename user password"

TASKS = frozenset(_TASKS.split())
SSH_OPTIONS = tuple(_SSH_OPTIONS.split())

TEXT = _shape(has_text=True)
EXPERIMENT = _shape(
    "timeout",
    children=("description", "include", "targets", "tasklists", "steps"),
    once="description targets tasklists steps",
)
INCLUDE = _shape("prefix", required="file")
EXPORT_ENV = _shape("value", required="var")

DEFINITION = _shape("name type")
MEMBER = _shape("name type ref")
TARGETS = _shape(children=("export-env target",))
REFERENCE = _shape(required="ref")
LOCAL = _shape(required="name type", children=("export-env",))
SSH = _shape(
    required="name type",
    children=(f"host {_SSH_OPTIONS} export-env",),
    once=f"host {_SSH_OPTIONS}",
)
GROUP = _shape(
    required="name type",
    children=(_SSH_OPTIONS, "target"),
    anywhere="export-env",
    once=_SSH_OPTIONS,
)
PLANETLAB = _shape(required="name type", children=(f"{_SLICE} export-env",), once=_SLICE)

TASKLISTS = _shape(children=("tasklist",))
TASKLIST = _shape("on-error cleanup timeout", required="name", children=(_TASKS,))
RUN = _shape(
    f"name enabled expected-status {_RETRIES} stdin directory stop-signal leave-running",
    has_text=True,
)
PUT = _shape(
    f"name enabled keep {_COPY_ENDS} {_RETRIES}",
    children=("source", "destination"),
    once=_COPY_ENDS,
)
GET = _shape(
    f"name enabled {_COPY_ENDS} {_RETRIES}",
    children=("source", "destination"),
    once=_COPY_ENDS,
)
CALL = _shape("name enabled expected-status", required="tasklist")
FAIL = _shape("name enabled", required="status")
WAIT_FOR = _shape("name enabled timeout interval host port", has_text=True)
SEQ = _shape("name enabled", children=(_TASKS,))
PAR = _shape("name enabled max-parallel", children=(_TASKS,))

STEPS = _shape(children=(_ITEMS,))
STEP = _shape(
    "name enabled background start_relative start_absolute stop_relative stop_absolute "
    "max-parallel min-success",
    required="tasklist targets",
    children=("export-env",),
)
SYNCHRONIZE = _shape("targets")
REGISTER_TEARDOWN = _shape(required="tasklist targets", children=("export-env",))
LOOP = _shape(
    "enabled repeat duration until list param",
    children=("param", "export-env", _ITEMS),
)
PARAM = _shape(required="name list")

TEXT_ELEMENTS = frozenset(
    f"description host {_SSH_OPTIONS} {_SLICE} run wait-for {_COPY_ENDS}".split()
)
TARGET_KINDS = {"local": LOCAL, "ssh": SSH, "group": GROUP, "planetlab": PLANETLAB}
SHAPES = {  # of all elements but <target>, whose shape depends on its type
    "experiment": EXPERIMENT,
    "description": TEXT,
    "include": INCLUDE,
    "targets": TARGETS,
    "export-env": EXPORT_ENV,
    "tasklists": TASKLISTS,
    "tasklist": TASKLIST,
    "run": RUN,
    "put": PUT,
    "get": GET,
    "call": CALL,
    "fail": FAIL,
    "wait-for": WAIT_FOR,
    "seq": SEQ,
    "par": PAR,
    "steps": STEPS,
    "step": STEP,
    "synchronize": SYNCHRONIZE,
    "register-teardown": REGISTER_TEARDOWN,
    "loop": LOOP,
    "param": PARAM,
}

LATER_ATTRIBUTES = frozenset((("step", "start"),))
LATER_ELEMENTS = frozenset(
    (("run", "capture"), ("tasklist", "monitor"), ("seq", "monitor"), ("par", "monitor"))
)
