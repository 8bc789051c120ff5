"""Run jobs as futures, and handle each as it ends: results first, failures by name."""

from concurrent.futures import Future, as_completed
from pathlib import Path

import drmaa_cffi as drmaa


def main() -> None:
    """Submit six jobs of which one fails."""
    with drmaa.JobExecutor() as executor, drmaa.JobTemplate() as template:
        template.remoteCommand = "/bin/sh"
        template.joinFiles = True

        futures: dict[Future[drmaa.JobInfo], int] = {}
        for number in range(6):
            script = f"test {number} -ne 3 || {{ echo no luck; exit 1; }}"
            template.args = ["-c", script]
            template.outputPath = Path(f"job.{number}").resolve()
            futures[executor.submit(template, check=True)] = number

        ended: dict[int, str] = {}
        for future in as_completed(futures):
            number = futures[future]
            try:
                ended[number] = future.result().describe()
            except drmaa.JobFailedError as error:
                ended[number] = f"{error.jobInfo.describe()}: {error.stderr}"
    for number in sorted(ended):
        print(f"job number {number} {ended[number]}")


if __name__ == "__main__":
    main()
