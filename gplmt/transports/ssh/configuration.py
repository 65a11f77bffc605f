"""What the user's OpenSSH client configuration says of a host; ssh_config(5)."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from collections.abc import Sequence
from heapq import merge
from typing import Any

from msgspec import Struct

from gplmt.diagnostics import Faults
from gplmt.language.values import HostKeyChecking
from gplmt.transports.ssh import keywords
from gplmt.transports.ssh.conditions import Patterns
from gplmt.transports.ssh.directives import Block, Directive
from gplmt.transports.ssh.surroundings import Surroundings, expand_in_shell, expand_tokens

_DEFAULT_PORT = 22


class HostSettings(Struct, frozen=True, kw_only=True):
    """What a configuration says of one host; None is what it does not say.

    `host_name`, `user` and `port` are what will be used. Paths are as they stand there: `~`,
    tokens and variables are not yet expanded.
    """

    host_name: str
    user: str
    port: int = _DEFAULT_PORT
    address_family: int | None = None
    batch_mode: bool | None = None
    bind_address: str | None = None
    certificate_files: tuple[str, ...] = ()
    ciphers: str | None = None
    compression: bool | None = None
    connect_timeout_seconds: int | None = None
    forward_agent: bool | str | None = None
    global_known_hosts_files: tuple[str, ...] | None = None
    gssapi: bool | None = None
    hash_known_hosts: bool | None = None
    host_key_algorithms: str | None = None
    host_key_alias: str | None = None
    host_key_checking: HostKeyChecking | None = None
    identities_only: bool | None = None
    identity_agent: str | None = None
    identity_files: tuple[str, ...] | None = None
    ignored_keywords: str | None = None
    kex_algorithms: str | None = None
    keyboard_interactive: bool | None = None
    macs: str | None = None
    password: bool | None = None
    preferred_authentications: str | None = None
    proxy_command: str | None = None
    proxy_jump: str | None = None
    public_key: bool | None = None
    public_key_algorithms: str | None = None
    tag: str | None = None
    tcp_keep_alive: bool | None = None
    user_known_hosts_files: tuple[str, ...] | None = None


class Configuration:
    """Blocks of directives, to be asked for one host after another.

    What is wrong with a directive, or not supported, goes to `faults` when a host that it counts
    for is looked up.  The result of a command of `Match exec` is kept.
    """

    def __init__(self, blocks: Sequence[Block], surroundings: Surroundings, faults: Faults) -> None:
        self._blocks = blocks
        self.surroundings = surroundings
        self.faults = faults
        self._wants_final = any(block.condition.wants_final for block in blocks)
        self._noted: set[str] = set()
        self._outcomes: dict[str, bool] = {}
        self._numbers_by_name: dict[str, list[int]] = defaultdict(list)
        self._other_numbers: list[int] = []
        for number, block in enumerate(blocks):
            names = block.condition.names
            if names is None:
                self._other_numbers.append(number)
            for name in names or ():
                self._numbers_by_name[name].append(number)

    def look_up(
        self, name: str, *, user: str | None = None, port: int | None = None
    ) -> HostSettings:
        """What it says of the host that the user calls `name`; `user` and `port` are given."""
        look_up = _LookUp(self, name, user=user, port=port)
        look_up.read()
        if self._wants_final:
            look_up.read_again()
        return look_up.settings()

    def candidates(self, name: str) -> list[tuple[int, Block]]:
        """The blocks that may count for a name, with their numbers, in order."""
        numbers = merge(self._other_numbers, self._numbers_by_name.get(name, ()))
        return [(number, self._blocks[number]) for number in numbers]

    def note(self, directive: Directive) -> None:
        """Tell, once for each keyword, of one that means nothing to gplmt."""
        note = keywords.note_on(directive)
        if note is not None and directive.keyword not in self._noted:
            self._noted.add(directive.keyword)
            self.faults.warning(directive.at, *note)

    def succeeds(self, command: str) -> bool:
        """Whether a command exits with 0, told from its first run."""
        if command not in self._outcomes:
            shell = self.surroundings.environment.get("SHELL") or "/bin/sh"
            ended = subprocess.run(  # noqa: S603
                [shell, "-c", command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                check=False,
            )
            self._outcomes[command] = ended.returncode == 0
        return self._outcomes[command]


class _LookUp:
    """Goes through the blocks for one host; see `conditions.Circumstances`."""

    def __init__(
        self, configuration: Configuration, name: str, *, user: str | None, port: int | None
    ) -> None:
        self._configuration = configuration
        self._original_name = name
        self._values: dict[str, Any] = {}
        self._without_meaning: list[Directive] = []
        self.name = name
        self.is_final = False
        if user is not None:
            self._values["user"] = user
        if port is not None:
            self._values["port"] = port

    def read(self) -> None:
        """Take the first value of each keyword from the blocks that hold."""
        holding: set[int] = set()
        for number, block in self._configuration.candidates(self.name):
            if block.parent is not None and block.parent not in holding:
                continue
            if block.condition.holds(self):
                holding.add(number)
                for directive in block.directives:
                    self._take(directive)

    def read_again(self) -> None:
        """Read once more, as `Match final` asks: now by the name that will be connected to."""
        self.is_final = True
        self.name = self._host_name.lower()
        self._values["host_name"] = self.name.replace("%", "%%")
        self.read()

    def settings(self) -> HostSettings:
        """What was found."""
        ignored = str(self._values.pop("ignored_keywords", ""))
        known = Patterns(ignored.split(","), ignore_case=True)
        for directive in self._without_meaning:
            if not known.match(directive.keyword):
                self._configuration.note(directive)
        values = {**self._values, "host_name": self._host_name, "user": self._user}
        for field in ("proxy_command", "proxy_jump"):
            if str(values.get(field, "")).lower() == "none":
                del values[field]
        return HostSettings(**values)

    def subject(self, criterion: str) -> str:
        """As `Circumstances.subject`."""
        match criterion:
            case "host":
                return self._host_name
            case "user":
                return self._user
            case "localuser":
                return self._configuration.surroundings.user
            case "tagged":
                return str(self._values.get("tag", ""))
        return self._original_name

    def succeeds(self, command: str) -> bool:
        """As `Circumstances.succeeds`."""
        host_name = self._host_name
        tokens = self._configuration.surroundings.tokens(
            name=self._original_name,
            host=host_name,
            port=self._values.get("port", _DEFAULT_PORT),
            user=self._user,
            alias=self._values.get("host_key_alias", host_name),
        )
        return self._configuration.succeeds(expand_in_shell(command, tokens))

    @property
    def _host_name(self) -> str:
        if "host_name" not in self._values:
            return self._original_name  # in which a % comes before the zone of an address
        host_name = str(self._values["host_name"])
        return expand_tokens(host_name, {"h": self._original_name, "%": "%"})

    @property
    def _user(self) -> str:
        return str(self._values.get("user") or self._configuration.surroundings.user)

    def _take(self, directive: Directive) -> None:
        keyword = directive.keyword
        try:
            if keyword in keywords.FIRST:
                self._take_first(directive, *keywords.FIRST[keyword])
            elif keyword in keywords.REPEATED:
                self._take_repeated(directive, *keywords.REPEATED[keyword])
            else:
                self._without_meaning.append(directive)
        except ValueError as error:
            self._configuration.faults.error(directive.at, f"{directive.written}: {error}")

    def _take_first(self, directive: Directive, field: str, parse: keywords.Parser) -> None:
        value = parse(directive)
        if value is None or field in self._values or self._is_out_of_use(field):
            return
        if field == "host_name":
            expand_tokens(str(value), {"h": "", "%": ""})
        self._values[field] = value

    def _take_repeated(self, directive: Directive, field: str, parse: keywords.Parser) -> None:
        value, values = parse(directive), self._values.get(field, ())
        if value not in values:
            self._values[field] = (*values, value)

    def _is_out_of_use(self, field: str) -> bool:
        """Whether the other one of ProxyJump and ProxyCommand came first."""
        if field == "proxy_jump":
            return "proxy_command" in self._values
        if field == "proxy_command":
            return str(self._values.get("proxy_jump", "none")).lower() != "none"
        return False
