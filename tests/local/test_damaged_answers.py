"""The client library, answered by something that is no engine: with damaged and cut frames."""

from __future__ import annotations

import contextlib
import os
import random
import select
import socket
import struct
import subprocess
import threading
from pathlib import Path
from typing import Iterator

import pytest
from raw import CONTEXT, CONTROL, HEADER, HELLO, STATUS, SUBMIT, WAIT
from test_sanitized_client import BINDING, CLIENT, compile_c

SOURCE = Path(__file__).parent / "c" / "answers.c"
FLAGS = ("-fsanitize=address,undefined", "-fno-omit-frame-pointer", "-fno-sanitize-recover")
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
    """Answers as an engine would, and now and then not at all so."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
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
                    data = data[4 + size :]
                    if kind == CONTEXT:
                        continue
                    payload = ANSWERS.get(kind, b"")
                    frame = struct.pack("=3I", 8 + len(payload), number, 0) + payload
                    if self.chance.random() < (0.1 if kind == HELLO else 0.4):
                        frame = self.damage(frame)
                        is_damaged = True
                        self.damaged += 1
                    link.sendall(frame)


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeEngine]:
    """An engine that is none."""
    seed = int.from_bytes(os.urandom(4), "little")
    print("seed", seed)  # noqa: T201  for who looks into a failure
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    made = FakeEngine(folder, seed)
    server = threading.Thread(target=made.serve)
    server.start()
    yield made
    made.listening.shutdown(socket.SHUT_RDWR)
    made.listening.close()
    server.join(10)


@pytest.mark.parametrize("rounds", [15, pytest.param(300, marks=pytest.mark.slow)])
def test_damaged_answers(fake: FakeEngine, tmp_path: Path, rounds: int) -> None:
    """No answer, however damaged, makes the client read or write where it must not, or hang."""
    sources = (SOURCE, *sorted(CLIENT.glob("*.c")))
    program = compile_c(tmp_path / "answers", *FLAGS, f"-I{BINDING}", *sources)
    of_sanitizers = ("LD_PRELOAD", "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS")
    environment = {name: text for name, text in os.environ.items() if name not in of_sanitizers}
    environment |= {"DRMAA_LOCAL_HOME": str(tmp_path / "home"), "DRMAA_LOCAL_ENGINE": "false"}
    done = subprocess.run(
        ["setarch", "-R", str(program), str(rounds)], env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert (0, "1\n") == (done.returncode, done.stdout)
    assert fake.damaged > rounds
