"""A client of the engine that speaks the protocol itself: protocol.md has the frames."""

from __future__ import annotations

import socket
import struct
from typing import Callable

from engines import Engine

HEADER = struct.Struct("=IBBxxII")
HELLO, CONTEXT, SUBMIT, CONTROL, STATUS, WAIT, _, INFO = 1, *range(3, 10)
FIELDS = {"state": 1, "output": 9, "join": 11}
ANY = struct.pack("=qI", -1, 0)
PROTOCOL = 3


Start = Callable[..., "Client"]


class Client:
    """A client that speaks the protocol itself, and reads answers when it is told to."""

    def __init__(self, link: socket.socket, nonce: bytes, contact: str) -> None:
        self.link = link
        again = bool(contact)
        text = contact.encode()
        hello = struct.pack("=IB16sI", PROTOCOL, again, nonce, len(text)) + text
        self.send(HELLO, 1, hello)
        self.contact = self.answer()[2].decode()
        # A umask, a home, no limits, an empty environment.
        self.send(CONTEXT, 2, struct.pack("=II1sII", 0o22, 1, b"/", 0, 0))

    def send(self, kind: int, number: int, payload: bytes, *, again: bool = False) -> None:
        """Send a request; no answer before it has arrived."""
        self.link.sendall(HEADER.pack(12 + len(payload), kind, again, number, 1) + payload)

    def answer(self) -> tuple[int, int, bytes]:
        """The next answer: the request's number, the code, the payload."""
        size, number, code = struct.unpack("=III", self.read(12))
        return number, code, self.read(size - 8)

    def read(self, size: int) -> bytes:
        """Exactly so many bytes."""
        data = b""
        while len(data) < size:
            part = self.link.recv(size - len(data))
            assert part, "the engine hung up"
            data += part
        return data


def submission(command: str, *arguments: str, **fields: str) -> bytes:
    """The payload of a submission that writes nowhere."""
    given = {"output": ":/dev/null", "join": "y", **fields}
    texts = [(FIELDS[name], value) for name, value in given.items()]
    texts += [(0, command), *((32, argument) for argument in arguments)]
    packed = [struct.pack("=BI", field, len(text)) + text.encode() for field, text in texts]
    return struct.pack("=6q3i", *[-1] * 6, 0, 0, 0) + b"".join(packed)


def connect(engine: Engine) -> socket.socket:
    """A raw connection to the engine."""
    link = socket.socket(socket.AF_UNIX)
    link.settimeout(10)
    try:
        link.connect(str(engine.home / "engine.sock"))
    except OSError:
        link.close()
        raise
    return link


def ids_of(job: int) -> bytes:
    """The payload of the answer to the submission of a single job."""
    return struct.pack("=II", 1, len(str(job))) + str(job).encode() + struct.pack("=3i", 0, 0, 0)
