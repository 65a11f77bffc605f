"""How to log in to each node, resolved once before a run (LANGUAGE.md 4.2)."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager

import asyncssh
from msgspec import Struct

from gplmt.diagnostics import Faults, Location, Severity
from gplmt.errors import SetupError
from gplmt.inventory import Node, SshAddress
from gplmt.language.values import HostKeyChecking
from gplmt.prompting import can_ask
from gplmt.protocols import SshSettings, Warn
from gplmt.transports.ssh.algorithms import Algorithms, choose, for_host_keys
from gplmt.transports.ssh.authentication import Attempt, Credentials
from gplmt.transports.ssh.configuration import Configuration, HostSettings
from gplmt.transports.ssh.directives import ConfigurationFile, read_blocks
from gplmt.transports.ssh.host_keys import HostKeyPolicy, HostKeys
from gplmt.transports.ssh.keyring import Keyring
from gplmt.transports.ssh.known_hosts import KnownHosts
from gplmt.transports.ssh.routes import Route, Routes
from gplmt.transports.ssh.secrets import Secrets
from gplmt.transports.ssh.surroundings import Surroundings
from gplmt.transports.ssh.trust import Trust

_CONNECT_SECONDS = 30.0
_PASSWORD_FIRST = ("password", "keyboard-interactive", "publickey")
_NO_FILE = "/dev/null"


class Login(Struct, frozen=True, kw_only=True, eq=False):
    """How to log in to one host, ready to be used; the same object for the same login.

    `jumps` are the jump hosts on the way, the nearest first; `proxy_command` is the one that goes
    there instead, and `proxy_template` how the configuration has it.  `forwarded_agent` is the
    socket of the agent that is to be had there.
    """

    settings: HostSettings
    connect_timeout_seconds: float
    jumps: tuple[Login, ...]
    proxy_command: tuple[str, ...] | None
    proxy_template: str | None
    policy: HostKeyPolicy
    credentials: Credentials
    algorithms: Algorithms
    host_keys: HostKeys
    prefers_password: bool = False
    forwarded_agent: str | None = None

    @property
    def host(self) -> str:
        """What to connect to."""
        return self.settings.host_name

    @property
    def port(self) -> int:
        """Where to connect to."""
        return self.settings.port

    @property
    def user(self) -> str:
        """Who logs in."""
        return self.settings.user

    @property
    def server_key(self) -> Hashable:
        """The same for all logins whose burden one server bears, or one proxy command."""
        if self.proxy_template is not None:
            return self.proxy_template
        return (self.host.lower(), self.port, self.jumps[-1].server_key if self.jumps else None)

    @property
    def options(self) -> asyncssh.SSHClientConnectionOptions:
        """What asyncssh is told, times aside; connecting with it reads no file.

        It is made anew each time, as it is large, and asyncssh keeps a copy.
        """
        settings, algorithms = self.settings, self.algorithms
        is_checked = self.policy.checking is not HostKeyChecking.OFF
        return asyncssh.SSHClientConnectionOptions(
            config=[_NO_FILE],  # or asyncssh reads the user's own for each connection
            host=self.host,
            port=self.port,
            family=settings.address_family or (),
            local_addr=None if settings.bind_address is None else (settings.bind_address, 0),
            tcp_keepalive=settings.tcp_keep_alive is not False,
            client_factory=self._attempt,
            known_hosts=self._known_keys if is_checked else None,
            host_key_alias=settings.host_key_alias,
            server_host_key_algs=for_host_keys(
                settings.host_key_algorithms, self.host_keys.known(self.policy)
            ),
            x509_trusted_certs=None,
            x509_trusted_cert_paths=[],
            username=self.user,
            client_keys=None,  # the attempt has them
            preferred_auth=self._methods(),
            public_key_auth=settings.public_key is not False,
            password_auth=settings.password is not False,
            kbdint_auth=settings.keyboard_interactive is not False,
            host_based_auth=False,
            gss_host=() if settings.gssapi else None,
            gss_kex=False,
            agent_forwarding=self.forwarded_agent or False,
            encryption_algs=algorithms.ciphers,
            mac_algs=algorithms.macs,
            kex_algs=algorithms.key_exchanges,
            signature_algs=algorithms.signatures,
            compression_algs=algorithms.compressions,
            request_pty=False,
            encoding=None,
        )

    def _attempt(self) -> Attempt:
        return Attempt(self.credentials, self.policy, self.host_keys)

    def _known_keys(self, *_: object) -> tuple[list[asyncssh.SSHKey], ...]:
        """The keys to trust, the authorities, the revoked ones, as asyncssh asks for them."""
        known = self.host_keys.known(self.policy)
        return tuple(
            [each.key for each in keys] for keys in (known.keys, known.authorities, known.revoked)
        )

    def _methods(self) -> Sequence[str]:
        """In which order to try; empty for the usual one."""
        preferred = self.settings.preferred_authentications
        if preferred is not None:
            return preferred.split(",")
        return _PASSWORD_FIRST if self.prefers_password else ()


class Logins:
    """The logins of a run's nodes.

    The command line beats the experiment, the experiment the user's OpenSSH configuration.
    """

    def __init__(
        self, settings: SshSettings, *, warn: Warn, surroundings: Surroundings | None = None
    ) -> None:
        self._settings = settings
        self._warn = warn
        self._surroundings = surroundings or Surroundings.of_this_process()
        self._faults = Faults()
        self._problems: set[str] = set()
        may_ask = not settings.is_batch and can_ask()
        known_hosts = KnownHosts()
        self._keyring = Keyring(self._surroundings, Secrets(may_ask=may_ask))
        self._trust = Trust(settings, self._surroundings, known_hosts)
        self._host_keys = HostKeys(known_hosts, lambda problem: warn(problem, None))
        self._checked: set[Route] = set()
        self._by_route: dict[Route, Login] = {}
        self._by_node: dict[str, Login] = {}

    def prepare(self, nodes: Sequence[Node]) -> None:
        """Resolve the logins of these nodes; may ask for secrets on the terminal.

        Raises:
            SetupError: with all faults at once; then nothing is asked.
        """
        routes = Routes(self._configuration())
        found = [(node, self._route(node, routes)) for node in nodes]
        self._refuse_faults(nodes)
        for node, route in found:
            if route is not None:
                with self._telling_faults(node.at):
                    self._by_node[node.name] = self._login(route)
        self._refuse_faults(nodes)
        self._tell_of_unchecked_keys()

    def of(self, node: Node) -> Login:
        """The login of a node that has been prepared."""
        return self._by_node[node.name]

    def _configuration(self) -> Configuration:
        named = self._settings.config_file
        if named is not None:
            files = [ConfigurationFile(path=named, is_named=True)]
        else:
            files = [
                ConfigurationFile(path=self._surroundings.directory / "config"),
                ConfigurationFile(
                    path=self._surroundings.system_directory / "ssh_config", is_system=True
                ),
            ]
        blocks = read_blocks(files, self._surroundings, self._faults)
        return Configuration(blocks, self._surroundings, self._faults)

    def _route(self, node: Node, routes: Routes) -> Route | None:
        """The way to a node, and to the jump hosts before it; what is wrong with it is told."""
        if not isinstance(node.address, SshAddress):
            return None
        with self._telling_faults(node.at):
            route = routes.to(node.address)
            on_the_way: Route | None = route
            while on_the_way is not None and on_the_way not in self._checked:
                self._checked.add(on_the_way)
                self._check(on_the_way, node.at)
                on_the_way = on_the_way.via
            return route
        return None

    def _check(self, route: Route, at: Location) -> None:
        choose(route.settings)
        for problem, hint in self._keyring.faults(route):
            self._tell(at, problem, hint)
        for problem in self._trust.faults(route):
            self._tell(at, problem)

    def _login(self, route: Route) -> Login:
        if route not in self._by_route:
            self._by_route[route] = self._new_login(route)
        return self._by_route[route]

    def _new_login(self, route: Route) -> Login:
        document, settings = route.document, route.settings
        via = None if route.via is None else self._login(route.via)
        command = route.proxy_command
        return Login(
            settings=settings,
            connect_timeout_seconds=_connect_seconds(route),
            jumps=() if via is None else (*via.jumps, via),
            proxy_command=None if command is None else self._in_shell(command.text),
            proxy_template=None if command is None else command.template,
            policy=self._trust.policy(route),
            credentials=self._keyring.credentials(route),
            algorithms=choose(settings),
            host_keys=self._host_keys,
            prefers_password=document.password_env is not None and document.identity_file is None,
            forwarded_agent=self._keyring.forwarded_agent(route),
        )

    def _in_shell(self, command: str) -> tuple[str, ...]:
        """A proxy command as OpenSSH runs it."""
        shell = self._surroundings.environment.get("SHELL") or "/bin/sh"
        return (shell, "-c", f"exec {command}")

    @contextmanager
    def _telling_faults(self, at: Location) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            self._tell(at, str(error))

    def _tell(self, at: Location, problem: str, hint: str | None = None) -> None:
        """Take a fault, once where many targets have it."""
        if problem not in self._problems:
            self._problems.add(problem)
            self._faults.error(at, problem, hint)

    def _refuse_faults(self, nodes: Sequence[Node]) -> None:
        """Pass warnings on, and raise the errors that there are."""
        found = self._faults.in_order(dict.fromkeys(node.at.file for node in nodes))
        errors = [each for each in found if each.severity is Severity.ERROR]
        if errors:
            raise SetupError("\n".join(map(str, errors)))
        for warning in found:
            self._warn(warning.message, warning.at)
        self._faults = Faults()

    def _tell_of_unchecked_keys(self) -> None:
        """So that the record shows it (LANGUAGE.md 4.2)."""
        unchecked = [
            login.host
            for login in self._by_route.values()
            if login.policy.checking is HostKeyChecking.OFF
        ]
        if unchecked:
            hosts = "the host" if len(unchecked) == 1 else f"{len(unchecked)} hosts, among them"
            self._warn(f"host keys are not checked: of {hosts} {unchecked[0]}", None)


def _connect_seconds(route: Route) -> float:
    if route.document.connect_timeout is not None:
        return route.document.connect_timeout.total_seconds()
    return float(route.settings.connect_timeout_seconds or _CONNECT_SECONDS)
