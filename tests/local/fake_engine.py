"""Something that answers as an engine would, and now and then, if asked, not at all so."""

from __future__ import annotations

import contextlib
import random
import select
import socket
import struct
import threading
from pathlib import Path
from typing import Iterator

from raw import CONTEXT, CONTROL, HEADER, HELLO, STATUS, SUBMIT, WAIT

U32 = struct.Struct("=I")
NUMBERS = (0, 1, 2, 7, 8, 255, 1000, 65536, 2**26, 2**26 + 1, 2**31 - 1, 2**31, 2**32 - 1)


def text(value: bytes) -> bytes:
    """A text of the protocol."""
    return U32.pack(len(value)) + value


ANSWERS = {
    HELLO: b"local:session=1",
    SUBMIT: U32.pack(2) + text(b"1.") + struct.pack("=3I", 1, 9, 2)
    + text(b"2") + struct.pack("=3I", 0, 0, 0),
    CONTROL: b"",
    STATUS: U32.pack(0x20),
    WAIT: text(b"1") + U32.pack(7 << 8) + U32.pack(3)
    + text(b"ru_wallclock=1.5") + text(b"") + text(b"exit_status=7"),
}  # fmt: skip


class FakeEngine:
    """Listens in a folder as an engine does.

    Args:
        folder: the home.
        seed: of what it does wrong.
        damages: how many answers of a hundred are damaged.
    """

    def __init__(self, folder: Path, seed: int = 0, damages: int = 0) -> None:
        self.chance = random.Random(seed)
        self.damages = damages
        #: The requests, by their kinds.
        self.received: list[tuple[int, bytes]] = []
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(folder / "engine.sock"))
        self.listening.listen(50)
        self.damaged = 0

    def damage(self, frame: bytes) -> bytes:
        """A frame with something wrong in it."""
        chance, data = self.chance, bytearray(frame)
        for _ in range(chance.randint(1, 3)):
            kind = chance.randrange(6)
            at = chance.randrange(len(data)) if data else 0
            if kind == 0 and data:
                data[at] ^= 1 << chance.randrange(8)
            elif kind == 1:
                del data[at:]
            elif kind == 2:
                rubbish = chance.randbytes(chance.randrange(64))
                data[at:at] = rubbish if chance.randrange(9) else bytes(chance.randrange(1 << 17))
            elif kind == 3 and len(data) >= 4:
                at = 4 * chance.randrange(len(data) // 4)
                data[at : at + 4] = U32.pack(chance.choice(NUMBERS))
            elif kind == 4 and len(data) >= 12:
                data[8:12] = U32.pack(chance.randrange(30))  # another code
            elif kind == 5 and len(data) >= 12:
                # The frame is sound, its payload is not.
                payload = chance.randbytes(chance.randrange(80))
                data[:] = U32.pack(8 + len(payload)) + data[4:12] + payload
        return bytes(data)

    def serve(self) -> None:
        """Answer whoever comes, until the socket is closed."""
        with contextlib.suppress(OSError):
            while True:
                link, _ = self.listening.accept()
                threading.Thread(target=self.talk, args=(link,), daemon=True).start()

    def talk(self, link: socket.socket) -> None:
        """Answer one connection; after a damaged answer hang up if nothing more is asked."""
        data, is_damaged = b"", False
        with link, contextlib.suppress(OSError):
            while True:
                if is_damaged and not select.select([link], [], [], 0.03)[0]:
                    return
                part = link.recv(1 << 16)
                if not part:
                    return
                data += part
                while len(data) >= 4 and len(data) >= 4 + U32.unpack_from(data)[0]:
                    size, kind, _, number, _ = HEADER.unpack_from(data)
                    self.received.append((kind, data[HEADER.size : 4 + size]))
                    data = data[4 + size :]
                    if kind == CONTEXT:
                        continue
                    payload = ANSWERS.get(kind, b"")
                    frame = struct.pack("=3I", 8 + len(payload), number, 0) + payload
                    damages = self.damages // 4 if kind == HELLO else self.damages
                    if self.chance.randrange(100) < damages:
                        frame = self.damage(frame)
                        is_damaged = True
                        self.damaged += 1
                    link.sendall(frame)

    @contextlib.contextmanager
    def serving(self) -> Iterator[FakeEngine]:
        """Serve while the block runs."""
        server = threading.Thread(target=self.serve)
        server.start()
        try:
            yield self
        finally:
            self.listening.shutdown(socket.SHUT_RDWR)
            self.listening.close()
            server.join(10)
