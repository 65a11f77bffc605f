"""Elements to targets (LANGUAGE.md 4 and 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from msgspec import structs
from msgspec.structs import replace

from gplmt.element import Element
from gplmt.language.targets import (
    ExportEnv,
    GroupTarget,
    LocalTarget,
    PlanetlabTarget,
    SshOptions,
    SshTarget,
    Target,
    TargetRef,
)
from gplmt.language.values import XML_SPACE
from gplmt.loading import grammar, readings
from gplmt.loading.admission import admit, admit_attributes, listed
from gplmt.loading.context import Context

T = TypeVar("T")
Variables = tuple[ExportEnv, ...]


def build_targets(element: Element, context: Context) -> list[Target]:
    """The targets that stand in `<targets>`, groups with their members in them."""
    element = admit(element, grammar.TARGETS, context)
    variables = build_environment(element, context)
    builder = _Builder(context, variables)
    return [
        builder.target(child, SshOptions())
        for child in element.children
        if child.tag == "target" and not _is_lone_reference(child, context)
    ]


def _is_lone_reference(element: Element, context: Context) -> bool:
    """Whether an element is a group's member but stands in no group, which is then told."""
    if "ref" not in element.attributes:
        return False
    problem = "a <target> with 'ref' may stand only in a group"
    context.faults.error(element.at, problem)
    context.remember(element)
    return True


def build_environment(element: Element, context: Context) -> Variables:
    """The variables that an element's `<export-env>` children set."""
    if not element.children:
        return ()
    return tuple(
        [_export_env(child, context) for child in element.children if child.tag == "export-env"]
    )


def _export_env(element: Element, context: Context) -> ExportEnv:
    element = admit(element, grammar.EXPORT_ENV, context)
    var = element.value("var", readings.variable, context.faults)
    if var is None:
        var = element.attributes.get("var", "").strip(XML_SPACE)
        context.has_nameless_variable |= not var
    return ExportEnv(at=element.at, var=var, value=element.attributes.get("value"))


class _Builder:
    """Builds the targets of one `<targets>`, whose variables each of them gets."""

    def __init__(self, context: Context, variables: Variables) -> None:
        self._context = context
        self._faults = context.faults
        self._variables = variables

    def target(self, element: Element, defaults: SshOptions) -> Target:
        """A target of any kind; one whose kind is not known counts as local."""
        element = self._with_known_kind(element)
        match element.attributes["type"].strip(XML_SPACE):
            case "ssh":
                return self._ssh(element, defaults)
            case "group":
                return self._group(element, defaults)
            case "planetlab":
                return self._planetlab(element, defaults)
        element = admit(element, grammar.LOCAL, self._context)
        return LocalTarget(
            at=element.at,
            name=self._name(element),
            environment=build_environment(element, self._context),
            document_environment=self._variables,
        )

    def _with_known_kind(self, element: Element) -> Element:
        """The element with the kind that it has or was probably meant to have."""
        if _kind(element) not in grammar.TARGET_KINDS:
            element = admit_attributes(element, grammar.DEFINITION, self._context)
        kind = _kind(element)
        if kind in grammar.TARGET_KINDS:
            return element
        meant = self._refuse_kind(element, kind)
        if meant is None:  # nothing can be said of what is in it
            for child in element.children:
                self._context.remember(child)
            element = replace(element, children=(), stray=None)
        return replace(element, attributes={**element.attributes, "type": meant or "local"})

    def _refuse_kind(self, element: Element, kind: str) -> str | None:
        """Tell of an unknown kind, and return the one that was probably meant."""
        problem = f"the type {kind!r} of <target> is not known"
        if "type" not in element.attributes:
            problem = "<target> has no attribute 'type', which it needs"
        meant = self._faults.similar(kind, grammar.TARGET_KINDS)
        kinds = listed([f"'{known}'" for known in grammar.TARGET_KINDS], last="or")
        hint = f"did you mean '{meant}'?" if meant else f"write {kinds}"
        self._faults.error(element.at, problem, hint)
        return meant

    def _name(self, element: Element) -> str:
        name = element.value("name", readings.name, self._faults)
        if name is None:
            name = self._context.note_bad_name(element)
            self._context.has_nameless_target |= not name
        return name

    def _ssh(self, element: Element, defaults: SshOptions) -> SshTarget:
        element = admit(element, grammar.SSH, self._context)
        settings = _settings(element)
        return SshTarget(
            at=element.at,
            name=self._name(element),
            host=self._needed(element, settings, "host", readings.host),
            options=self._options(settings, defaults),
            environment=build_environment(element, self._context),
            document_environment=self._variables,
        )

    def _group(self, element: Element, defaults: SshOptions) -> GroupTarget:
        element = admit(element, grammar.GROUP, self._context)
        defaults = self._options(_settings(element), defaults)
        return GroupTarget(
            at=element.at,
            name=self._name(element),
            members=tuple(
                self._member(child, defaults) for child in element.children if child.tag == "target"
            ),
            environment=build_environment(element, self._context),
            document_environment=self._variables,
        )

    def _member(self, element: Element, defaults: SshOptions) -> Target | TargetRef:
        if _kind(element) not in grammar.TARGET_KINDS:
            element = admit_attributes(element, grammar.MEMBER, self._context)
        if "ref" not in element.attributes:
            return self.target(element, defaults)
        element = admit(element, grammar.REFERENCE, self._context)
        ref = element.value("ref", readings.reference, self._faults)
        return TargetRef(at=element.at, ref=ref or "")

    def _planetlab(self, element: Element, defaults: SshOptions) -> PlanetlabTarget:
        element = admit(element, grammar.PLANETLAB, self._context)
        settings = _settings(element)
        password = settings.get("password")
        if password is not None:
            problem = "a password stands in the file, where others may read it"
            hint = "set GPLMT_PLANETLAB_PASSWORD instead"
            self._faults.warning(password.at, problem, hint)
        return PlanetlabTarget(
            at=element.at,
            name=self._name(element),
            api_url=self._api_url(element, settings),
            slice_name=self._needed(element, settings, "slicename", readings.user),
            user=self._needed(element, settings, "user"),
            password=None if password is None else password.text.strip(XML_SPACE),
            options=defaults,
            environment=build_environment(element, self._context),
            document_environment=self._variables,
        )

    def _api_url(self, element: Element, settings: Mapping[str, Element]) -> str:
        url = self._needed(element, settings, "apiurl")
        if url.startswith("http://"):
            problem = f"the API {url} is asked without encryption"
            self._faults.warning(settings["apiurl"].at, problem, "write https:// if it can do that")
        elif url and not url.startswith("https://"):
            self._faults.error(settings["apiurl"].at, f"<apiurl>: {url!r} is no https:// address")
        return url

    def _needed(
        self,
        element: Element,
        settings: Mapping[str, Element],
        tag: str,
        parse: Callable[[str], str] = readings.word,
    ) -> str:
        """The word in a child that may not be absent."""
        if tag not in settings:
            kind = element.attributes["type"].strip(XML_SPACE)
            problem = f"the {kind} target has no <{tag}>, which it needs"
            self._faults.error(element.at, problem)
        return self._setting(settings, tag, parse) or ""

    def _setting(
        self, settings: Mapping[str, Element], tag: str, parse: Callable[[str], T]
    ) -> T | None:
        element = settings.get(tag)
        if element is None:
            return None
        return admit(element, grammar.TEXT, self._context).content(parse, self._faults)

    def _options(self, settings: Mapping[str, Element], defaults: SshOptions) -> SshOptions:
        """What the element says, and for the rest what enclosing groups say."""
        if not settings.keys() & grammar.SSH_OPTIONS:
            return defaults
        options = SshOptions(
            user=self._setting(settings, "user", readings.user),
            port=self._setting(settings, "port", readings.port),
            identity_file=self._setting(settings, "identity-file", self._path),
            proxy_jump=self._setting(settings, "proxy-jump", readings.jumps),
            known_hosts_file=self._setting(settings, "known-hosts-file", self._path),
            host_key_checking=self._setting(
                settings, "host-key-checking", readings.host_key_checking
            ),
            connect_timeout=self._setting(settings, "connect-timeout", readings.positive_duration),
            forward_agent=self._setting(settings, "forward-agent", readings.boolean),
            password_env=self._setting(settings, "password-env", readings.variable_name),
        )
        given = {
            name: value for name, value in structs.asdict(options).items() if value is not None
        }
        return replace(defaults, **given)

    def _path(self, text: str) -> str:
        """A path beside the document, unless it says where it is, or that there is none."""
        path = readings.plain_path(text)
        if path == "none" or path.startswith(_SELF_CONTAINED):
            return path
        # What OpenSSH's configuration would expand in a path is not meant in the directory's name.
        directory = str(self._context.directory).replace("%", "%%")
        return str(Path(directory, path))


def _kind(element: Element) -> str:
    return element.attributes.get("type", "").strip(XML_SPACE)


_SELF_CONTAINED = ("/", "~", "%d", "${")  # the last two as the OpenSSH configuration has them


def _settings(element: Element) -> dict[str, Element]:
    """The children that stand once, by tag; the first one counts."""
    settings: dict[str, Element] = {}
    for child in element.children:
        settings.setdefault(child.tag, child)
    return settings
