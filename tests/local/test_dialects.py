"""Scripts for Grid Engine and Slurm run on the local engine: options, variables, paths, names."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest
from engines import Engine, until

import drmaa_cffi
from drmaa_cffi import JobInfo, JobTemplate, Session


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program's own folder, which is not the jobs'."""
    place = tmp_path / "program"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setenv("PWD", str(place))
    return place


def template(script: str, native: str = "", **attributes: object) -> JobTemplate:
    """A template of a shell script with native options."""
    values = {"remoteCommand": "/bin/sh", "args": ["-c", script], **attributes}
    if native:
        values["nativeSpecification"] = native
    return JobTemplate(**values)


def run(session: Session, script: str, native: str = "", **attributes: object) -> JobInfo:
    """Run it and return the record."""
    with template(script, native, **attributes) as made:
        return session.wait(session.runJob(made), 60)


def test_grid_engine_options(session: Session, folder: Path) -> None:
    """Grid Engine's options for files, name, folder, variables and slots do what they say."""
    native = f"-o {folder}/out -j y -N named -cwd -v 'A=x y,B=2' -v C=3 -V -pe smp 2 -b y -q all.q"
    script = 'echo "$JOB_NAME|$PWD|$A|$B|$C|$NSLOTS"; echo error >&2'
    assert run(session, script, native).ok
    assert f"named|{folder}|x y|2|3|2\nerror\n" == (folder / "out").read_text()


def test_attributes_win(session: Session, folder: Path) -> None:
    """What the template says itself wins over its native options, as on Grid Engine."""
    info = run(
        session,
        'echo "$JOB_NAME|$A|$B"',
        f"-o {folder}/other -N other -v A=1,B=2",
        outputPath=f":{folder}/out",
        jobName="mine",
        jobEnvironment={"A": "mine"},
    )
    assert info.ok
    assert "mine|mine|2\n" == (folder / "out").read_text()
    assert not (folder / "other").exists()


def test_slurm_options(session: Session, folder: Path) -> None:
    """Slurm's long options are understood, and its short ones where the engine acts as Slurm."""
    long = (
        f"--output={folder}/out.%j --error {folder}/err --job-name=named --chdir={folder} "
        "--export=ALL,A=1 --cpus-per-task=2 --mem=4G --partition=long --account=me --nodes=1"
    )
    info = run(session, 'echo "$JOB_NAME|$PWD|$A|$NSLOTS"; echo error >&2', long)
    assert info.ok
    assert f"named|{folder}|1|2\n" == (folder / f"out.{info.jobId}").read_text()
    assert "error\n" == (folder / "err").read_text()


def test_as_slurm(session: Session, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job of an engine that acts as Slurm has Slurm's variables, and % in its paths."""
    monkeypatch.setenv("DRMAA_LOCAL_AS", "slurm")
    names = ("JOB_ID", "ARRAY_JOB_ID", "ARRAY_TASK_ID", "ARRAY_TASK_MAX", "CPUS_ON_NODE")
    script = 'echo "' + "|".join(f"$SLURM_{name}" for name in names) + '|$SLURM_SUBMIT_DIR"'
    with template(script, "-c 2 -t 5 -J 1st -p x", outputPath=f":{folder}/%x.%A.%a.%%") as made:
        (job,) = session.runBulkJobs(made, 7, 7, 1)
        assert session.wait(job, 60).ok
    number = job.partition(".")[0]
    said = (folder / f"1st.{number}.7.%").read_text()
    assert f"{number}|{number}|7|7|2|{folder}\n" == said


def test_variables_of_grid_engine(session: Session, folder: Path) -> None:
    """A job has the variables that Grid Engine's have."""
    names = (
        *("TASK_ID", "TASK_FIRST", "TASK_LAST", "TASK_STEPSIZE", "STDOUT_PATH", "STDERR_PATH"),
        *("O_WORKDIR", "O_HOST"),
    )
    script = 'echo "' + "|".join(f"$SGE_{name}" for name in names) + '|$QUEUE"'
    with template(script, outputPath=f":{folder}/out", errorPath=f":{folder}/err") as made:
        for job in [*session.runBulkJobs(made, 3, 5, 2), session.runJob(made)]:
            assert session.wait(job, 60).ok
    where = f"{folder}/out|{folder}/err|{folder}|{socket.gethostname()}|local"
    said = sorted((folder / "out").read_text().splitlines())
    nothing = "|".join(["undefined"] * 4)
    assert [f"3|3|5|2|{where}", f"5|3|5|2|{where}", f"{nothing}|{where}"] == said


def test_words_in_paths(session: Session, folder: Path, tmp_path: Path) -> None:
    """$JOB_ID, $JOB_NAME, $TASK_ID and ~ stand for what they do on Grid Engine."""
    info = run(session, "echo a", outputPath=":~/$JOB_NAME.$JOB_ID.$TASK_ID", jobName="named")
    assert info.ok
    assert (tmp_path / f"named.{info.jobId}.undefined").read_text() == "a\n"


def test_time_limits(session: Session) -> None:
    """-l h_rt and --time end a job; the limit is told."""
    for native in ("-l h_rt=1,mem_free=2G", "-l h_rt=0:0:1", "--time=0:01", "--time 0-0:0:1"):
        assert "hard wall-clock limit of 1 s reached" == run(session, "sleep 60", native).reason


def test_memory_limit(session: Session, folder: Path) -> None:
    """-l h_vmem, and Resources, limit a job's address space."""
    limit = "ulimit -v"
    assert run(session, limit, "-l h_vmem=1G", outputPath=f":{folder}/a").ok
    assert "1048576\n" == (folder / "a").read_text()
    assert run(session, limit, "-l h_vmem=1G -pe smp 2", outputPath=f":{folder}/c").ok
    assert "2097152\n" == (folder / "c").read_text()
    resources = drmaa_cffi.Resources(memory="512M", slots=2)
    assert run(session, limit, outputPath=f":{folder}/b", resources=resources).ok
    assert "524288\n" == (folder / "b").read_text()


def test_tasks_of_many_slots(
    session: Session, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job of Slurm's takes so many slots for each of its tasks, as its variables say."""
    monkeypatch.setenv("DRMAA_LOCAL_AS", "slurm")
    script = 'echo "$SLURM_NTASKS $SLURM_CPUS_PER_TASK $SLURM_CPUS_ON_NODE"'
    assert run(session, script, "--ntasks=2 -c 1", outputPath=f":{folder}/out").ok
    assert "2 1 2\n" == (folder / "out").read_text()
    with pytest.raises(drmaa_cffi.DeniedByDrmException, match="--slots 4: the engine has 2"):
        run(session, script, "-n 2 --cpus-per-task=2")


@pytest.mark.parametrize("kind", ["gridengine", "slurm"])
def test_folder_for_temporary_files(
    session: Session, folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A job has a folder of its own for temporary files, which goes when it ends."""
    monkeypatch.setenv("DRMAA_LOCAL_AS", kind)
    script = (
        'test -d "$TMPDIR" && test "$TMP" = "$TMPDIR" && stat -c "%n %a" "$TMPDIR" && '
        'mkdir -p "$TMPDIR/a/b" && touch "$TMPDIR/a/b/c" && chmod 0 "$TMPDIR/a"'
    )
    with template(script, outputPath=f":{folder}/out") as made:
        ids = [*session.runBulkJobs(made, 1, 2, 1), session.runJob(made)]
    assert all(session.wait(job, 60).ok for job in ids)
    places = [line.rpartition(" ") for line in (folder / "out").read_text().splitlines()]
    assert ["700"] * 3 == [mode for *_, mode in places]
    assert 3 == len({place for place, *_ in places})
    assert not any(Path(place).exists() for place, *_ in places)
    parent = Path(places[0][0]).parent
    until(lambda: not list(parent.iterdir()))


@pytest.mark.parametrize("killed", ["engine", "job", "runner"])
def test_temporary_files_after_a_kill(
    session: Session, engine: Engine, folder: Path, killed: str
) -> None:
    """They go, too, where the job is killed, the engine, or its runner with all jobs."""
    with template(
        "echo $TMPDIR; touch $TMPDIR/file; sleep 600", outputPath=f":{folder}/o"
    ) as made:
        job = session.runJob(made)
    until(lambda: (folder / "o").exists() and (folder / "o").read_text())
    place = Path((folder / "o").read_text().strip())
    until((place / "file").exists)
    if killed == "engine":
        engine.kill()
    if killed == "runner":
        os.kill(engine.runner, signal.SIGKILL)
    else:
        session.control(job, "terminate")
    assert session.wait(job, 60).wasAborted
    until(lambda: not place.exists())
    until(lambda: not list(place.parent.iterdir()))


def test_waiting_for_others(session: Session, folder: Path) -> None:
    """-hold_jid waits for jobs by id and by name, --dependency=afterany by id."""
    with template("until [ -e go ]; do sleep 0.1; done", "-cwd -N first") as made:
        first = session.runJob(made)
    options = (
        f"-hold_jid {first}",
        "-hold_jid first,other",
        f"--dependency=afterany:{first}",
        f"--dependency afterok:{first}",
    )
    waiting = []
    for native in options:
        with template("[ -e go ]", f"-cwd {native}") as made:
            waiting.append(session.runJob(made))
    assert ["system_on_hold"] * 4 == [session.jobStatus(job) for job in waiting]
    (folder / "go").touch()
    assert [True] * 5 == [session.wait(job, 60).ok for job in (first, *waiting)]


def test_tasks_at_once(session: Session, folder: Path) -> None:
    """-tc limits how many tasks run at once."""
    with template("sleep 600", "-tc 1 -t 1-2") as made:
        ids = session.runBulkJobs(made, 1, 2, 1)
    until(lambda: session.jobStatus(ids[0]) == "running")
    assert "queued_active" == session.jobStatus(ids[1])


@pytest.mark.parametrize(
    ("native", "words"),
    [
        ("-j maybe", "-j 'maybe': must be y or n"),
        ("--dependency=after:1", "must be afterany:ID"),
        ("--time=soon", "--time 'soon': must be minutes"),
        ("-l h_vmem=much", "-l 'h_vmem=much': must be h_vmem=SIZE"),
        ("-pe smp many", "--slots 'many': must be a whole number"),
        ("--frobnicate=1", "'--frobnicate=1' is not an option"),
        ("-l", "-l needs a value"),
        ("--frobnicate", "legal are --slots N.*Grid Engine's -.* -pe .*Slurm's --.account,"),
        ("--mem=much", "--mem 'much': must be megabytes"),
        ("--export=A", "--export 'A': must be ALL or NONE"),
    ],
)
def test_refused(session: Session, native: str, words: str) -> None:
    """A value that is not legal, and a word that nobody knows, are refused by name."""
    with (
        template("true", native) as made,
        pytest.raises(drmaa_cffi.DeniedByDrmException, match=words),
    ):
        session.runJob(made)


def test_passed_over(session: Session, engine: Engine) -> None:
    """What has no meaning on one machine is passed over, and named in the log."""
    native = "-q all.q -P project -soft --qos=high -l mem_free=4G"
    assert run(session, "true", native, outputPath=":/dev/null", errorPath=":/dev/null").ok
    for option in ("-q all.q", "-P project", "-soft", "--qos high", "-l mem_free=4G"):
        assert f"the native option {option} has no meaning here: passed over" in engine.log()


def test_kept(session: Session, engine: Engine, folder: Path) -> None:
    """Options of queued jobs outlive the engine."""
    native = f"-o {folder}/out -j y -v A=1 -l h_vmem=1G -N named"
    with template("echo $JOB_NAME $A; ulimit -v", native, jobSubmissionState="drmaa_hold") as made:
        job = session.runJob(made)
    engine.kill()
    session.control(job, "release")
    assert session.wait(job, 60).ok
    assert "named 1\n1048576\n" == (folder / "out").read_text()


def test_names(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that Grid Engine refuses are refused, unless the engine acts as Slurm."""
    for name, what in (("1st run", "it has ' '"), ("1st", "begins with a digit"), ("é", "'é'")):
        with pytest.raises(drmaa_cffi.DeniedByDrmException, match=what):
            run(session, "true", jobName=name)
    monkeypatch.setenv("DRMAA_LOCAL_AS", "slurm")
    info = run(session, "true", jobName="1st run", outputPath=":/dev/null", joinFiles=True)
    assert info.ok
    monkeypatch.setenv("DRMAA_LOCAL_AS", "pbs")
    with pytest.raises(drmaa_cffi.DeniedByDrmException, match="must be gridengine or slurm"):
        run(session, "true")
