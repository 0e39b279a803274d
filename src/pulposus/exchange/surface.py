"""A disc from somebody else's surface: a case file that is ready to run, how well the form fits, and pictures.

What: `take_in` reads and fits (`pulposus.surface`), `write` leaves ``case.toml``, ``fit.csv`` and ``fit.png``. The case
holds the form's numbers, so it needs the surface no more.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pulposus.case import Case
from pulposus.errors import InputError
from pulposus.exchange import sound
from pulposus.figures.fitted import fitted
from pulposus.figures.style import DPI
from pulposus.results import placed, require_folder, write_text
from pulposus.surface.fit import Fit, fit
from pulposus.surface.reading import Given

_PERCENT = 100  # maths: a share in percent


class TakenIn(NamedTuple):
    """A case with the form of a surface, and how well that fits."""

    case: Case
    found: Fit


def take_in(
    path: str | Path | Given,
    level: str,
    grade: int | str,
    *,
    unit: str | None = None,
    axes: str | None = None,
    endplates: str = "without",
) -> TakenIn:
    """A disc from a surface file (STL, OBJ, PLY, VTU), or from one taken apart; the arguments as the keys of [disc].
    Raises InputError.
    """
    keys = {"surface_unit": unit, "surface_axes": axes}
    given = {key: value for key, value in keys.items() if value is not None}
    name = path.name if isinstance(path, Given) else Path(path).name
    table = {"level": level, "grade": grade, "surface": name, "surface_endplates": endplates} | given
    asked = Case.from_dict({"disc": table})
    found = fit(path, unit=unit, axes=axes, endplates=endplates, sizes=asked.dimensions())
    _refuse_size(found, asked.disc.level, name)
    kept = {"level": asked.disc.level, "grade": asked.disc.grade, "surface": name}
    form = found.form.model_dump()
    case = Case.from_dict({"disc": kept | {"surface_endplates": endplates} | given | {"form": form}})
    return TakenIn(case, found)


def _refuse_size(found: Fit, level: str, name: str) -> None:
    """Raise InputError for a surface that a disc of its level never has."""
    sizes = ("ap_depth", "width", "mid_height", "volume")
    depth, width, height, volume = (found.number(size, ours=False) for size in sizes)
    wrong = "its level or its unit is wrong; check them."
    sound.refuse_sizes(
        level, f"{name!r} as {level}", depth=depth, width=width, height=height, volume=volume, wrong=wrong
    )


def write(taken: TakenIn, out: str | Path, of: str = "surface") -> list[Path]:
    """Write case.toml, fit.csv and fit.png into a folder, which is made where it is missing; returns their paths.
    of: what heads the column of what was given.

    Raises InputError where the folder is a file.
    """
    import tomli_w

    out = Path(out)
    require_folder(out)
    if not out.name:
        raise InputError(f"--out is {str(out)!r}, which names no folder; write for example --out mydisc.")
    head = [f"# {line}" for line in (*taken.found.said, *taken.case.warnings)]
    more = [
        "# Without a treatment this is the disc's own course; the case file in the documentation names more keys.",
        "",
    ]
    disc = taken.case.disc.model_dump(exclude_none=True, exclude_defaults=True)
    picture = fitted(taken.found, f"{taken.case.disc.surface or 'Dimensions'} as {taken.case.disc.level}")
    out.mkdir(parents=True, exist_ok=True)
    with placed(out / "fit.png") as fresh:
        picture.savefig(fresh, format="png", dpi=DPI)
    write_text(out / "fit.csv", "\n".join([*taken.found.table(of), ""]))
    person = taken.case.person.model_dump(exclude_none=True, exclude_defaults=True)
    tables = ({"person": person} if person else {}) | {"disc": disc}
    write_text(out / "case.toml", "\n".join([*head, *more, tomli_w.dumps(tables)]))
    return [out / name for name in ("case.toml", "fit.csv", "fit.png")]


def _poorly(found: Fit, distance: float) -> list[str]:
    """What must be said of a fit that misses what it is to reach."""
    return [sound.poorly()] if sound.poor(found.number("dice"), distance) else []


def told(found: Fit) -> list[str]:
    """How well it fits, in sentences."""
    theirs, ours = (found.number("volume", which) for which in (False, True))
    there, back = (found.number("distance_mean", which) for which in (False, True))
    worst = max(found.number("distance_greatest", which) for which in (False, True))
    sizes = ", ".join(
        f"{words} {found.number(name):.1f} mm ({found.number(name, False):.1f})"
        for name, words in (("ap_depth", "depth"), ("width", "width"), ("mid_height", "height"))
    )
    return [
        f"Volume {ours:.2f} mL of the surface's {theirs:.2f} ({_PERCENT * (ours / theirs - 1):+.1f} %); "
        f"surfaces {max(there, back):.2f} mm apart in the mean, {worst:.1f} mm at most; Dice "
        f"{found.number('dice'):.3f}.",
        *_poorly(found, max(there, back)),
        f"Ours, and the surface's in brackets: {sizes}.",
    ]
