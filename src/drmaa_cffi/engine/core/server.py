"""The engine's socket: who connects to it, and when it is no longer needed."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from . import engine, home
from .connection import Connection

if TYPE_CHECKING:
    import socket

_log = logging.getLogger(__name__)
_FIRST_CLIENT_SECONDS = 10
_COMPLAINT_SECONDS = 5


class Server:
    """Listens for clients until nobody needs the engine any more.

    Args:
        core: the engine, started.
    """

    def __init__(self, core: engine.Engine) -> None:
        self.engine = core
        self.connections: set[Connection] = set()
        #: Those that have said hello, by their nonces: the engine stays for them.
        self.clients: dict[bytes, Connection] = {}
        #: Connections with answers to send.
        self.talkative: list[Connection] = []
        self._idle: asyncio.TimerHandle | None = None
        self._visited = False
        self._next_complaint = 0.0
        self.stopping: bool = False
        self._terminating = False
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        core.after_round = self._after_round

    async def serve(self, listening: socket.socket) -> None:
        """Serves the clients of a listening socket until the engine may leave."""
        loop = asyncio.get_running_loop()
        listening.setblocking(False)
        acceptor = await loop.create_unix_server(lambda: Connection(self), sock=listening)
        self._after_round(stored=True)
        await self._over
        # In this order: a client that comes now starts another engine, which waits for our end.
        self.engine.home.remove(home.SOCKET_NAME)
        acceptor.close()
        for connection in list(self.connections):
            connection.abandon()
        if not self.engine.settings.inside:  # whoever starts the next one takes it up
            await self.engine.backend.finish()
        self.engine.finish()
        await self.engine.backend.leave(wait=self._terminating)
        self.engine.disk.close()

    @property
    def leaving(self) -> bool:
        """Whether nothing is served any more."""
        return self._over.done()

    def welcome(self, connection: Connection) -> None:
        """A client has said hello."""
        self.clients[connection.nonce] = connection
        self._visited = True

    def replace(self, nonce: bytes) -> None:
        """A client says hello that may have another connection still, which it has given up."""
        if nonce in self.clients:
            self.clients.pop(nonce).give_way()

    def miss(self, connection: Connection) -> None:
        """A connection is gone."""
        if self.clients.get(connection.nonce) is connection:
            del self.clients[connection.nonce]

    def complain(self, words: str) -> None:
        """Logs what a client did wrong: not each time, since it may do so without an end."""
        now = asyncio.get_running_loop().time()
        if now >= self._next_complaint:
            self._next_complaint = now + _COMPLAINT_SECONDS
            _log.warning(
                "%s (more of this kind is not logged for %d s)", words, _COMPLAINT_SECONDS
            )

    def stop(self, *, terminate: bool = False) -> None:
        """Leaves after this round; first ends all jobs if asked."""
        self.stopping = True
        self._terminating = terminate
        if terminate:
            self.engine.backend.kill_all()
        self.engine.soon()

    def _after_round(self, stored: bool) -> None:
        self.talkative = [each for each in self.talkative if not each.send(stored=stored)]
        if self.stopping:
            if not (self._terminating and self.engine.unfinished):
                self._leave()
            return
        engine = self.engine
        working = engine.backend.busy or (engine.stays and engine.unfinished)
        idle = not self.clients and (engine.settings.inside or not working)
        if idle and self._idle is None:
            seconds = engine.settings.idle
            if not self._visited:
                # Whoever has started it is still to come.
                seconds = max(seconds, _FIRST_CLIENT_SECONDS)
            self._idle = asyncio.get_running_loop().call_later(seconds, self._leave)
        elif not idle and self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _leave(self) -> None:
        if not self._over.done():
            self._over.set_result(None)
