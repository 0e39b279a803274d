"""Discs from a labelled picture: a case for each that is ready to run, how well its form fits, and pictures.

What: `take_in` finds the discs of a segmentation (`pulposus.scan`), fits those that are whole and measures those of
which only slices about the midline are seen; `write` leaves a folder for each, and ``discs.csv`` of all. A disc that
cannot be used is a row with its reason.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pulposus import evidence
from pulposus.case import Case
from pulposus.errors import InputError
from pulposus.exchange import dimensions, partial, sound
from pulposus.figures.on_image import on_image
from pulposus.figures.style import DPI
from pulposus.picture import PictureTable
from pulposus.results import SLICE, placed, require_folder, write_text
from pulposus.scan import anatomy, masks, readout, schemes, slab, volume
from pulposus.scan import nucleus as nuclei
from pulposus.scan.schemes import WITH, Scheme
from pulposus.surface.fit import Fit, fit
from pulposus.therapies import protocol

GOOD = "fitted"
POOR = "fitted poorly"
MEASURED = "measured in slices"
_DIGITS = 5  # maths: decimals that are written of a turn or of a millimetre
_AROUND = 8.0  # mm of the picture kept around a disc
_OTHERS = 2  # discs of the same person that say what is usual in them
_UNKNOWN = 3  # the grade of a disc of which neither a user nor a picture says one
_SIZES = ("ap_depth", "width", "anterior_height", "mid_height", "posterior_height")
_COLUMNS = (
    *("disc", "label", "level", "status", "volume_mL", "volume_of_voxels_mL", "dice", "distance_mean_mm"),
    *(f"{size}_mm" for size in _SIZES),
    *("mean_height_mm", "width_low_mm", "width_high_mm"),
    *(f"height_between_cartilages{end}_mm" for end in ("", "_low", "_high")),
    *("volume_low_mL", "volume_high_mL"),
    *(f"{size}_of_voxels_mm" for size in _SIZES),
    *("wedge_degrees", "wedge_of_voxels_degrees", "lateral_wedge_of_voxels_degrees", "worst_jacobian"),
    *("height_index", "bulge_posterior_mm", "bulge_anterior_mm"),
    *("nucleus_over_fluid", "t2_ms"),
    *("pfirrmann_estimate", "pfirrmann_low", "pfirrmann_high", "grade"),
)


@dataclass(frozen=True)
class Taken:
    """One disc of a picture: its place from the lowest up (1), what was found, and its case where it has one.

    found: the fit of a whole disc; built: the mesh of one seen in slices, where it lies; measured: what the slices
    about its middle show; read: what a scanner shows of it; slice: the picture on its midline, over the grey of fluid;
    nucleus: a sentence on where it is from; overlap: Dice's, of a fit.
    """

    place: int
    disc: masks.Disc
    level: str
    status: str
    endplates: str = WITH
    case: Case | None = None
    found: Fit | None = None
    built: Fit | None = None
    measured: slab.Measured | None = None
    read: readout.Readout | None = None
    slice: np.ndarray | None = None
    nucleus: str = ""
    overlap: float = math.nan

    @property
    def folder(self) -> str:
        """Name of its folder."""
        return self.level or f"disc-{self.place}"


@dataclass(frozen=True)
class Picture:
    """Everything that was taken from one picture, with sentences about it, and the image where one was given."""

    name: str
    discs: tuple[Taken, ...]
    said: tuple[str, ...]
    image: volume.Volume | None = None
    treat: tuple[str, ...] = ()


def take_in(
    path: str | Path,
    *,
    scheme: str | None = None,
    level: str | None = None,
    disc: int | None = None,
    grade: int | str | None = None,
    image: str | Path | None = None,
    echo: float | None = None,
    treat: str = "",
    name: str = "",
) -> Picture:
    """The discs of a segmentation.

    scheme: name of its labels' scheme or a TOML file, else proven by the labels; level: the one disc that is wanted,
    or, where labels do not say levels, the level of `disc`; disc: which one, from the lowest (1) up; grade: Pfirrmann,
    of all of them, else that which the picture shows, else 3; image: the picture that was segmented;
    echo: its effective echo time, ms; treat: lines of treatment for every case, semicolons between; name: what the
    picture is called in everything that is written, else as its file, or "DICOM series". Raises InputError.
    """
    wanted = evidence.level_named(level) if level else ""
    labels = volume.labels(_called(volume.read(path), name))
    meaning = schemes.scheme_of({int(label) for label in np.unique(labels.values)}, labels.name, scheme)
    shown = None if image is None else volume.read(image)
    if shown is not None and not shown.matches(labels):
        raise InputError(
            f"{shown.name!r} and {labels.name!r} do not lie on one grid; resample the picture onto the segmentation."
        )
    if shown is not None and np.array_equal(shown.values, labels.values):
        raise InputError(f"{shown.name!r} is the segmentation again; give the picture that was segmented to --image.")
    found = masks.discs(labels, meaning)
    anatomy.refuse_impossible(labels, meaning, found)
    chosen = _chosen(found, meaning, labels.name, wanted, disc)
    shortest, longest = (evidence.used(f"t2w_echo_{end}").value for end in ("shortest", "longest"))
    if echo is not None and not shortest <= echo <= longest:
        raise InputError(f"An echo time of {echo:g} ms is not possible; give {shortest:g} to {longest:g} ms.")
    given = tuple(line.strip() for line in treat.split(";") if line.strip())
    for line in given:
        protocol.parse(line)  # what cannot be is said before anything is fitted
    seen = _Seen(labels, meaning, shown, grade, echo, given)
    seen.shares.update(_shares(found, seen))
    taken = tuple(seen.one(place, one, wanted or one.level) for place, one in chosen)
    if len(taken) == 1 and taken[0].case is None:
        raise InputError(taken[0].status)
    holds = "holds" if meaning.endplates == WITH else "does not hold"
    known = "was named" if scheme else "is proven by its labels"
    said = (
        f"The scheme of labels is {meaning.name}, which {known}; a disc's label {holds} the cartilage endplates.",
        *meaning.said,
        *_strange(labels, meaning),
        evidence.statement("kinds_of_segmentation").text,
        *((f"Grade {grade} was said for every disc.",) if grade is not None else ()),
        *_graded(taken),
    )
    return Picture(labels.name, taken, said, shown, given)


def _graded(taken: Sequence[Taken]) -> list[str]:
    """What is known of grades read from pictures, where one was read."""
    return [evidence.statement("grades_of_pictures").text] if any(one.read and one.read.grade for one in taken) else []


def _called(seen: volume.Volume, name: str) -> volume.Volume:
    """A picture by another name, where one was given. Raises InputError for one that no line of a file can hold."""
    if not name.isprintable():
        raise InputError(f"--name {name!r} holds what cannot be printed; give a word.")
    return dataclasses.replace(seen, name=name.strip()) if name.strip() else seen


def _strange(labels: volume.Volume, meaning: Scheme) -> list[str]:
    """A sentence on labels that a scheme does not know; one of a user's own need not name everything."""
    if meaning.name not in schemes.known():
        return []
    foreign = schemes.foreign({int(label) for label in np.unique(labels.values)}, meaning.name)
    if not foreign:
        return []
    return [f"The scheme {meaning.name} knows no labels {schemes.spelt(foreign)}: check that it is the right one."]


def _chosen(
    found: Sequence[masks.Disc], meaning: Scheme, name: str, wanted: str, disc: int | None
) -> list[tuple[int, masks.Disc]]:
    """Discs that are wanted, with their places from the lowest up."""
    numbered = list(enumerate(found, 1))
    if not numbered:
        raise InputError(f"{name!r} holds no disc of the scheme {meaning.name!r}; check the segmentation.")
    if disc is not None:
        if not 1 <= disc <= len(numbered):
            raise InputError(f"There is no disc {disc} in {name!r}; it holds {len(numbered)}, the lowest is 1.")
        numbered = [numbered[disc - 1]]
        own = numbered[0][1].level
        if own and wanted and own != wanted:
            raise InputError(
                f"Disc {disc} of {name!r} is {own} by its label, and not {wanted}; leave out one of the two."
            )
    elif wanted and meaning.levelled:
        numbered = [(place, one) for place, one in numbered if one.level == wanted]
        if not numbered:
            has = ", ".join(one.level for one in found)
            raise InputError(f"{name!r} holds no disc {wanted}; it holds {has}.")
    if not meaning.levelled and not (wanted and len(numbered) == 1):
        has = ", ".join(f"{place} (label {one.label}, {one.volume:.1f} mL)" for place, one in enumerate(found, 1))
        raise InputError(
            f"The labels of {name!r} do not say levels; from the lowest up it holds discs {has}: choose one with "
            "--disc, and say its --level."
        )
    return numbered


@dataclass(frozen=True)
class _Seen:
    """A picture of labels with its meaning, the image, and the grade that was said, if one was."""

    labels: volume.Volume
    meaning: Scheme
    image: volume.Volume | None
    grade: int | str | None
    echo: float | None
    treat: tuple[str, ...]
    shares: dict[int, float] = dataclasses.field(default_factory=dict)

    def one(self, place: int, disc: masks.Disc, level: str) -> Taken:
        """A disc fitted, measured, or left with the reason why not."""
        what = f"Disc {level} of {self.labels.name!r}"
        part = Taken(place, disc, level, "", self.meaning.endplates)
        try:
            seen = slab.measured(disc, what)
            _refuse_size(disc, seen, level, what)
            share = self._usual(disc, seen, level)
            read = readout.read_out(disc, seen, self.labels, self.meaning, self.image, share, self.echo)
            part = dataclasses.replace(part, measured=seen, read=read)
            if level not in evidence.levels():
                raise InputError(
                    f"{what} is thoracic, and the tables know no disc between C7-T1 and T12-L1, neither its form nor "
                    "what it lives on: it is measured in discs.csv, and no case is made of it."
                )
            grade = (read.grade or _UNKNOWN) if self.grade is None else self.grade
            part = self._sized(part, grade, what) if disc.slab else self._fitted(part, grade, what)
            return self._shown(part, read, share)
        except InputError as reason:
            return dataclasses.replace(part, status=str(reason))

    def _shown(self, part: Taken, read: readout.Readout, share: float) -> Taken:
        """The disc with what the picture showed of it, in its case."""
        own = {
            "height_index": read.height_index,
            "signal": read.signal,
            "t2": read.t2,
            "bulge_posterior": read.bulge[0],
            "bulge_anterior": read.bulge[1],
            "height_share": share,
        }
        kept: dict[str, Any] = {name: float(f"{value:.4g}") for name, value in own.items() if math.isfinite(value)}
        kept |= {"grades": (read.grade, read.low, read.high)} if read.grade else {}
        kept |= {"echo_time": self.echo} if self.echo else {}
        seen = None
        if self.image is not None and math.isfinite(read.fluid):
            grey, pixel = readout.midslice(part.disc, self.image, _AROUND)
            seen = grey / read.fluid
            kept |= {"slice": SLICE, "pixel": pixel}
        assert part.case is not None
        if part.measured and not part.found:
            known = partial.known(part.case, part.measured, part.endplates)
            kept |= {f"{name}_range": tuple(float(f"{end:.4g}") for end in span[1:]) for name, span in known.spans()}
        ours = part.found or part.built
        if ours is not None:
            lines = ours.pose()[:3]
            kept["pose"] = tuple(tuple(round(float(one), _DIGITS) for one in line) for line in lines)
        table = PictureTable(**kept, with_endplates=self.meaning.endplates == WITH)
        return dataclasses.replace(part, slice=seen, case=part.case.model_copy(update={"picture": table}))

    def _usual(self, disc: masks.Disc, seen: slab.Measured, level: str) -> float:
        """Height over that of the tables, as the person's other discs have it where these are in the picture; 1 where
        the tables lack the level.
        """
        others = [share for key, share in self.shares.items() if key != disc.label]
        usual = float(np.median(others)) if len(others) >= _OTHERS else 1.0
        return self.share(seen, level) / usual if level in evidence.levels() else 1.0

    def share(self, seen: slab.Measured, level: str) -> float:
        """Height of a disc over that of the tables."""
        return (seen.mid_height[0] - self._plates(level)) / evidence.dimensions(level)["mid_height"].value

    def _case(self, disc: dict[str, Any]) -> Case:
        """A case of a disc with what every case is given."""
        return Case.from_dict({"disc": disc, "treatments": self.treatments})

    @property
    def treatments(self) -> list[dict[str, str]]:
        """Lines of treatment as the tables of a case."""
        return [{"protocol": line} for line in self.treat]

    def _plates(self, level: str) -> float:
        """Height in mm that the two endplates have in the label, by the tables."""
        rows = evidence.dimensions(level)
        return 2 * rows["endplate_thickness_centre"].value if self.meaning.endplates == WITH else 0.0

    def _fitted(self, part: Taken, grade: int | str, what: str) -> Taken:
        """A case with the form of a whole disc."""
        asked = self._case({"level": part.level, "grade": grade})
        given = masks.surface(part.disc, what)
        own, told = self._nucleus(part.disc)
        given = masks.with_nucleus(given, part.disc, own.values, self._plates(part.level), told) if own else given
        found = fit(given, unit="mm", axes="RAS", endplates=self.meaning.endplates, sizes=asked.dimensions())
        kept = {"level": part.level, "grade": grade, "surface": self.labels.name, "surface_unit": "mm"}
        more = {"surface_axes": "RAS", "surface_endplates": self.meaning.endplates, "form": found.form.model_dump()}
        case = self._case(kept | more)
        overlap = masks.overlap(part.disc, found)  # with the voxels themselves, in place of that with their surface
        report = tuple(("dice", math.nan, overlap, "1") if line[0] == "dice" else line for line in found.report)
        found = dataclasses.replace(found, report=report)
        sound.refuse_fit(overlap, what)
        status = POOR if sound.poor(overlap, _apart(found)) else GOOD
        return dataclasses.replace(part, nucleus=told, status=status, case=case, found=found, overlap=overlap)

    def _sized(self, part: Taken, grade: int | str, what: str) -> Taken:
        """A case with what slices show; the rest is left to the tables, width in proportion to the depth."""
        assert part.measured is not None
        seen, rows, within = part.measured, evidence.dimensions(part.level), self._plates(part.level)
        depth, height = seen.ap_depth[0], seen.mid_height[0] - within
        width = depth * rows["width"].value / rows["ap_depth"].value
        if height <= 0:
            raise InputError(
                f"{what} is {seen.mid_height[0]:.1f} mm high in the middle, less than its two endplates by the tables "
                f"({within:.1f} mm): it has collapsed, and no mesh can be made of it."
            )
        heights = {name: getattr(seen, name)[0] for name in _SIZES if name.endswith("_height")}
        own = {"ap_depth": depth, "width": width, **heights}
        nucleus, told = self._nucleus(part.disc)
        inner = {} if nucleus is None else _proportions(nucleus, rows)
        base = {"disc": {"level": part.level, "grade": grade} | inner, "treatments": self.treatments}
        kept = {name: float(f"{value:.4g}") for name, value in own.items()}
        case, form, _ = dimensions.cased(base, kept, part.endplates)
        laid = partial.laid(form, case, part.disc, seen, part.endplates)
        return dataclasses.replace(part, status=MEASURED, case=case, built=laid, nucleus=told)

    def _nucleus(self, disc: masks.Disc) -> tuple[nuclei.Nucleus | None, str]:
        """The nucleus in the image, and the sentence on where it is from."""
        if self.image is None:
            return None, ""
        try:
            own = nuclei.nucleus(disc, self.image)
        except InputError as why:
            return None, f"{why} Its nucleus has published proportions."
        return own, own.told()


def _refuse_size(disc: masks.Disc, seen: slab.Measured, level: str, what: str) -> None:
    """Raise InputError for a disc that its level never is; of slices width and volume are not known."""
    wide = None if disc.slab else float(disc.mask.values.shape[0] * disc.mask.spacing[0])
    whole = None if disc.slab else disc.volume
    sound.refuse_sizes(
        level, what, depth=seen.ap_depth[0], width=wide, height=seen.mid_height[0], volume=whole
    )


def _proportions(own: nuclei.Nucleus, rows: Mapping[str, evidence.Row]) -> dict[str, float]:
    """Keys of a case for a nucleus on the midline, within what is tabled: its share of the plan goes with the square of
    its length.
    """
    table = {"nucleus_area_fraction": own.length**2, "nucleus_offset": own.offset}
    return {name: float(f"{min(max(value, rows[name].low), rows[name].high):.4g}") for name, value in table.items()}


# ---------------------------------------------------------------------------------------------- out


def _shares(found: Sequence[masks.Disc], seen: _Seen) -> dict[int, float]:
    """Label -> height over that of the tables, of every disc of a picture whose label says a tabled level."""
    shares = {}
    for disc in found:
        if disc.level in evidence.levels():
            with contextlib.suppress(InputError):
                shares[disc.label] = seen.share(slab.measured(disc, disc.level), disc.level)
    return shares


def told(taken: Taken) -> list[str]:
    """What was found of one disc, in sentences."""
    head = f"{taken.level or f'Disc {taken.place}'} (label {taken.disc.label}): "
    if taken.found:
        distance = _apart(taken.found)
        volume_ = taken.found.number("volume")
        own = ", ".join(
            f"{words} {taken.found.number(name):.1f} ({taken.found.number(name, False):.1f}) {unit}"
            for name, words, unit in (("mid_height", "height in the middle", "mm"), ("wedge", "wedge", "degrees"))
        )
        fitted = (
            f"{head}{volume_:.2f} mL of {taken.disc.volume:.2f} in voxels, Dice {taken.overlap:.3f}, surfaces "
            f"{distance:.2f} mm apart in the mean; {own}, the label's in brackets."
        )
        more = [*(line for line in taken.found.said if "wedged to the side" in line), *filter(None, [taken.nucleus])]
        return [fitted, *_poorly(taken), *more, *_shown(taken), *_unusual(taken)]
    if taken.measured and taken.case:
        seen = taken.measured
        spread = seen.mid_height[1]
        return [
            f"{head}{seen.span:.0f} mm of its width are in the picture: depth {seen.ap_depth[0]:.1f} mm, height "
            f"{seen.mid_height[0]:.1f} ± {spread:.1f} mm over {seen.slices} slices; width "
            "is the tables' share of the depth, what is not measured the tables'.",
            partial.known(taken.case, seen, taken.endplates).told(),
            *([f"Worst Jacobian of its mesh: {taken.built.number('worst_jacobian'):.2f}."] if taken.built else []),
            *_collapsed(taken, seen),
            *([taken.nucleus] if taken.nucleus else []),
            *_shown(taken),
            *_unusual(taken),
        ]
    return [f"{head}left out. {taken.status}"]


def _apart(found: Fit) -> float:
    """Mean distance between surface and mesh, the larger of both ways, mm."""
    return max(found.number("distance_mean", own) for own in (True, False))


def _poorly(taken: Taken) -> list[str]:
    """What must be said of a fit that misses what it is to reach."""
    return [sound.poorly()] if taken.status == POOR else []


def _unusual(taken: Taken) -> list[str]:
    """What a case says of its own numbers."""
    return [] if taken.case is None else list(taken.case.warnings)


def _collapsed(taken: Taken, seen: slab.Measured) -> list[str]:
    """What must be said of a disc that has lost most of its height."""
    share = taken.case.picture.height_share if taken.case and taken.case.picture else None
    if share is None or share >= evidence.used("collapsed_height").value:
        return []
    return [
        f"It has collapsed: {share:.2f} of its usual height in the middle ({seen.mid_height[0]:.1f} mm; area over "
        f"depth {seen.mean_height[0]:.1f} mm). Its endplates are the tables', and what they leave is little known."
    ]


def _shown(taken: Taken) -> list[str]:
    """What the picture shows of one disc, in sentences."""
    read, case = taken.read, taken.case
    if read is None or case is None:
        return []
    if not read.grade:
        return [f"{read.said} Its grade is {case.disc.grade}, which the picture does not say."]
    reach = f"{read.low}" if read.low == read.high else f"{read.low} to {read.high}"
    t2 = f"a T2 of about {read.t2:.0f} ms" if math.isfinite(read.t2) else "a T2 too long to be told"
    own = "" if case.disc.grade == read.grade else f"; grade {case.disc.grade} was said, and is used"
    return [
        f"Its nucleus is {read.signal:.2f} times as bright as fluid, {t2}: Pfirrmann {read.grade} by signal and height "
        f"(nine tenths: {reach}){own}."
    ]


def row(taken: Taken) -> dict[str, object]:
    """One row of discs.csv; empty where there is nothing."""
    cells: dict[str, object] = dict.fromkeys(_COLUMNS, "")
    cells |= {"disc": taken.place, "label": taken.disc.label, "level": taken.level, "status": taken.status}
    cells["volume_of_voxels_mL"] = f"{taken.disc.volume:.4g}"
    numbers: dict[str, float] = {}
    if taken.found:
        numbers = {f"{name}_mm": taken.found.number(name) for name in _SIZES}
        numbers |= {f"{name}_of_voxels_mm": taken.found.number(name, ours=False) for name in _SIZES}
        for name in ("wedge", "lateral_wedge"):
            numbers[f"{name}_of_voxels_degrees"] = taken.found.number(name, ours=False)
        numbers |= {"wedge_degrees": taken.found.number("wedge"), "volume_mL": taken.found.number("volume")}
        numbers |= {"dice": taken.overlap, "worst_jacobian": taken.found.number("worst_jacobian")}
        numbers["distance_mean_mm"] = _apart(taken.found)
    elif taken.measured:
        seen = {name: getattr(taken.measured, name)[0] for name in _SIZES if name != "width"}
        numbers = {f"{name}_of_voxels_mm": value for name, value in seen.items()}
        numbers["wedge_of_voxels_degrees"] = taken.measured.wedge[0]
        if taken.built:
            numbers |= {f"{name}_mm": taken.built.number(name) for name in _SIZES}
            numbers["wedge_degrees"] = taken.built.number("wedge")
        numbers["mean_height_mm"] = taken.measured.mean_height[0]
        numbers |= {"worst_jacobian": taken.built.number("worst_jacobian")} if taken.built else {}
        if taken.case:
            known = partial.known(taken.case, taken.measured, taken.endplates)
            numbers["volume_mL"] = known.volume.value
            numbers["height_between_cartilages_mm"] = known.height.value
            for what, unit, span in (
                ("width", "mm", known.width),
                ("height_between_cartilages", "mm", known.height),
                ("volume", "mL", known.volume),
            ):
                numbers |= {f"{what}_low_{unit}": span.low, f"{what}_high_{unit}": span.high}
    if taken.read:
        numbers |= {"height_index": taken.read.height_index}
        bulges = dict(zip(("bulge_posterior_mm", "bulge_anterior_mm"), taken.read.bulge, strict=True))
        numbers |= {name: value for name, value in bulges.items() if math.isfinite(value)}
        if taken.read.grade:
            numbers |= {"nucleus_over_fluid": taken.read.signal, "t2_ms": taken.read.t2}
            cells |= {"pfirrmann_estimate": taken.read.grade, "pfirrmann_low": taken.read.low}
            cells["pfirrmann_high"] = taken.read.high
    if taken.case:
        cells["grade"] = taken.case.disc.grade
    return cells | {name: f"{value:.4g}" for name, value in numbers.items()}


def write(picture: Picture, out: str | Path) -> list[Path]:
    """Write discs.csv and a folder for each disc that has a case: case.toml, fit.png, fit.csv of a fit, and slice.png,
    the picture through its middle, where fluid says how bright that is.

    Raises InputError where the folder is a file.
    """
    import csv
    import io

    out = Path(out)
    require_folder(out)
    if not out.name:
        raise InputError(f"--out is {str(out)!r}, which names no folder; write for example --out spine.")
    drawn = {
        one.place: on_image(one.disc, one.found or one.built, picture.image, f"{one.level} of {picture.name}")
        for one in picture.discs
        if one.case
    }
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for one in picture.discs:
        if one.case is not None:
            (out / one.folder).mkdir(exist_ok=True)
            with placed(out / one.folder / "fit.png") as fresh:
                drawn[one.place].savefig(fresh, format="png", dpi=DPI)
            written += [out / one.folder / "fit.png", *_write_case(picture, one, one.case, out / one.folder)]
    table = io.StringIO()
    writer = csv.DictWriter(table, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows([row(one) for one in picture.discs])
    write_text(out / "discs.csv", table.getvalue())
    return [out / "discs.csv", *written]


def _write_case(picture: Picture, one: Taken, case: Case, folder: Path) -> list[Path]:
    """case.toml of a disc, slice.png and fit.csv where there are any."""
    import tomli_w
    from matplotlib.image import imsave

    said = dict.fromkeys([*picture.said, *told(one), *(one.found.said if one.found else ()), *one.disc.said])
    tables: dict[str, Any] = {"disc": case.disc.model_dump(exclude_none=True, exclude_defaults=True)}
    tables |= {"treatments": [{"protocol": line} for line in picture.treat]} if picture.treat else {}
    tables |= {"picture": case.picture.model_dump(exclude_none=True)} if case.picture else {}
    write_text(folder / "case.toml", "\n".join([*(f"# {line}" for line in said), "", tomli_w.dumps(tables)]))
    written = [folder / "case.toml"]
    ours = one.found or one.built
    if ours:
        write_text(folder / "fit.csv", "\n".join([*ours.table("voxels"), ""]))
        written.append(folder / "fit.csv")
    if one.slice is not None:
        with placed(folder / SLICE) as fresh:
            imsave(fresh, one.slice, cmap="gray", vmin=0, vmax=1, format="png")
        written.append(folder / SLICE)
    return written
