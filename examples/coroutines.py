"""Run jobs from coroutines: steps that follow each other, many chains of them at once."""

import asyncio
from pathlib import Path

from drmaa_cffi import aio

SLEEPER = str(Path(__file__).resolve().with_name("sleeper.sh"))


async def run(session: aio.Session, *words: str) -> str:
    """Run a command to its end, and say how that was."""
    template = await session.createJobTemplate()
    template.remoteCommand, template.args = words[0], words[1:]
    template.outputPath = ":/dev/null"
    template.joinFiles = True
    job_id = await session.runJob(template)
    await session.deleteJobTemplate(template)
    info = await session.wait(job_id)
    return info.describe()


async def chain(session: aio.Session, name: str) -> None:
    """Run two jobs, the second after the first."""
    first = await run(session, SLEEPER, "42", "Simon says:")
    second = await run(session, "/bin/sh", "-c", "exit 3")
    print(f"{name}: first {first}, second {second}")


async def main() -> None:
    """Run three chains side by side."""
    async with aio.Session() as session:
        await asyncio.gather(*(chain(session, f"chain {number}") for number in range(3)))


if __name__ == "__main__":
    asyncio.run(main())
