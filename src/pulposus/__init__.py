"""An in-silico laboratory of cell therapy of the intervertebral disc.

The house, from the ground up; each floor imports only from floors below it:

    evidence     numbers with their units, ranges and sources
    statistics   designs and analyses of trials: arrays in, estimates out
    disc         parameters + geometry -> mesh -> [transport cells matrix inflammation mechanics] -> simulate
    therapies    what is injected, where and when
    imaging      what a scanner would see
    outcomes     what people report, and why it changes; safety tells what may go wrong
    case         a person, a disc and treatments, from a file or a line
    candidacy    a person's facts against what trials ask; care tells what to expect of each way of care
    validation   the model against published results: one book of checks
    patients     virtual people
    results      the folder that a run leaves: fields, tables, figures, meshes
    run          a case, computed with the treatment and without it; figures and report show what it found
    consult      what can honestly be said to one person
    uncertainty  how far that may be wrong, and which numbers it hangs on
    trials       from a protocol to an analysed trial; economics what a good year costs
    cli          the same as commands

A study in six lines:

    import pulposus
    case = pulposus.read_case("examples/noriega_l45.toml")
    results = pulposus.run_case(case, "results/noriega")
    pulposus.publish(results)
    print(results.summary().tail())
    print(results.history()["glucose"])

And a talk with a person in three:

    person = pulposus.read_person("examples/person_lumbar.toml")
    talk = pulposus.gather_talk(person)
    pulposus.write_talk("talk", talk)
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Names are fetched when they are first asked for: importing the package (and asking the program for help) stays fast.
# Room of each, and after a colon its name there, where that says too little outside.
_ROOM_OF = {
    "InputError": "errors",
    "read_case": "case",
    "case_from_line": "case",
    "run_case": "run",
    "Results": "results",
    "publish": "cli.compute",
    "read_person": "candidacy",
    "assess": "candidacy",
    "one_person": "care",
    "follow_care": "care:follow",
    "compare_care": "care:beside",
    "risks": "safety",
    "draw_people": "patients:draw",
    "fit_person": "patients:fit",
    "read_plan": "procedure",
    "gather_talk": "consult:gather",
    "write_talk": "report.consult:write_consult",
}
__all__ = [
    "InputError",
    "Results",
    "__version__",
    "assess",
    "case_from_line",
    "compare_care",
    "draw_people",
    "fit_person",
    "follow_care",
    "gather_talk",
    "one_person",
    "publish",
    "read_case",
    "read_person",
    "read_plan",
    "risks",
    "run_case",
    "write_talk",
]


def __getattr__(name: str) -> Any:
    """Fetch a public name from its room."""
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'pulposus' has no attribute {name!r}; it offers {', '.join(__all__)}")
    room, _, own = _ROOM_OF[name].partition(":")
    return getattr(import_module(f".{room}", __name__), own or name)


def __dir__() -> list[str]:
    """The public names, for completion."""
    return sorted(__all__)
