"""Asks PLCAPI which nodes a slice has: GetSlices, then GetNodes (LANGUAGE.md 4.4)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from gplmt.targets.endpoint import ApiError, Endpoint

NodeId = Annotated[int, Meta(ge=0, lt=1 << 31)]  # what XML-RPC has integers for


class Question(Struct, frozen=True, kw_only=True):
    """Which nodes a slice has, asked by a user of an API."""

    api_url: str
    slice_name: str
    user: str
    password: str


class _Slice(Struct):
    node_ids: tuple[NodeId, ...]


class _Node(Struct):
    node_id: NodeId
    hostname: str


def ask(question: Question, *, timeout_seconds: float) -> tuple[str, ...]:
    """The hosts of a slice, each once, in the order in which GetSlices has its nodes.

    `timeout_seconds` is as for `Endpoint`.

    Raises:
        ApiError: the API cannot be asked, refuses, or does not know the slice or its nodes.
    """
    url, name = question.api_url, question.slice_name
    endpoint = Endpoint(url, timeout_seconds=timeout_seconds, secret=question.password)
    login = {
        "AuthMethod": "password",
        "Username": question.user,
        "AuthString": question.password,
    }
    slices = endpoint.call("GetSlices", login, [name], ["node_ids"], answer=tuple[_Slice, ...])
    if not slices:
        hint = f"check <slicename>, and that it has not expired and '{question.user}' belongs to it"
        raise ApiError(f"the API {url} knows no slice '{name}'", hint)
    if len(slices) > 1:
        raise ApiError(f"the API {url} knows {len(slices)} slices '{name}'", "check <slicename>")
    node_ids = list(slices[0].node_ids)
    if not node_ids:
        raise ApiError(f"the slice '{name}' of the API {url} has no nodes", "add nodes to it")
    fields = ["node_id", "hostname"]
    nodes = endpoint.call("GetNodes", login, node_ids, fields, answer=tuple[_Node, ...])
    hosts = {node.node_id: node.hostname for node in nodes}
    unknown = [node_id for node_id in node_ids if node_id not in hosts]
    if unknown:
        problem = f"the API {url} does not tell the host of node {unknown[0]} of slice '{name}'"
        raise ApiError(problem, "remove the node from the slice, or try again")
    return tuple(dict.fromkeys(hosts[node_id] for node_id in node_ids))
