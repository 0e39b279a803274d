"""The report for a talk in a real browser: no complaint, nothing fetched, nothing wider than its frame."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from synthetic_talk import FLAG, talk

from pulposus.report.consult import write_consult

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
OVER = """() => [...document.querySelectorAll('svg')].flatMap(svg => {
  const frame = svg.getBoundingClientRect(), words = [...svg.querySelectorAll('text')];
  const out = words.filter(t => { const r = t.getBoundingClientRect();
    return r.right > frame.right + 1 || r.left < frame.left - 1 || r.bottom > frame.bottom + 1; });
  return out.map(t => t.textContent); })"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.mark.parametrize("width", [1200, 400])
@pytest.mark.parametrize("flags", [(), (FLAG,)], ids=["plain", "flag"])
def test_a_talk_holds_together(chromium: Any, tmp_path: Path, width: int, flags: tuple[Any, ...]) -> None:
    (path,) = write_consult(tmp_path, talk(flags=flags, title="Somebody"))
    said: list[str] = []
    page = chromium.new_page(viewport={"width": width, "height": 900})
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url) if request.url.startswith("http") else None)
    page.goto(path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OVER) == []
    if flags:
        box = page.locator(".banner.refer").bounding_box()
        assert box["y"] < page.locator("h1").bounding_box()["y"]
        size = page.locator(".banner.refer h2").evaluate("e => parseFloat(getComputedStyle(e).fontSize)")
        assert size >= 30  # pixels
    assert said == []
    page.close()
