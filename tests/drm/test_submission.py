"""What a template says is what the job gets: command, environment, files, times, names."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from drms import Drm
from jobs import LONG, Jobs

from drmaa_cffi import JobTemplate, Session

ODD = ["", "a b", "$HOME", "it's", '"quoted"', "üñ☃", "*", "back\\slash", "a,b", "-l", "x" * 3000]


def test_arguments(jobs: Jobs) -> None:
    """Arguments arrive one by one, as they are."""
    assert "".join(f"<{text}>" for text in ODD) == jobs.output(
        'for text; do printf "<%s>" "$text"; done', *ODD
    )


def test_argument_that_is_no_text(jobs: Jobs) -> None:
    """Bytes that are no UTF-8 arrive as they are, given as bytes or as os.fsdecode() made them."""
    assert "<\udcff><\udcfe>" == jobs.output('printf "<%s>" "$@"', b"\xff", os.fsdecode(b"\xfe"))


def test_no_arguments(jobs: Jobs, session: Session) -> None:
    """A command without arguments runs."""
    with JobTemplate(
        remoteCommand="/bin/false", outputPath=":/dev/null", joinFiles=True
    ) as template:
        assert 1 == session.wait(session.runJob(template), LONG).exitStatus
        template.remoteCommand = "/bin/true"
        assert 0 == session.wait(session.runJob(template), LONG).exitStatus
    assert [] == list(jobs.folder.iterdir())


def test_environment(drm: Drm, jobs: Jobs) -> None:
    """Variables arrive with their values as they are (but see the DRM's way with '=')."""
    values = {"PLAIN": "1 2", "EQUALS": "x=y", "EMPTY": "", "ACCENTS": "üñ", "COMMA": "a,b"}
    assert "<1 2><x=y><><üñ><a,b>" == jobs.output(
        'printf "<%s>" "$PLAIN" "$EQUALS" "${EMPTY-unset}" "$ACCENTS" "$COMMA"',
        jobEnvironment=values,
    )


def test_environment_of_this_process(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, drm: Drm
) -> None:
    """os.environ reaches the job as it is, exported functions of bash's included."""
    values = {
        "BASH_FUNC_f%%": "() {  echo \"a=b\", 'c'\n}",
        "BASH_FUNC_g%%": "() {  echo a=b\n}",
        "LS_COLORS": "rs=0:di=01;34:ex=",
        "OPTIONS": "--with=x y --to='z'",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    output = jobs.folder / "environment"
    path = shutil.which("env")
    with jobs.template(
        remoteCommand=path, args=["-0"], outputPath=f":{output}", jobEnvironment=os.environ
    ) as template:
        assert Session.wait(Session.runJob(template), LONG).ok
    got = dict(entry.split("=", 1) for entry in output.read_text().split("\0") if entry)
    assert values == {name: got.get(name) for name in values}


def test_line_break_in_an_argument(drm: Drm, jobs: Jobs) -> None:
    """An argument with a line break arrives whole, or is refused; the environment takes it."""
    script = "printf %s 'a\nb'"
    if drm.line_break is None:
        assert "a\nb" == jobs.output(script)
    else:
        with pytest.raises(drm.line_break, match=r"args\[1\] can't be"):
            jobs.submit(script)
    lines = "for i in 1 2\ndo echo $i\ndone"
    assert "1\n2\n" == jobs.output('eval "$SCRIPT"', jobEnvironment={"SCRIPT": lines})


@pytest.mark.parametrize("name", ["1st run", "a b", "ä"])
def test_bad_name(drm: Drm, jobs: Jobs, name: str) -> None:
    """A name that the DRM does not take is refused with the name and what helps."""
    if drm.bad_name is None:
        assert jobs.run(jobName=name, outputPath=f":{jobs.folder}/out").ok
        return
    with pytest.raises(drm.bad_name, match=f"jobName can't be {name!r} on Grid Engine"):
        jobs.submit(jobName=name)


def test_command_with_arguments(drm: Drm, jobs: Jobs) -> None:
    """A command with its arguments in one text is told that they belong into args."""
    values = {"remoteCommand": "python x.py", "args": []}
    if drm.long_command is None:
        assert "python x.py" in jobs.run(**values).reason
        return
    with pytest.raises(drm.long_command, match=r"args=\['x.py'\]"):
        jobs.submit(**values)


def test_environment_of_the_program(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program's own environment can be given as it is."""
    monkeypatch.setenv("DRMAA_CFFI_TEST", "passed on")
    assert "passed on" == jobs.output('printf "%s" "$DRMAA_CFFI_TEST"', jobEnvironment=os.environ)


def test_working_directory(jobs: Jobs) -> None:
    """A job runs in its working directory, given as a Path, too."""
    assert f"{jobs.folder}\n" == jobs.output("pwd -P", workingDirectory=jobs.folder)


def test_home_directory(jobs: Jobs) -> None:
    """A job runs in the user's home if the placeholder says so, and if nothing is said."""
    home = f"{Path.home().resolve()}\n"
    assert home == jobs.output("pwd -P", workingDirectory=JobTemplate.HOME_DIRECTORY)
    assert home == jobs.output("pwd -P")


def test_st_input_becomes_output(jobs: Jobs) -> None:
    """A job reads its input from the file, and nothing where none is named."""
    path = jobs.folder / "input"
    path.write_text("line one\nline two\n")
    assert "line one\nline two\n" == jobs.output("cat", inputPath=f":{path}")
    assert "" == jobs.output("cat")


def test_output_and_error(jobs: Jobs) -> None:
    """Output and errors go to a file each, or both to the output's file if they are joined."""
    script = "echo said; echo complained >&2"
    out, err = jobs.folder / "out", jobs.folder / "err"
    jobs.run(script, outputPath=f":{out}", errorPath=f":{err}", joinFiles=False)
    assert ("said\n", "complained\n") == (out.read_text(), err.read_text())
    err.unlink()
    out.unlink()
    jobs.run(script, outputPath=f":{out}", errorPath=f":{err}", joinFiles=True)
    assert "said\ncomplained\n" == out.read_text()
    assert not err.exists()


def test_working_directory_in_paths(jobs: Jobs) -> None:
    """The placeholder for the working directory stands at the start of every path."""
    jobs.folder.joinpath("in").write_text("text\n")
    working = JobTemplate.WORKING_DIRECTORY
    jobs.run(
        "cat; echo error >&2",
        workingDirectory=jobs.folder,
        inputPath=f":{working}/in",
        outputPath=f":{working}/out",
        errorPath=f":{working}/err",
        joinFiles=False,
    )
    assert "text\n" == jobs.folder.joinpath("out").read_text()
    assert "error\n" == jobs.folder.joinpath("err").read_text()


def test_home_in_paths(jobs: Jobs) -> None:
    """The placeholder for the home directory stands at the start of a path."""
    path = Path.home() / f"drmaa-cffi-test-{os.getpid()}"
    try:
        jobs.run("echo home", outputPath=f":{JobTemplate.HOME_DIRECTORY}/{path.name}")
        assert "home\n" == path.read_text()
    finally:
        path.unlink()


def test_default_output_files(jobs: Jobs, session: Session) -> None:
    """Without paths, output and errors go to files of their own in the working directory."""
    with JobTemplate(
        remoteCommand="/bin/sh",
        args=["-c", "echo said; echo complained >&2"],
        workingDirectory=jobs.folder,
        jobName="talker",
    ) as template:
        job_id = session.runJob(template)
    session.wait(job_id, LONG)
    assert {f"talker.o{job_id}": "said\n", f"talker.e{job_id}": "complained\n"} == {
        file.name: file.read_text() for file in jobs.folder.iterdir()
    }


def test_start_time(jobs: Jobs) -> None:
    """A job does not begin before its start time, and then does."""
    start = int(time.time()) + 4
    text = time.strftime("%Y/%m/%d %H:%M:%S", time.localtime(start))
    began = int(jobs.output("date +%s", startTime=text))
    assert start <= began < start + 30


def test_job_name(drm: Drm, jobs: Jobs) -> None:
    """A job gets its name."""
    assert "my-job.1\n" == jobs.output(f"echo ${drm.name_variable}", jobName="my-job.1")


def test_st_native_specification_blanks(drm: Drm, jobs: Jobs) -> None:
    """The DRM's own options reach it, also with blanks around them; blanks alone are none."""
    assert jobs.run(nativeSpecification="   ").ok
    option, script, printed = drm.native_option
    assert f"{printed}\n" == jobs.output(script, nativeSpecification=f"  {option} ")


def test_attribute_over_native(drm: Drm, jobs: Jobs) -> None:
    """A DRMAA attribute stands over the native option that says the same, or below it."""
    if drm.native_name is None:
        pytest.skip("the DRM has no option that says the same as an attribute")
    wins = "native" if drm.native_wins else "attribute"
    assert f"{wins}\n" == jobs.output(
        f"echo ${drm.name_variable}",
        nativeSpecification=drm.native_name.format("native"),
        jobName="attribute",
    )


def test_email_does_no_harm(jobs: Jobs) -> None:
    """A job with addresses and mail blocked runs as any other."""
    assert 0 == jobs.run(email=["nobody@example.org"], blockEmail=True).exitStatus


def test_template_runs_many_times(jobs: Jobs, session: Session) -> None:
    """A template can be changed and run again; a job keeps what it was submitted with."""
    out = jobs.folder / "out"
    template = jobs.template('echo "$1" >>"$0"', jobSubmissionState="drmaa_hold")
    template.args = ["-c", 'echo "$1" >>"$0"', str(out), "first"]
    first = session.runJob(template)
    template.args = ["-c", 'echo "$1" >>"$0"', str(out), "second"]
    template.jobSubmissionState = "drmaa_active"
    second = session.runJob(template)
    template.delete()
    session.wait(second, LONG)
    session.control(first, "release")
    session.wait(first, LONG)
    assert "second\nfirst\n" == out.read_text()
