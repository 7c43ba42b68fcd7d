"""Every sentence of the console has its English."""

import ast
import re
from pathlib import Path

from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from flask import Flask, render_template_string
from flask_babel import gettext

from wxbot.staff.console import LANGUAGE_COOKIE, TRANSLATIONS

ROOT = Path(__file__).resolve().parent.parent.parent
EN = TRANSLATIONS / "en" / "LC_MESSAGES"
JOINED = re.compile("""["']、["']\\.join""")
OWN_WAY = {
    "daily.py",  # published rules quote it, and are compared by their text
    "hall/rules_text.py",  # so are these
    "instant/article.py",  # of texts in both languages
    "payouts/list_read.py",  # kept in a row
    "cli/thaw.py",  # a line in both languages at once
    "demo/run.py",  # so is this
    "simulator/pay_v3_fields.py",  # shares no code with the rest
}
"""Lists that do not come from `text.listed`, and why."""


def test_every_sentence_of_the_pages_has_an_english_one() -> None:
    with (EN / "messages.po").open("rb") as file:
        english = {message.id: message.string for message in read_po(file) if message.id}
    pages = [*ROOT.glob("templates/console/*.html"), *ROOT.glob("wxbot/*/admin*.py"), ROOT / "wxbot/staff/console.py"]
    said = {
        text
        for page in pages
        for text in re.findall(r"(?:\b_|gettext)\(\s*[\"']((?:[^\"'\\]|\\.)+)[\"']", page.read_text("utf-8"))
    }
    assert len(said) > 200
    assert sorted(text for text in said if not english.get(text)) == []


def test_english_has_a_blank_between_sentences_and_its_own_comma_in_lists() -> None:
    """Chinese has neither: where a page puts two sentences side by side, or joins names itself, only English shows it."""
    touching = re.compile(r"。'[^{}]*\}\}(?:\{% (?:if|for)[^%]*%\})?\{\{ ?_\(")
    for page in ROOT.glob("templates/console/*.html"):
        text = page.read_text("utf-8")
        assert not touching.search(text) and "join('、')" not in text, page.name
    joined = {
        str(page.relative_to(ROOT / "wxbot"))
        for page in ROOT.glob("wxbot/**/*.py")
        if JOINED.search(page.read_text("utf-8"))
    }
    assert joined == {"text.py", *OWN_WAY}


def test_no_sentence_is_kept_that_nobody_says() -> None:
    """A sentence of the catalogue stands in a page, or is a text of the program (words are also looked up by tables)."""
    with (EN / "messages.po").open("rb") as file:
        kept = [message.id for message in read_po(file) if message.id]
    pages = "".join(page.read_text("utf-8") for page in ROOT.glob("templates/**/*.html"))
    modules = [module.read_text("utf-8") for module in ROOT.glob("wxbot/**/*.py")]
    said_somewhere = "".join([pages, *modules])
    rare = [said for said in kept if f"'{said}'" not in said_somewhere and f'"{said}"' not in said_somewhere]
    # What is left goes over several lines, or has marks of a string in it: only there the files are parsed, which is slow.
    trees = [ast.parse(module) for module in modules if any(str(said)[:9].partition('"')[0] in module for said in rare)]
    texts = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert [said for said in rare if said not in texts] == []


def test_a_count_of_one_has_its_word_in_pages_and_messages(console_app: Flask) -> None:
    with console_app.test_request_context("/admin/", headers={"Cookie": f"{LANGUAGE_COOKIE}=en"}):
        page = "{{ _('已签到 %(n)s 人', n=n|num) }}"
        assert [render_template_string(page, n=n) for n in (1, 2, 1001)] == [
            "1 person has signed in",
            "2 people have signed in",
            "1,001 people have signed in",
        ]
        assert gettext("已撤销 %(count)s 个决定。", count=1) == "1 decision was taken back."


def test_each_word_that_goes_with_a_count_goes_with_one_that_is_given() -> None:
    with (EN / "messages.po").open("rb") as file:
        english = [(str(message.id), str(message.string)) for message in read_po(file) if message.id]
    counted = [(said, name) for said, text in english for name in re.findall(r"\{(\w+):[^{}]*\|[^{}]*\}", text)]
    assert len(counted) > 60
    assert [(said, name) for said, name in counted if f"%({name})" not in said] == []


def test_the_compiled_catalogue_is_the_written_one() -> None:
    with (EN / "messages.po").open("rb") as file:
        written = {message.id: message.string for message in read_po(file) if message.id}
    with (EN / "messages.mo").open("rb") as file:
        compiled = {message.id: message.string for message in read_mo(file) if message.id}
    assert compiled == written
