"""What a POSIX shell on a node is told to do for a copy; pure."""

from __future__ import annotations

from shlex import quote

from gplmt.transports.copying_names import NodePath

# Programs shall say what is wrong in words that are known here.
_WORDS = "LC_ALL=C; export LC_ALL; "

_TAR = f"{_WORDS}unset TAR_OPTIONS; command -v tar >/dev/null || exit 127; "

# The files below the working directory: how many they are, and how many bytes.
_COUNT = (
    "find . -type f -exec ls -ldn {} + |"
    " awk '/^-/ { n++; s += $5 } END { printf \"%d %.0f\", n, s }'"
)

_ALL = 0o777

# Whoever waits for the reader of a FIFO notices no end of its stdin, so the end of the server's
# process is looked for, where that is possible.
_WATCH = (
    "( while sleep 1 && kill -0 $$; do"
    " [ -d /proc/$PPID ] || [ ! -d /proc/$$ ] || kill -KILL $$; done )"
    " </dev/null >/dev/null 2>&1 & "
)


def stage_script(stage: NodePath, *, files: int) -> str:
    """Unpack an archive of so many files from stdin in a new directory; tell their bytes.

    Unless that went well, nothing remains.  The files get this user as owner, and new times; not
    every tar sets their permission bits after it has made them.
    """
    return (
        f"{_TAR}umask 077; stage={quoted(stage)}; "
        'mkdir "$stage" && cd "$stage" || exit 1; umask 0; '
        f'if tar -xpmof - && n=$({_COUNT}) && [ "${{n% *}}" = {files} ]; then echo "${{n#* }}"; '
        'else cd /; rm -rf "$stage"; exit 1; fi'
    )


def archive_script(directory: NodePath) -> str:
    """Write the archive of a directory, which may be a link, to stdout.

    It fails where an archive is not all: files of /proc and /sys tell wrong sizes, and tar passes
    over sockets.
    """
    return (
        f"{_TAR}COPYFILE_DISABLE=1; export COPYFILE_DISABLE; cd {quoted(directory)} || exit 3; "
        "case $(pwd -P)/ in /proc/*|/sys/*) exit 3;; esac; "
        'tar -cf - . && [ -z "$(find . -type s)" ]'
    )


def order_script(command: str, *, sign: str) -> bytes:
    """Let a shell that reads orders do one; after what that writes come `sign` and its status."""
    order = f"{_WORDS}{{ {command}; }} </dev/null 2>&1; printf '\\n%s %s\\n' {sign} $?\n"
    return order.encode(errors="surrogateescape")


def list_script(directory: NodePath) -> str:
    """The names in a directory, each after a letter for its kind and before a NUL."""
    return (
        f"ls {quoted(directory)} >/dev/null && (cd {quoted(directory)} && for name in .* *; do"
        ' case $name in .|..) continue;; esac; if [ -L "$name" ]; then kind=l;'
        ' elif [ -d "$name" ]; then kind=d; elif [ -f "$name" ]; then kind=-;'
        ' elif [ -p "$name" ]; then kind=p; elif [ -S "$name" ]; then kind=s;'
        ' elif [ -c "$name" ]; then kind=c; elif [ -b "$name" ]; then kind=b;'
        " else continue; fi; printf '%s%s\\0' $kind \"$name\"; done)"
    )


def make_directory_script(path: NodePath, permissions: int) -> str:
    """Make a directory; where everything is permitted, the umask decides."""
    mode = "" if permissions == _ALL else f"-m {permissions:o} "
    return f"mkdir {mode}{quoted(path)}"


def rename_script(path: NodePath, target: NodePath) -> str:
    """Let a path take the place of another, which mv would enter if it were a directory.

    Not every mv can be told not to; then another copy may come in between.
    """
    words = f"{quoted(path)} {quoted(target)}"
    return (
        'if [ -z "$mv" ]; then mv=f; mv --help 2>&1 | grep -q -e -T && mv=fT; fi; '
        f"if [ $mv = fT ]; then mv -fT {words}; "
        f"else [ ! -L {quoted(target)} ] || rm -f {quoted(target)}; "
        f"if [ -d {quoted(target)} ]; then echo 'Is a directory'; false; else mv -f {words}; fi; fi"
    )


def write_script(path: NodePath, permissions: int) -> str:
    """Write stdin to a new file; stdout tells how many bytes that made."""
    word = quoted(path)
    return f"{_WORDS}umask 077; cat >{word} && chmod {permissions:o} {word} && wc -c <{word}"


def read_script(path: NodePath) -> str:
    """Write a file to stdout."""
    return f"{_WORDS}exec cat {quoted(path)}"


def write_through_script(target: NodePath) -> str:
    """Write stdin to what is no regular file; the first line of stdout is the writer's number."""
    return f"{_WORDS}{_WATCH}echo $$ && exec cat >{quoted(target)}"


def kill_script(process: int) -> str:
    """Kill a process that waits perhaps for ever."""
    return f"kill -KILL {process}"


def remove_tree_script(tree: NodePath) -> str:
    """Remove a directory that is ours, with all that is in it."""
    return f"chmod -R u+rwx {quoted(tree)}; rm -rf {quoted(tree)}"


def quoted(path: NodePath) -> str:
    """The path as a word of a shell; it is absolute, so it is no option."""
    return quote(str(path))


def reason(errors: bytes, status: int) -> str:
    """Why a program failed: what it wrote last, without its own name and those of files."""
    lines = errors.decode(errors="replace").strip().splitlines()
    return lines[-1].rpartition(": ")[2] if lines else f"exit status {status}"
