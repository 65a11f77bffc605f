"""What stands at the end of each command's help: examples and exit codes."""

RUN = """\
examples:
  %(prog)s examples/hello_world.xml          run an experiment
  %(prog)s lab.xml --dry-run                 show what would happen
  %(prog)s lab.xml -C /scratch --quiet       run in another directory, output to logs only
  %(prog)s lab.xml -I ~/gplmt/lib            look there for included files, too
  %(prog)s smoke.xml --junit junit.xml       tell a CI server how it went
  %(prog)s lab.xml --notify 'mail -s "$GPLMT_EXPERIMENT: $GPLMT_OUTCOME" me < /dev/null'

exit codes: 0 all well, 1 something failed, 2 the document or the command line is wrong,
3 the experiment could not be set up, 128+N ended by signal N
"""
CHECK = """\
examples:
  %(prog)s lab.xml                          find its faults, all at once
  %(prog)s lab.xml -I ~/gplmt/lib           look there for included files, too
  git ls-files '*.xml' | xargs -n 1 %(prog)s

Nothing is run, and nothing is connected to.  Each line says FILE:LINE: error: what is wrong; what
to do.

exit codes: 0 it can be run (or included, if it is a library), 2 it has faults or the command line
is wrong
"""
PLAN = """\
examples:
  %(prog)s lab.xml                           show what a run would do
  %(prog)s lab.xml -C /scratch               with paths that start there

Nothing is run, and nothing is connected to.

exit codes: 0 shown, 1 it could not be printed, 2 the document or the command line is wrong
"""
PING = """\
examples:
  %(prog)s lab.xml                           see which targets answer
  %(prog)s lab.xml --accept-new              record host keys that are not known
  %(prog)s lab.xml --target 'rack1.*'        ask some targets only
  %(prog)s lab.xml --json | jq -r '.[] | select(.reachable | not) | .target'

exit codes: 0 all answered, 1 some did not, 2 the document or the command line is wrong, 3 it could
not be set up, 128+N ended by signal N
"""
CLEANUP = """\
examples:
  %(prog)s gplmt-runs/latest                 after a crash, or what a second Ctrl-C cut short
  DB_PASSWORD=... %(prog)s gplmt-runs/latest  a variable that a teardown takes from outside

Stops what is still alive on the targets, runs the cleanups and teardowns that have not been run,
and removes the files that were to go.  When nothing is left to be done, it says so.

exit codes: 0 nothing is left to be done, 1 something failed or is left, 2 there is no such run,
3 it is still running or could not be set up, 128+N ended by signal N
"""
GPLMT = """\
examples:
  %(prog)s run examples/hello_world.xml      run an experiment
  %(prog)s check lab.xml                     find its faults, all at once
  %(prog)s plan lab.xml                      show what would happen
  %(prog)s ping lab.xml                      see which targets answer
  %(prog)s cleanup gplmt-runs/latest         clean up after a run that was killed
  %(prog)s runs                              list the runs, and how they ended
  %(prog)s show gplmt-runs/latest            what failed, and what it printed
  %(prog)s report gplmt-runs/latest          write the page about it

`gplmt COMMAND --help` tells the options of a command.
"""
REPORT = """\
examples:
  %(prog)s gplmt-runs/latest                 write report.html there, once more
  %(prog)s gplmt-runs/latest --format junit  junit.xml, for CI servers
  %(prog)s gplmt-runs/latest --format trace  trace.json, to open in ui.perfetto.dev
  %(prog)s gplmt-runs/latest --output -      to standard output

Made from the record of the run, events.jsonl; also of a run that is running or has crashed.

exit codes: 0 written, 1 it could not be written, 2 there is no such run or its record is none
"""
SHOW = """\
examples:
  %(prog)s gplmt-runs/latest                 the summary, and each failure with its output
  %(prog)s gplmt-runs/latest node3           what all commands on a target have printed
  %(prog)s gplmt-runs/latest measure.ping    what a task has printed, on all targets
  %(prog)s gplmt-runs/latest node3 ping      what that task has printed there

exit codes: 0 shown, 1 it could not be shown, 2 there is no such run, or nothing of that name in it
"""
RUNS = """\
examples:
  %(prog)s                                   the runs in gplmt-runs, the newest last
  %(prog)s --logroot-dir /data/runs          those in another place
  %(prog)s --json | jq -r '.[] | select(.outcome == "failed") | .run_dir'

outcomes: ok, failed, interrupted (by a signal), unfinished (still running, or killed)

exit codes: 0 listed, 1 the list could not be printed, 2 there is no such directory
"""
