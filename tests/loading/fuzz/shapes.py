"""Documents of any size: a few elements, each repeated and numbered."""

from __future__ import annotations

from hypothesis import strategies as st
from msgspec import Struct


class Shape(Struct, frozen=True, kw_only=True):
    """Templates in which `#` is the number of the repetition, `@` the one before.

    In `steps` stand those that are repeated, in `last` those that stand once, in a loop or not.
    """

    targets: tuple[str, ...]
    tasks: tuple[str, ...]
    tasklists: tuple[str, ...]
    steps: tuple[str, ...]
    is_in_loop: bool = False
    loop_variables: bool = False

    def of_size(self, count: int) -> bytes:
        """The document with so many repetitions."""
        environment = '<export-env var="L#" value="1"/>' if self.loop_variables else ""
        steps = _repeated(self.steps, count)
        if self.is_in_loop:
            steps = f'<loop repeat="2">{_repeated((environment,), count)}{steps}</loop>'
        text = (
            f'<experiment>\n<targets><target name="a-1" type="local"/>'
            f"{_repeated(self.targets, count)}</targets>\n<tasklists>\n"
            f'<tasklist name="t">{_repeated(self.tasks, count)}</tasklist>\n'
            f'<tasklist name="t-1"/>{_repeated(self.tasklists, count)}</tasklists>\n'
            f'<steps><step tasklist="t" targets="a*"/>\n{steps}</steps></experiment>'
        )
        return text.encode()


def _repeated(templates: tuple[str, ...], count: int) -> str:
    return "\n".join(
        template.replace("#", str(number)).replace("@", str(number - 1))
        for template in templates
        for number in range(count)
    )


TARGETS = (
    '<target name="a#" type="local"/>',
    '<target name="a#" type="ssh"><host>h#</host></target>',
    '<target name="a#" type="local"><export-env var="X" value="#"/></target>',
    '<target name="a#" type="local"><export-env var="V#" value="#"/></target>',
    '<target name="a#" type="local"><export-env var="UNSET#"/></target>',
    '<target name="a#" type="group"><target name="b#" type="local"/></target>',
    '<target name="a#" type="group"><target ref="a@"/></target>',
    '<target name="a#" type="group"><export-env var="V#" value="#"/><target ref="a@"/>'
    '<target name="b#" type="local"/></target>',
    '<target name="a#" type="planetlab"><apiurl>https://x/</apiurl><slicename>s</slicename>'
    "<user>u</user></target>",
    '<target name="a" type="local"/>',
    '<target nmae="a#" type="local"/>',
    '<target name="a#" type="locall"/>',
    '<export-env var="V#" value="1"/>',
    '<export-env var="UNSET#"/>',
    "<oops#/>",
)
TASKS = (
    "<run>echo #</run>",
    '<run name="x"/>',
    '<run name="run-#"/>',
    '<run name="x-#"/>',
    '<run stdin="gone#"/>',
    '<put source="gone#" destination="x"/>',
    '<put source="gone#$GPLMT_TARGET" destination="x#"/>',
    '<put source="$V#" destination="$GPLMT_TARGET"/>',
    '<put source="gone" destination="$GPLMT_TARGET/#"/>',
    '<put source="gone#/*" destination="x"/>',
    '<get source="x" destination="x#"/>',
    '<get source="$X" destination="x#$X"/>',
    '<get source="$X" destination="x#"/>',
    '<call tasklist="t#"/>',
    '<call tasklist="t-1"/>',
    '<call tasklist="nowhere#"/>',
    '<par><run name="y#"/></par>',
    '<wait-for port="1"/>',
    "x<rnu/>",
    '<run oops#="1"/>',
)
TASKLISTS = (
    '<tasklist name="t#"/>',
    '<tasklist name="t#" cleanup="t@"/>',
    '<tasklist name="t#"><call tasklist="t@"/></tasklist>',
    '<tasklist name="t#"><put source="$V#" destination="x"/><call tasklist="t@"/></tasklist>',
    '<tasklist name="t#"><put source="$W#" destination="x"/><call tasklist="t"/></tasklist>',
    '<tasklist name="t#"><get source="$GPLMT_STEP" destination="x"/></tasklist>',
    '<tasklist name="t#"><call tasklist="t#"/></tasklist>',
    '<tasklist name="t"/>',
    '<tasklsit name="t#"/>',
)
STEPS = (
    '<step tasklist="t" targets="a#"/>',
    '<step tasklist="t" targets="a*"/>',
    '<step tasklist="t" targets="a* a#"/>',
    '<step tasklist="t" targets="a#*"/>',
    '<step tasklist="t#" targets="a#"/>',
    '<step tasklist="t#" targets="a*"/>',
    '<step tasklist="t" targets="a#"><export-env var="E#" value="1"/></step>',
    '<step tasklist="t" targets="a*"><export-env var="X" value="#"/></step>',
    '<step tasklist="nowhere#" targets="noone#"/>',
    '<step tasklist="t" targets="a#" min-success="3"/>',
    '<register-teardown tasklist="t" targets="a#"/>',
    '<synchronize targets="a#"/>',
    '<synchronize targets="a* a#"/>',
    '<loop repeat="2"><step tasklist="t" targets="a*"/></loop>',
    '<loop list="1:#" param="P"><step tasklist="t" targets="a#"/></loop>',
    "<stepp/>",
)


def shapes() -> st.SearchStrategy[Shape]:
    """One or two of each kind; what they multiply to is not told to whoever wrote them."""

    def some(templates: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
        chosen = st.lists(st.sampled_from(templates), min_size=1, max_size=2, unique=True)
        return chosen.map(tuple)

    return st.builds(
        Shape,
        targets=some(TARGETS),
        tasks=some(TASKS),
        tasklists=some(TASKLISTS),
        steps=some(STEPS),
        is_in_loop=st.booleans(),
        loop_variables=st.booleans(),
    )
