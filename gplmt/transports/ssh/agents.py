"""Which keys an SSH agent holds, asked once before a run; draft-ietf-sshm-ssh-agent."""

from __future__ import annotations

import socket
from typing import NamedTuple

from asyncssh.packet import Byte, PacketDecodeError, SSHPacket, UInt32

_REQUEST_IDENTITIES = 11
_IDENTITIES_ANSWER = 12
_PATIENCE_SECONDS = 3.0
_MAX_ANSWER_BYTES = 1 << 20


class AgentKey(NamedTuple):
    """A key or certificate that an agent signs with."""

    public_data: bytes
    comment: bytes


def list_keys(path: str) -> tuple[AgentKey, ...]:
    """The keys of the agent at a socket; none where nobody answers."""
    try:
        with socket.socket(socket.AF_UNIX) as agent:
            agent.settimeout(_PATIENCE_SECONDS)
            agent.connect(path)
            request = Byte(_REQUEST_IDENTITIES)
            agent.sendall(UInt32(len(request)) + request)
            length = int.from_bytes(_read(agent, 4), "big")
            return _keys_in(SSHPacket(_read(agent, min(length, _MAX_ANSWER_BYTES))))
    except (OSError, PacketDecodeError):
        return ()


def _read(agent: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        received = agent.recv(size - len(data))
        if not received:
            raise ConnectionResetError
        data += received
    return data


def _keys_in(answer: SSHPacket) -> tuple[AgentKey, ...]:
    if answer.get_byte() != _IDENTITIES_ANSWER:
        return ()
    count = answer.get_uint32()
    return tuple([AgentKey(answer.get_string(), answer.get_string()) for _ in range(count)])
