"""The page of a run: whole in itself, true to its numbers, safe with any text, honest in its words."""

from __future__ import annotations

import base64
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic_run import MECHANISMS, ledger_of, synthetic_run

from pulposus.errors import InputError
from pulposus.report import words, write_report
from pulposus.report.fields import pack, saved_times


class Page(HTMLParser):
    """What a browser would make of a page: tags with attributes, ids, text of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self.words = ""
        self._inside = ("", "")
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = (tag, dict(attrs).get("id") or "")

    def handle_data(self, data: str) -> None:
        tag, name = self._inside
        if tag == "script":
            self.scripts[name] = self.scripts.get(name, "") + data
        elif tag != "style":
            self.words += data

    def handle_endtag(self, tag: str) -> None:
        self._inside = ("", "")

    @property
    def payload(self) -> dict[str, Any]:
        return json.loads(self.scripts["payload"])


@pytest.fixture(scope="module")
def run() -> dict[str, Any]:
    return synthetic_run("tiny")


@pytest.fixture(scope="module")
def text(run: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_report(tmp_path_factory.mktemp("report") / "report.html", **run).read_text("utf-8")


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def written(tmp_path: Path, run: dict[str, Any], **changes: Any) -> Page:
    """The page of a run with some of its parts replaced."""
    return Page(write_report(tmp_path / "report.html", **(run | changes)).read_text("utf-8"))


# ---------------------------------------------------------------------------------------------- whole in itself


def test_nothing_is_fetched_from_anywhere(page: Page, text: str) -> None:
    for tag, attributes in page.tags:
        for name in ("src", "srcset", "data", "action", "poster", "background"):
            assert name not in attributes, f"<{tag} {name}> loads something"
        if tag == "link":
            assert (attributes["href"] or "").startswith("data:")
    style = re.search(r"<style>(.*?)</style>", text, re.S)
    assert style
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    for call in ("fetch(", "XMLHttpRequest", "import(", "WebSocket", "sendBeacon"):
        assert call not in page.scripts[""]
    rules = [a["content"] or "" for tag, a in page.tags if tag == "meta" and a.get("http-equiv")]
    assert len(rules) == 1
    assert rules[0].startswith("default-src 'none'")


def test_links_are_sources_or_places_on_the_page(page: Page) -> None:
    names = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    for tag, attributes in page.tags:
        if tag == "a":
            href = attributes["href"] or ""
            assert href.startswith("https://doi.org/") or href.removeprefix("#") in names or "source-" in href


def test_standard_mesh_stays_small(tmp_path: Path) -> None:
    path = write_report(tmp_path / "report.html", **synthetic_run("standard"))
    assert 0.5e6 < path.stat().st_size < 12e6


def test_what_cannot_be_written_is_said_and_leaves_nothing(run: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_report(tmp_path / "no" / "such" / "place" / "report.html", **run)
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------------------------------- true to its numbers


def unpacked(page: Page, name: str) -> np.ndarray:
    """A field of the page as (arm, time, node), decoded from its description alone."""
    field = next(field for field in page.payload["fields"] if field["name"] == name)
    planes = np.frombuffer(zlib.decompress(base64.b64decode(page.scripts[f"block-{name}"])), "u1").reshape(2, -1)
    levels = (planes[0] + 256.0 * planes[1]).reshape(*np.shape(field["offset"]), -1)
    return np.array(field["offset"])[..., None] + np.array(field["step"])[..., None] * levels


def test_fields_survive_within_half_a_level(page: Page, run: dict[str, Any]) -> None:
    names = [field["name"] for field in page.payload["fields"]]
    assert {"z", "oxygen", "glucose", "lactate", "ph", "native_cells", "injected_cells", "np_like_cells"} <= set(names)
    assert {"aggrecan", "water", "il1b", "tnf"} <= set(names)
    for name in names:
        values = run["history"][name].values.reshape(2, len(page.payload["months"]), -1)
        span = np.ptp(values, axis=-1, keepdims=True)
        assert np.all(np.abs(unpacked(page, name) - values) <= span / 8190 + 1e-9 * np.abs(values).max()), name


def test_places_survive_and_left_is_left(page: Page, run: dict[str, Any], tmp_path: Path) -> None:
    x = np.frombuffer(base64.b64decode(page.scripts["block-x"]), "<f4")
    np.testing.assert_allclose(x, run["history"]["x"].values.ravel(), atol=1e-5)
    mirrored = run["history"].assign(x=-run["history"]["x"])  # a run that counts x to the left
    other = written(tmp_path, run, history=mirrored)
    np.testing.assert_array_equal(np.frombuffer(base64.b64decode(other.scripts["block-x"]), "<f4"), x)


def test_a_field_that_is_the_same_everywhere_is_kept() -> None:
    text, offset, step = pack(np.full((1, 1, 5), 7.25))
    assert (offset, step) == ([[7.25]], [[0.0]])
    assert set(zlib.decompress(base64.b64decode(text))) == {0}


def test_every_field_says_its_unit(page: Page) -> None:
    for field in page.payload["fields"]:
        if field["name"] != "z":
            assert field["unit"].strip()
            assert field["unit"] != "1"
            assert field["label"].strip()
            assert field["colours"] in page.payload["colours"]


def test_at_most_thirteen_times_the_ends_among_them() -> None:
    months = np.arange(61.0)
    chosen = saved_times(months)
    assert len(chosen) == 13
    assert chosen == sorted(set(chosen))
    assert (chosen[0], chosen[-1]) == (0, 60)
    assert sum(index <= 12 for index in chosen) > sum(index >= 48 for index in chosen)
    assert saved_times(np.arange(5.0)) == [0, 1, 2, 3, 4]
    assert len(set(saved_times(np.array([0, *range(48, 62)], float)))) == 13


def test_colours_grow_evenly_brighter(page: Page) -> None:
    for name in ("viridis", "magma", "cividis"):
        rgb = np.frombuffer(base64.b64decode(page.payload["colours"][name]), "u1").reshape(256, 3) / 255
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        lightness = 116 * np.cbrt(linear @ [0.2126, 0.7152, 0.0722]) - 16
        assert np.all(np.diff(lightness[::8]) > 0), name


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda h: h.assign(oxygen=h.oxygen.where(h.ring > 0)), "oxygen.*not finite"),
        (lambda h: h.assign(oxygen=(h.oxygen.dims, h.oxygen.values)), "oxygen.*no unit"),
        (lambda h: h.drop_vars("z"), "lack z"),
    ],
)
def test_fields_that_cannot_be_shown_are_refused(
    run: dict[str, Any], tmp_path: Path, change: Any, complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        write_report(tmp_path / "report.html", **(run | {"history": change(run["history"])}))
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------------------------------- any text is text


HOSTILE = '</script><script>alert(1)</script><img src=x onerror="alert(2)"> $title & \u2028'


def test_hostile_words_stay_words(run: dict[str, Any], tmp_path: Path) -> None:
    info = run["info"]
    row = info["parameters_used"][0] | {
        "name": HOSTILE,
        "meaning": HOSTILE,
        "source": HOSTILE,
        "kind": HOSTILE,
        "unit": HOSTILE,
    }
    changed = info | {
        "warnings": [HOSTILE],
        "filled": {HOSTILE: HOSTILE},
        "hypotheses": {HOSTILE: HOSTILE},
        "parameters_used": [row],
        "sources": [{"key": HOSTILE, "text": HOSTILE, "doi": HOSTILE}],
        "limits": [HOSTILE],
        "versions": {HOSTILE: HOSTILE},
        "mechanisms_meta": [
            m | {"title": HOSTILE, "what": HOSTILE, "dispute": HOSTILE} for m in info["mechanisms_meta"]
        ],
    }
    case = run["case"] | {
        "title": HOSTILE,
        "notes": HOSTILE,
        "citation": HOSTILE,
        "treatments": [{"protocol": HOSTILE}],
    }
    history = run["history"].copy()
    history['"><script>alert(3)</script>'] = history["oxygen"].assign_attrs(units=HOSTILE, long_name=HOSTILE)
    ledger = run["ledger"].assign(product=HOSTILE)
    page = written(tmp_path, run, info=changed, case=case, history=history, ledger=ledger)
    assert "alert(3)" not in page.scripts[""]
    scripts = [attributes for tag, attributes in page.tags if tag == "script"]
    blocks = 2 + len(page.payload["fields"])  # x and y besides
    assert len(scripts) == blocks + 2  # the description and the program
    assert not any(tag == "img" for tag, _ in page.tags)
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert page.words.count("alert(1)") > 10
    assert page.payload["ledger"][0]["product"] == HOSTILE


# ---------------------------------------------------------------------------------------------- honest words


def test_a_loss_is_called_a_loss(run: dict[str, Any], tmp_path: Path) -> None:
    summary = run["summary"]
    swapped = summary.assign(arm=summary["arm"].map({"treated": "untreated", "untreated": "treated"}))
    assert "more aggrecan" in words.headline(summary)
    assert "less aggrecan" in words.headline(swapped)
    untreated = summary[summary.arm == "untreated"]
    both = np.repeat(["untreated", "treated"], len(untreated))
    same = untreated.loc[list(untreated.index) * 2].assign(arm=both)
    assert "as much aggrecan" in words.headline(same)
    assert "is the same to within 0.01 mm" in words.answer(same, [], run["case"])[1]


def test_sentences_hold_the_numbers_of_the_tables(page: Page, run: dict[str, Any]) -> None:
    last = run["summary"][run["summary"].month == 60].set_index("arm")
    for arm in ("untreated", "treated"):
        assert f"{last.loc[arm, 'aggrecan_nucleus_percent']:.1f} %" in page.words
        assert f"{last.loc[arm, 'height_mm']:.2f}" in page.words
        assert f"{last.loc[arm, 't2_nucleus_ms']:.1f}" in page.words
    assert "no medical advice" in page.words
    for warning in run["info"]["warnings"] + run["info"]["limits"]:
        assert warning in page.words


def test_a_failed_arm_is_said_first(run: dict[str, Any], tmp_path: Path) -> None:
    status = {"untreated": "completed", "treated": "failed: solutes were not solved"}
    page = written(tmp_path, run, info=run["info"] | {"status": status})
    assert "treated: failed: solutes were not solved" in page.words
    assert page.words.index("solutes were not solved") < page.words.index(
        "Oxygen" if "Oxygen" in page.words else "Over time"
    )


def test_half_life_is_that_of_an_exponential() -> None:
    month = np.arange(0.0, 25.0)
    ledger = ledger_of(month).assign(leaked=5.0, alive=20 * np.exp(-month / 2))
    fate = words.fate_of("MSC(M)", ledger.assign(differentiated=0.0))
    assert fate.half_life == pytest.approx(2 * np.log(2))
    assert fate.one_percent == pytest.approx(2 * np.log(20 / 0.25))
    assert fate.stayed == pytest.approx(20)


def test_cells_that_settled_are_not_called_lost() -> None:
    """Half of them become NP-like at once and stay: those are alive, whatever the injected ones do."""
    month = np.arange(0.0, 25.0)
    fate = words.fate_of(
        "MSC(M)", ledger_of(month).assign(leaked=5.0, alive=10 * np.exp(-month / 2), differentiated=10.0)
    )
    assert fate.half_life is None
    assert fate.after_a_month == pytest.approx(10 + 10 * np.exp(-0.5))


def test_what_hangs_on_an_assumption_is_said_beside_the_headline() -> None:
    def info(*gains: float) -> dict[str, Any]:
        choices = zip(("least", "used", "most"), gains, strict=True)
        return {"metabolism": [{"choice": word, "effect_aggrecan": gain} for word, gain in choices]}

    assert words.hangs(info(0.13, -0.62, -3.39)).startswith("Whether it gains or loses hangs on an assumption")
    assert "+0.13" in words.hangs(info(0.13, -0.62, -3.39))
    assert words.hangs(info(0.9, 0.5, 0.1)).startswith("How much hangs")
    assert words.hangs(info(0.52, 0.5, 0.49)) == ""
    assert words.hangs({}) == ""


def test_a_dose_that_the_table_shows_a_month_late_is_taken_at_its_moment() -> None:
    late = ledger_of(np.arange(0.0, 25.0))
    late["alive"] = np.r_[0.0, 20 * np.exp(-np.arange(1.0, 25.0) / 2)]
    late["leaked"] = np.r_[0.0, np.full(24, 5.0)]
    late["injected_million"] = np.r_[0.0, np.full(24, 25.0)]
    fate = words.fate_of("MSC(M)", late.assign(differentiated=0.0))
    assert fate.stayed == pytest.approx(20)
    assert fate.half_life == pytest.approx(2 * np.log(2))
    assert fate.doses == 1


def test_fates_are_parts_of_all_cells_and_a_gap_is_told(run: dict[str, Any], tmp_path: Path) -> None:
    fate = words.fate_of("MSC(M)", run["ledger"])
    assert sum(fate.shares.values()) == pytest.approx(100)
    assert fate.unexplained == pytest.approx(0, abs=1e-9)
    gap = written(tmp_path, run, ledger=run["ledger"].assign(starved=0.0))
    assert "books do not close" in gap.words


def test_mechanisms_show_shares_and_disputes(page: Page) -> None:
    for _, title, what, _, dispute in MECHANISMS:
        assert title in page.words
        assert what in page.words
        assert dispute in page.words
    assert page.words.count("disputed") == sum(bool(dispute) for *_, dispute in MECHANISMS)
    assert "34 %" in page.words


def test_numbers_are_counted_by_kind_the_assumed_first(page: Page) -> None:
    assert "6 numbers: 2 assumed, 1 fitted, 1 derived, 2 measured" in page.words
    assert (
        page.words.index("retention_saline")
        < page.words.index("oxygen_diffusivity")
        < page.words.index("glucose_critical")
    )
    assert page.words.count("half-life of aggrecan, nucleus") == 1


def test_no_treatment_gives_one_disc_and_says_so(run: dict[str, Any], tmp_path: Path) -> None:
    page = written(tmp_path, run, case=run["case"] | {"treatments": []}, ledger=None, mechanisms=None)
    assert page.payload["arms"] == ["untreated"]
    assert "Nothing was injected" in page.words
    assert "single mechanisms" in page.words


def test_products_without_cells_need_no_ledger(run: dict[str, Any], tmp_path: Path) -> None:
    page = written(tmp_path, run, ledger=run["ledger"].iloc[:0])
    assert page.payload["ledger"] == []
    assert "no living cells" in page.words


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(0, 3, "0"), (-1.25, 3, "−1.25"), (11.8372, 3, "11.8"), (2.5e7, 3, "2.5 × 10⁷"), (1e6, 3, "1 × 10⁶"),
     (200.0, 2, "200"), (4.2e-5, 2, "4.2 × 10⁻⁵"), (123456.0, 3, "123456"), (float("nan"), 3, "–")],
)  # fmt: skip
def test_numbers_for_readers(value: float, digits: int, text: str) -> None:
    assert words.number(value, digits) == text


@pytest.mark.parametrize(
    ("months", "text"),
    [(0.01, "less than a day"), (0.05, "2 days"), (1.0, "30 days"), (5.2, "5.2 months"), (30.0, "2.5 years")],
)
def test_times_as_a_person_says_them(months: float, text: str) -> None:
    assert words.duration(months) == text


def test_the_page_of_hypotheses_is_linked_where_there_is_one(run: dict[str, Any], tmp_path: Path) -> None:
    def linked(info: dict[str, Any]) -> bool:
        path = write_report(tmp_path / "report.html", **(run | {"info": info}))
        return 'href="hypotheses.html"' in path.read_text("utf-8")

    assert not linked(run["info"])
    assert linked(run["info"] | {"hypotheses_page": "hypotheses.html"})
