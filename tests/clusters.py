"""What the tests of failing clusters share: a place for one, and a program that works in it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Iterable, Iterator, Protocol

import pytest

MOST_PLACES = 400

PROLOGUE = """
import os, signal, sys, threading, time
import drmaa_cffi
from drmaa_cffi import DrmaaException, JobTemplate, Session

signal.alarm(270)  # nothing outlives the tests
Session.initialize()

def submit(script, **attributes):
    with JobTemplate(remoteCommand="/bin/sh", args=["-c", script], outputPath=":/dev/null",
                     joinFiles=True, **attributes) as template:
        return Session.runJob(template)

def say(*words):
    print(">", *words, flush=True)

def hear():
    return sys.stdin.readline().strip()

def attempt(call):
    try:
        return call()
    except DrmaaException as error:
        return type(error).__name__

def end_of(job_id, seconds=240):  # on a busy machine the master takes its time
    info = Session.wait(job_id, seconds)
    return f"exited {info.exitStatus}" if info.hasExited else str(info)

def until(condition):
    while not condition():
        time.sleep(0.1)

def until_answered(job_id):
    # Grid Engine's library tries again to reach the master after a time of its own.
    until(lambda: attempt(lambda: Session.jobStatus(job_id)) != "DrmCommunicationException")

def until_running(job_id):
    until(lambda: Session.jobStatus(job_id) == "running")
"""


def until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Return when *condition* is true; fail if it is not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.1)


def are_free(ports: Iterable[int]) -> bool:
    """Whether nobody listens on these ports, nor did so a moment ago."""
    with contextlib.ExitStack() as sockets:
        try:
            for port in ports:
                sockets.enter_context(socket.socket()).bind(("", port))
        except OSError:
            return False
    return True


@contextlib.contextmanager
def place(kind: str, first: int, ports: int) -> Iterator[tuple[int, range]]:
    """Keep a number, and *ports* from *first* on, from all other clusters of this *kind*.

    Of this machine, that is, those of other processes too.
    """
    for number in range(MOST_PLACES):
        # A name that no file stands for, and that is free again when the process ends.
        with socket.socket(socket.AF_UNIX) as mark:
            try:
                mark.bind(f"\0drmaa-cffi-{kind}-{number}")
            except OSError:
                continue
            theirs = range(first + ports * number, first + ports * (number + 1))
            if are_free(theirs):
                yield number, theirs
                return
    pytest.fail(f"all places for {MOST_PLACES} clusters are taken")


def pids_with(variable: str, *programs: str) -> list[int]:
    """Return the processes that run one of these *programs*, with ``NAME=value`` around them."""
    mark = f"{variable}\0".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            ours = mark in (path / "environ").read_bytes() + b"\0"
            if ours and str((path / "exe").resolve()) in programs:
                found.append(int(path.name))
    return found


class Cluster(Protocol):
    """A DRM of the tests' own."""

    #: The environment of its clients.
    variables: dict[str, str]

    def state(self) -> str:
        """Return what it tells of itself, for those who wonder why a test failed."""


class Client:
    """A program in a cluster that is told line by line to go on."""

    def __init__(self, process: subprocess.Popen[str], cluster: Cluster) -> None:
        self.process = process
        self.cluster = cluster
        self.others = ""

    def hears(self, words: str = "") -> None:
        """Say something to the program."""
        assert self.process.stdin is not None
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()

    def answers(self) -> str:
        """Tell the program to go on, and return what it says to that."""
        self.hears()
        return self.says()

    def says(self) -> str:
        """Return the next line that it prints, but not what the DRM's library does."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("> "):
                return line[2:].strip()
            self.others += line
        raise AssertionError(f"the program has ended: {self.others}\n{self.cluster.state()}")


@contextlib.contextmanager
def client(cluster: Cluster, text: str, *before: str, **environment: str) -> Iterator[Client]:
    """Run a program of *text* after the prologue; it has ended after the block.

    A command *before* it runs it, if there is one.
    """
    with subprocess.Popen(
        [*before, sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROLOGUE + text],
        env={**os.environ, **cluster.variables, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield Client(process, cluster)
        finally:
            process.kill()
