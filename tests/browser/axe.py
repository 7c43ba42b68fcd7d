"""axe-core over a page that stands in a browser: what people who see, hear or move otherwise could not use."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from tests.waiting import until_settled

ROOT = Path(__file__).resolve().parents[2]

RUN = """async () => {
  document.querySelectorAll('*').forEach(each => each.getAnimations().forEach(one => { try { one.finish(); } catch (endless) { one.cancel(); } }));
  const grave = ['serious', 'critical'];
  const rules = axe._audit.rules.filter(each => each.enabled && grave.includes(each.impact) && !each.tags.includes('experimental') && !each.tags.includes('deprecated'));
  if (rules.length < 50) { throw new Error(`axe has ${rules.length} rules about serious findings`); }
  const runOnly = {type: 'rule', values: rules.map(each => each.id)};
  const found = await axe.run(document, {runOnly, resultTypes: ['violations'], selectors: false});
  return found.violations.filter(each => grave.includes(each.impact)).map(each =>
    each.id + ': ' + each.nodes.slice(0, 4).map(node => node.html.slice(0, 160) + ' ' +
      (node.any[0] || node.all[0] || node.none[0] || {message: ''}).message).join(' | '));
}"""
"""Those of axe's usual rules whose findings are serious or critical (a rule has one impact), without paths to the elements: a third less work."""


@cache
def _source() -> str:
    return (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def serious(page: Any) -> list[str]:
    """Every serious or critical finding on the page with what it brought in by itself, with the elements that it is about."""
    until_settled(page)
    page.evaluate(_source())
    found: list[str] = page.evaluate(RUN)
    return found


SMALL = """() => [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary')]
  .filter(each => !['checkbox', 'radio', 'color', 'file'].includes(each.type) && getComputedStyle(each).display !== 'inline' && each.checkVisibility())
  .map(each => [each, each.getBoundingClientRect()])
  .filter(([each, box]) => box.width && box.height && box.right > 0 && Math.ceil(box.height) < 44)
  .map(([each, box]) => `small: ${Math.round(box.width)}x${Math.round(box.height)} ` + each.outerHTML.slice(0, 120))"""


def too_small(page: Any) -> list[str]:
    """What a finger must hit and is less than 44 px high; a link within a sentence is as high as its line."""
    until_settled(page)
    found: list[str] = page.evaluate(SMALL)
    return found
