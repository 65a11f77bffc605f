# The guard: sees to it that nothing of a run is left behind when gplmt dies, however it dies.
#
# One guard serves one gplmt on one host.  Its stdin comes from gplmt and says what is there to
# be stopped.  When that stdin ends without the word `quit`, gplmt is gone: killed, crashed, or cut
# off.  The guard then stops everything, waits for the grace period, kills what is left, and ends.
#
# usage: sh -c GUARD gplmt-guard TOKEN GRACE
#   TOKEN  random, of this run; its commands carry GPLMT_COMMAND_ID=TOKEN-...
#   GRACE  seconds between stopping and killing; a fraction where `sleep` takes one
#
# Lines on stdin:
#   +WORD   add to what is there to be stopped
#   -WORD   remove the same word again
#   quit    end, and touch nothing
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
words=' '

PATH=/usr/bin:/bin:$PATH
trap '' HUP INT QUIT TERM PIPE TSTP TTIN TTOU USR1 USR2 ALRM
exec >/dev/null 2>&1
cd /

remember() {
  words="$words$1 "
}

forget() {
  case $words in
    *" $1 "*) words="${words%%" $1 "*} ${words#*" $1 "}" ;;
  esac
}

# Sorts the words into `groups` and the patterns of grep.
sort_words() {
  groups=' '
  patterns="-e GPLMT_COMMAND_ID=$token-s"
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
  for found in $(printf '%s\n' /proc/[0-9]*/environ | xargs grep -lsF $patterns); do
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
  if [ -n "$numbers" ] && [ -r /proc/self/stat ]; then
    drop_zombies
  fi
}

# In many containers nobody reaps orphans: leaves those of `living` that have more than zombies.
drop_zombies() {
  alive=' '
  for found in $(printf '%s\n' /proc/[0-9]*/stat |
    xargs grep -hsoE "[)] [^ZX] [0-9]+ (${numbers#|}) " | sed 's/ $//; s/.* //'); do
    alive="$alive$found "
  done
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

pause() {
  sleep 0.1 || sleep 1
}

# Whether two looks have found nothing: a process shows no environment while it executes a program.
all_gone() {
  anything_left && return 1
  pause
  anything_left && return 1
  return 0
}

stop_everything() {
  sort_words
  asked=' '
  sleep "$grace" &
  timer=$!
  until all_gone; do
    ask
    kill -0 "$timer" || break
    pause
  done
  kill -KILL "$timer"
  for round in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    all_gone && return
    kill_all
    pause
  done
}

while IFS= read -r line; do
  case $line in
    +*) remember "${line#+}" ;;
    -*) forget "${line#-}" ;;
    quit) exit ;;
  esac
done
exec </dev/null
stop_everything
