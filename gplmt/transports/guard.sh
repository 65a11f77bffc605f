# The guard: sees to it that nothing of a run is left behind when gplmt dies, however it dies.
#
# One guard serves one gplmt on one host.  Its stdin comes from gplmt and says what is there to
# be stopped.  When that stdin ends without the word `quit`, gplmt is gone: killed, crashed, or cut
# off.  The guard then stops everything, waits for the grace period, kills what is left, and ends.
#
# usage: sh -c GUARD gplmt-guard TOKEN GRACE
#        { echo "set -- TOKEN GRACE NAP"; echo "{"; cat GUARD; echo "}"; } | sh
#   TOKEN  random, of this guard; its commands carry GPLMT_COMMAND_ID=TOKEN-...
#   GRACE  seconds between stopping and killing; a fraction where `sleep` takes one
#   NAP    a fifth of the lease, in seconds: when five naps long no `.` has come on stdin, that
#          counts as ended, as the network has been cut
#
# The second way is for the far end of a connection, where no argument is safe from the login
# shell.  The guard then answers on stdout.  Its first line is
#   TOKEN ready WHO WHAT HOST SELF SHELL
# where WHO is `leader` if processes started like it lead a group, WHAT `proc` if marked ones can be
# found; HOST tells one boot of a machine from others, and SELF is `PID:START`, when the guard began
# in the machine's own time, both `-` where that is not known; SHELL is the login shell's name.
#
# Lines on stdin:
#   +WORD            add to what is there to be stopped
#   -WORD            remove the same word again
#   =PGID:SIGNAL     its leader has ended; what it left in its group is there to be stopped
#   .                we are still there; it answers the same
#   stop ID WORD...  stop all of these now; then answer `gone ID`
#   kill ID WORD...  the same, without asking
#   list ID PREFIX SELF...
#                    answer `found ID PID PGID MARKER NAME` for every process whose marker begins
#                    with PREFIX, none if that is `-`, and for those, with MARKER `-`, that groups
#                    here left; `seen ID SELF` for each other guard that is seen from here, so that
#                    it need not look for itself; then `gone ID`
#   quit             end, and touch nothing
# When the lease is over, it answers `lapsed` before it stops anything.
# Words:
#   PGID:SIGNAL       a process group, and the signal that asks it to stop
#   PGID:SIGNAL:left  the same once its leader has been reaped; a process with this number is
#                     another's by then, and so is the group
#   MARK              the processes whose marker begins with TOKEN-MARK; no digit comes first.
#                     Marks that begin with `s` need not be added, they are always stopped.
#
# Must run in dash, bash and BusyBox ash.  It is packed before it is used: a comment needs a line
# of its own.  `kill -TERM -PGID` is the one form of killing a group that all three understand.

token=$1
grace=$2
nap=${3:-}
words=' '
watch=
forkless=
line=

PATH=/usr/bin:/bin:$PATH
trap '' HUP INT QUIT TERM PIPE TSTP TTIN TTOU USR1 USR2 ALRM
exec 3>&1 >/dev/null 2>&1
cd /

remember() {
  words="$words$1 "
}

forget() {
  case $words in
    *" $1 "*) words="${words%%" $1 "*} ${words#*" $1 "}" ;;
  esac
}

# Sorts the words into `groups` and, behind those that are given, the patterns of grep.
sort_words() {
  groups=' '
  patterns=$*
  for word in $words; do
    case $word in
      [0-9]*) groups="$groups$word " ;;
      *) patterns="$patterns -e GPLMT_COMMAND_ID=$token-$word" ;;
    esac
  done
}

# Sets `marked` to the processes with a marker, those in `groups` aside: they had their signal.
find_marked() {
  marked=
  lines=
  [ -n "$forkless" ] ||
    lines=$(printf '%s\n' /proc/[0-9]*/environ | xargs grep -lsF $patterns; echo "$?")
  if ! is_whole; then
    find_marked_slowly
    return
  fi
  for found in ${lines%"$status"}; do
    pid=${found#/proc/}
    pid=${pid%/environ}
    IFS= read -r stat <"/proc/$pid/stat" || continue
    set -- ${stat##*)}
    case $groups in
      *" $3:"*) ;;
      *) marked="$marked $pid" ;;
    esac
  done
}

# Whether the last of `lines` is the status of an xargs that has run all: not if it could not fork.
is_whole() {
  status=${lines##*[!0-9]}
  case $status in
    0 | 123) ;;
    *) return 1 ;;
  esac
}

# The same without a fork.
find_marked_slowly() {
  for found in /proc/[0-9]*/environ; do
    [ -r "$found" ] || continue
    pid=${found#/proc/}
    pid=${pid%/environ}
    bears_mark <"$found" || continue
    IFS= read -r stat <"/proc/$pid/stat" || continue
    set -- ${stat##*)}
    case $groups in
      *" $3:"*) ;;
      *) marked="$marked $pid" ;;
    esac
  done
}

# Whether what comes on stdin has one of the patterns; shells leave out the zeros between variables.
bears_mark() {
  while IFS= read -r text || [ -n "$text" ]; do
    for pattern in $patterns; do
      case $text in
        *"$pattern"*) [ "$pattern" = -e ] || return 0 ;;
      esac
    done
  done
  return 1
}

# Sets `living` to those of `groups` that have members.
find_living() {
  living=' '
  numbers=
  for word in $groups; do
    group=${word%%:*}
    case $word in
      *:left) kill -0 "$group" && continue ;;
    esac
    kill -0 "-$group" || continue
    living="$living$word "
    numbers="$numbers|$group"
  done
  if [ -n "$numbers" ] && [ -z "$forkless" ] && [ -r /proc/self/stat ]; then
    drop_zombies
  fi
}

# In many containers nobody reaps orphans: leaves those of `living` that have more than zombies.
drop_zombies() {
  lines=$(printf '%s\n' /proc/[0-9]*/stat |
    xargs grep -hsoE "[)] [^ZX] [0-9]+ (${numbers#|}) "; echo " $?")
  is_whole || return 0
  # Each line is `) S PARENT GROUP`.
  alive=' '
  set -f
  set -- ${lines%"$status"}
  while [ $# -ge 4 ]; do
    alive="$alive$4 "
    shift 4
  done
  set +f
  candidates=$living
  living=' '
  for word in $candidates; do
    case $alive in
      *" ${word%%:*} "*) living="$living$word " ;;
    esac
  done
}

anything_left() {
  find_living
  groups=$living
  find_marked
  [ "$groups$marked" != ' ' ]
}

# Asks each group and each marked process once; what appears late was started by one of them.
ask() {
  for word in $groups; do
    case $asked in
      *" $word "*) continue ;;
    esac
    asked="$asked$word "
    signal=${word#*:}
    kill "-${signal%:left}" "-${word%%:*}"
  done
  for pid in $marked; do
    case $asked in
      *" $pid "*) continue ;;
    esac
    asked="$asked$pid "
    kill -TERM "$pid"
  done
}

kill_all() {
  for word in $groups; do
    kill -KILL "-${word%%:*}"
  done
  for pid in $marked; do
    kill -KILL "$pid"
  done
}

# Mostly all is gone soon; later looks may come less often.
pause() {
  [ -z "$forkless" ] || return 0
  set -- $pauses
  sleep "${1:-0.2}" || sleep 1
  [ $# = 0 ] || shift
  pauses=$*
}

# Whether two looks have found nothing: a process shows no environment while it executes a program.
all_gone() {
  anything_left && return 1
  pause
  anything_left && return 1
  return 0
}

# What can be done without a fork, which may fail on a node that has too many processes.
ask_groups() {
  only_groups "$@"
  asked=' '
  ask
}

kill_groups() {
  only_groups "$@"
  kill_all
}

only_groups() {
  groups=' '
  marked=
  for word; do
    case $word in
      *:[0-9]*) ;;
      *:left) kill -0 "${word%%:*}" || groups="$groups$word " ;;
      *:*) groups="$groups$word " ;;
    esac
  done
}

# Takes `groups` and what `patterns` match down the ladder: ask, wait for the grace period, kill.
# What is in `asked` has been asked.
stop_sorted() {
  pauses='0.02 0.05 0.1'
  start_timer
  until all_gone; do
    ask
    is_in_time || break
    pause
  done
  [ -n "$forkless" ] || kill -KILL "$timer"
  kill_sorted
}

start_timer() {
  if [ -z "$forkless" ]; then
    sleep "$grace" &
    timer=$!
  elif IFS=. read -r seconds rest </proc/uptime; then
    timer=$((seconds + ${grace%.*} + 1))
  fi
}

# Whether the grace period is not over.
is_in_time() {
  if [ -z "$forkless" ]; then
    kill -0 "$timer"
  else
    IFS=. read -r seconds rest </proc/uptime && [ "$seconds" -lt "$timer" ]
  fi
}

kill_sorted() {
  pauses='0.02 0.05 0.1'
  for round in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    all_gone && return
    kill_all
    pause
  done
}

stop_everything() {
  ask_groups $words
  sort_words "-e GPLMT_COMMAND_ID=$token-s"
  find_marked
  add_their_groups
  stop_sorted
}

# Adds the groups that marked processes lead: a command that has just begun has not been told of.
add_their_groups() {
  for pid in $marked; do
    IFS= read -r stat <"/proc/$pid/stat" || continue
    read_stat "$stat"
    [ "$group" != "$pid" ] || groups="$groups$pid:TERM "
  done
}

stop_words() {
  sort_words
  stop_sorted
}

kill_words() {
  sort_words
  kill_sorted
}

# Does $1 to the words behind the ID $2, beside us, and answers.
beside() {
  action=$1
  id=$2
  shift 2
  if [ -n "$forkless" ]; then
    known=$words
    words="$*"
    answer
    words=$known
    return
  fi
  (
    exec </dev/null
    words="$*"
    trap 'forkless=1; answer' EXIT
    answer
    trap - EXIT
  ) &
}

answer() {
  $action
  echo "gone $id" >&3
}

# Keeps of a group whose leader has ended what it has left.
keep_left() {
  forget "$1"
  if kill -0 "-${1%%:*}"; then
    remember "$1:left"
  fi
}

# Sets `pid`, `name` and `start` to what a line of /proc/PID/stat says, and `state` and `group`.
read_stat() {
  pid=${1%% *}
  name=${1#*(}
  name=${name%)*}
  set -- ${1##*)}
  state=$1
  group=$3
  start=${20}
}

# Answers `list`; its words are the prefix, other guards, and the groups that are there to be stopped.
list() {
  prefix=${words%% *}
  set -- ${words#"$prefix"}
  tell_seen "$@"
  only_groups "$@"
  find_living
  all=$living
  groups=' '
  if [ "$prefix" != - ]; then
    patterns="-e GPLMT_COMMAND_ID=$prefix"
    find_marked
    first=$marked
    # A process shows no environment while it executes a program.
    find_marked
    marked="$first$marked"
  fi
  [ "$all$marked" = ' ' ] || tell_found
}

tell_seen() {
  for other; do
    case $other in
      *:[0-9]*)
        IFS= read -r stat <"/proc/${other%:*}/stat" || continue
        read_stat "$stat"
        [ "$other" != "$pid:$start" ] || echo "seen $id $other" >&3
        ;;
    esac
  done
}

tell_found() {
  for found in /proc/[0-9]*/stat; do
    IFS= read -r stat <"$found" || continue
    read_stat "$stat"
    case $state in
      Z | X) continue ;;
    esac
    case "$marked " in
      *" $pid "*) read_mark ;;
      *)
        mark=-
        case $all in
          *" $group:"*) ;;
          *) continue ;;
        esac
        ;;
    esac
    echo "found $id $pid $group ${mark:--} $name" >&3
  done
}

# Sets `mark` to the marker of `pid`; without a fork, something of another variable may follow.
read_mark() {
  if [ -z "$forkless" ]; then
    mark=$(tr '\0' '\n' <"/proc/$pid/environ" | sed -n 's/^GPLMT_COMMAND_ID=//p')
    return
  fi
  mark=
  while IFS= read -r text || [ -n "$text" ]; do
    case $text in
      *GPLMT_COMMAND_ID=*)
        mark=${text#*GPLMT_COMMAND_ID=}
        mark=${mark%%[ ]*}
        return
        ;;
    esac
  done <"/proc/$pid/environ"
}

# Ends the guard's waiting when nobody has renewed the lease for a whole one.  Nothing of this
# makes the guard itself fork later on, which may fail on a node that has too many processes.
watch_lease() {
  last=${!:-}
  # What is ignored here could not be heeded there.
  trap - TERM
  (
    exec 3>&- </dev/null
    missed=0
    trap 'missed=0' USR1
    trap '[ "${!:-}" = "$last" ] || kill -KILL "$!"; exit' TERM
    while [ "$missed" -lt 5 ]; do
      sleep "$nap" &
      # A signal ends the waiting, not the nap.
      while kill -0 "$!"; do
        wait "$!"
      done
      kill -0 "$$" || exit
      missed=$((missed + 1))
    done
    kill -USR2 "$$"
  ) &
  watch=$!
  trap '' TERM
}

# Ends the loop below: what it reads from is at its end now.
lapse() {
  trap '' USR2
  exec </dev/null
  watch=
  echo lapsed >&3
}

stop_watch() {
  [ -z "$watch" ] || kill -TERM "$watch"
}

if [ -n "$nap" ]; then
  trap lapse USR2
  watch_lease
  kill -0 "-$$" && who=leader || who=member
  [ -r /proc/self/environ ] && what=proc || what=none
  host=-
  self=-
  if IFS= read -r stat <"/proc/$$/stat" && IFS= read -r host </proc/sys/kernel/random/boot_id; then
    read_stat "$stat"
    self=$pid:$start
  fi
  echo "$token ready $who $what $host $self ${SHELL##*/}" >&3
fi

serve() {
  while IFS= read -r line; do
    handle
    line=
  done
}

handle() {
  case $line in
    +*) remember "${line#+}" ;;
    -*) forget "${line#-}" ;;
    =*) keep_left "${line#=}" ;;
    .)
      kill -USR1 "$watch"
      # A shell looks after what has ended beside it only when it is asked.
      jobs
      echo . >&3
      ;;
    stop\ *)
      ask_groups ${line#stop }
      beside stop_words ${line#stop }
      ;;
    kill\ *)
      kill_groups ${line#kill }
      beside kill_words ${line#kill }
      ;;
    list\ *\ -)
      # Most guards know of nothing, and are asked only whether they do.
      if [ "$words" = ' ' ]; then
        line=${line#list }
        echo "gone ${line% -}" >&3
      else
        beside list ${line#list } $words
      fi
      ;;
    list\ *) beside list ${line#list } $words ;;
    quit)
      trap - EXIT
      stop_watch
      exit
      ;;
  esac
}

# A shell that cannot fork ends at once.  This is what it does then, and never forks again.
go_on_without_forks() {
  forkless=1
  handle
  work
}

work() {
  serve
  stop_watch
  exec </dev/null
  stop_everything
}

trap go_on_without_forks EXIT
work
trap - EXIT
