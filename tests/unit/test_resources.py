"""What a job needs is checked, and said to each DRM in its own words, or the site's."""

from __future__ import annotations

import pickle
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fake import Fake, in_c

import drmaa_cffi
from drmaa_cffi import (
    InvalidArgumentException,
    InvalidAttributeFormatException,
    JobTemplate,
    Resources,
    Session,
    UnsupportedAttributeException,
    resources,
)
from drmaa_cffi._template import drms
from drmaa_cffi.errors import Errno

ALL: dict[str, Any] = {
    "slots": 4,
    "memory": "8G",
    "walltime": timedelta(hours=30, seconds=1),
    "queue": "long",
    "gpus": 2,
}
LOCAL = "drmaa-cffi local engine 0.1"
NAMES = {
    "local": (LOCAL,),
    "gridengine": (
        "SGE 8.1.9", "GE 6.2u5", "OGS/GE 2011.11p1", "UGE 8.6.4", "AGE 2023.1.0", "N1GE 6.1",
        "Univa Grid Engine 8.5", "OCS 9.0.0",
    ),
    "slurm": ("SLURM 22.05.8", "Slurm 24.11.1"),
    "torque": ("Torque",),
    "pbspro": ("PBS Professional", "OpenPBS 23.06"),
    "lsf": ("Platform LSF 9.1.2", "IBM Spectrum LSF Standard 10.1.0.13"),
    "condor": ("Condor", "HTCondor 8.8", "$CondorVersion: 8.8.15"),
}  # fmt: skip
WORDS = [
    (LOCAL, {"slots": 4, "walltime": 3601}, "--slots 4 --walltime 01:00:01"),
    (
        "SGE 8.1.9",
        {**ALL, "slots": 1, "gpus": 0},
        "-l h_vmem=8192M -l h_rt=30:00:01 -q long",
    ),
    (
        "SLURM 22.05.8",
        ALL,
        "--cpus-per-task=4 --gres=gpu:2 --mem=8192 --time=30:01:00 --partition=long",
    ),
    (
        "Torque",
        ALL,
        "-l nodes=1:ppn=4:gpus=2 -l mem=8192mb -l walltime=30:00:01 -q long",
    ),
    ("Torque", {"gpus": 1}, "-l nodes=1:ppn=1:gpus=1"),
    (
        "PBS Professional",
        ALL,
        "-l select=1:ncpus=4:ngpus=2:mem=8192mb -l walltime=30:00:01 -q long",
    ),
    ("PBS Professional", {"memory": "1M"}, "-l select=1:ncpus=1:mem=1mb"),
    ("PBS Professional", {"walltime": 60}, "-l walltime=00:01:00"),
    (
        "Platform LSF 9.1.2",
        {**ALL, "gpus": None},
        "-n 4 -R span[hosts=1] -M 8388608 -W 30:01 -q long",
    ),
    (
        "HTCondor 8.8",
        {"slots": 4, "gpus": 2, "memory": "8G"},
        "request_cpus=4\nrequest_gpus=2\nrequest_memory=8192",
    ),
]  # fmt: skip
SILENT = {
    "local": {"queue", "gpus"},
    "gridengine": {"slots", "gpus"},
    "slurm": set(),
    "torque": set(),
    "pbspro": set(),
    "lsf": {"gpus"},
    "condor": {"walltime", "queue"},
}


@pytest.mark.parametrize(
    ("values", "read"),
    [
        ({}, (None, None, None, None, None)),
        (ALL, (4, 8 * 1024**3, 108001, "long", 2)),
        ({"memory": 1}, (None, 1, None, None, None)),
        ({"memory": "500M"}, (None, 500 * 1024**2, None, None, None)),
        ({"memory": "1.5g"}, (None, 3 * 1024**3 // 2, None, None, None)),
        ({"memory": " 2 TiB "}, (None, 2 * 1024**4, None, None, None)),
        ({"memory": "64kb"}, (None, 65536, None, None, None)),
        ({"memory": "512B"}, (None, 512, None, None, None)),
        ({"walltime": 59.5}, (None, None, 60, None, None)),
        ({"walltime": "1h"}, (None, None, 3600, None, None)),
        ({"walltime": "2h30m"}, (None, None, 9000, None, None)),
        ({"walltime": " 1D 2 h 3m4s "}, (None, None, 93784, None, None)),
        ({"walltime": "90s"}, (None, None, 90, None, None)),
        ({"walltime": "1-12"}, (None, None, 129600, None, None)),
        ({"walltime": "1-12:30"}, (None, None, 131400, None, None)),
        ({"walltime": b"0-00:00:01"}, (None, None, 1, None, None)),
        ({"walltime": "2:30"}, (None, None, 150, None, None)),
        ({"walltime": "1:2:3"}, (None, None, 3723, None, None)),
        ({"gpus": 0}, (None, None, None, None, 0)),
        ({"queue": "all.q@host,short.q"}, (None, None, None, "all.q@host,short.q", None)),
    ],
)
def test_values(values: dict[str, Any], read: tuple[object, ...]) -> None:
    """Values are taken in many forms, and read back in bytes and seconds."""
    assert read == Resources(**values)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("slots", 0), ("slots", -1), ("slots", 1.5), ("slots", "4"), ("slots", True),
        ("slots", 2**40), ("gpus", -1), ("gpus", "one"), ("memory", 0), ("memory", -1),
        ("memory", "8X"), ("memory", "-8G"), ("memory", ""), ("memory", 8.5), ("memory", True),
        ("memory", "1e3"), ("memory", "9" * 15 + "T"), ("walltime", 0), ("walltime", "soon"),
        ("walltime", -1), ("walltime", True), ("walltime", 2**31), ("queue", ""),
        ("queue", "a b"), ("queue", "-l x"), ("queue", "a'b"), ("queue", "a\n"), ("queue", 5),
    ],
)  # fmt: skip
def test_bad_value(name: str, value: object) -> None:
    """A value that is not legal is named, also by _replace()."""
    legal = "it is|pass seconds"
    with pytest.raises(
        (InvalidArgumentException, InvalidAttributeFormatException), match=legal
    ) as caught:
        Resources(**{name: value})  # type: ignore[arg-type]
    assert repr(value) in str(caught.value)
    with pytest.raises((InvalidArgumentException, InvalidAttributeFormatException), match=legal):
        Resources()._replace(**{name: value})


def test_resources_are_a_value() -> None:
    """They compare, hash, pickle, show themselves, and can't be changed."""
    needs = Resources(slots=4, memory="1M")
    assert needs == pickle.loads(pickle.dumps(needs)) == Resources(4, 1024**2)
    assert 1 == len({needs, Resources(4, 1024**2)})
    assert "Resources(slots=4, memory=1048576)" == repr(needs)
    assert Resources(slots=4, memory="2M") == needs._replace(memory="2M")
    with pytest.raises(AttributeError):
        needs.slots = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("section", "name"), [(s, n) for s, names in NAMES.items() for n in names]
)
def test_names(section: str, name: str) -> None:
    """A DRM is known by what its library calls it."""
    assert section == drms.find(name).section


@pytest.mark.parametrize("name", ["FAKE 1", "", "PAGE 7"])
def test_unknown_drm(name: str) -> None:
    """Of others nothing is known, and the error says what to do."""
    with pytest.raises(UnsupportedAttributeException, match="nativeSpecification"):
        resources.native(name, Resources(slots=2))


@pytest.mark.parametrize(("drm", "values", "words"), WORDS)
def test_words(drm: str, values: dict[str, Any], words: str) -> None:
    """Each DRM is asked in its words."""
    assert words == resources.native(drm, Resources(**values))


@pytest.mark.parametrize("section", NAMES)
@pytest.mark.parametrize("field", ALL)
def test_each_field(section: str, field: str) -> None:
    """Each field has words for a DRM, or raises an error that names it and the way out."""
    needs = Resources(**{field: ALL[field]})
    drm = NAMES[section][0]
    if field not in SILENT[section]:
        assert resources.native(drm, needs)
        return
    with pytest.raises(UnsupportedAttributeException) as caught:
        resources.native(drm, needs)
    assert f"{field}={getattr(needs, field)!r}: put this site's" in str(caught.value)
    assert f"[{section}] in the file that {drms.VARIABLE} names" in str(caught.value)


@pytest.mark.parametrize("drm", [names[0] for names in NAMES.values()])
def test_nothing_to_say(drm: str) -> None:
    """One slot and no GPUs are what a job has everywhere."""
    assert "" == resources.native(drm, Resources(slots=1, gpus=0))
    assert "" == resources.native(drm, Resources())


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("memory", "4096", "4096 what? '4096M' are megabytes"),
        ("memory", " 8 ", "8 what? '8M' are megabytes"),
        ("walltime", "2", "2 what? '2s', '2m' and '2h' are clear"),
        ("walltime", b"90", "90 what? "),
    ],
)
def test_numbers_without_unit(field: str, value: object, words: str) -> None:
    """Text that is a number alone is refused: DRMs mean different things by it."""
    with pytest.raises(InvalidArgumentException, match=r"^code 4: ") as caught:
        Resources(**{field: value})  # type: ignore[arg-type]
    assert f"{field} can't be" in str(caught.value)
    assert words in str(caught.value)


def test_memory_of_slots() -> None:
    """Where memory is a slot's, it is divided, and rounded up."""
    words = {"gridengine": {"slots": "-pe smp {slots}"}}
    needs = Resources(slots=3, memory="1G")
    assert "-pe smp 3 -l h_vmem=342M" == resources.native("SGE 8.1.9", needs, words)


def test_site(site: Path) -> None:
    """The site's words take the place of the table's; nothing passes a field over."""
    site.write_text(
        "# ours\n[gridengine]\nslots = -pe mpi-% {slots}\nmemory = -l mem={gb}G,b={bytes}\n"
        "gpus =\n[slurm]\nwalltime = --time={minutes} -A {seconds}\n"
    )
    words = drms.read_site()
    assert "-pe mpi-% 4 -l mem=8G,b=8589934592 -l h_rt=30:00:01 -q long" == resources.native(
        "SGE 8.1.9", Resources(**ALL), words
    )
    assert "--time=2 -A 61" == resources.native("SLURM 22", Resources(walltime=61), words)
    assert "--slots 2" == resources.native(LOCAL, Resources(slots=2), words)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[sge]\nslots = x\n", "'sge' is not known; legal are local, gridengine"),
        ("[slurm]\nslot = x\n", r"\[slurm\]: 'slot' is not known; legal are slots, gpus"),
        ("[DEFAULT]\nslots = x\n", "'DEFAULT' is not known"),
        ("slots = x\n", "can't be read: "),
        ("[slurm]\nslots = 1\nslots = 2\n", "can't be read: "),
        ("\xff", "can't be read: "),
        (None, "can't be read: .*No such file"),
    ],
    ids=["section", "field", "default", "none", "twice", "bytes", "missing"],
)
def test_bad_site(site: Path, text: str | None, message: str) -> None:
    """What is wrong with the site's file is named."""
    if text is not None:
        site.write_bytes(text.encode("latin-1"))
    with pytest.raises(InvalidArgumentException, match=message):
        drms.read_site()


@pytest.mark.parametrize(
    "words", ["{slot}", "{0}", "{", "{slots.real.x}", "{slots[a]}", "{slots:q}"]
)
def test_bad_words(words: str) -> None:
    """Words that can't be filled in are named, with what they can hold."""
    with pytest.raises(InvalidArgumentException, match="for slots of Slurm.*can hold {slots}"):
        resources.native("SLURM 22", Resources(slots=2), {"slurm": {"slots": words}})


def test_site_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the variable the user's file counts, where there is one; an empty one is none."""
    file = tmp_path / "drmaa-cffi" / "resources.ini"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert [] == drms.site_files()
    monkeypatch.delenv(drms.VARIABLE)
    assert file not in drms.site_files()
    file.parent.mkdir()
    file.write_text("[lsf]\ngpus = -R {gpus}\n")
    assert file == drms.site_files()[-1]
    assert {"gpus": "-R {gpus}"} == drms.read_site()["lsf"]
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".config").symlink_to(tmp_path)
    assert tmp_path / ".config" / "drmaa-cffi" / "resources.ini" == drms.site_files()[-1]


@pytest.mark.parametrize("first", ["resources", "nativeSpecification"])
def test_template(fake: Fake, session: Session, first: str) -> None:
    """A template has the DRM's words before its own, in whatever order they are set."""
    fake.says("drmaa_get_DRM_system", b"SLURM 22.05.8")
    needs = Resources(slots=2, memory="1G")
    values = {"resources": needs, "nativeSpecification": "--qos=low"}
    order = sorted(values, key=lambda name: name != first)
    template = JobTemplate(**{name: values[name] for name in order})
    assert "--cpus-per-task=2 --mem=1024 --qos=low" == in_c(template, "nativeSpecification")
    assert ("--qos=low", needs) == (template.nativeSpecification, template.resources)
    template.nativeSpecification += " --time=5"
    assert "--cpus-per-task=2 --mem=1024 --qos=low --time=5" == in_c(
        template, "nativeSpecification"
    )
    template.resources = Resources(queue="short")
    assert "--partition=short --qos=low --time=5" == in_c(template, "nativeSpecification")
    template.resources = None
    assert (
        "--qos=low --time=5"
        == in_c(template, "nativeSpecification")
        == template.nativeSpecification
    )


def test_template_without_own_words(fake: Fake, session: Session) -> None:
    """Without a native specification of its own a template has the words alone."""
    fake.says("drmaa_get_DRM_system", b"HTCondor")
    template = JobTemplate(resources=Resources(slots=2))
    assert ("request_cpus=2", "") == (
        in_c(template, "nativeSpecification"),
        template.nativeSpecification,
    )
    template.nativeSpecification = "rank=Memory"
    assert "request_cpus=2\nrank=Memory" == in_c(template, "nativeSpecification")
    template.resources = Resources(slots=1)
    assert "rank=Memory" == in_c(template, "nativeSpecification")


def test_copy_and_asdict(fake: Fake, session: Session) -> None:
    """A template's resources go along with its copies, and are in asdict() and repr()."""
    fake.says("drmaa_get_DRM_system", b"SLURM 22.05.8")
    needs = Resources(slots=2)
    template = JobTemplate(remoteCommand="/bin/true", resources=needs)
    assert {"remoteCommand": "/bin/true", "resources": needs} == template.asdict()
    assert "JobTemplate(remoteCommand='/bin/true', resources=Resources(slots=2))" == repr(template)
    again = JobTemplate(**template.asdict())
    own = again.copy(nativeSpecification="--qos=low")
    more = own.copy(resources=Resources(slots=3))
    none = own.copy(resources=None)
    assert [
        "--cpus-per-task=2",
        "--cpus-per-task=2",
        "--cpus-per-task=2 --qos=low",
        "--cpus-per-task=3 --qos=low",
        "--qos=low",
    ] == [in_c(each, "nativeSpecification") for each in (template, again, own, more, none)]
    assert {"remoteCommand": "/bin/true", "nativeSpecification": "--qos=low"} == none.asdict()


def test_converter(fake: Fake, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """A converter that a program has put on the attribute sees its own value alone."""

    class Shout:
        @staticmethod
        def to_drmaa(value: str) -> str:
            return value.upper()

        @staticmethod
        def from_drmaa(value: bytes) -> str:
            return value.decode().lower()

    fake.says("drmaa_get_DRM_system", b"SLURM 22.05.8")
    monkeypatch.setattr(vars(JobTemplate)["nativeSpecification"], "converter", Shout)
    template = JobTemplate(resources=Resources(slots=2), nativeSpecification="-p low")
    assert "--cpus-per-task=2 -P LOW" == in_c(template, "nativeSpecification")
    assert "-p low" == template.nativeSpecification


@pytest.mark.usefixtures("session")
def test_refused(fake: Fake, site: Path) -> None:
    """What can't be said raises, and the template is as it was; the site's file cures it."""
    site.write_text("")
    fake.says("drmaa_get_DRM_system", b"SGE 8.1.9")
    template = JobTemplate(nativeSpecification="-N name")
    with pytest.raises(UnsupportedAttributeException, match=r"such as 'slots = -pe smp {slots}'"):
        template.resources = Resources(slots=2)
    assert (None, "-N name") == (template.resources, in_c(template, "nativeSpecification"))
    site.write_text("[gridengine]\nslots = -pe smp {slots}\n")
    template.resources = Resources(slots=2)
    assert "-pe smp 2 -N name" == in_c(template, "nativeSpecification")


@pytest.mark.usefixtures("session")
def test_refused_by_the_library(fake: Fake) -> None:
    """A library that refuses the words leaves the template as it was."""
    fake.says("drmaa_get_DRM_system", b"SLURM 22")
    template = JobTemplate(nativeSpecification="--qos=low")
    fake.returns("drmaa_set_attribute", Errno.INVALID_ATTRIBUTE_VALUE)
    with pytest.raises(drmaa_cffi.InvalidAttributeValueException, match="cpus-per-task"):
        template.resources = Resources(slots=2)
    assert (None, "--qos=low") == (template.resources, template.nativeSpecification)


@pytest.mark.parametrize("value", [{"slots": 4}, 4, "slots=4", (4, None, None, None, None)])
def test_no_resources(template: JobTemplate, value: object) -> None:
    """What is no Resources is refused with what is."""
    with pytest.raises(InvalidArgumentException, match=r"pass drmaa_cffi.Resources\(slots=4"):
        template.resources = value  # type: ignore[assignment]
    assert template.resources is None


def test_deleted_template(fake: Fake, session: Session) -> None:
    """A deleted template refuses resources by name, and to read what it was asked for."""
    fake.says("drmaa_get_DRM_system", b"SLURM 22")
    template = JobTemplate(resources=Resources(slots=3))
    template.delete()
    with pytest.raises(drmaa_cffi.InvalidJobTemplateException):
        template.nativeSpecification  # noqa: B018
    with pytest.raises(drmaa_cffi.InvalidJobTemplateException):
        template.resources = Resources(slots=2)
