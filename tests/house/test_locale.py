"""Every refusal has a sentence in both languages, and every sentence has its refusal."""

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from string import Formatter

import pytest

import domain
from domain.kernel import Refusal
from schema.locale import KEYED, LANGUAGES, texts

ROOT = Path(__file__).parents[2]
FOLDERS = ("domain", "resolvers", "schema", "server", "jobs", "adapters")


def _refusals() -> list[type[Refusal]]:
    for module in pkgutil.walk_packages(domain.__path__, "domain."):
        if ".migrations" not in module.name:
            importlib.import_module(module.name)
    found: list[type[Refusal]] = []
    waiting = [Refusal]
    while waiting:
        for each in waiting.pop().__subclasses__():
            waiting.append(each)
            found.append(each)
    ours = {each for each in found if each.__module__.startswith("domain.")}
    return sorted(ours, key=lambda each: each.__name__)


REFUSALS = _refusals()


def _names(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def _calls() -> Iterator[tuple[str, ast.Call]]:
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    called = node.func
                    yield getattr(called, "attr", None) or getattr(called, "id", ""), node


CALLS = list(_calls())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda each: each.__name__)
def test_a_refusal_has_its_text(refusal: type[Refusal], language: str) -> None:
    text = texts(language)["refusals"].get(refusal.code)
    assert text, f"schema/locale/{language}.toml [refusals] needs {refusal.code}"
    known = {each.name for each in fields(refusal)}
    assert _names(text) <= known, f"{refusal.code} names {_names(text) - known}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_left_over(language: str) -> None:
    codes = {refusal.code for refusal in REFUSALS}
    assert set(texts(language)["refusals"]) - codes == set()


def test_both_languages_say_the_same_things() -> None:
    english, chinese = (texts(language) for language in LANGUAGES)
    assert set(english) == set(chinese)
    for table in english:
        assert set(english[table]) == set(chinese[table]), table
        for code, text in english[table].items():
            assert _names(text) == _names(chinese[table][code]), f"{table}.{code}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_keys_used_in_the_code_have_their_words(language: str) -> None:
    by_name = {refusal.__name__: {each.name for each in fields(refusal)} for refusal in REFUSALS}
    missing = {
        f"[{KEYED[keyword.arg]}] {keyword.value.value}"
        for name, call in CALLS
        for keyword in call.keywords
        if keyword.arg in KEYED
        and keyword.arg in by_name.get(name, ())
        and isinstance(keyword.value, ast.Constant)
        and keyword.value.value not in texts(language)[KEYED[keyword.arg]]
    }
    assert sorted(missing) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_reasons_that_rules_answer_have_their_words(language: str) -> None:
    answered = {
        part.value
        for path in (ROOT / "domain").rglob("rules.py")
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef) and function.name.endswith("fault")
        for node in ast.walk(function)
        if isinstance(node, ast.Return) and node.value is not None
        for part in ast.walk(node.value)
        if isinstance(part, ast.Constant) and "_" in str(part.value)
    }
    assert "price_steps_fall" in answered, "the search for reasons is blind"
    assert sorted(answered - set(texts(language)["reasons"])) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_refused_requests_have_their_text(language: str) -> None:
    codes = {
        call.args[0].value
        for name, call in CALLS
        if name == "RequestRefused" and call.args and isinstance(call.args[0], ast.Constant)
    }
    assert codes, "the search for codes found nothing: the test is blind"
    assert sorted(codes - set(texts(language)["requests"])) == []
