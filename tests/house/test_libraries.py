"""Each library that we borrow is named: with its licence in NOTICE, with its reason in 0002."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def named_in_project() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {re.split(r"[<>=~!\[ ]", each, maxsplit=1)[0] for each in project["dependencies"]}


def locked() -> set[str]:
    text = (ROOT / "requirements.lock").read_text()
    return set(re.findall(r"^([a-z0-9._-]+)==", text, flags=re.MULTILINE))


def words_of(path: str) -> set[str]:
    return set(re.findall(r"[a-z0-9][a-z0-9._-]*[a-z0-9]", (ROOT / path).read_text()))


def test_the_lock_holds_what_the_project_names() -> None:
    assert named_in_project() <= locked()


def test_notice_names_each_library_that_is_installed() -> None:
    assert locked() - words_of("NOTICE") == set()


def test_each_dependency_has_its_reason() -> None:
    reasons = (ROOT / "docs/decisions/0002-libraries.md").read_text()
    rows = set(
        re.findall(r"[a-z0-9-]+", " ".join(re.findall(r"^\| ([^|]+) \|", reasons, re.MULTILINE)))
    )
    assert named_in_project() - rows == set()


def test_every_path_that_the_documents_name_is_there() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    missing = [
        f"{path.name}: {target}"
        for path in documents
        for target in re.findall(r"\]\((?!http|#|mailto)([^)#]+)", path.read_text())
        if not (path.parent / target).exists()
    ]
    assert missing == []
