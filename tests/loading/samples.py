"""Valid documents that use the whole language, for tests that take them apart."""

from __future__ import annotations

LIBRARY = """<?xml version="1.0"?>
<experiment>
  <targets>
    <export-env var="LIBRARY" value="yes"/>
    <target name="spare" type="local"/>
  </targets>
  <tasklists>
    <tasklist name="clean"><run>rm -rf work</run></tasklist>
    <tasklist name="build" cleanup="clean"><call tasklist="clean"/></tasklist>
  </tasklists>
</experiment>
"""

WHOLE = """<?xml version="1.0" encoding="UTF-8"?>
<!-- an experiment -->
<experiment timeout="PT2H">
  <description>All there is.</description>
  <include file="library.xml" prefix="lib"/>
  <targets>
    <export-env var="EVERYWHERE" value="1"/>
    <target name="here" type="local">
      <export-env var="SET"/>
    </target>
    <target name="lab" type="group">
      <user>ada</user>
      <identity-file>keys/lab</identity-file>
      <export-env var="GROUP" value="lab"/>
      <target name="node1" type="ssh">
        <host> node1.example.org </host>
        <port>2222</port>
        <proxy-jump>gate</proxy-jump>
        <known-hosts-file>~/.ssh/known</known-hosts-file>
        <host-key-checking>accept-new</host-key-checking>
        <connect-timeout>PT5S</connect-timeout>
        <forward-agent>true</forward-agent>
        <password-env>LAB_PASSWORD</password-env>
      </target>
      <target ref="here"/>
      <target name="inner" type="group">
        <target name="node2" type="ssh"><host>node2</host><user>bob</user></target>
      </target>
    </target>
    <target name="slice" type="planetlab">
      <apiurl>https://api.example.org/PLCAPI/</apiurl>
      <slicename>my_slice</slicename>
      <user>me@example.org</user>
    </target>
  </targets>
  <tasklists>
    <tasklist name="measure" on-error="stop-step" cleanup="tidy" timeout="PT10M">
      <run name="start" expected-status="0 3" timeout="PT1M" retries="2" retry-delay="PT1S"
           stdin="library.xml" directory="work" stop-signal="INT" leave-running="true">
        ./server &amp; <!-- a comment -->
        echo $! &gt; pid
      </run>
      <par name="both" max-parallel="2">
        <wait-for port="8080" host="localhost" timeout="PT5S" interval="PT0.1S"/>
        <wait-for>test -e ready</wait-for>
        <seq enabled="false"><fail status="never"/></seq>
      </par>
      <put source="library.xml" destination="$EVERYWHERE/x" keep="false"/>
      <put><source>*.xml</source><destination>~/documents/</destination></put>
      <get source="log" destination="logs/${GPLMT_TARGET}/" timeout="P1D"/>
      <call tasklist="lib.build" expected-status="0"/>
    </tasklist>
    <tasklist name="tidy"><seq/></tasklist>
  </tasklists>
  <steps>
    <step tasklist="measure" targets="here node* lab" name="first" start_relative="PT1S"
          stop_relative="PT1H" min-success="50%" max-parallel="3">
      <export-env var="MODE" value="fast"/>
    </step>
    <synchronize targets="here"/>
    <step tasklist="tidy" targets="slice lib.spare" background="true"
          start_absolute="2030-01-01T00:00:00" stop_absolute="2031-01-01T00:00:00Z"/>
    <synchronize/>
    <loop repeat="2"><step tasklist="tidy" targets="here"/></loop>
    <loop duration="PT1M"><step tasklist="tidy" targets="here"/></loop>
    <loop until="2030-01-01T00:00:00"><step tasklist="tidy" targets="here" enabled="true"/></loop>
    <loop list="a b c" param="LETTER">
      <loop>
        <param name="NUMBER" list="1:9:2"/>
        <param name="WORD" list="x y"/>
        <export-env var="IN_LOOP" value="1"/>
        <step tasklist="tidy" targets="here"/>
        <register-teardown tasklist="lib.clean" targets="lab">
          <export-env var="LAST" value="1"/>
        </register-teardown>
      </loop>
    </loop>
  </steps>
</experiment>
"""
