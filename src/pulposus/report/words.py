"""Words built from the numbers of a run: what became of the cells, what changed in the disc, what a scanner would read.

No sentence is chosen beforehand: a loss is called a loss, and what rounds to nothing is called nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

DAYS_OF_A_MONTH = 30.4
NOTHING = 5e-3  # what two decimals show as nothing
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

# Where an injected cell can end; the order in which they are stacked, from what is left in the disc to what never
# stayed.
FATES = {
    "alive": "alive as injected",
    "differentiated": "alive as NP-like cells",
    "starved": "starved",
    "acid": "died of acid",
    "immune_cleared": "fell to the immune system",
    "lost_from_disc": "left or died with time",
    "leaked": "leaked out at the injection",
}
LEDGER_SOURCES = ("injected_million", "proliferated")


# --------------------------------------------------------------------------------------------- what became of the cells


@dataclass(frozen=True)
class Fate:
    """What became of one product's cells; millions, months after the last dose, percent of all that were injected or
    born. Those that became NP-like cells count as living.

    `half_life` is the time until half of the cells that stayed after the last dose were left; `one_percent` until 1 %
    of the injected
    were left; None where that did not happen. `unexplained` is the part of the balance (percent) that no column
    accounts for.
    """

    product: str
    injected: float
    stayed: float
    after_a_month: float
    half_life: float | None
    one_percent: float | None
    shares: dict[str, float]
    unexplained: float
    doses: int


_FIRST = 3  # measurements that the first page names


def after_doses(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of one product with one more right after each dose, in order of time.

    A row says how things stand before what falls due at its month; the next one holds the dose, what leaked at once,
    and the
    losses since. The added row holds the dose and the leak only. Its `dosed` is True, as is that of a first row with
    cells.
    """
    import pandas as pd

    rows = rows.sort_values("month").reset_index(drop=True)
    rows["dosed"] = [bool(i == 0 and rows.at[0, "injected_million"] > 0) for i in range(len(rows))]
    added = []
    for i in np.flatnonzero(np.diff(rows["injected_million"].to_numpy(float)) > 0):
        row = rows.loc[i].copy()
        row["injected_million"], row["leaked"] = rows.at[i + 1, "injected_million"], rows.at[i + 1, "leaked"]
        given = row["injected_million"] - rows.at[i, "injected_million"]
        row["alive"] += given - (row["leaked"] - rows.at[i, "leaked"])
        row["dosed"] = True
        row.name = i + 0.5
        added.append(row)
    if not added:
        return rows
    return pd.concat([rows, pd.DataFrame(added)]).sort_index().reset_index(drop=True).infer_objects()


def fate_of(product: str, rows: pd.DataFrame) -> Fate:
    """The fate of one product from its rows of the ledger (cumulative, in millions)."""
    rows = after_doses(rows)
    dosed = np.flatnonzero(rows["dosed"].to_numpy(bool))
    since = rows.iloc[int(dosed[-1]) if dosed.size else 0 :]
    time, left = since["month"].to_numpy(float) - since["month"].iloc[0], living(since)
    injected, stayed = float(rows["injected_million"].iloc[-1]), float(left[0])
    total = float(sum(rows[name].iloc[-1] for name in LEDGER_SOURCES if name in rows))
    shares = {name: 100 * float(rows[name].iloc[-1]) / total if total else 0.0 for name in FATES if name in rows}
    return Fate(
        product=str(product),
        injected=injected,
        stayed=stayed,
        after_a_month=float(np.interp(1.0, time, left)),
        half_life=_falls_to(time, left, 0.5 * stayed),
        one_percent=_falls_to(time, left, 0.01 * injected),
        shares=shares,
        unexplained=100 - sum(shares.values()) if total else 0.0,
        doses=int(dosed.size),
    )


def living(rows: pd.DataFrame) -> np.ndarray:
    """Cells of the product that live in the disc, as injected or as NP-like cells, million."""
    settled = rows["differentiated"].to_numpy(float) if "differentiated" in rows else 0.0
    return rows["alive"].to_numpy(float) + settled


def _falls_to(time: np.ndarray, left: np.ndarray, level: float) -> float | None:
    """When a falling number first reaches a level, as an exponential between the points; None if it never does."""
    under = np.flatnonzero(left <= level)
    if not under.size or left[0] <= 0:
        return None
    i = int(under[0])
    if i == 0 or left[i] <= 0:
        return float(time[i])
    part = math.log(left[i - 1] / level) / math.log(left[i - 1] / left[i])
    return float(time[i - 1] + part * (time[i] - time[i - 1]))


def by_product(ledger: pd.DataFrame | None) -> list[tuple[str, pd.DataFrame]]:
    """Products of which cells were injected, with their rows in order of time."""
    if ledger is None or ledger.empty:
        return []
    groups = [(str(name), rows.sort_values("month")) for name, rows in ledger.groupby("product", sort=False)]
    return [(name, rows) for name, rows in groups if rows["injected_million"].max() > 0]


# ---------------------------------------------------------------------------------------------- numbers


def number(value: float, digits: int = 3) -> str:
    """A number as a reader likes it: `digits` significant figures, a true minus, no exponents between 0.001 and a
    million.
    """
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    if not 1e-3 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{mantissa} × 10{str(int(exponent)).translate(_RAISED)}".replace("-", "−")
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:.{places}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")


def signed(value: float, decimals: int) -> str:
    """A change with its sign, and ±0 for what rounds to nothing."""
    text = f"{value:+.{decimals}f}"
    return f"±{abs(value):.{decimals}f}" if float(text) == 0 else text.replace("-", "−")


def duration(months: float) -> str:
    """Days, months or years, whichever a person would say."""
    if months < 2:
        days = round(months * DAYS_OF_A_MONTH)
        return "less than a day" if days < 1 else f"{days} day{'s' * (days != 1)}"
    return f"{number(months, 2)} months" if months < 24 else f"{number(months / 12, 2)} years"


def span_of(months: float) -> str:
    """The length of a run in words: 5 years, 18 months."""
    years = months / 12
    if years >= 1 and abs(years - round(years)) < 1e-6:
        return f"{round(years)} year{'s' * (round(years) != 1)}"
    return f"{number(months)} months"


def column(summary: pd.DataFrame, arm: str, name: str) -> np.ndarray:
    """A column of the summary for one arm in order of time; empty where there is none."""
    rows = summary[summary["arm"] == arm].sort_values("month")
    return rows[name].to_numpy(float) if name in rows else np.array([])


def ends(summary: pd.DataFrame, name: str) -> tuple[float, float, float]:
    """Start, untreated end, treated end of a quantity; not a number where missing."""
    untreated, treated = (column(summary, arm, name) for arm in ("untreated", "treated"))
    start, end = (untreated[0], untreated[-1]) if untreated.size else (math.nan, math.nan)
    return float(start), float(end), float(treated[-1]) if treated.size else math.nan


def yearly_rate(summary: pd.DataFrame, name: str) -> float:
    """Mean change a year of the untreated disc."""
    start, end, _ = ends(summary, name)
    months = float(summary["month"].max())
    return (end - start) / months * 12 if months else 0.0


def headline(summary: pd.DataFrame) -> str:
    """One line with the main result."""
    span = span_of(float(summary["month"].max()))
    _, untreated, treated = ends(summary, "aggrecan_nucleus_percent")
    if not math.isfinite(treated):
        return f"After {span} without treatment the nucleus holds {untreated:.0f} % of its aggrecan."
    gain = treated - untreated
    if float(f"{gain:.1f}") == 0:
        return f"After {span} the treated disc holds as much aggrecan as the untreated one."
    word = "more" if gain > 0 else "less"
    return (
        f"After {span} the treated disc holds {abs(gain):.1f} percentage points {word} aggrecan than the untreated one."
    )


def hangs(info: Mapping[str, Any]) -> str:
    """A sentence where a choice that nobody knows how to make decides whether the treatment helps; else nothing."""
    gains = {choice["choice"]: float(choice["effect_aggrecan"]) for choice in info.get("metabolism") or []}
    if not {"least", "used", "most"} <= set(gains):
        return ""
    told = {word: signed(gain, 2) for word, gain in gains.items()}
    least, most = min(gains.values()), max(gains.values())
    if least < -NOTHING and most > NOTHING:
        begin = "Whether it gains or loses hangs on an assumption"
    elif most - least > max(abs(gains["used"]), NOTHING):
        begin = "How much hangs on an assumption"
    else:
        return ""
    return (
        f"{begin}: what fresh cells eat. With the least of its range the treated disc ends {told['least']} percentage "
        f"points of aggrecan from the untreated one, as assumed here {told['used']}, with the most {told['most']}."
    )


def spread(info: Mapping[str, Any]) -> str:
    """How far the effect on aggrecan may be wrong, how much of that is want of knowledge, and what to measure first;
    nothing where no ensemble was run.
    """
    found = info.get("ensemble") or {}
    if not found:
        return ""
    low, middle, high = (signed(found["effect"][key], 2) for key in ("low", "middle", "high"))
    count = found["members"] - found["failed"]
    form = "the form of the whole disc" if found.get("mechanics") == "solid" else "the form of columns"
    text = (
        f"What the treatment adds to aggrecan at the end: {middle} percentage points in the middle of an ensemble, "
        f"nine of ten members between {low} and {high} ({count} discs on the {found['mesh']} mesh with {form}, each "
        f"with its own value of {found['numbers']} numbers from their ranges; the run itself has the values in use, "
        f"its own mesh and form); it adds in {100 * found['positive']:.0f} % of them."
    )
    if found["failed"]:
        text += f" {found['failed']} more members failed and are left out."
    if not found["shares"]:
        return f"{text} From these members it cannot be told where the spread comes from."
    rest = 1 - found["lacking"] - found["measured"]
    ends = [100 * found.get(key, found["lacking"]) for key in ("lacking_low", "lacking_high")]
    text += (
        f" Of the spread {100 * found['lacking']:.0f} % is lack of knowledge (ranges that are assumed or recalled; "
        f"{ends[0]:.0f} to {ends[1]:.0f} % when the members are drawn anew), "
        f"{100 * found['measured']:.0f} % measured or fitted variation, {100 * rest:.0f} % cannot be given to single "
        "numbers."
    )
    names = [f"{plain(top['name'])} ({100 * top['share']:.0f} %)" for top in found["top"]]
    more = "" if len(names) == _FIRST else f" So few members tell no more than {len(names)}."
    return f"{text} To measure first: {'; '.join(names)}.{more}"


def plain(name: str) -> str:
    """The name of a row as it is read: "MSC(M) loss half life"."""
    return name.removeprefix("product ").replace("_", " ")


def answer(summary: pd.DataFrame, fates: Sequence[Fate], case: Mapping[str, Any]) -> list[str]:
    """Three sentences: the injected cells, the disc, the scanner."""
    return [_about_cells(fates, case), _about_matrix(summary), _about_scanner(summary)]


def _about_cells(fates: Sequence[Fate], case: Mapping[str, Any]) -> str:
    if not case.get("treatments") and case.get("options"):
        return "Nothing was injected; what else was done stands above, with what it does in a disc."
    if not case.get("treatments"):
        return "Nothing was injected: this is the course of the disc left to itself."
    if not fates:
        return "The treatment holds no living cells, so none had to survive in the disc; its factors wane with time."
    return " ".join(_life(fate) for fate in fates)


def _life(fate: Fate) -> str:
    """One product's cells in a sentence: how many stayed, how fast they went, and where the others are."""
    lost = {
        name: share for name, share in fate.shares.items() if name not in ("alive", "differentiated") and share >= 1
    }
    worst = sorted(lost, key=lambda name: -lost[name])[:2]
    parts = [" and ".join(f"{lost[name]:.0f} % {FATES[name]}" for name in worst)] if worst else []
    stayed, share = f"{number(fate.stayed)} million", f"{number(100 * fate.after_a_month / fate.injected, 2)} %"
    again = fate.doses > 1
    if fate.half_life is not None:
        who = f"the {stayed} in the disc after the last of {fate.doses} doses" if again else f"the {stayed} that stayed"
        parts.append(f"{who} were halved in about {duration(fate.half_life)}")
    since = " after it" if again and fate.half_life is not None else " after the last dose" if again else ""
    parts.append(f"{f'a month{since}' if again else 'after a month'} {share} of all were alive in the disc")
    last = ""
    if fate.one_percent is not None:
        lasted = duration(fate.one_percent)
        last = f", and 1 % were left {lasted}{since}" if again else f", and 1 % were left after {lasted}"
    return f"Of {number(fate.injected)} million living {fate.product} injected, {'; '.join(parts)}{last}."


def _about_matrix(summary: pd.DataFrame) -> str:
    span = span_of(float(summary["month"].max()))
    name = "aggrecan_nucleus_percent"
    _, untreated, treated = ends(summary, name)
    if not math.isfinite(treated):
        change = f"{rate(summary, name, 1)} points a year"
        return f"After {span} the nucleus holds {untreated:.1f} % of the aggrecan it began with ({change})."
    return (
        f"After {span} the nucleus of the treated disc holds {treated:.1f} % of its first aggrecan, that of the "
        f"untreated one {untreated:.1f} % ({signed(treated - untreated, 1)} percentage points{_worth(summary, name)}); "
        f"its water {_differs(summary, 'water_nucleus_percent', '%', 'percentage points')}, and its height "
        f"{_differs(summary, 'height_mm', 'mm', 'mm')}."
    )


def _differs(summary: pd.DataFrame, name: str, unit: str, unit_of_difference: str) -> str:
    """How the treated end differs from the untreated one, to two decimals."""
    _, untreated, treated = ends(summary, name)
    if abs(treated - untreated) < 0.01:
        return f"is the same to within 0.01 {unit_of_difference} ({treated:.2f} against {untreated:.2f} {unit})"
    change = signed(round(treated, 2) - round(untreated, 2), 2)
    return f"differs by {change} {unit_of_difference} ({treated:.2f} against {untreated:.2f} {unit})"


def rate(summary: pd.DataFrame, name: str, decimals: int) -> str:
    """Mean change a year of the untreated disc, with its sign."""
    return signed(yearly_rate(summary, name), decimals)


def _worth(summary: pd.DataFrame, name: str) -> str:
    """A gain or loss in the time that the untreated disc takes to lose as much."""
    _, untreated, treated = ends(summary, name)
    rate, gain = yearly_rate(summary, name), treated - untreated
    if rate >= 0 or float(f"{gain:.1f}") == 0:
        return ""
    months = abs(gain / rate) * 12
    if gain > 0 and months >= float(summary["month"].max()):
        return ", more than the untreated disc lost in all that time"
    return f", what the untreated disc loses in {duration(months)}"


def _about_scanner(summary: pd.DataFrame) -> str:
    _, grade, grade_treated = ends(summary, "pfirrmann_estimate")
    _, t2, t2_treated = ends(summary, "t2_nucleus_ms")
    if not math.isfinite(grade_treated):
        return f"A scanner would read a T2 of {t2:.1f} ms in the nucleus, near Pfirrmann grade {round(grade)}."
    if round(grade) == round(grade_treated):
        verdict = f"both discs would be called Pfirrmann grade {round(grade)}"
    else:
        verdict = (
            f"the treated disc would be called Pfirrmann grade {round(grade_treated)}, the untreated one {round(grade)}"
        )
    grades = f"{grade_treated:.2f} against {grade:.2f}"
    return (
        f"A scanner would read a T2 of {t2_treated:.1f} against {t2:.1f} ms in the nucleus, and {verdict} ({grades})."
    )


def asked(case: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """What was asked, as terms with lines: the person, the disc, the treatment, the time."""
    person, disc = case.get("person") or {}, case.get("disc") or {}
    sex = {"male": "man", "female": "woman"}.get(str(person.get("sex")), "person")
    who = f"A {sex} of {number(float(person['age']))} years" if person.get("age") is not None else f"A {sex}"
    names = {"height": "height at the centre", "ap_depth": "depth", "width": "width"}
    sizes = [f"{names[key]} {number(float(disc[key]))} mm" for key in names if isinstance(disc.get(key), (int, float))]
    what = f"{disc.get('level', 'A disc')}, Pfirrmann grade {disc.get('grade', '–')}"
    what += f", endplates {disc.get('endplate', 'intact')}"
    what += f", its form that of {disc['surface']}" if disc.get("surface") else ""
    given = [treatment_line(treatment) for treatment in case.get("treatments") or []]
    given = given + [option_line(one) for one in case.get("options") or []] or ["None"]
    years = (case.get("run") or {}).get("years")
    terms = [("Person", [who]), ("Disc", [what] + ([", ".join(sizes)] if sizes else [])), ("Treatment", given)]
    terms += [("Followed for", [span_of(12 * float(years))])] if years else []
    return terms + ([("Modelled on", [str(case["citation"])])] if case.get("citation") else [])


def dose_months(case: Mapping[str, Any]) -> list[float]:
    """Months at which something is injected, as far as the case says it in fields."""
    months: set[float] = set()
    for treatment in case.get("treatments") or []:
        if isinstance(treatment, Mapping) and "month" in treatment:
            every = float(treatment.get("repeat_every") or 0)
            months |= {float(treatment["month"]) + k * every for k in range(1 + int(treatment.get("repeats") or 0))}
    return sorted(months)


def option_line(option: Any) -> str:
    """An option of care in words, from a line or from the fields of a case file."""
    if not isinstance(option, Mapping):
        return str(option)
    if option.get("protocol"):
        return str(option["protocol"])
    from pulposus.therapies import options

    return str(options.fill(**option))


def treatment_line(treatment: Any) -> str:
    """A treatment in words, from a line or from the fields of a case file."""
    if not isinstance(treatment, Mapping):
        return str(treatment)
    for key in ("protocol", "line"):
        if treatment.get(key):
            return str(treatment[key])
    from pulposus.therapies.protocol import Treatment

    renamed = {"volume": "volume_mL", "repeat_every": "every_months"}
    known = set(Treatment.__dataclass_fields__)
    fields = {renamed.get(key, key): value for key, value in treatment.items()}
    try:
        return str(Treatment(**{key: value for key, value in fields.items() if key in known}))
    except TypeError:  # an incomplete description is shown as it is
        return ", ".join(f"{key} {value}" for key, value in treatment.items())
