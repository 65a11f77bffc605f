"""What the schema accepts and refuses, one document for each construct of the language."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gplmt.language import values
from tests.schema.conftest import Validate


def targets(content: str) -> str:
    return f"<experiment><targets>{content}</targets></experiment>"


def tasks(content: str) -> str:
    tasklist = f'<tasklist name="t">{content}</tasklist>'
    return f"<experiment><tasklists>{tasklist}</tasklists></experiment>"


def steps(content: str) -> str:
    return f"<experiment><steps>{content}</steps></experiment>"


STEP = '<step tasklist="t" targets="a"/>'
LOCAL = '<target name="a" type="local"/>'
OPTIONS = """<user>u</user><port> 22 </port><identity-file>~/my keys/id</identity-file>
<proxy-jump>me@gate:2222,inner</proxy-jump><known-hosts-file>known</known-hosts-file>
<host-key-checking>accept-new</host-key-checking><connect-timeout>PT5S</connect-timeout>
<forward-agent>true</forward-agent><password-env>PASSWORD</password-env>"""

VALID = {
    # 1, 3
    "nothing at all": "<experiment/>",
    "every part": """<experiment timeout="PT1H"><description>d</description>
        <include file="a.xml" prefix="a"/><include file="b.xml"/><targets/><tasklists/><steps/>
        </experiment>""",
    "a prefix that is empty": '<experiment><include file="$HOME/a.xml" prefix=""/></experiment>',
    "comments and instructions": """<experiment><!-- c --><?pi?><targets><?pi?>
        <target name="a" type="ssh"><host>a<!-- c -->b</host></target></targets></experiment>""",
    # 2
    "a name of all characters": targets('<target name="9_a.b-C" type="local"/>'),
    "white space around values": targets("<target name='\n a ' type=' local '/>"),
    "a name of 100 characters": targets(f'<target name="{"n" * 100}" type="local"/>'),
    # 4, 5
    "variables of all targets": targets(f'<export-env var="A" value=""/>{LOCAL}'),
    "a local target": targets('<target name="a" type="local"><export-env var="A"/></target>'),
    "an ssh target": targets('<target name="a" type="ssh"><host>h</host></target>'),
    "ssh options before the host": targets(
        f'<target name="a" type="ssh">{OPTIONS}<host>h</host></target>'
    ),
    "ssh options after the host": targets(
        f"""<target name="a" type="ssh"><export-env var="A"/><host>h</host>{OPTIONS}
        <export-env var="B"/></target>"""
    ),
    "an empty group": targets('<target name="g" type="group"/>'),
    "a group of everything": targets(
        f"""<target name="g" type="group"><export-env var="A"/>{OPTIONS}<export-env var="B"/>
        <target ref="x"/>{LOCAL}<export-env var="C"/><target name="h" type="group">
        <target name="s" type="ssh"><host>h</host></target></target></target>"""
    ),
    "a planetlab slice": targets(
        """<target name="p" type="planetlab"><user>u</user><export-env var="A"/>
        <apiurl>https://api/PLCAPI/</apiurl><slicename>s</slicename></target>"""
    ),
    "a planetlab slice in another order": targets(
        """<target name="p" type="planetlab"><password> p w </password><slicename>s</slicename>
        <apiurl>http://api/</apiurl><user>u</user></target>"""
    ),
    # 6
    "a tasklist with everything": """<experiment><tasklists><tasklist name="t" cleanup="c"
        on-error="stop-experiment" timeout="P1DT2H3M4.5S"/></tasklists></experiment>""",
    "bare tasks": tasks("<run>a</run><run>b</run>"),
    "one explicit seq": tasks("<seq><run>a</run></seq>"),
    "one explicit par": tasks("<par><run>a</run><seq/></par>"),
    "empty seq and par": tasks("<seq/><par/>"),
    "an empty command": tasks("<run/>"),
    "a command with markup": tasks("<run>a &lt; b <![CDATA[&& c > d]]><!-- - --> e</run>"),
    "a run with everything": tasks(
        """<run name="r" enabled="false" expected-status="0 3" timeout="PT1S" retries="2"
        retry-delay="PT0.1S" stdin="f" directory="d" stop-signal="INT" leave-running="1">x</run>"""
    ),
    "put with children": tasks("<put><source>a b</source><destination>c/</destination></put>"),
    "put with attributes": tasks('<put source="a" destination="b" keep="false" name="p"/>'),
    "put with one of each": tasks('<put destination="b"><source>a</source></put>'),
    "get with children": tasks("<get><source>a</source><destination>c</destination></get>"),
    "get with attributes": tasks(
        '<get source="a" destination="b" timeout="PT1S" retries="1" retry-delay="PT1S"/>'
    ),
    "call": tasks('<call tasklist="x"/><call tasklist="lib.x" expected-status="1" name="c"/>'),
    "seq and par with names": tasks('<seq name="s"/><par name="p" max-parallel="3"/>'),
    "fail": tasks('<fail status="no luck"/><fail status="" name="f" enabled="0"/>'),
    "wait-for a command": tasks('<wait-for timeout="PT1M" interval="PT1S">test -e f</wait-for>'),
    "wait-for a port": tasks('<wait-for port="80"/><wait-for port="80" host="h" name="w"/>'),
    # 8, 9
    "a step with everything": steps(
        """<step tasklist="t" targets="a rack[12].* n?" name="s" background="true"
        start_relative="PT1S" stop_absolute="2027-01-31T18:00:00Z" max-parallel="4"
        min-success="66.7%" enabled="true"><export-env var="A"/><export-env var="B"/></step>"""
    ),
    "a step with other times": steps(
        """<step tasklist="t" targets="a" min-success="3"
        start_absolute="2027-01-31T18:00:00.5+01:00" stop_relative="PT1M"/>"""
    ),
    "synchronize": steps(f'{STEP}<synchronize/>{STEP}<synchronize targets="a b"/>'),
    "an empty loop": steps('<loop repeat="0"/>'),
    "loops of every kind": steps(
        f"""<loop repeat="3" enabled="false">{STEP}</loop><loop duration="PT1M">{STEP}</loop>
        <loop until="2027-01-31T18:00:00">{STEP}</loop><loop list="a b" param="P">{STEP}</loop>
        <loop list="" param="P"/>"""
    ),
    "a sweep": steps(
        f"""<loop><param name="A" list="1:9:2"/><param name="B" list="x y"/>
        <export-env var="C"/>{STEP}<synchronize/><loop repeat="2">{STEP}</loop></loop>"""
    ),
    "a loop of two kinds, for the checks that follow": steps(
        '<loop repeat="3"><param name="A" list="1"/></loop>'
    ),
    "a teardown": steps(
        '<register-teardown tasklist="t" targets="a"><export-env var="A"/></register-teardown>'
    ),
}

INVALID = {
    # 1, 3
    "another root": "<targets/>",
    "a namespace": '<experiment xmlns="urn:x"/>',
    "an unknown element": "<experiment><hosts/></experiment>",
    "an unknown attribute": '<experiment name="x"/>',
    "parts out of order": "<experiment><steps/><targets/></experiment>",
    "a part twice": "<experiment><targets/><targets/></experiment>",
    "stray text": "<experiment>x</experiment>",
    "an include of no file": "<experiment><include/></experiment>",
    "an include of a blank file": '<experiment><include file=" "/></experiment>',
    "an include with content": '<experiment><include file="a">x</include></experiment>',
    # 2
    "a target without a name": targets('<target type="local"/>'),
    "an empty name": targets('<target name="" type="local"/>'),
    "a name that starts with a dot": targets('<target name=".a" type="local"/>'),
    "a name with a space": targets('<target name="a b" type="local"/>'),
    "a name beyond ASCII": targets('<target name="ä" type="local"/>'),
    "a name of 101 characters": targets(f'<target name="{"n" * 101}" type="local"/>'),
    "two references where one may stand": tasks('<call tasklist="a b"/>'),
    "targets that are blank": steps('<step tasklist="t" targets=" "/>'),
    # 4, 5
    "a target without a type": targets('<target name="a"/>'),
    "an unknown type": targets('<target name="a" type="docker"/>'),
    "a member of a local target, with a host": targets(
        f'<target name="a" type="local"><host>h</host>{LOCAL}</target>'
    ),
    "a reference outside a group": targets('<target ref="a"/>'),
    "a reference with a name": targets(
        '<target name="g" type="group"><target ref="a" name="b" type="local"/></target>'
    ),
    "ssh options after the members": targets(
        '<target name="g" type="group"><target ref="a"/><user>u</user></target>'
    ),
    "two hosts": targets('<target name="a" type="ssh"><host>h</host><host>i</host></target>'),
    "a host of two words": targets('<target name="a" type="ssh"><host>h i</host></target>'),
    "a port out of range": targets(
        '<target name="a" type="ssh"><host>h</host><port>65536</port></target>'
    ),
    "an unknown host-key-checking": targets(
        """<target name="a" type="ssh"><host>h</host><host-key-checking>no</host-key-checking>
        </target>"""
    ),
    "an ssh host in a slice": targets(
        """<target name="p" type="planetlab"><apiurl>https://api/</apiurl><slicename>s</slicename>
        <user>u</user><host>h</host></target>"""
    ),
    "an api that is no web address": targets(
        """<target name="p" type="planetlab"><apiurl>ftp://api/</apiurl><slicename>s</slicename>
        <user>u</user></target>"""
    ),
    "a variable without a name": targets("<export-env/>"),
    "a variable that starts with a digit": targets('<export-env var="1A"/>'),
    "a variable with content": targets('<export-env var="A">x</export-env>'),
    # 6
    "a tasklist without a name": "<experiment><tasklists><tasklist/></tasklists></experiment>",
    "an unknown on-error": """<experiment><tasklists><tasklist name="t" on-error="stop"/>
        </tasklists></experiment>""",
    "text between tasks": tasks("<run>a</run>echo<run>b</run>"),
    "an element in a run": tasks("<run>a <b/></run>"),
    "a duration in years": tasks('<run timeout="P1Y">x</run>'),
    "a duration in months": tasks('<run timeout="P1M">x</run>'),
    "a negative duration": tasks('<run timeout="-PT1S">x</run>'),
    "a duration without a number": tasks('<run timeout="PT">x</run>'),
    "a duration in words": tasks('<run timeout="5s">x</run>'),
    "a status out of range": tasks('<run expected-status="0 256">x</run>'),
    "no status": tasks('<run expected-status="">x</run>'),
    "negative retries": tasks('<run retries="-1">x</run>'),
    "an unknown stop-signal": tasks('<run stop-signal="SIGTERM">x</run>'),
    "a boolean in words": tasks('<run leave-running="yes">x</run>'),
    "put without a source": tasks('<put destination="b"/>'),
    "put with a source twice": tasks(
        '<put source="a"><source>a</source><destination>b</destination></put>'
    ),
    "put in the wrong order": tasks("<put><destination>b</destination><source>a</source></put>"),
    "get with keep": tasks('<get source="a" destination="b" keep="false"/>'),
    "call of nothing": tasks("<call/>"),
    "call with another status": tasks('<call tasklist="t" expected-status="2"/>'),
    "a par of none at a time": tasks('<par max-parallel="0"/>'),
    "seq with max-parallel": tasks('<seq max-parallel="1"/>'),
    "fail without a reason": tasks("<fail/>"),
    "wait-for a port with a command": tasks('<wait-for port="80">test</wait-for>'),
    "wait-for a host without a port": tasks('<wait-for host="h"/>'),
    # 8, 9
    "a step without a tasklist": steps('<step targets="a"/>'),
    "a step without targets": steps('<step tasklist="t"/>'),
    "a step that holds a task": steps('<step tasklist="t" targets="a"><run>x</run></step>'),
    "a step that starts twice": steps(
        """<step tasklist="t" targets="a" start_relative="PT1S"
        start_absolute="2027-01-31T18:00:00"/>"""
    ),
    "a date that is none": steps(
        '<step tasklist="t" targets="a" start_absolute="2027-02-30T18:00:00"/>'
    ),
    "a share of more than a number": steps('<step tasklist="t" targets="a" min-success="most"/>'),
    "synchronize with content": steps(f"<synchronize>{STEP}</synchronize>"),
    "a loop of two kinds": steps(f'<loop repeat="1" duration="PT1S">{STEP}</loop>'),
    "a loop over a list without a variable": steps(f'<loop list="1:3">{STEP}</loop>'),
    "a negative repeat": steps(f'<loop repeat="-1">{STEP}</loop>'),
    "param after a step": steps(f'<loop>{STEP}<param name="A" list="1"/></loop>'),
    "param without a list": steps(f'<loop><param name="A"/>{STEP}</loop>'),
    "a teardown that is disabled": steps(
        '<register-teardown tasklist="t" targets="a" enabled="false"/>'
    ),
    # what is planned only
    "a start together": steps('<step tasklist="t" targets="a" start="together"/>'),
    "a capture": tasks('<run>x<capture name="n" pattern="p"/></run>'),
    "a monitor": tasks("<monitor/>"),
}


@pytest.mark.parametrize("document", VALID.values(), ids=VALID)
def test_a_document_of_the_language_is_valid(document: str, is_valid: Validate) -> None:
    assert is_valid(document)


@pytest.mark.parametrize("document", INVALID.values(), ids=INVALID)
def test_a_document_outside_the_language_is_invalid(document: str, is_valid: Validate) -> None:
    assert not is_valid(document)


VALUES: dict[str, tuple[Callable[[str], object], str]] = {
    tasks('<run name="{}"/>'): (values.parse_name, "a|9|_|a.b-c|.a|-a|a b|a:b|é|"),
    targets('<export-env var="{}"/>'): (values.parse_variable, "A|_|a1|1a|A-B|A B|é|"),
    tasks('<run enabled="{}"/>'): (values.parse_boolean, "true|false|1|0|True|yes|2|"),
    tasks('<run retries="{}"/>'): (
        lambda text: values.parse_integer(text, least=0),
        "0|1|+1|-0|007|-1|1.0|1e3|",
    ),
    tasks('<wait-for port="{}"/>'): (values.parse_port, "1|65535|0|65536|-1|ssh|"),
    tasks('<run expected-status="{}"/>'): (values.parse_statuses, "0|255|0 1|0  1|256|-1|0,1|"),
    tasks('<run stop-signal="{}"/>'): (
        values.parse_stop_signal,
        "|".join((*values.STOP_SIGNALS, "STOP", "SIGINT", "int", "2", "")),
    ),
    tasks('<run timeout="{}"/>'): (
        values.parse_duration,
        "PT0S|PT1S|PT0.5S|PT1H2M3S|P1D|P1DT1M|PT90M|P1M|P1Y|P1Y2D|-PT1S|P|PT|P1DT|P1W|P1S|1S|PT1|",
    ),
    steps('<loop until="{}"/>'): (
        values.parse_datetime,
        "2027-01-31T18:00:00|2027-01-31T18:00:00.25Z|2027-01-31T18:00:00+01:00|2027-02-29T18:00:00|"
        "2027-01-31|2027-01-31 18:00:00|2027-01-31T18:00|2027-1-31T18:00:00|18:00:00|",
    ),
}


@pytest.mark.parametrize(("document", "parse", "words"), [(d, *v) for d, v in VALUES.items()])
def test_the_schema_and_the_parsers_agree_on_values(
    document: str, parse: Callable[[str], object], words: str, is_valid: Validate
) -> None:
    """Else a fault would be told in libxml2's words, or not shown by an editor."""
    for word in words.split("|"):
        for text in (word, f"\n {word}\t"):
            assert is_valid(document.format(text)) == is_parsed(parse, text), text


def is_parsed(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True
