"""One client's connection: requests in, answers out. protocol.md has the frames."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from typing import TYPE_CHECKING, Callable, ClassVar

from . import codes, model, repeats, report, spec, waiting

if TYPE_CHECKING:
    from .server import Server

PROTOCOL = 3
MOST_FRAME = 64 << 20
#: How long a client may be silent before its hello, and in the middle of a message.
_SILENT_SECONDS = 10
HELLO, EXIT, CONTEXT, SUBMIT, CONTROL, STATUS, WAIT, SYNCHRONIZE, INFO, STOP, JOBS = range(1, 12)
CONTROL_JOBS = 12
_AGAIN, _TOGETHER = 1, 2
ALL = "DRMAA_JOB_IDS_SESSION_ALL"

HEADER = struct.Struct("=IBBxxII")
ANSWER = struct.Struct("=III")
_U32 = struct.Struct("=I")
_WAIT = struct.Struct("=qI")
_SYNCHRONIZE = struct.Struct("=qBB")
_SUBMIT = struct.Struct("=6q3i")
_HELLO = struct.Struct("=IB16sI")
_PEER = struct.Struct("3i")


#: What a socket has brought, until its protocol takes it, at once. asyncio's own buffer is a new
#: one of 256 KiB each time, which costs ten times as much as the reading.
RECEIVED = memoryview(bytearray(1 << 16))


class _Question:
    """One request: where its answer goes, and its name for all engines to come."""

    __slots__ = ("connection", "number", "together")

    def __init__(self, connection: Connection, number: int, flags: int) -> None:
        self.connection = connection
        self.number = number
        self.together = flags & _TOGETHER != 0

    @property
    def token(self) -> bytes:
        return repeats.token_of(self.connection.nonce, self.number)

    @property
    def client(self) -> repeats.Client:
        return self.connection.client

    def answer(self, code: int, payload: bytes = b"") -> None:
        self.connection.answer(self.number, code, payload)

    def answer_unstored(self, payload: bytes = b"") -> None:
        self.connection.answer_unstored(self.number, payload)

    def withdraw(self) -> bool:
        self.client.withdraw(self.number)
        return self.connection.withdraw(self.number)


class Connection(asyncio.BufferedProtocol):
    """One client."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._engine = server.engine
        self._transport: asyncio.Transport | None = None
        self._in = bytearray()
        self._out: list[bytes] = []
        #: Answers that say what must be stored before, with their numbers.
        self._held: list[tuple[int, bytes]] = []
        self._patience: asyncio.TimerHandle | None = None
        self._context: spec.Context | None = None
        self._session: model.Session | None = None
        self._left = False
        self.nonce: bytes = b""
        #: Nobody before hello.
        self.client: repeats.Client = repeats.Client(self._engine.forget)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: somebody has connected; only this user may."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  asyncio's promise
        peer = transport.get_extra_info("socket")
        data = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        if _PEER.unpack(data)[1] != os.geteuid():
            self._server.complain(f"user {_PEER.unpack(data)[1]} has tried to connect")
            transport.abort()
            return
        self._transport = transport
        self._server.connections.add(self)
        self._be_patient()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        """asyncio: where to put what comes."""
        return RECEIVED

    def buffer_updated(self, nbytes: int) -> None:
        """asyncio: whole frames, or parts of them."""
        if self._server.leaving:
            # Also of one that connected just before, and was not abandoned with the others: no
            # answer would come of it. When our process ends it will ask the next engine.
            return
        self._in += RECEIVED[:nbytes]  # grows in place: a large frame comes in many parts
        at, end = 0, len(self._in)
        while end - at >= HEADER.size:
            size, kind, flags, number, floor = HEADER.unpack_from(self._in, at)
            if not HEADER.size - 4 <= size <= MOST_FRAME or kind not in self._HANDLERS:
                self._drop("rubbish")
                return
            if end - at < 4 + size:
                break
            payload = bytes(self._in[at + HEADER.size : at + 4 + size])
            at += 4 + size
            self.client.confirm(floor)
            question = _Question(self, number, flags)
            if not self._handle(kind, question, payload, again=flags & _AGAIN != 0):
                return
        del self._in[:at]
        if self._patience is not None or self._in:
            self._be_patient()

    def _be_patient(self) -> None:
        """Gives the client time for its hello, or for the rest of what it has begun to send."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if self._transport is not None and (self._session is None or self._in):
            loop = asyncio.get_running_loop()
            self._patience = loop.call_later(_SILENT_SECONDS, self._lose_patience)

    def _lose_patience(self) -> None:
        self._patience = None
        # A command that stops the engine waits, without a hello, for its end.
        if self._transport is not None and not self._server.stopping:
            where = "before hello" if self._session is None else "in the middle of a message"
            self._complain(f"it was silent {where} for {_SILENT_SECONDS} s")
            # Not aborted: if it was only suspended, it needs the answers that are on their way,
            # and asks again for what it was about to send.
            self._transport.close()

    def _handle(self, kind: int, question: _Question, payload: bytes, *, again: bool) -> bool:
        if self._session is None and kind not in (HELLO, INFO, STOP, JOBS):
            self._drop("a request before hello")
            return False
        try:
            self._HANDLERS[kind](self, question, payload, again)
        except codes.Refusal as refusal:
            question.answer(refusal.code, refusal.words.encode("utf-8", "replace"))
        except (ValueError, struct.error, UnicodeDecodeError) as error:
            if self._session is None:
                self._drop(str(error))
                return False
            # A client that was dropped would ask the same again, and be dropped again.
            question.answer(codes.INTERNAL_ERROR, str(error).encode("utf-8", "replace"))
        return True

    def _complain(self, reason: str) -> None:
        self._server.complain(f"a client was dropped: {reason}")

    def _drop(self, reason: str) -> None:
        self._complain(reason)
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """asyncio: the client is gone; its jobs go on."""
        self._server.connections.discard(self)
        self._server.miss(self)
        self._transport = None
        self._be_patient()
        self._leave(answer=False)
        self._server.engine.soon()

    def abandon(self) -> None:
        """The engine leaves, the client does not: it will ask the next one for what it needs."""
        self._transport = None
        self._leave(answer=False, for_good=False)

    def give_way(self) -> None:
        """The client has come back on another connection: what is still to come here, it repeats.

        To take it from here, too, would do it twice.
        """
        if self._transport is not None:
            self._transport.abort()
        self._transport = None
        self._leave(answer=False)

    def _leave(self, *, answer: bool, for_good: bool = True) -> None:
        if self._left or self._session is None:
            return
        self._left = True
        self._engine.waiting.leave(self, answer=answer)
        if for_good:
            self._session.connections -= 1
            self._engine.touch(self._session)
            self._engine.let_go(self._session)
            if answer:
                self._engine.clients.dismiss(self.nonce)
            else:
                self._engine.clients.lose(self.nonce)
        if self._context is not None:
            self._engine.contexts.release(self._context)
            self._context = None

    def answer(self, number: int, code: int, payload: bytes) -> None:
        """Puts an answer down; a success is sent when what it says is stored."""
        if self._speaks():
            frame = _frame(number, code, payload)
            if code == codes.SUCCESS:
                self._held.append((number, frame))
            else:
                self._out.append(frame)

    def answer_unstored(self, number: int, payload: bytes) -> None:
        """Puts an answer down that is sent whether or not all can be stored."""
        if self._speaks():
            self._out.append(_frame(number, codes.SUCCESS, payload))

    def withdraw(self, number: int) -> bool:
        """Takes back an answer that is held since it is not stored; False if it is not here."""
        held = [each for each in self._held if each[0] != number]
        is_here = len(held) < len(self._held)
        self._held = held
        return is_here

    def _speaks(self) -> bool:
        if self._transport is None:
            return False
        if not (self._out or self._held):
            self._server.talkative.append(self)
        if not self._out:
            self._engine.soon()
        return True

    def send(self, *, stored: bool) -> bool:
        """Sends the answers, or, if not all is stored, those that can be sent; whether all."""
        before: list[bytes] = []
        if stored:
            before = [frame for _, frame in self._held]
        elif self._left:
            # Nothing may keep a client from its exit.
            words = b"the session was closed by another thread"
            before = [_frame(n, codes.NO_ACTIVE_SESSION, words) for n, _ in self._held]
        if before or self._transport is None:
            self._held.clear()
        if self._transport is not None:
            self._transport.write(b"".join(before + self._out))
        self._out.clear()
        return not self._held

    def _active(self) -> model.Session:
        if self._session is None or self._left:
            raise codes.Refusal(codes.NO_ACTIVE_SESSION, "the session was closed")
        return self._session

    # One method a kind of request.

    def _hello(self, question: _Question, payload: bytes, _again: bool) -> None:
        version, _, nonce, size = _HELLO.unpack_from(payload)
        if version != PROTOCOL:
            raise codes.Refusal(
                codes.DRMS_INIT_FAILED,
                f"the engine that runs in '{self._engine.home.path}' is of another version (its "
                f"protocol is {PROTOCOL}, the library's {version}): stop it with python -m "
                f"drmaa_cffi.{self._engine.drm} stop; its jobs go on, and the next call starts "
                "the right one",
            )
        contact = payload[_HELLO.size :]
        if len(contact) != size or self._session is not None:
            raise ValueError("a bad hello")
        self._server.replace(nonce)
        self._session = self._engine.open_session(os.fsdecode(contact))
        self._session.connections += 1
        self.nonce = nonce
        self.client = self._engine.clients.welcome(nonce)
        self._server.welcome(self)
        question.answer_unstored(os.fsencode(self._engine.contact_of(self._session)))

    def _exit(self, question: _Question, _payload: bytes, _again: bool) -> None:
        session = self._session
        self._leave(answer=True)
        if session is not None and not session.connections:
            # As the standard's test suite asks: who leaves has seen enough of the jobs that
            # have ended. Records of jobs that end later, or of a client that dies, do wait.
            self._engine.waiting.dispose_ended(session)
            self._engine.let_go(session)
        question.answer_unstored()

    def _take_context(self, _question: _Question, payload: bytes, _again: bool) -> None:
        before = self._context
        self._context = self._engine.contexts.receive(payload)
        if before is not None:
            self._engine.contexts.release(before)

    def _submit(self, question: _Question, payload: bytes, again: bool) -> None:
        session = self._active()
        *times, begin, end, step = _SUBMIT.unpack_from(payload)
        if self._context is None or (step and not 0 < begin <= end) or step < 0:
            raise ValueError("a bad submission")
        self._engine.submit(
            question,
            session,
            self._context,
            spec.Times(*times),
            (begin, end, step) if step else (0, 0, 0),
            payload[_SUBMIT.size :],
            again=again,
        )

    def _control(self, question: _Question, payload: bytes, again: bool) -> None:
        session = self._active()
        action = _action(payload)
        text, _ = _text(payload, 4)
        if text == ALL:
            jobs = list(session.jobs.values())
            self._engine.backend.control_all(question, action, jobs, again=again)
        else:
            task = self._engine.jobs.find(text)
            self._engine.backend.control(question, action, text, task, again=again)

    def _control_jobs(self, question: _Question, payload: bytes, again: bool) -> None:
        self._active()
        action = _action(payload)
        jobs = [(text, self._engine.jobs.find(text)) for text in _texts(payload, 4)]
        self._engine.backend.control_jobs(question, action, jobs, again=again)

    def _status(self, question: _Question, payload: bytes, _again: bool) -> None:
        self._active()
        text, _ = _text(payload, 0)
        self._engine.backend.status(question, text, self._engine.jobs.find(text))

    def _wait(self, question: _Question, payload: bytes, again: bool) -> None:
        session = self._active()
        milliseconds, _ = _WAIT.unpack_from(payload)
        text, _ = _text(payload, 8)
        before = self.client.record(question.number) if again else None
        if before is not None:
            waiting.answer_with_record(before, question)
            return
        task = self._engine.find_or_refuse(text, session) if text else None
        self._engine.waiting.wait(question, session, task, milliseconds)

    def _synchronize(self, question: _Question, payload: bytes, _again: bool) -> None:
        session = self._active()
        milliseconds, dispose, everything = _SYNCHRONIZE.unpack_from(payload)
        find = self._engine.jobs.find
        found = [find(text, session) for text in _texts(payload, _SYNCHRONIZE.size)]
        tasks = [task for task in found if task is not None]
        self._engine.waiting.synchronize(
            question,
            session,
            None if everything else tasks,
            milliseconds,
            dispose=bool(dispose),
        )

    def _info(self, question: _Question, _payload: bytes, _again: bool) -> None:
        facts = report.facts_of(self._engine)
        question.answer_unstored(json.dumps(facts).encode())

    def _jobs(self, question: _Question, payload: bytes, _again: bool) -> None:
        asked = payload.decode("utf-8", "replace")
        facts = report.files_of(self._engine, asked) if asked else report.jobs_of(self._engine)
        question.answer_unstored(json.dumps(facts).encode())

    def _stop(self, question: _Question, payload: bytes, _again: bool) -> None:
        self._server.stop(terminate=payload == b"\1")
        question.answer_unstored()

    #: By the kind of request. Not bound to one connection, which then would lead to itself.
    _HANDLERS: ClassVar[dict[int, Callable[[Connection, _Question, bytes, bool], None]]] = {
        HELLO: _hello,
        EXIT: _exit,
        CONTEXT: _take_context,
        SUBMIT: _submit,
        CONTROL: _control,
        STATUS: _status,
        WAIT: _wait,
        SYNCHRONIZE: _synchronize,
        INFO: _info,
        STOP: _stop,
        JOBS: _jobs,
        CONTROL_JOBS: _control_jobs,
    }


def _frame(number: int, code: int, payload: bytes) -> bytes:
    return ANSWER.pack(len(payload) + 8, number, code) + payload


def _action(payload: bytes) -> int:
    (action,) = _U32.unpack_from(payload)
    if action > codes.TERMINATE:
        raise ValueError("an unknown action")
    return int(action)


def _texts(payload: bytes, at: int) -> list[str]:
    (count,) = _U32.unpack_from(payload, at)
    at += _U32.size
    texts: list[str] = []
    for _ in range(count):
        text, at = _text(payload, at)
        texts.append(text)
    return texts


def _text(payload: bytes, at: int) -> tuple[str, int]:
    (size,) = _U32.unpack_from(payload, at)
    end = at + 4 + size
    if end > len(payload):
        raise ValueError("a text of the wrong size")
    return payload[at + 4 : end].decode("utf-8", "replace"), end
