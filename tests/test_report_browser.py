"""The page in a real browser: no errors, nothing fetched, and a cut that is a cut."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic_run import synthetic_run

from pulposus.report import write_report

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


@pytest.fixture(scope="module")
def run() -> dict[str, Any]:
    return synthetic_run("coarse")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


def visit(chromium: Any, path: Path, said: list[str], **manners: Any) -> Any:
    """Open a report; whatever the page complains of or fetches is appended to `said`."""
    manners = {"viewport": {"width": 1280, "height": 1000}, "reduced_motion": "reduce"} | manners
    page = chromium.new_page(**manners)
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url) if request.url.startswith("http") else None)
    page.goto(path.as_uri())
    page.evaluate("pulposus.ready")
    return page


@pytest.fixture(scope="module")
def path(run: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(tmp_path_factory.mktemp("browser") / "report.html", **run)


@pytest.fixture(scope="module")
def said() -> list[str]:
    return []


@pytest.fixture(scope="module")
def report(chromium: Any, path: Path, said: list[str]) -> Iterator[Any]:
    opened = visit(chromium, path, said)
    yield opened
    opened.close()


def picture(report: Any) -> bytes:
    """The canvas as it is drawn now."""
    report.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return report.locator("#canvas").screenshot()


def move(report: Any, name: str, value: float) -> None:
    """Put a slider somewhere, as a hand would."""
    report.locator(f"#{name}").evaluate(
        "(e, v) => { e.value = v; e.dispatchEvent(new Event('input', {bubbles: true})); }", value
    )
    report.evaluate("pulposus.set({})")


def cut(report: Any, kind: str) -> None:
    report.locator(f"input[name=cut][value={kind}]").check(force=True)
    report.evaluate("pulposus.set({})")


def test_sliders_fields_and_cuts_change_the_picture(report: Any) -> None:
    cut(report, "sagittal")
    seen = [picture(report)]
    for act in (
        lambda: move(report, "position", 6),
        lambda: report.locator("#field").select_option("injected_cells"),
        lambda: move(report, "time", 0),
        lambda: cut(report, "transverse"),
        lambda: report.locator("#compare").select_option("difference"),
        lambda: report.locator("#canvas").press("ArrowLeft"),
    ):
        act()
        report.evaluate("pulposus.set({})")
        seen.append(picture(report))
        assert seen[-1] != seen[-2]
    report.locator("#compare").select_option("arm")


def surface(run: dict[str, Any], arm: int, time: int) -> tuple[np.ndarray, np.ndarray]:
    """The disc's outer surface: triangles (n, corner, xyz) in mm, and for each a direction that points out of it."""
    history = run["history"]
    points = np.stack([history["x"].values, history["y"].values, history["z"].values[arm, time]], -1)
    points = np.concatenate([points, points[:, :1]], 1)  # once around
    triangles, outward = [], []
    for sheet, out in ((points[-1], None), (points[:, :, -1], (0, 0, 1)), (points[:, :, 0], (0, 0, -1))):
        a, b, c, d = sheet[:-1, :-1], sheet[1:, :-1], sheet[1:, 1:], sheet[:-1, 1:]
        for corners in ((a, b, c), (a, c, d)):
            three = np.stack(corners, -2).reshape(-1, 3, 3)
            from_axis = (three.mean(1) - points[0, 0].mean(0)) * [1, 1, 0]
            triangles.append(three)
            outward.append(from_axis if out is None else np.broadcast_to(out, (len(three), 3)))
    return np.concatenate(triangles), np.concatenate(outward)


def section_area(run: dict[str, Any], arm: int, time: int, axis: int, at: float) -> float:
    """Area in mm2 that a plane across an axis cuts out of the disc, from its outer surface alone.

    By the divergence theorem, twice the area is the integral of position times outward normal around the rim.
    """
    triangles, outward = surface(run, arm, time)
    plan = [k for k in range(3) if k != axis]
    area = 0.0
    for corners, out in zip(triangles, outward, strict=True):
        side = corners[:, axis] - at
        if (side >= 0).all() or (side < 0).all():
            continue
        lone = next(k for k in range(3) if ((side >= 0) == (side[k] >= 0)).sum() == 1)
        u, v = (
            (corners[lone] + side[lone] / (side[lone] - side[k]) * (corners[k] - corners[lone]))[plan]
            for k in range(3)
            if k != lone
        )
        normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
        normal = (normal * np.sign(normal @ out))[plan]
        across = np.array([-(v - u)[1], (v - u)[0]])
        area += 0.25 * (u + v) @ across * np.sign(across @ normal)
    return float(area)


@pytest.mark.parametrize(
    ("kind", "axis", "offset"),
    [("sagittal", 0, 0.0), ("sagittal", 0, 7.5), ("coronal", 1, -5.0), ("coronal", 1, 0.0), ("transverse", 2, 0.5)],
)
def test_a_cut_face_has_the_area_of_the_section(
    report: Any, run: dict[str, Any], kind: str, axis: int, offset: float
) -> None:
    cut(report, kind)
    move(report, "position", offset)
    time = 10
    move(report, "time", time)
    centre = report.evaluate("pulposus.viewer.centre")
    for arm in (0, 1):
        (shown,) = report.evaluate("arm => pulposus.viewer.cutAreas(arm)", arm)
        assert shown == pytest.approx(section_area(run, arm, time, axis, centre[axis] + offset), rel=2e-3)
    move(report, "position", 0)


def test_values_on_a_cut_lie_between_those_of_the_disc(report: Any, run: dict[str, Any]) -> None:
    report.locator("#field").select_option("oxygen")
    cut(report, "coronal")
    low, high, *ends = report.evaluate(
        """() => { const v = pulposus.viewer.meshes[1].find(m => m.self === 0).value;
        return [Math.min(...v), Math.max(...v), ...pulposus.viewer.scenes[1].range]; }"""
    )
    oxygen = run["history"]["oxygen"]
    assert ends == pytest.approx([float(oxygen.min()), float(oxygen.max())], rel=1e-3)
    assert ends[0] <= low < high <= ends[1] * (1 + 1e-6)
    assert low < float(oxygen.mean())  # a cut shows the hungry middle, which the surface does not


def test_pointing_tells_the_value_of_that_place(report: Any, run: dict[str, Any]) -> None:
    report.locator("#field").select_option("glucose")
    cut(report, "transverse")
    move(report, "position", 0)
    move(report, "time", 6)
    picture(report)
    box = report.locator(".scene").nth(1).bounding_box()
    report.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    told = report.locator("#tip").inner_text()
    history = run["history"]
    middle = history.sizes["layer"] // 2
    near = history["glucose"].values[:, 6, : history.sizes["ring"] // 2, :, middle]
    values = [float(part.split("mM")[0].split(":")[1]) for part in told.splitlines()[:2]]
    assert told.startswith("untreated")
    assert "nucleus" in told
    for arm in (0, 1):
        assert near[arm].min() * 0.99 <= values[arm] <= near[arm].max() * 1.01


def test_left_of_the_person_is_right_of_the_picture_seen_from_the_front(report: Any) -> None:
    report.locator("[data-view=front]").click()
    picture(report)
    places = report.evaluate(
        "['left', 'right'].map(s => parseFloat(document.querySelector(`[data-side=${s}]`).style.left))"
    )
    assert places[0] > places[1]
    x = report.evaluate("(v => v.project([10, 0, 0], v.scenes[0].element.getBoundingClientRect()).x)(pulposus.viewer)")
    assert x < report.evaluate(
        "(v => v.project([-10, 0, 0], v.scenes[0].element.getBoundingClientRect()).x)(pulposus.viewer)"
    )


def test_every_chart_is_drawn(report: Any) -> None:
    drawn = "[...document.querySelectorAll('.plot')].map(e => e.querySelectorAll('path.line, path.area').length)"
    assert min(report.evaluate(drawn)) > 0
    assert report.evaluate(
        "[...document.querySelectorAll('.plot path')].every(p => !p.getAttribute('d').includes('NaN'))"
    )


def test_the_table_of_numbers_can_be_searched(report: Any) -> None:
    report.locator("#number-filter").fill("assumed")
    assert report.locator("table.numbers tbody tr:visible").count() == 2
    report.locator("#number-filter").fill("")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_narrow_and_dark_pages_hold_together(chromium: Any, path: Path, width: int, scheme: str) -> None:
    complaints: list[str] = []
    opened = visit(chromium, path, complaints, viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    assert len(set(picture(opened))) > 50
    assert complaints == []
    opened.close()


def test_a_browser_without_webgl_is_told_so(chromium: Any, path: Path) -> None:
    opened = chromium.new_page()
    opened.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    opened.goto(path.as_uri())
    opened.evaluate("pulposus.ready")
    assert "no WebGL" in opened.locator("#no-viewer").inner_text()
    assert not opened.locator("#viewer").is_visible()
    assert opened.locator(".plot path.line").count() > 10
    opened.close()


def test_one_disc_alone_is_shown(chromium: Any, run: dict[str, Any], tmp_path: Path) -> None:
    alone = run | {"case": run["case"] | {"treatments": []}, "ledger": None, "mechanisms": None}
    complaints: list[str] = []
    opened = visit(chromium, write_report(tmp_path / "report.html", **alone), complaints)
    assert opened.locator(".scene").count() == 1
    assert complaints == []
    opened.close()


def test_the_page_never_complained(report: Any, said: list[str]) -> None:
    assert report.title()
    assert said == []
