"""Words from right to left keep to themselves, on every page, without a template saying so."""

from __future__ import annotations

import pytest
from flask import Flask, render_template_string
from jinja2 import Environment

from tests.staff.consoles import Browser
from wxbot import bidi

ALI, DAVID = "علي حسن", "דוד"


@pytest.fixture
def pages() -> Environment:
    return Environment(extensions=[bidi.Isolation], autoescape=True)


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("<b>{{ name }}</b>", f"<b><bdi>{ALI}</bdi></b>"),
        ("{{ name or 'x' }} {{- 5 }}", f"<bdi>{ALI}</bdi>5"),
        (
            "<a title=\"{{ name }}\" href='?q={{ name }}'>{{- name -}} </a>",
            f"<a title=\"{ALI}\" href='?q={ALI}'><bdi>{ALI}</bdi></a>",
        ),
        (
            "<title>{{ name }}</title><option>{{ name }}</option>{{ name }}",
            f"<title>{ALI}</title><option>{ALI}</option><bdi>{ALI}</bdi>",
        ),
        ("{% if 2 > 1 and 1 < 2 %}<i>{{ name }}</i>{% endif %}", f"<i><bdi>{ALI}</bdi></i>"),
        ("<script>var a = 1 < 2, n = {{ name|tojson }};</script>", "<script>var a = 1 \x3c 2"),
        ("{{ {'a': name}.get('a') }}{{ n }}{{ none }}{{ latin }}", f"<bdi>{ALI}</bdi>7None张三 &amp; Bob"),
        ("{% macro m(x) -%}<b>{{ x }}</b>{%- endmacro %}{{ m(name) }}", f"<b><bdi>{ALI}</bdi></b>"),
        ("{{ evil }}", "<bdi>&lt;b&gt;דוד</bdi>"),
    ],
)
def test_a_word_from_right_to_left_is_an_element_of_its_own(pages: Environment, template: str, shown: str) -> None:
    page = pages.from_string(template).render(name=ALI, n=7, none=None, latin="张三 & Bob", evil=f"<b>{DAVID}")
    assert page.replace("<script>var a = 1 <", "<script>var a = 1 \x3c").startswith(shown), page


def test_pages_and_sentences_of_the_console_keep_such_names_apart(console_app: Flask) -> None:
    boss = Browser(console_app, "chen")
    boss.post("/admin/staff", {"login": "ali.test", "name": ALI, "role": "cashier"})
    page = boss.get("/admin/staff").text
    assert f"<div><bdi>{ALI}</bdi><small>" in page
    assert f"停用 \u2068{ALI}\u2069？" in page
    assert "<bdi>陈管理" not in page
    assert f"\u2068{ALI}\u2069 已停用" in boss.post("/admin/staff/6/disable").text + boss.get("/admin/staff").text


def test_every_template_still_compiles(console_app: Flask) -> None:
    for name in console_app.jinja_env.list_templates():
        console_app.jinja_env.get_template(name)
    with console_app.test_request_context():
        assert render_template_string("{{ x }}", x=DAVID) == f"<bdi>{DAVID}</bdi>"
