"""axe-core over a page that stands in a browser: what people who see, hear or move otherwise could not use."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

RUN = """async () => {
  document.querySelectorAll('*').forEach(each => each.getAnimations().forEach(one => { try { one.finish(); } catch (endless) { one.cancel(); } }));
  const found = await axe.run(document, {resultTypes: ['violations']});
  return found.violations.filter(each => ['serious', 'critical'].includes(each.impact)).map(each =>
    each.id + ': ' + each.nodes.slice(0, 4).map(node => node.html.slice(0, 160) + ' ' +
      (node.any[0] || node.all[0] || node.none[0] || {message: ''}).message).join(' | '));
}"""


@cache
def _source() -> str:
    return (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def serious(page: Any) -> list[str]:
    """Every serious or critical finding on the page as it stands, with the elements that it is about."""
    page.evaluate(_source())
    found: list[str] = page.evaluate(RUN)
    return found
