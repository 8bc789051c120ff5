"""The first calls of a program, when something comes between: a fork, a signal, a cancellation."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from fake import Fake
from moments import LIMIT, until

from drmaa_cffi import NoActiveSessionException, Session, aio
from programs import run

HERE = str(Path(__file__).parent)


def test_fork_during_an_early_question(fake_library: Fake) -> None:
    """A child forked while a thread asks for the contact, before any session, opens its own."""
    program = f"""
import os, signal, threading, time
from pathlib import Path
from fake import Fake
import drmaa_cffi
drmaa_cffi.Session.drmsInfo
fake = Fake(Path({str(fake_library.path)!r}))
fake.delays("drmaa_get_contact", 1)
asking = threading.Thread(target=lambda: drmaa_cffi.Session.contact)
asking.start()
while not fake.calls("drmaa_get_contact"):
    time.sleep(0.01)
child = os.fork()
if not child:
    signal.alarm(10)
    drmaa_cffi.Session.initialize()
    drmaa_cffi.Session.exit()
    os._exit(0)
print(os.waitpid(child, 0)[1])
asking.join()
"""
    done = run(program, DRMAA_LIBRARY_PATH=str(fake_library.path), PYTHONPATH=HERE)
    assert "0\n" == done.stdout, done.stderr


def test_handler_asks_during_the_first_call(fake_library: Fake) -> None:
    """A signal's handler can ask for the contact while the first initialize() is under way."""
    program = f"""
import signal
from pathlib import Path
from fake import Fake
import drmaa_cffi
drmaa_cffi.load_library()
fake = Fake(Path({str(fake_library.path)!r}))
fake.delays("drmaa_get_DRM_system", 0.5)
signal.signal(signal.SIGALRM, lambda *_: print(drmaa_cffi.Session.contact, flush=True))
signal.setitimer(signal.ITIMER_REAL, 0.1)
drmaa_cffi.Session.initialize()
drmaa_cffi.Session.exit()
print("done")
"""
    environment = {"DRMAA_LIBRARY_PATH": str(fake_library.path), "PYTHONPATH": HERE}
    done = run(program, **environment)
    assert done.stdout.endswith("done\n"), done.stderr


@pytest.mark.parametrize("moment", [0.05, 0.3], ids=["during the call", "after it"])
def test_cancelled_block(fake: Fake, moment: float) -> None:
    """A block of aio.Session that is cancelled while it opens leaves no session behind."""
    fake.delays("drmaa_init", 0.2)

    async def block() -> None:
        async with aio.Session():
            pytest.fail("it was cancelled")

    async def whole() -> None:
        task = asyncio.ensure_future(block())
        await asyncio.sleep(0.02)
        until(lambda: fake.calls("drmaa_init"))
        if moment > 0.2:  # the loop is busy: the call has returned, the block has not heard of it
            time.sleep(moment)  # noqa: ASYNC251 - as the test wants it
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(whole(), LIMIT))
    until(lambda: fake.calls("drmaa_exit"))
    until(_is_closed)


def _is_closed() -> bool:
    try:
        Session.runJob(Session.createJobTemplate())
    except NoActiveSessionException:
        return True
    return False


def test_inspection() -> None:
    """What looks at all attributes of Session, as tests' doubles do, needs no library."""
    program = """
import inspect, unittest.mock
from drmaa_cffi import LibraryNotFoundError, Session, library
library.STEPS = ()
assert "runJob" in dict(inspect.getmembers(Session))
unittest.mock.create_autospec(Session).runJob
unittest.mock.create_autospec(Session, instance=True).runJob
try:
    Session.contact
except LibraryNotFoundError:
    print("no library")
"""
    assert "no library\n" == run(program).stdout
