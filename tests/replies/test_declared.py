"""The table of dialogues, without a database: every step can be answered, left and understood."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wxbot.replies.dialogues import actions, words
from wxbot.replies.dialogues.definitions import BY_KEYWORD, CANCEL, DIALOGUES, Parsed, Step, Turn
from wxbot.replies.rules import normalise
from wxbot.wechat.limits import TEXT_REPLY_BYTES

KINDS = [
    {"id": 1, "name": "停车票", "rule": "fixed", "unit": "", "ask": "拍下票面。"},
    {"id": 2, "name": "搬箱", "rule": "per_unit", "unit": "箱", "ask": ""},
    {"id": 3, "name": "餐费", "rule": "free", "unit": "", "ask": ""},
]
ANSWERS: list[dict[str, Any]] = [
    {"kinds": KINDS, "kind": 0},
    {"kinds": KINDS, "kind": 1, "units": 2, "photos": ["a"]},
    {"kinds": KINDS, "kind": 2, "bound": "138****8000"},
]
STEPS = [(each, step) for each in DIALOGUES.values() for step in each.steps]
every_step = pytest.mark.parametrize(
    ("dialogue", "step"), STEPS, ids=[f"{each.name}.{step.name}" for each, step in STEPS]
)


def heard(step: Step, text: str = "", kind: Any = "text", **answers: Any) -> Parsed:
    return step.hear(Turn("o", "k", 1, kind, text, "m" if kind == "photo" else ""), ANSWERS[1] | answers)


@every_step
def test_every_step_has_words_a_way_on_and_a_time_out(dialogue: Any, step: Step) -> None:
    names = {each.name for each in dialogue.steps}
    for answers in ANSWERS:
        for prompt, way_out in zip(step.prompt(answers), words.WAY_OUT, strict=True):
            assert prompt.strip() and len(f"{prompt}\n{way_out}".encode()) < TEXT_REPLY_BYTES
        assert step.then(answers) in names | {""}
    assert timedelta(minutes=1) <= step.timeout <= timedelta(minutes=30)
    assert not step.work or step.work in actions.INSIDE or step.work in actions.OUTSIDE
    assert step.at_timeout == "end" or step.work in actions.INSIDE
    assert step.then(ANSWERS[0]) != step.name


@every_step
@settings(max_examples=40)
@given(text=st.text(max_size=60), kind=st.sampled_from(["text", "photo", "other"]))
def test_every_step_answers_anything(dialogue: Any, step: Step, text: str, kind: str) -> None:
    understood = heard(step, text, kind)
    assert understood.sorry or understood.value is not None or understood.carried or understood.work or understood.go
    assert not (understood.sorry and not understood.stays and understood.value is not None)


def test_every_dialogue_opens_has_words_to_begin_it_and_none_that_end_it() -> None:
    assert set(actions.OPENINGS) == set(DIALOGUES)
    for name, each in DIALOGUES.items():
        assert each.name == name
        assert each.keywords and each.title
        assert not CANCEL & {normalise(keyword) for keyword in each.keywords}
    assert len(BY_KEYWORD) == sum(len(each.keywords) for each in DIALOGUES.values())


@pytest.mark.parametrize("written", ["13800138000", "+86 138-0013-8000", "１３８００１３８０００"])
def test_a_phone_is_carried_and_only_its_mask_is_kept_S58(written: str) -> None:
    understood = heard(DIALOGUES["bind"].step("phone"), written)
    assert (understood.value, understood.carried) == ("138****8000", "+8613800138000")


def test_a_code_is_carried_and_never_kept_S58() -> None:
    understood = heard(DIALOGUES["bind"].step("code"), "１２３ ４５６")
    assert (understood.value, understood.carried) == (None, "123456")
