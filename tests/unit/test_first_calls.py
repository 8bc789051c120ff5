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


SLOW_SEARCH = """
import time
from drmaa_cffi import library
search, begun = library._search, []
def search_slowly(asked):
    begun.append(asked)
    time.sleep(1)
    return search(asked)
library._search = search_slowly
is_asking = lambda: begun
"""
SLOW_FIRST_ANSWER = """
from pathlib import Path
from fake import Fake
import drmaa_cffi
fake = Fake(Path(drmaa_cffi.load_library().path))
fake.delays("drmaa_get_DRM_system", 1)
is_asking = lambda: fake.calls("drmaa_get_DRM_system")
"""
SLOW_ANSWER = (
    SLOW_FIRST_ANSWER
    + """
drmaa_cffi.Session.drmsInfo
fake.delays("drmaa_get_contact", 1)
is_asking = lambda: fake.calls("drmaa_get_contact")
"""
)


def play(program: str, library: Fake) -> str:
    """Return what a program prints whose library is the fake; it must not hang."""
    limit = f"import faulthandler\nfaulthandler.dump_traceback_later({LIMIT}, exit=True)\n"
    done = run(limit + program, DRMAA_LIBRARY_PATH=str(library.path), PYTHONPATH=HERE)
    assert not done.returncode, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "slow",
    [SLOW_SEARCH, SLOW_FIRST_ANSWER, SLOW_ANSWER],
    ids=["search", "first answer", "answer"],
)
def test_fork_during_an_early_question(fake_library: Fake, slow: str) -> None:
    """A child forked while a thread asks for the contact, before any session, opens its own."""
    program = f"""
{slow}
import os, signal, threading, time
import drmaa_cffi
asking = threading.Thread(target=lambda: drmaa_cffi.Session.contact)
asking.start()
while not is_asking():
    time.sleep(0.01)
child = os.fork()
if not child:
    signal.alarm(10)
    drmaa_cffi.Session.version  # in a thread that the lock can't take for its owner
    drmaa_cffi.Session.initialize()
    drmaa_cffi.Session.exit()
    os._exit(0)
print(os.waitpid(child, 0)[1])
asking.join()
"""
    assert "0\n" == play(program, fake_library)


def test_fork_while_a_session_opens(fake_library: Fake) -> None:
    """A child forked while a thread opens the session is refused one, and does not hang."""
    program = f"""
{SLOW_ANSWER}
import os, signal, threading, time
fake.delays("drmaa_init", 1)
opening = threading.Thread(target=drmaa_cffi.Session.initialize)
opening.start()
while not fake.calls("drmaa_init"):
    time.sleep(0.01)
child = os.fork()
if not child:
    signal.alarm(10)
    try:
        drmaa_cffi.Session.initialize()
    except drmaa_cffi.NoActiveSessionException:
        os._exit(0)
    os._exit(1)
print(os.waitpid(child, 0)[1])
opening.join()
drmaa_cffi.Session.exit()
"""
    assert "0\n" == play(program, fake_library)


@pytest.mark.parametrize("slow", [SLOW_SEARCH, SLOW_FIRST_ANSWER], ids=["search", "answer"])
@pytest.mark.parametrize("call", ["Session.initialize()", "Session.version"])
def test_handler_asks_during_the_first_call(fake_library: Fake, slow: str, call: str) -> None:
    """A signal's handler can ask for the contact while the first call is under way."""
    program = f"""
{slow}
import signal
import drmaa_cffi
signal.signal(signal.SIGALRM, lambda *_: print(drmaa_cffi.Session.contact, flush=True))
signal.setitimer(signal.ITIMER_REAL, 0.3)
drmaa_cffi.{call}
print("done")
"""
    assert play(program, fake_library).endswith("done\n")


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
