"""What Grid Engine's library would cut goes another way, or is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake import Fake, in_c

import drmaa_cffi
from drmaa_cffi import JobTemplate, Resources, Session


@pytest.fixture
def grid_engine(fake: Fake, session: Session) -> Fake:
    """The fake, which says that it is Grid Engine's."""
    fake.says("drmaa_get_DRM_system", b"SGE 8.1.9")
    return fake


def native(template: JobTemplate) -> str:
    """The native specification as C has it."""
    return in_c(template, "nativeSpecification")


def test_line_breaks_in_arguments(grid_engine: Fake, template: JobTemplate) -> None:
    """An argument with a line break is refused by its index, with the remedy."""
    for value in (["a", "b\nc"], ("a", b"b\nc"), iter(["a", Path("b\nc")])):
        with pytest.raises(drmaa_cffi.InvalidArgumentException, match=r"args\[1\] can't be") as e:
            template.args = value
        assert "put it into jobEnvironment" in str(e.value)
    with pytest.raises(drmaa_cffi.InvalidArgumentException, match=r"args\[0\]"):
        template.args = "a\nb"
    template.args = ["a\tb", 3, b"c", Path("d")]
    assert ["a\tb", "3", "c", "d"] == template.args


def test_line_breaks_elsewhere(fake: Fake, template: JobTemplate) -> None:
    """Other libraries get it."""
    template.args = ["a\nb"]
    assert ["a\nb"] == template.args


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("x=y", '"V=x=y"'),
        ("it's=1 b", '"V=it\'s=1 b"'),
        ('a"=\nb', "'V=a\"=\nb'"),
        (b"=", '"V=="'),
        (Path("a=b"), '"V=a=b"'),
    ],
)
def test_values_with_equals(
    grid_engine: Fake, template: JobTemplate, value: object, word: str
) -> None:
    """A value with '=' goes by the native specification, and reads back where it was set."""
    text = value.decode() if isinstance(value, bytes) else str(value)
    template.nativeSpecification = "-q all.q"
    template.jobEnvironment = {"V": value, "W": "plain"}
    assert f"-v {word} -q all.q" == native(template)
    assert {"V": text, "W": "plain"} == template.jobEnvironment
    assert "-q all.q" == template.nativeSpecification
    template.jobEnvironment = {"W": "plain"}
    assert ("-q all.q", {"W": "plain"}) == (native(template), template.jobEnvironment)


@pytest.mark.parametrize("value", ["a,b=c", "a=b'\"", "a,=b"])
def test_values_without_a_road(
    grid_engine: Fake, template: JobTemplate, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can't be said in words is refused, unless the library can take it from os.environ."""
    template.jobEnvironment = {"OLD": "1"}
    with pytest.raises(drmaa_cffi.InvalidArgumentException, match=r"jobEnvironment\['V'\] can't"):
        template.jobEnvironment = {"V": value}
    assert {"OLD": "1"} == template.jobEnvironment
    monkeypatch.setenv("V", value)
    template.jobEnvironment = {"V": value}
    assert ("-v V", {"V": value}) == (native(template), template.jobEnvironment)


def test_with_resources_and_copies(grid_engine: Fake, template: JobTemplate) -> None:
    """Resources, variables and the program's own words stand side by side, in copies, too."""
    template.jobEnvironment = {"V": "x=y"}
    template.resources = Resources(walltime=60)
    template.nativeSpecification = "-q all.q"
    words = '-v "V=x=y" -l h_rt=00:01:00 -q all.q'
    assert words == native(template)
    copied = template.copy()
    made = JobTemplate(**template.asdict())
    assert [words, words] == [native(copied), native(made)]
    assert {"V": "x=y"} == copied.jobEnvironment == made.jobEnvironment
    template.resources = None
    assert '-v "V=x=y" -q all.q' == native(template)
    assert "-l h_rt=00:01:00 -q all.q" == native(copied.copy(jobEnvironment={"A": "b"}))


def test_elsewhere(fake: Fake, template: JobTemplate) -> None:
    """Other libraries get the environment as it is."""
    template.nativeSpecification = "x"
    template.jobEnvironment = {"V": "x=y"}
    assert "x" == native(template)
    assert {"V": "x=y"} == template.jobEnvironment


@pytest.mark.parametrize(
    ("diagnosis", "values", "words"),
    [
        (
            b"Error reading answer list from qmaster",
            {"nativeSpecification": "-N 'a b'", "jobName": "a b"},
            r"^code 17: jobName can't be 'a b' on Grid Engine: it has ' '. Nothing was subm",
        ),
        (
            b'denied: "1st" is not a valid object name (cannot start with a digit)',
            {"jobName": "1st"},
            r"jobName can't be '1st' on Grid Engine: it begins with a digit. .*a valid object",
        ),
        (
            b"Colon (':') not allowed in objectname",
            {"remoteCommand": "/x/a:b"},
            r"remoteCommand '/x/a:b' can't name the job.*: it has ':'",
        ),
    ],
)
def test_names(
    grid_engine: Fake,
    template: JobTemplate,
    diagnosis: bytes,
    values: dict[str, str],
    words: str,
) -> None:
    """What Grid Engine says of a job's name is said with the attribute, its value, the remedy."""
    for name, value in values.items():
        setattr(template, name, value)
    grid_engine.diagnoses(diagnosis)
    for routine, submit in (
        ("drmaa_run_job", lambda: Session.runJob(template)),
        ("drmaa_run_bulk_jobs", lambda: Session.runBulkJobs(template, 1, 2, 1)),
    ):
        grid_engine.returns(routine, 1)
        with pytest.raises(drmaa_cffi.DeniedByDrmException, match=words) as caught:
            submit()
        assert (routine, 17) == (caught.value.routine, caught.value.code)
        assert diagnosis.decode() == caught.value.diagnosis


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"remoteCommand": "python x.py"},
            (
                "code 17: remoteCommand 'python x.py' can't name the job, as it does where no "
                "jobName is set on Grid Engine: it has ' '. Nothing was submitted: put what "
                "follows the command into args: remoteCommand='python', args=['x.py']; or set a "
            ),
        ),
        ({"jobName": "1 ä"}, "code 17: jobName can't be '1 ä' on Grid Engine: it has ' '. "),
        ({"jobName": "ä".encode()}, "code 17: jobName can't be 'ä' on Grid Engine: it has 'ä'. "),
        ({"remoteCommand": Path("/a b/x\u00a0y")}, r"code 17: remoteCommand '/a b/x\xa0y' "),
    ],
)
def test_names_before_submission(
    grid_engine: Fake, template: JobTemplate, values: dict[str, Any], words: str
) -> None:
    """A name that its master can't read is refused before anything is submitted."""
    for name, value in values.items():
        setattr(template, name, value)
    for copied in (template, template.copy(), JobTemplate(**template.asdict())):
        with pytest.raises(drmaa_cffi.DeniedByDrmException) as caught:
            Session.runJob(copied)
        assert str(caught.value).startswith(words)
        assert "letters, digits, '_', '-' and '.' that begins" in str(caught.value)
        with pytest.raises(drmaa_cffi.DeniedByDrmException) as bulk:
            Session.runBulkJobs(copied, 1, 2, 1)
        assert str(caught.value) == str(bulk.value)
    assert [0, 0] == [grid_engine.calls(f"drmaa_run_{jobs}") for jobs in ("job", "bulk_jobs")]


def test_names_among_others(grid_engine: Fake, session: Session) -> None:
    """Of many templates, those with such a name are refused, and the others' jobs run."""
    names = ["ä", "plain", "a b", "other"]
    templates = [JobTemplate(remoteCommand="/bin/true", jobName=name) for name in names]
    with drmaa_cffi.JobExecutor(session) as executor:
        odd, first, odder, second = executor.submit_all(templates)
        grid_engine.finish()
        assert [0, 0] == [job.result(10).exitStatus for job in (first, second)]
        errors = [job.exception(10) for job in (odd, odder)]
    assert ["jobName can't be 'ä'", "jobName can't be 'a b'"] == [
        str(error)[9:].partition(" on ")[0] for error in errors
    ]
    assert 2 == grid_engine.calls("drmaa_run_job")


@pytest.mark.parametrize(
    "values",
    [
        {"remoteCommand": "python x.py", "jobName": "ok"},
        {"remoteCommand": "python x.py", "nativeSpecification": "-N ok"},
        {"remoteCommand": "a b.sh", "nativeSpecification": "-b n"},
        {"jobName": "a b", "nativeSpecification": "-jsv /site/names.sh"},
        {"jobName": "a b", "nativeSpecification": "-@ options"},
        {"jobName": "a b", "jobCategory": "renaming"},
        {"remoteCommand": "/a b/c.sh"},
        {"remoteCommand": "python /x/y.py"},
        {"jobName": "!\"#$%&'()+,-.;<=>[]^_`{|}~"},
    ],
)
def test_names_it_may_take(
    grid_engine: Fake, template: JobTemplate, values: dict[str, str]
) -> None:
    """What the master may take, since something else names the job, is left to it."""
    for name, value in values.items():
        setattr(template, name, value)
    assert Session.runJob(template)


@pytest.mark.parametrize("place", ["cell", "program", "job"])
def test_names_of_default_options(
    grid_engine: Fake,
    template: JobTemplate,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    """So it is where a file of default options may name the job."""
    common = tmp_path / "default" / "common"
    common.mkdir(parents=True)
    monkeypatch.setenv("SGE_ROOT", str(tmp_path))
    monkeypatch.delenv("SGE_CELL", raising=False)
    monkeypatch.chdir(tmp_path if place == "program" else common)
    template.remoteCommand = "python x.py"
    template.workingDirectory = str(tmp_path)
    with pytest.raises(drmaa_cffi.DeniedByDrmException):
        Session.runJob(template)
    file = common / "sge_request" if place == "cell" else tmp_path / ".sge_request"
    file.write_text("-q all.q\n-N named\n")
    assert Session.runJob(template)


@pytest.mark.parametrize("system", [b"UGE 8.6.4", b"OGS/GE 2011.11p1", b"SLURM 1.1.4", b"PBS"])
def test_names_elsewhere(fake: Fake, template: JobTemplate, system: bytes) -> None:
    """Other systems, of which that is not known, are asked."""
    fake.says("drmaa_get_DRM_system", system)
    template.jobName = "ä b"
    assert Session.runJob(template)


@pytest.mark.parametrize(
    ("diagnosis", "may", "words"),
    [
        (b"failed receiving gdi request response for mid=1 (got no message).", True, "MAY HAVE"),
        (b"unable to contact qmaster using port 6444 on host x", False, "nothing was submitted"),
        (b"unable to send message to qmaster: got send error", False, "nothing was submitted"),
        (b"something else", None, "something else"),
    ],
)
def test_whether_submitted(
    grid_engine: Fake, template: JobTemplate, diagnosis: bytes, may: bool | None, words: str
) -> None:
    """An error of communication says whether the job may run all the same."""
    grid_engine.returns("drmaa_run_job", 2)
    grid_engine.diagnoses(diagnosis)
    with pytest.raises(drmaa_cffi.DrmCommunicationException, match=r"^code 2: ") as caught:
        Session.runJob(template)
    assert may is caught.value.mayHaveSubmitted
    assert words in str(caught.value)
    assert diagnosis.decode() in str(caught.value)


def test_other_errors_stay(grid_engine: Fake, template: JobTemplate) -> None:
    """Errors that are not about names are the library's own."""
    grid_engine.returns("drmaa_run_job", 1)
    grid_engine.diagnoses(b"out of luck")
    with pytest.raises(drmaa_cffi.InternalException, match="^code 1: out of luck$"):
        Session.runJob(template)
