"""Pictures of pooled trials: the forest, the funnel, and the threads of a network.

What: each function draws an `Answer` of `synthesis`; nothing is computed here but where ink goes.
Look: a square a study, its area the weight, its line the 95 % interval; a diamond is the pool, the thin bar under it
where the next trial is foretold; what was published elsewhere is an open diamond. Squares are filled where a study was
read first hand and open where it is second hand, so that no meaning hangs on colour alone.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pulposus.figures.style import BLACK, BLUE, DARK_GREY, GREY, ORANGE, SETTINGS, VERMILION, save, sheet
from pulposus.statistics import meta
from pulposus.synthesis import SCALES, Answer, league

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW = 0.27  # inches of a line
_LABEL = {"facecolor": "white", "edgecolor": "none", "pad": 1}
_FIRST_HAND = 2  # the last tier that is first hand or an abstract


def write_answer(answer: Answer, folder: Path) -> list[Path]:
    """Forest, and funnel or network, as PNG in `folder`; returns their paths."""
    import matplotlib

    folder.mkdir(parents=True, exist_ok=True)
    second = ("funnel", funnel) if answer.net is None else ("network", threads)
    written = []
    for name, draw in (("forest", forest if answer.net is None else net_forest), second):
        with matplotlib.rc_context(SETTINGS):
            written.append(save(draw(answer), folder / f"{answer.question.name}_{name}.png"))
    return written


def forest(answer: Answer) -> Figure:
    """Studies, their pool, and where the next one would lie."""
    table, question = answer.table(), answer.question
    extra = 2 + (not math.isnan(question.beside))
    lines = len(table) + extra
    figure = sheet(7.4, 1.3 + _ROW * lines)
    names, ax, right = figure.subplots(1, 3, sharey=True, width_ratios=(2.9, 3.4, 2.0))
    shades = np.sqrt(table["weight"] / table["weight"].max())
    for i, row in enumerate(table.to_dict("records")):
        y = lines - 1 - i
        face = BLUE if row["tier"] <= _FIRST_HAND else "white"
        ax.plot([row["low"], row["high"]], [y, y], color=BLUE, linewidth=1, zorder=2)
        ax.scatter(row["effect"], y, marker="s", s=70 * shades[i] ** 2 + 6, facecolor=face, edgecolor=BLUE, zorder=3)
        _say(names, y, f"{row['study']} ({row['months']:g} mo)", row["groups"] if len(row["groups"]) < 36 else "")
        _say(right, y, _ends(answer, row["effect"], row["low"], row["high"]), f"{100 * row['weight']:.0f} %")
    _pool(answer, ax, names, right, extra - 1)
    _frame(answer, ax, names, right, lines)
    _within(answer, ax)
    _heads(right, "weight")
    return figure


def _pool(answer: Answer, ax: Axes, names: Axes, right: Axes, y: int) -> None:
    question, pooled = answer.question, answer.pooled
    assert pooled is not None
    value, low, high = (
        answer.natural(x) for x in (pooled.estimate.value, pooled.estimate.low, pooled.estimate.high)
    )
    _diamond(ax, y, value, low, high, VERMILION)
    _say(names, y, f"All ({answer.model}), I² {pooled.i2:.0f} %", bold=True)
    _say(right, y, _ends(answer, value, low, high), bold=True)
    if not math.isnan(pooled.prediction.low):
        low, high = (answer.natural(x) for x in (pooled.prediction.low, pooled.prediction.high))
        ax.plot([low, high], [y - 1, y - 1], color=BLACK, linewidth=2.4, solid_capstyle="butt")
        _say(right, y - 1, _range(answer, low, high))
    _say(names, y - 1, "next trial foretold (95 %)")
    if not math.isnan(question.beside):
        ends = (question.beside, question.beside_low, question.beside_high)
        _diamond(ax, y - 2, *ends, "white")
        _say(names, y - 2, f"published: {question.source}")
        _say(right, y - 2, _ends(answer, *ends))


def _diamond(ax: Axes, y: float, value: float, low: float, high: float, face: str) -> None:
    ax.fill([low, value, high, value], [y, y + 0.28, y, y - 0.28], facecolor=face, edgecolor=BLACK, linewidth=0.7)


def _say(ax: Axes, y: float, left: str, right: str = "", bold: bool = False) -> None:
    weight = "bold" if bold else "normal"
    ax.text(0, y, left, va="center", fontsize=7, weight=weight)
    if right:
        ax.text(1, y, right, va="center", ha="right", fontsize=6.5, color=DARK_GREY)


def _number(answer: Answer, value: float) -> str:
    if answer.ratio:
        return f"{value:.3g}" if value < 1000 else f"{value:.0e}"
    return f"{value:.{1 if answer.question.measure == 'MD' else 2}f}".replace("-", "−")


def _range(answer: Answer, low: float, high: float) -> str:
    return f"({_number(answer, low)} to {_number(answer, high)})"


def _ends(answer: Answer, value: float, low: float, high: float) -> str:
    return f"{_number(answer, value)} {_range(answer, low, high)}"


def _heads(right: Axes, last: str) -> None:
    right.set_title("effect (95 %)", loc="left", fontsize=7)
    right.set_title(last, loc="right", fontsize=7)


def _frame(answer: Answer, ax: Axes, names: Axes, right: Axes, lines: int) -> None:
    question = answer.question
    for blank in (names, right):
        blank.set_axis_off()
        blank.set_xlim(0, 1)
    ax.axvline(answer.natural(0.0), color=DARK_GREY, linewidth=0.8)
    ax.set_ylim(-0.7, lines - 0.3)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.grid(axis="y", visible=False)
    if answer.ratio:
        from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

        ax.set_xscale("log")
        ax.xaxis.set_major_locator(FixedLocator([step * 10.0**k for k in range(-3, 4) for step in (1, 2, 5)]))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        ax.xaxis.set_minor_locator(NullLocator())
    good, bad = ("better with it", "worse with it")
    left_, right_ = (bad, good) if question.better == "high" else (good, bad)
    ax.set_xlabel(f"← {left_}     {SCALES[question.measure]}     {right_} →", fontsize=7)
    figure = ax.figure
    figure.suptitle(f"{question.title[0].upper()}{question.title[1:]}", fontsize=8.5)
    figure.supxlabel("■ first hand or abstract   □ second hand   ◆ pool   ◇ published elsewhere", fontsize=6.5)


def _within(answer: Answer, ax: Axes) -> None:
    """The axis holds every study and no more than it needs: a bar that is wider runs out of it."""
    studies = answer.table() if answer.net is None else league(answer)
    low, high = float(np.min(studies["low"])), float(np.max(studies["high"]))
    if answer.ratio:
        ax.set_xlim(min(low, 1) / 1.6, max(high, 1) * 1.6)
    else:
        pad = 0.15 * (max(high, 0) - min(low, 0))
        ax.set_xlim(min(low, 0) - pad, max(high, 0) + pad)


def funnel(answer: Answer) -> Figure:
    """Effect against its standard error, with the lines within which 95 % lie where all share one effect."""
    found, question = answer.effects, answer.question
    assert found is not None
    drawn = meta.funnel(found.value, found.variance)
    figure = sheet(4.6, 3.6)
    ax = figure.subplots()
    axis = drawn["error_axis"]
    ax.fill_betweenx(axis, drawn["low"], drawn["high"], color=GREY, alpha=0.45, linewidth=0)
    ax.axvline(float(drawn["centre"]), color=DARK_GREY, linewidth=0.8, linestyle="--")
    ax.axvline(0, color=DARK_GREY, linewidth=0.8)
    for one, x, y in zip(answer.studies, drawn["effect"], drawn["error"], strict=True):
        face = BLUE if one.tier <= _FIRST_HAND else "white"
        ax.scatter(x, y, s=28, facecolor=face, edgecolor=BLUE, zorder=3)
        ax.annotate(one.name, (x, y), xytext=(4, 4), textcoords="offset points", fontsize=6)
    ax.set_ylim(float(axis.max()) * 1.12, 0)
    ends = [*drawn["low"], *drawn["high"], *drawn["effect"], 0.0]
    pad = 0.15 * (max(ends) - min(ends))
    ax.set_xlim(min(ends) - pad, max(ends) + pad)
    scale = f"logarithm of the {SCALES[question.measure]}" if answer.ratio else SCALES[question.measure]
    ax.set_xlabel(scale)
    ax.set_ylabel("standard error")
    told = f"Egger p = {answer.asymmetry.p:.2f}" if answer.asymmetry else "Egger: too few studies"
    ax.set_title(f"{question.name.replace('_', ' ')}: {told}; {len(answer.studies)} studies", fontsize=8)
    return figure


def net_forest(answer: Answer) -> Figure:
    """Every treatment of a network against the reference."""
    table = league(answer).iloc[1:].sort_values("p_score", ascending=False)
    lines = len(table)
    figure = sheet(7.4, 1.5 + _ROW * lines)
    names, ax, right = figure.subplots(1, 3, sharey=True, width_ratios=(2.9, 3.4, 2.0))
    for i, row in enumerate(table.to_dict("records")):
        y = lines - 1 - i
        ax.plot([row["low"], row["high"]], [y, y], color=BLUE, linewidth=1)
        ax.scatter(row["effect"], y, marker="s", s=30, facecolor=BLUE, edgecolor=BLUE, zorder=3)
        _say(names, y, row["treatment"], "1 study" if row["studies"] == 1 else f"{row['studies']} studies")
        _say(right, y, _ends(answer, row["effect"], row["low"], row["high"]), f"{row['p_score']:.2f}")
    _frame(answer, ax, names, right, lines)
    _within(answer, ax)
    _heads(right, "P-score")
    figure.supxlabel(f"against {table['against'].iloc[0]}", fontsize=6.5)
    return figure


def threads(answer: Answer) -> Figure:
    """Treatments as points on a circle, trials as threads between them: the more trials, the thicker."""
    net = answer.net
    assert net is not None
    angle = 2 * np.pi * np.arange(len(net.treatments)) / len(net.treatments)
    place = {name: (np.sin(a), np.cos(a)) for name, a in zip(net.treatments, angle, strict=True)}
    count: dict[frozenset[str], int] = {}
    for one in answer.studies:
        nodes = [group.node for group in one.groups]
        for i, first in enumerate(nodes):
            for second in nodes[i + 1 :]:
                count[frozenset((first, second))] = count.get(frozenset((first, second)), 0) + 1
    figure = sheet(4.6, 4.2)
    ax = figure.subplots()
    for pair, many in count.items():
        first, second = sorted(pair)
        (x, y), (u, v) = place[first], place[second]
        ax.plot([x, u], [y, v], color=DARK_GREY, linewidth=1.4 * many, zorder=1)
        ax.text((x + u) / 2, (y + v) / 2, f"{many}", fontsize=7, ha="center", va="center", bbox=_LABEL, zorder=2)
    for name, (x, y) in place.items():
        people = sum(g.total for one in answer.studies for g in one.groups if g.node == name)
        ax.scatter(x, y, s=20 + people / 2, color=ORANGE, edgecolor=BLACK, linewidth=0.6, zorder=3)
        said = {"none": "sham or saline"}.get(name, name.replace("_", " "))
        side = "center" if abs(x) < 0.3 else "left" if x > 0 else "right"
        ax.text(1.14 * x, 1.2 * y, f"{said}\n{people:.0f}", ha=side, va="center", fontsize=7)
    ax.set_axis_off()
    ax.set_xlim(-1.8, 1.8)
    ax.set_ylim(-1.5, 1.5)
    ax.set_title("Who was compared with whom: trials on threads, people under names", fontsize=8)
    return figure
