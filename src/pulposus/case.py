"""A case: a person, a disc, treatments, and how long to look; from a TOML file or from one line of treatment.

What: `read_case` and `case_from_line` give a checked `Case`; ``case.resolved()`` fills what it leaves out from tables
and keeps, for each such number, a sentence that says from where (`filled`); `warnings` are what must be said of it.
Units: in the file mm, degrees, years, mL and cells, or any other unit in words ("1.1 cm"); `dimensions` and
`parameter_overrides` are in SI.
Errors: every mistake of a user is an `InputError` of one sentence: where it stands, what was given, what to do.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    StrictBool,
    StrictStr,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from pulposus import evidence
from pulposus.errors import InputError, nearest
from pulposus.evidence import Row
from pulposus.evidence.options import names as option_names
from pulposus.picture import PictureTable
from pulposus.surface.form import Form, SurfaceKeys
from pulposus.surface.frame import check_back, span_of
from pulposus.therapies import options, protocol
from pulposus.therapies.options import Planned
from pulposus.therapies.protocol import Treatment
from pulposus.values import DayTable, StructureTable, figure, middle_age, number, one_of, toml_file, whole

if TYPE_CHECKING:
    from pulposus.disc.state import Hypotheses

Sex = Literal["male", "female", "any"]
Endplate = Literal["intact", "calcified", "sclerotic", "perforated"]
Mesh = Literal["cohort", "coarse", "standard", "fine"]
MONTHS_OF_A_YEAR = 12  # maths: months of a year
_OLDEST = 120.0  # maths: years, a guard against slips of the keyboard, no quantity of the clinic
_LONGEST = 100.0  # maths: years, a guard against slips of the keyboard, no quantity of the clinic
_YEARS = 5.0  # maths: how long to look when nobody says, a habit of trials' follow-up and no quantity of a disc
_GRADES = (1, 2, 3, 4, 5)  # maths: the Pfirrmann grades
_SEEDS = 2**32
_COUNTED = r"\s*(cells|vesicles|particles|mL)$"
_UNBOUND = (-math.inf, math.inf)


# ---------------------------------------------------------------------------------------------- single values


def _level(value: Any) -> str:
    if isinstance(value, str) and value in evidence.outlines():
        raise InputError(f"{value!r} is an outline, not a level; write level = 'L4-L5' and outline = {value!r}.")
    return evidence.level_named(str(value))


def _outline(value: Any) -> str:
    evidence.outline(str(value))
    return str(value)


def _dose(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise InputError(f"{value!r} is not a dose; write a number, for example 25e6.")
    counted = re.sub(_COUNTED, "", str(value).strip(), flags=re.IGNORECASE)
    return protocol.number(counted)


# One annotation each: how a value of the file is checked, and how an editor is told of it.
_age_check, _age_schema = number("year", 0, _OLDEST, "age at the start")
_years_check, _years_schema = number("year", 0, _LONGEST, "how long to look, in whole months")
_mm_check, _mm_schema = number("mm", *_UNBOUND, "a length")
_degree_check, _degree_schema = number("degree", *_UNBOUND, "an angle, positive when higher in front")
_share_check, _share_schema = number("1", *_UNBOUND, "a share or a shape number")
_volume_check, _volume_schema = number("mL", *_UNBOUND, "volume of the whole injection")
_month_check, _month_schema = number("month", *_UNBOUND, "months")
_grade_check, _grade_schema = whole(_GRADES[0], _GRADES[-1], "Pfirrmann grade")
_dallas_check, _dallas_schema = whole(0, _GRADES[-1], "Dallas grade of a discogram")
_seed_check, _seed_schema = whole(0, _SEEDS - 1, "seed of random draws")
_passage_check, _passage_schema = whole(0, math.inf, "number of passages")
_repeats_check, _repeats_schema = whole(0, math.inf, "number of repeats")
_dose_schema = WithJsonSchema({"type": ["number", "string"], "description": "cells, vesicles, or mL of plasma; 25e6"})
_level_schema = WithJsonSchema({"type": "string", "enum": evidence.levels()})

Length = Annotated[float | None, _mm_check, _mm_schema]
Angle = Annotated[float | None, _degree_check, _degree_schema]
Share = Annotated[float | None, _share_check, _share_schema]
Months = Annotated[float | None, _month_check, _month_schema]


def _outlined(outline: str) -> str:
    """The level in an outline's name: l4-l5 of reference_l4l5."""
    return re.sub(r"^.*_([a-z]\d+)([a-z]\d+)$", r"\1-\2", outline)


def _region(where: str) -> str:
    """C, or L for discs of the lumbar spine and the one above it."""
    return "C" if evidence.level_named(_outlined(where)).startswith("C") else "L"


# ---------------------------------------------------------------------------------------------- tables of the file


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Person(_Table):
    """Whose disc it is: age in years at the start, and sex (any: the mean of both)."""

    age: Annotated[float | None, _age_check, _age_schema] = None
    sex: Annotated[Sex, one_of(Sex)] = "any"


class DiscTable(SurfaceKeys, _Table):
    """The disc: level, Pfirrmann grade, endplates, Dallas grade of a discogram, and the dimensions that were measured
    (mm, degrees, shares), or a surface that has them.
    """

    level: Annotated[str, BeforeValidator(_level), _level_schema]
    grade: Annotated[int, _grade_check, _grade_schema]
    endplate: Annotated[Endplate, one_of(Endplate)] = "intact"
    dallas: Annotated[int | None, _dallas_check, _dallas_schema] = None
    outline: Annotated[str | None, BeforeValidator(_outline)] = None
    height: Length = None
    ap_depth: Length = None
    width: Length = None
    wedge: Angle = None
    nucleus_area_fraction: Share = None
    nucleus_offset: Share = None
    endplate_thickness: Length = None
    endplate_thickness_rim: Length = None
    posterior_dent: Share = None
    superellipse_exponent: Share = None

    @model_validator(mode="after")
    def _plausible(self) -> DiscTable:
        self.refuse_others(self.measured(), self.outline)
        for key in self.measured():
            low, high, unit = span_of(quantity_of(key))
            value = getattr(self, key)
            if self.outline and key not in OF_OUTLINES:
                raise InputError(f"[disc] {key} does not go with an outline, which has its own; leave one of them out.")
            if not low <= value <= high:
                given = f"[disc] {key} of {value:g}{_unit(unit)} is not plausible"
                check = ", so check its unit" if _unit(unit) else ""
                raise InputError(f"{given}; discs measure {low:.3g} to {high:.3g}{_unit(unit)}{check}.")
        if self.outline and _region(self.outline) != _region(self.level):
            of = evidence.level_named(_outlined(self.outline))
            raise InputError(
                f"[disc] outline {self.outline!r} is that of {of}, and the level is {self.level}, another part of the "
                "spine; leave the outline out."
            )
        return self

    def measured(self) -> list[str]:
        """Keys of the dimensions that are given."""
        return [key for key in DIMENSIONS if getattr(self, key) is not None]

    def open_dimensions(self) -> list[str]:
        """Keys of the dimensions that are left to the tables (an outline or a surface has its own plan and wedge)."""
        keys = OF_OUTLINES if self.outline else self.left_open() or DIMENSIONS
        return [key for key in keys if getattr(self, key) is None]


class Hypothesis(_Table):
    """Choices on which sources contradict each other; what they mean stands in `pulposus.disc.state.Hypotheses`.

    injection_pressure: whether an injection presses, ends at a stop and leaks by its pressure.
    """

    metabolism: Annotated[Literal["bibby_urban", "cachot"], one_of(Literal["bibby_urban", "cachot"])] = "bibby_urban"
    glucose_limiter: StrictBool = True
    grading: Annotated[Literal["relative", "absolute"], one_of(Literal["relative", "absolute"])] = "relative"
    endplate_permeability: Annotated[
        Literal["composition", "falls", "rises"], one_of(Literal["composition", "falls", "rises"])
    ] = "composition"
    matrix: Annotated[Literal["sivan", "cachot"], one_of(Literal["sivan", "cachot"])] = "sivan"
    cytokine_glucose: StrictBool = True
    ageing: StrictBool = True
    differentiation: StrictBool = True
    osmosis: Annotated[Literal["donnan", "composition"], one_of(Literal["donnan", "composition"])] = "donnan"
    fibres: Annotated[Literal["stiffen", "soften"], one_of(Literal["stiffen", "soften"])] = "stiffen"
    solid: Annotated[Literal["measured", "fitted"], one_of(Literal["measured", "fitted"])] = "measured"
    mechanics: Annotated[Literal["solid", "columns"], one_of(Literal["solid", "columns"])] = "solid"
    injection_pressure: StrictBool = True


class TreatmentTable(_Table):
    """One product given once or several times: a line of protocol, or the fields that follow it."""

    protocol: StrictStr | None = Field(None, examples=[protocol.EXAMPLE])
    product: StrictStr | None = Field(None, examples=evidence.products())
    origin: StrictStr | None = Field(None, examples=["own", "donor"])
    dose: Annotated[float | None, BeforeValidator(_dose), _dose_schema] = None
    viability: Share = None
    passage: Annotated[int | None, _passage_check, _passage_schema] = None
    volume: Annotated[float | None, _volume_check, _volume_schema] = None
    carrier: StrictStr | None = Field(None, examples=evidence.carriers())
    site: StrictStr | None = Field(None, examples=evidence.sites())
    month: Months = None
    repeats: Annotated[int | None, _repeats_check, _repeats_schema] = None
    repeat_every: Months = None

    @model_validator(mode="before")
    @classmethod
    def _counted_as_its_product(cls, data: Any) -> Any:
        """A dose in words ("25e6 cells", "2 mL") must be counted as its product is."""
        dose, product = (data.get(key) for key in ("dose", "product")) if isinstance(data, Mapping) else (None, None)
        unit = re.search(_COUNTED, dose.strip(), re.IGNORECASE) if isinstance(dose, str) else None
        if unit and isinstance(product, str):
            name = evidence.resolve("product", product)
            counted = evidence.product(name)["dose_unit"].text
            given = {"particles": "vesicles", "ml": protocol.VOLUME}.get(unit[1].lower(), unit[1].lower())
            if given not in counted:
                raise InputError(f"dose = {dose!r}: {name} is counted in {counted}; write the dose so.")
        return data

    def treatment(self) -> Treatment:
        """The treatment; InputError for both a line and fields, for neither, and for what no treatment can be."""
        fields = self.model_dump(exclude_none=True)
        if self.protocol is not None:
            if len(fields) > 1:
                other = next(name for name in fields if name != "protocol")
                raise InputError(f"A protocol line and {other} stand beside each other; write the line or the fields.")
            if options.is_named(self.protocol):
                raise InputError(f"{self.protocol!r} is an option; write it under [[options]], not [[treatments]].")
            return protocol.parse(self.protocol)
        if self.product is None:
            remedy = f"write product = 'MSC(M)' or protocol = '{protocol.EXAMPLE}'"
            raise InputError(f"A treatment names no product; {remedy}.")
        every = fields.pop("repeat_every", None)
        if self.repeats and every is None:
            raise InputError(f"repeats = {self.repeats} needs repeat_every, the months between doses; add it.")
        if every and self.repeats is None:
            raise InputError(f"repeat_every = {every:g} needs repeats, how often the dose is given again; add it.")
        return protocol.fill(**fields, every_months=every)


class OptionTable(_Table):
    """Something else that is done for the person: a line such as "Discectomy at month 6", or its fields."""

    protocol: StrictStr | None = Field(None, examples=[options.EXAMPLE])
    name: StrictStr | None = Field(None, examples=option_names())
    month: Months = None
    until: Months = None
    strength: Share = None
    level: Annotated[str | None, BeforeValidator(_level), _level_schema] = None
    without: tuple[StrictStr, ...] | None = Field(None, examples=[["synthesis"]])

    def planned(self) -> Planned:
        """The option; InputError for both a line and fields, for neither, and for what cannot be."""
        fields = self.model_dump(exclude_none=True)
        if self.protocol is not None:
            if len(fields) > 1:
                other = next(name for name in fields if name != "protocol")
                raise InputError(f"A protocol line and {other} stand beside each other; write the line or the fields.")
            return options.parse(self.protocol)
        if self.name is None:
            raise InputError(f"An option has no name; write name = 'discectomy' or protocol = '{options.EXAMPLE}'.")
        return options.fill(**fields)


class RunTable(_Table):
    """How long to look (years), on which mesh, and the seed of random draws."""

    years: Annotated[float, _years_check, _years_schema] = _YEARS
    mesh: Annotated[Mesh, one_of(Mesh)] = "standard"
    seed: Annotated[int, _seed_check, _seed_schema] = 0

    @model_validator(mode="after")
    def _some_time(self) -> RunTable:
        if round(self.years * MONTHS_OF_A_YEAR) < 1:
            raise InputError(f"[run] years of {self.years:g} leave nothing to look at; give at least a month, 0.084.")
        return self


def _treatment(value: Any) -> Treatment:
    if isinstance(value, str):
        return protocol.parse(value)
    return value if isinstance(value, Treatment) else TreatmentTable.model_validate(value).treatment()


def _planned(value: Any) -> Planned:
    if isinstance(value, str):
        return options.parse(value)
    return value if isinstance(value, Planned) else OptionTable.model_validate(value).planned()


def _parameters(value: Any) -> dict[str, float]:
    """Every override in the unit of its evidence row."""
    if not isinstance(value, Mapping):
        raise InputError("[parameters] is not a table; write [parameters] and under it, for example, salt = '0.15 M'.")
    from pulposus.disc.parameters import bounds

    checked, limits = {}, bounds() if value else {}
    for name, given in value.items():
        row = evidence.used(str(name))
        try:
            checked[name] = figure(given, row.unit)
        except InputError as problem:
            raise InputError(f"[parameters] {name}: {problem}") from problem
        if checked[name] < 0 <= row.low:
            usual = f"{row.value:g}{_unit(row.unit)}"
            raise InputError(f"[parameters] {name} of {given!r} is negative; give a number like {usual}.")
        least, most = (end / evidence.factor(row.unit) for end in limits.get(str(name), _UNBOUND))
        if not least <= checked[name] <= most:
            raise InputError(
                f"[parameters] {name} of {given!r} is not possible: it lies between {least:.4g} and {most:.4g}"
                f"{_unit(row.unit)} by what it means; the evidence has {row.value:g}."
            )
        reach = max(abs(row.low), abs(row.high))
        if abs(checked[name]) > protocol.FAR * reach or 0 < checked[name] < row.low / protocol.FAR:
            span = f"{row.low:g} to {row.high:g}" if row.low < row.high else f"{row.value:g}"
            raise InputError(
                f"[parameters] {name} of {given!r} is not plausible; the evidence has {span}{_unit(row.unit)}, "
                f"and at most {protocol.FAR} times more or less is accepted."
            )
    return checked


_parameters_schema = WithJsonSchema({"type": "object", "additionalProperties": {"type": ["number", "string"]}})
_treatment_schema = WithJsonSchema(TreatmentTable.model_json_schema())
_option_schema = WithJsonSchema(OptionTable.model_json_schema())


class Case(_Table):
    """A person, a disc, treatments and a time to look; `resolved` fills what was left out."""

    title: StrictStr = ""
    notes: StrictStr = ""
    citation: StrictStr = ""
    person: Person = Person()
    disc: DiscTable
    parameters: Annotated[dict[str, float], BeforeValidator(_parameters), _parameters_schema] = {}
    choices: Hypothesis = Field(default=Hypothesis(), alias="hypotheses")
    structure: StructureTable = StructureTable()
    day: DayTable = DayTable()
    treatments: list[Annotated[Treatment, BeforeValidator(_treatment), _treatment_schema]] = []
    options: list[Annotated[Planned, BeforeValidator(_planned), _option_schema]] = []
    run: RunTable = RunTable()
    picture: PictureTable | None = None
    _filled: dict[str, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _within_the_run(self) -> Case:
        end = self.run.years * MONTHS_OF_A_YEAR
        for treatment in self.treatments:
            last = treatment.months[-1]
            if last >= end:
                given = f"A dose of {treatment.product} at month {last:g} is not before the end of the run"
                raise InputError(f"{given} ({end:g} months); give it earlier or raise years in [run].")
        options.refuse(self.options, self.disc.level, end, [month for t in self.treatments for month in t.months])
        return self

    @property
    def done(self) -> bool:
        """Whether anything is done in the treated arm."""
        return bool(self.treatments or self.options)

    def refuse_options(self, what: str) -> None:
        """Raise InputError where something that knows injections alone is asked of a case with other options."""
        if self.options:
            given = f"{what} knows injections alone, and the case has {self.options[0]}"
            raise InputError(f"{given}; leave [[options]] out.")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Case:
        """A case from the tables of a file as dictionaries. Raises InputError, one sentence, for the first mistake."""
        try:
            return cls.model_validate(dict(data))
        except ValidationError as problem:
            raise InputError(_sentence(problem)) from None

    def changed(self, *, years: float | str | None = None, mesh: str | None = None, seed: int | None = None) -> Case:
        """The same case with another way to run it, checked again. Raises InputError."""
        given = {"years": years, "mesh": mesh, "seed": seed}
        data = self._tables()
        data["run"] |= {key: value for key, value in given.items() if value is not None}
        made = Case.from_dict(data).model_copy(update={"picture": self.picture})
        made._filled = dict(self._filled)
        return made

    @property
    def filled(self) -> dict[str, str]:
        """For every number that `resolved` took from tables: a sentence with its range and source."""
        return dict(self._filled)

    @property
    def warnings(self) -> list[str]:
        """What must be said of this case before anyone reads its result."""
        others = options.said(self.options, self.disc.level)
        of_numbers = *self.disc.unusual(), *self._outside_ranges()
        return list(dict.fromkeys([*self._said_of_treatments(), *others, *of_numbers, *self._unread()]))

    def resolved(self) -> Case:
        """The case with nothing left open: age, title, dimensions. InputError where dimensions exclude each other."""
        if self.disc.surface and self.disc.form is None:
            return self._formed().resolved()
        filled: dict[str, str] = {}
        person, rows, dimensions = self.person, self._rows(), self.dimensions()
        if person.age is None:
            person = person.model_copy(update={"age": middle_age(filled)})
        if person.sex == "any":
            filled["sex"] = "Sex was not given: dimensions are those of both sexes together."
        update: dict[str, float] = {}
        for key in self.disc.open_dimensions():
            row = rows[quantity_of(key)]
            same = dimensions[row.name] == row.si
            update[key] = row.value if same else dimensions[row.name] / evidence.factor(row.unit)
            filled[key] = self._from_where(key, update[key], row)
        if self.disc.form is None:  # a form has been looked at everywhere
            check_back(dimensions)
        treated = "; ".join(map(str, [*self.treatments, *self.options])) or "no treatment"
        title = self.title or f"{self.disc.level}, grade {self.disc.grade}: {treated}"
        disc = self.disc.model_copy(update=update)
        made = self.model_copy(update={"title": title, "person": person, "disc": disc})
        made._filled = {**self._filled, **filled}
        return made

    def _formed(self) -> Case:
        """The case with the numbers of its surface's form in place of the file's path."""
        from pulposus.surface.fit import formed

        update, said, tabled = formed(self.disc, self.dimensions())
        rows = {key: self._rows()[quantity_of(key)] for key in tabled if getattr(self.disc, key) is None}
        made = self.model_copy(update={"disc": self.disc.model_copy(update=update)})
        made._filled = {**self._filled, "form": f"form = fitted to {update['surface']}. {said}"}
        made._filled |= {key: self._from_where(key, row.value, row) for key, row in rows.items()}
        return made

    def dimensions(self) -> dict[str, float]:
        """Every dimension in SI, named as in ``evidence.dimensions``: as given, or by level, sex, grade or outline."""
        rows, given = self._rows(), {quantity_of(key): getattr(self.disc, key) for key in self.disc.measured()}
        si = {name: given[name] * evidence.factor(row.unit) if name in given else row.si for name, row in rows.items()}
        # What was measured in one place scales its neighbours: an outline's heights, the rim of an endplate.
        followers = {"endplate_thickness_rim": "endplate_thickness_centre"}
        if self.disc.outline:
            followers |= {name: "mid_height" for name in rows if name.endswith("_height") and name != "mid_height"}
        for name, leader in followers.items():
            if leader in given and name not in given and si[leader] != rows[leader].si:
                si[name] *= si[leader] / rows[leader].si
        return si | (self.disc.form.dimensions() if self.disc.form else {})

    def parameter_overrides(self) -> dict[str, float]:
        """The [parameters] in SI. Raises InputError for a number of the evidence that no process of the disc reads."""
        from pulposus.disc.parameters import declared

        for name in self.parameters:
            if name not in declared():
                near = nearest(name, declared())
                raise InputError(f"[parameters] {name} is in the evidence, but no process of the disc reads it{near}.")
        return {name: value * evidence.factor(evidence.used(name).unit) for name, value in self.parameters.items()}

    def hypotheses(self) -> Hypotheses:
        """The chosen hypotheses as the processes of the disc take them."""
        from pulposus.disc.state import Hypotheses

        return Hypotheses.choose(**self.choices.model_dump(exclude={"injection_pressure"}))

    def needle(self) -> dict[str, Any]:
        """What the pressure of an injection goes by: sex, Dallas grade where given, whether pressure counts, and from
        when on an operation has left the annulus open.
        """
        way = options.opened(self.options, self.disc.level)
        wide = {} if way is None else {"opened": way}
        return {"sex": self.person.sex, "dallas": self.disc.dallas, "pressed": self.choices.injection_pressure} | wide

    def sources(self) -> list[str]:
        """Keys of the sources of the dimensions that are not the person's own."""
        rows = self._rows()
        own = {quantity_of(key) for key in self.disc.measured() if key not in self._filled}
        return sorted({key for name, row in rows.items() if name not in own for key in row.sources})

    def to_toml(self) -> str:
        """The case as a file that reads back to the same case; what was filled stands in comments above it."""
        import tomli_w

        head = [f"# filled: {text}" for text in self._filled.values()]
        text = tomli_w.dumps(self._tables())
        for treatment in self.treatments:
            text = text.replace("[[treatments]]\n", f"[[treatments]] # {treatment}\n", 1)
        return "\n".join([*head, *([""] if head else []), text])

    def _tables(self) -> dict[str, Any]:
        tables = self.model_dump(exclude={"treatments", "options"}, exclude_none=True, by_alias=True)
        if self.picture:
            tables["picture"] = self.picture.by_name().model_dump(exclude_none=True)
        names = {"volume_mL": "volume", "every_months": "repeat_every"}
        listed = []
        for treatment in self.treatments:
            fields = {names.get(name, name): value for name, value in vars(treatment).items()}
            listed.append(fields if treatment.repeats else {**fields, "repeat_every": 0.0})
        run = tables.pop("run")
        full = {**tables, "treatments": listed, "options": [one.fields() for one in self.options], "run": run}
        return {name: value for name, value in full.items() if value not in ("", {}, [])}

    def _rows(self) -> dict[str, Row]:
        """Evidence of every dimension; the wedge follows a measured height."""
        disc = self.disc
        own = None if disc.outline or disc.height is None else disc.height * evidence.factor("mm")
        return evidence.dimensions(disc.outline or disc.level, self.person.sex, disc.grade, own)

    def _from_where(self, key: str, value: float, row: Row) -> str:
        known = "; ".join(evidence.reference(source) for source in row.sources)
        reach = "" if row.low == row.high else f" ({row.low:.3g} to {row.high:.3g})"
        what = f"{self.disc.outline}" if self.disc.outline else f"{self.disc.level}, grade {self.disc.grade}"
        who = "" if self.disc.outline or self.person.sex == "any" else f", {self.person.sex}"
        if value != row.value:
            reach = ", in proportion to what was measured,"
        return f"{key} = {value:.4g}{_unit(row.unit)}{reach} for {what}{who}, {row.kind}: {known or 'an assumption'}"

    def _said_of_treatments(self) -> Iterable[str]:
        """Sentences of the evidence that this disc and these products call for."""
        for t in self.treatments:
            rows = evidence.product(t.product)
            cells = rows["class"].text == "cells"
            calls = {
                "cervical_cells": cells and self.disc.level.startswith("C"),
                "repeated_doses": t.repeats > 0 or len(self.treatments) > 1,
                "exosomes_human": rows["class"].text == "vesicles",
                "bmc_content": t.product == "BMC",
                "outside_disc": evidence.site(t.site)["delivered_fraction"].value == 0,
            }
            yield from (evidence.statement(name).text for name, called in calls.items() if called)

    def _outside_ranges(self) -> Iterable[str]:
        """Choices beyond the ranges of the evidence."""
        for t in self.treatments:
            rows = evidence.product(t.product)
            for what, value in (("dose", t.dose), ("volume", t.volume_mL)):
                row = rows[f"{what}_default"]
                if not row.low <= value <= row.high:
                    unit = rows["dose_unit"].text if what == "dose" else row.unit
                    given = f"The {what} of {value:g} {unit} {t.product}"
                    yield f"{given} lies outside what was tabled ({row.low:g} to {row.high:g} {unit})."
        for name, value in self.parameters.items():
            row = evidence.used(name)
            if not row.low <= value <= row.high:
                given = f"{name} = {value:g}{_unit(row.unit)} was chosen"
                yield f"{given}; the evidence has {row.value:g} ({row.low:g} to {row.high:g})."

    def _unread(self) -> Iterable[str]:
        """Choices that nothing reads: columns are neither solids nor loaded."""
        if self.choices.mechanics != "columns":
            return
        usual = Hypothesis()
        other = [name for name in _OF_SOLIDS if getattr(self.choices, name) != getattr(usual, name)]
        chosen = [f"{name} in [hypotheses]" for name in other]
        chosen += ["[structure]"] * (self.structure != StructureTable()) + ["[day]"] * (self.day != DayTable())
        if chosen:
            yield f"With mechanics = 'columns' nothing reads {', '.join(chosen)}; choose 'solid' for it to count."


_OF_SOLIDS = ("osmosis", "fibres", "solid")

# ---------------------------------------------------------------------------------------------- dimensions

# Keys of [disc] that are dimensions; two are called otherwise in the evidence.
_NO_DIMENSIONS = ("level", "grade", "endplate", "dallas", "outline", *SurfaceKeys.model_fields)
DIMENSIONS = tuple(name for name in DiscTable.model_fields if name not in _NO_DIMENSIONS)
OF_OUTLINES = ("height", "endplate_thickness", "endplate_thickness_rim")
_OTHER_NAMES = {"height": "mid_height", "endplate_thickness": "endplate_thickness_centre"}


def quantity_of(key: str) -> str:
    """The quantity of geometry.csv that a key of [disc] gives."""
    return _OTHER_NAMES.get(key, key)


def _unit(unit: str) -> str:
    return "" if unit in ("", "1") else f" {unit}"


# ---------------------------------------------------------------------------------------------- reading


def read_case(path: str | Path) -> Case:
    """A case from a TOML file. Raises InputError, one sentence, for a file that cannot be read or understood."""
    path, data = Path(path), toml_file(path, "case file")
    try:
        case = Case.from_dict(data)
        seen: dict[str, Any] = {"disc": case.disc.seen_from(path.parent)}
        seen |= {"picture": case.picture.seen_from(path.parent)} if case.picture else {}
        return case.model_copy(update=seen)
    except InputError as problem:
        raise InputError(f"{path.name}: {problem}") from None


def case_from_line(
    line: str,
    *,
    level: str,
    grade: int | str,
    years: float | str | None = None,
    age: float | str | None = None,
    sex: str | None = None,
    mesh: str | None = None,
) -> Case:
    """A case from one line of treatment (several with semicolons between) and the least that is known of a disc.

    Raises InputError, one sentence, for what cannot be.
    """
    lines = [part.strip() for part in line.split(";") if part.strip()] or [line]
    tables: dict[str, dict[str, Any]] = {
        "person": {"age": age, "sex": sex},
        "disc": {"level": level, "grade": grade},
        "run": {"years": years, "mesh": mesh},
    }
    given = {name: {k: v for k, v in table.items() if v is not None} for name, table in tables.items()}
    injected = [part for part in lines if part.split()[0].lower() == "inject" or not options.is_named(part)]
    others = [options.parse(part) for part in lines if part not in injected]
    return Case.from_dict({**given, "treatments": [protocol.parse(part) for part in injected], "options": others})


def json_schema() -> dict[str, Any]:
    """JSON Schema of a case file, for editors."""
    made = Case.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "A case of Pulposus"}


# ---------------------------------------------------------------------------------------------- mistakes

_TABLES: dict[str, type[BaseModel]] = {
    "person": Person,
    "disc": DiscTable,
    "hypotheses": Hypothesis,
    "structure": StructureTable,
    "day": DayTable,
    "treatments": TreatmentTable,
    "options": OptionTable,
    "run": RunTable,
    "picture": PictureTable,
}


def _place(loc: tuple[int | str, ...]) -> str:
    """Where in the file: "[disc] height", "[[treatments]] 2 dose", "title"."""
    if not loc:
        return ""
    if loc[0] in ("treatments", "options") and len(loc) > 1:
        return " ".join([f"[[{loc[0]}]]", str(int(loc[1]) + 1), *map(str, loc[2:])])
    if loc[0] in _TABLES or loc[0] == "parameters":
        return " ".join([f"[{loc[0]}]", *map(str, loc[1:])])
    return str(loc[0])


def _sentence(problem: ValidationError) -> str:
    """The first mistake of a case in one sentence."""
    # A misspelt key goes before the key that is missing because of it.
    mistake = min(problem.errors(include_url=False), key=lambda error: error["type"] == "missing")
    loc, given, kind = mistake["loc"], mistake["input"], mistake["type"]
    place = _place(loc)
    if kind == "value_error":
        text = str(mistake["ctx"]["error"])
        return text if not place or re.match(r"\[[a-z]+\]", text) else f"{place}: {text}"
    if kind == "extra_forbidden":
        tables: dict[str, type[BaseModel]] = {**_TABLES, "disc": Form if loc[1:2] == ("form",) else DiscTable}
        table = tables[str(loc[0])] if len(loc) > 1 else Case
        known = [field.alias or name for name, field in table.model_fields.items()]
        where = _place(loc[:-1]) or "at the top of a case"
        where = where if len(loc) == 1 else f"in {where}"
        return f"Unknown key {loc[-1]!r} {where}{nearest(str(loc[-1]), known)}; known: {', '.join(known)}."
    if kind == "missing":
        if loc == ("disc",):
            return "The case has no [disc]; write [disc] and under it level = 'L4-L5' and grade = 3."
        example = {"level": "level = 'L4-L5'", "grade": "grade = 3"}.get(str(loc[-1]), f"{loc[-1]} = ...")
        return f"{_place(loc[:-1])} has no {loc[-1]}; add {example}."
    remedies = {
        "model_type": f"it is a table: write {_place(loc[:1]) or 'a table'} and its keys on the lines below",
        "list_type": f"write each under its own [[{loc[0]}]]",
        "string_type": "write words in quotes",
        "bool_type": "write true or false, without quotes",
    }
    return f"{place} is {given!r}, which cannot be used; {remedies.get(kind, mistake['msg'].lower())}."
