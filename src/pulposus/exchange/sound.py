"""Whether a disc can be what it is called, and whether its fit can be trusted.

What: `refuse_sizes` raises `InputError` for depth, width, height or volume that discs of a level never have; `poor`
tells a poor fit. Both serve every way in: masks, surfaces, and the space between bones.
Source: depth and width by level in ``evidence/geometry.csv``; ``disc_volume_`` and ``disc_height_`` of loin and neck,
``form_`` (what a fit is to reach) and ``size_beyond``, targets that are assumed.
"""

from __future__ import annotations

from pulposus import evidence
from pulposus.errors import InputError

_WRONG = "its scheme, its level or the spacing in its header is wrong; check them."


def poorly() -> str:
    """What is said of a fit that misses what it is to reach."""
    overlap, apart = _targets()
    return (
        f"It fits poorly: Dice of {overlap:g} and at most {apart:g} mm apart are to be reached by a whole disc; look "
        "at fit.png before you run it, for holes, bone or a part that is missing."
    )


def _targets() -> tuple[float, float]:
    """Dice, and mm between surfaces in the mean, which a whole disc is to reach."""
    return evidence.used("form_overlap").value, evidence.used("form_distance").value


def refuse_sizes(
    level: str, what: str, *, depth: float, width: float | None, height: float, volume: float | None, wrong: str = ""
) -> None:
    """Raise InputError for a disc that its level never is: one of the loin called one of the neck, or a part of one.

    depth, width, height (in the middle): mm; volume: mL; None where it is not known. wrong: what to check, where that
    is not the labels and the header of a picture. Nothing is refused at a level that the tables lack.
    """
    if level not in evidence.levels():
        return
    rows, beyond = evidence.dimensions(level), evidence.used("size_beyond").value
    for name, value, word in (("ap_depth", depth, "deep"), ("width", width, "wide")):
        row = rows[name]
        if value is not None and not row.low / beyond <= value <= row.high * beyond:
            raise InputError(
                f"{what} is {value:.0f} mm {word}, and discs of that level measure {row.low:g} to {row.high:g}: "
                f"{wrong or _WRONG}"
            )
    region = "cervical" if level.startswith("C") else "lumbar"
    tall, whole = (evidence.used(f"disc_{kind}_{region}") for kind in ("height", "volume"))
    if height > tall.high:
        raise InputError(
            f"{what} is {height:.1f} mm high in the middle, and {region} discs measure up to {tall.high:g}: "
            f"{wrong or _WRONG}"
        )
    if volume is not None and not whole.low <= volume <= whole.high:
        raise InputError(
            f"{what} holds {volume:.3g} mL, and whole {region} discs {whole.low:g} to {whole.high:g}: it is a part of "
            f"one, or {wrong or _WRONG}"
        )


def poor(overlap: float, distance: float) -> bool:
    """Whether a fit misses what it is to reach."""
    least, most = _targets()
    return overlap < least or distance > most


def refuse_fit(overlap: float, what: str) -> None:
    """Raise InputError where our form overlaps so little with what was drawn that it is another disc."""
    least = evidence.used("form_overlap_least").value
    if overlap < least:
        raise InputError(
            f"{what} is not the form of a disc: the nearest one overlaps it with Dice {overlap:.2f}, and {least:g} is "
            "the least; mend the mask, for holes, bone or ligaments."
        )
