"""What an ensemble says: bands of every curve, and which numbers its spread comes from.

What: `bands` gives the 5, 50 and 95 % quantiles of every column over the members; `shares` divides the spread of the
treatment's effect among the numbers that were drawn.
Equation: ranks of the effect on ranks of the numbers, forward selection while the Bayesian information criterion falls;
numbers are drawn independently, so a squared standardised coefficient is a share of the variance of ranks. What is
left, one minus their sum, is interaction, turning points, and what so few members cannot tell.
Source: rank regression for sensitivity after Saltelli and others 2008; criterion of Schwarz 1978.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pulposus.results import ARMS

if TYPE_CHECKING:
    from pulposus.uncertainty.draws import Factor

EFFECT = "aggrecan_nucleus_percent"
QUANTILES = {"low": 0.05, "middle": 0.5, "high": 0.95}  # maths: a band that holds nine of ten members
_KEYS = ("member", "arm", "month", "status", "mesh", "mechanics", "year", "solver_error", "form_error")
_FEWEST = 20  # maths: members, below which shares of a spread say nothing
_TOP = 3
_AGAIN = 100  # maths: times that members are drawn anew, with putting back


def completed(members: pd.DataFrame) -> pd.DataFrame:
    """The rows of members that can be believed."""
    return members[members["status"] == "completed"]


def bands(members: pd.DataFrame) -> pd.DataFrame:
    """Quantiles over members: one row a column, arm and month; the arm "difference" is treated less untreated.

    Cells alive are injected and NP-like ones together, as the report draws them (`injected_alive_million`).
    """
    good = completed(members).copy()
    good["injected_alive_million"] = good["injected_cells_million"] + good["np_like_cells_million"]
    columns = [c for c in good.columns if c not in _KEYS]
    wide = good.set_index(["member", "month", "arm"])[columns]
    arms = {arm: wide.xs(arm, level="arm") for arm in ARMS}
    arms["difference"] = arms["treated"] - arms["untreated"]
    parts = []
    for arm, table in arms.items():
        by_month = table.groupby(level="month")
        found = {word: by_month.quantile(q).stack() for word, q in QUANTILES.items()}
        part = pd.DataFrame(found).rename_axis(["month", "column"]).reset_index()
        parts.append(part.assign(arm=arm))
    made = pd.concat(parts, ignore_index=True)
    return made[["column", "arm", "month", *QUANTILES]].sort_values(["column", "arm", "month"], ignore_index=True)


def effects(members: pd.DataFrame, column: str = EFFECT) -> pd.Series:
    """Treated less untreated at the last month, by member."""
    good = completed(members)
    last = good[good["month"] == good["month"].max()].pivot(index="member", columns="arm", values=column)
    return last["treated"] - last["untreated"]


def shares(draws: pd.DataFrame, effect: pd.Series) -> dict[str, float]:
    """Name -> share of the variance of the effect's ranks, greatest first; nothing where members are too few or all
    effects are one.
    """
    n = len(effect)
    if n < _FEWEST or effect.nunique() < _FEWEST // 2:
        return {}
    table = draws.set_index("member").loc[effect.index]
    x, y = _ranks(table.to_numpy()), _ranks(effect.to_numpy()[:, None])[:, 0]
    chosen: list[int] = []
    left, best = y, n * np.log(np.mean(y**2))
    while len(chosen) < n // 4:
        gain = np.abs(x.T @ left)
        gain[chosen] = -1
        tried = [*chosen, int(np.argmax(gain))]
        weight = np.linalg.lstsq(x[:, tried], y, rcond=None)[0]
        rest = y - x[:, tried] @ weight
        # one more number must pay for itself, and for having been chosen among so many
        score = n * np.log(np.mean(rest**2)) + len(tried) * (np.log(n) + 2 * np.log(x.shape[1]))
        if score >= best:
            break
        chosen, left, best = tried, rest, score
    weight = np.linalg.lstsq(x[:, chosen], y, rcond=None)[0] if chosen else np.zeros(0)
    explained = float(1 - np.mean(left**2))
    square = weight**2 * (explained / max(float(np.sum(weight**2)), np.finfo(float).tiny))
    order = np.argsort(-square)
    return {str(table.columns[chosen[k]]): float(square[k]) for k in order}


def lacking(draws: pd.DataFrame, effect: pd.Series, unknown: set[str]) -> tuple[float, float]:
    """Ends of the range of nine tenths, over resampled members, of the share of the spread that `unknown` numbers have:
    how far the shares of so few members can be believed.
    """
    order = np.random.default_rng(len(effect))
    found = []
    for _ in range(_AGAIN):
        picked = order.choice(effect.index.to_numpy(), len(effect))
        again = pd.Series(effect.loc[picked].to_numpy(), index=np.arange(len(picked)))
        rows = draws.set_index("member").loc[picked].reset_index(drop=True).rename_axis("member").reset_index()
        found.append(sum(share for name, share in shares(rows, again).items() if name in unknown))
    low, high = np.quantile(found, (QUANTILES["low"], QUANTILES["high"]))
    return float(low), float(high)


def _ranks(values: np.ndarray) -> np.ndarray:
    from scipy.stats import rankdata

    ranks = rankdata(values, axis=0)
    ranks = ranks - ranks.mean(0)
    return ranks / np.maximum(ranks.std(0), np.finfo(float).tiny)


def told(members: pd.DataFrame, draws: pd.DataFrame, factors: Sequence[Factor], mesh: str) -> dict[str, Any]:
    """What the report's first page says of an ensemble: effect with its band, where the spread comes from."""
    effect = effects(members)
    divided = shares(draws, effect)
    about = {factor.name: factor for factor in factors}
    unknown = {name for name in about if about[name].unknown}
    own = sum(share for name, share in divided.items() if name in unknown)
    ends = lacking(draws, effect, unknown) if divided else (0.0, 1.0)
    failed = members.loc[members["status"] != "completed", "member"].nunique()
    top = [
        {"name": name, "meaning": about[name].meaning, "share": share, "kind": about[name].row.kind}
        for name, share in list(divided.items())[:_TOP]
    ]
    quantiles = {word: float(effect.quantile(q)) for word, q in QUANTILES.items()}
    return {
        "members": int(members["member"].nunique()),
        "failed": int(failed),
        "numbers": len(factors),
        "unknown": sum(factor.unknown for factor in factors),
        "mesh": mesh,
        "mechanics": str(members["mechanics"].iloc[0]) if "mechanics" in members else "columns",
        "effect": quantiles,
        "positive": float((effect > 0).mean()),
        "lacking": own,
        "lacking_low": ends[0],
        "lacking_high": ends[1],
        "measured": sum(divided.values()) - own,
        "top": top,
        "shares": divided,
    }
