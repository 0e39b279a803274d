"""The solid against measurements: range of motion and pressure by moment, pressure by posture, the course of a day.

Nothing here is fitted. Isolated discs are bent suddenly from rest; postures load a disc that has lain a night; the
day is 8 h at rest and 16 h at work by backward Euler, until it repeats. Range of motion: medians of Heuer, means and
standard deviations of Jaramillo, as collected by Gruber (MIT licence). Pressures by posture: Wilke 1999, one person,
abstract.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from mechanics import STEPS
from problem import reference

from pulposus.disc import composition, equilibrium, material, mesh, posture, solid
from pulposus.disc.equilibrium import Balance
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import Hypotheses

HEUER_MOMENTS = (1.0, 2.5, 5.0, 7.5)
HEUER = {
    "flexion": (4.95, 6.64, 8.38, 10.11),
    "extension": (1.23, 5.15, 7.92, 10.28),
    "side_bending": (2.27, 3.60, 5.08, 6.43),
    "turning": (1.32, 2.70, 4.36, 5.73),
}
HEUER_PRESSURE = {  # at 7.5 N m: median, below, above, MPa over that at rest
    "flexion": (0.38, 0.16, 0.03),
    "extension": (0.30, 0.33, 0.07),
    "side_bending": (0.15, 0.17, 0.16),
    "turning": (0.19, 0.09, 0.03),
}
JARAMILLO_MOMENTS = (2.0, 4.0, 6.0, 8.0)
JARAMILLO = {
    "flexion": ((7.32, 9.26, 10.76, 11.87), (1.35, 2.09, 2.22, 2.23)),
    "extension": ((5.47, 6.77, 7.65, 8.27), (2.07, 2.71, 3.13, 3.01)),
    "side_bending": ((4.39, 5.77, 6.58, 7.10), (1.10, 1.18, 1.34, 1.29)),
    "turning": ((3.21, 4.51, 5.43, 5.79), (1.44, 1.48, 1.29, 1.45)),
}
WILKE = {"lying": 0.10, "standing": 0.50, "sitting": 0.46, "flexed": 1.1, "lifting": 2.3}
HOUR = 3600.0
NIGHT = (0.02, 0.1, 0.3, 0.58, 1.0, 1.0, 1.0, 2.0, 2.0)  # hours, 8 in all
DAY = (0.02, 0.1, 0.3, 0.58, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0)  # 16 in all


def body_of(size: str, grade: float, **choices: str) -> solid.Solid:
    """The reference disc at a continuous grade."""
    p, hypotheses = Parameters.from_evidence(), Hypotheses.choose(**choices)
    g, topology = jnp.asarray(grade), mesh.sized(size)
    m = material.graded(topology, p, hypotheses, g, *composition.composition(p, hypotheses, g))
    return solid.solid(topology, hypotheses, p, m, mesh.coordinates(topology, reference()))


def verdict(value: float, low: float, high: float) -> str:
    """In or out of a range, in words."""
    return "within" if low <= value <= high else ("below" if value < low else "above")


def motions(body: solid.Solid, start: Balance, after) -> Iterator[str]:
    """Rows of range of motion and pressure of an isolated disc."""
    rested = posture.read(body, start)

    def bent(name: str, size: float) -> tuple[float, float]:
        found = after(body, posture.moment_of(body, name, size), start, jnp.asarray(0.0))
        seen = posture.read(body, found)
        turn = np.dot(posture.MOTIONS[name], seen.rotation - rested.rotation)
        return float(np.rad2deg(turn)), float(seen.pressure - rested.pressure) / 1e6

    for name in posture.MOTIONS:
        for size, median in zip(HEUER_MOMENTS, HEUER[name], strict=True):
            turn, rise = bent(name, size)
            said = verdict(turn, 0.8 * median, 1.2 * median)
            yield f"Heuer {name:13s} {size:4.1f} N m  {turn:6.2f} deg   {median:6.2f} +-20 %     {said}"
        median, below, above = HEUER_PRESSURE[name]
        said = verdict(rise, median - below, median + above)
        yield f"Heuer {name:13s}  7.5 N m  {rise:6.3f} MPa   {median:6.2f} -{below} +{above}  {said}"
        for size, mean, spread in zip(JARAMILLO_MOMENTS, *JARAMILLO[name], strict=True):
            turn, _ = bent(name, size)
            said = verdict(turn, mean - spread, mean + spread)
            yield f"Jaramillo {name:9s} {size:4.1f} N m  {turn:6.2f} deg   {mean:6.2f} +-{spread:.2f}     {said}"


def day(body: solid.Solid, start: Balance, after, days: int) -> tuple[Balance, Iterator[str]]:
    """A disc after nights and days, and what the last of them did."""
    seen, now = [], start
    for _ in range(days):
        for name, spans in (("night", NIGHT), ("day", DAY)):
            load = posture.load_of(body, name)
            now = after(body, load, now, jnp.asarray(0.0))
            seen.append((name, posture.read(body, now)))
            for span in spans:
                now = after(body, load, now, jnp.asarray(span * HOUR))
            seen.append((name, posture.read(body, now)))
            if name == "night":
                morning = now
    # after a sudden change of load, and at the end of each span, of the last two
    (_, early), (_, late), (_, risen), (_, evening) = seen[-4:]
    height = 100 * float(evening.height / late.height - 1)
    volume = 100 * float(evening.volume / late.volume - 1)
    rows = [
        f"height, morning to evening      {height:6.2f} %     -6.1 to -8.0    {verdict(height, -8.0, -6.1)}",
        f"  of it at once, on getting up  {100 * float(risen.height / late.height - 1):6.2f} %",
        f"volume, morning to evening      {volume:6.2f} %     -5.4 to -8.5    {verdict(volume, -8.5, -5.4)}",
        f"pressure overnight              {float(early.pressure) / 1e6:.3f} to {float(late.pressure) / 1e6:.3f} MPa"
        f"   0.10 to 0.24   (its load is read off pressure: calibration)",
    ]
    return morning, iter(rows)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="cohort", choices=list(mesh.SIZES))
    parser.add_argument("--grade", type=float, default=1.5)
    parser.add_argument("--osmosis", default="donnan")
    parser.add_argument("--fibres", default="stiffen")
    parser.add_argument("--days", type=int, default=3)
    given = parser.parse_args()
    body = body_of(given.size, given.grade, osmosis=given.osmosis, fibres=given.fibres)
    after = eqx.filter_jit(equilibrium.after)
    free = eqx.filter_jit(equilibrium.ramped)(body, equilibrium.unloaded(body), STEPS)
    pressure = float(posture.read(body, free).pressure) / 1e6
    print(f"free swelling: height {1e3 * float(free.pose[2]):+.2f} mm, pressure {pressure:.3f} MPa")
    print("isolated disc, swollen freely")
    for row in motions(body, free, after):
        print(" ", row)
    night, rows = day(body, free, after, given.days)
    for row in rows:
        print(" ", row)
    # what a laboratory gets: the disc as it was at night, taken out and bent before it drinks
    out = after(body, equilibrium.unloaded(body), night, jnp.asarray(0.0))
    seen = posture.read(body, out)
    print(f"isolated disc, unloaded suddenly after a night: pressure {float(seen.pressure) / 1e6:.3f} MPa")
    for row in motions(body, out, after):
        print(" ", row)
    print("postures after a night")
    for name, value in WILKE.items():
        found = after(body, posture.load_of(body, name), night, jnp.asarray(0.0))
        seen = posture.read(body, found)
        pressure = float(seen.pressure) / 1e6
        print(
            f"  {name:9s} {pressure:6.3f} MPa   {value} +-25 %   {verdict(pressure, 0.75 * value, 1.25 * value)}; "
            f"bulge {1e3 * float(jnp.max(seen.bulge)):.2f} mm, fibres {float(seen.fibre_stretch):.3f} "
            f"{float(seen.fibre_stress) / 1e6:.1f} MPa, error {float(found.error):.0e}"
        )
    load = posture.load_of(body, "standing")
    pressed = after(body, eqx.tree_at(lambda a: a.follower, load, load.follower + 100), night, jnp.asarray(0.0))
    stood = after(body, load, night, jnp.asarray(0.0))
    print(f"axial stiffness, standing {1e-4 / float(stood.pose[2] - pressed.pose[2]):.2f} kN/mm   0.8 to 2.5 (memory)")


if __name__ == "__main__":
    main()
