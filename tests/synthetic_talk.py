"""A talk that was computed by nobody: two options of round numbers, for tests of what is drawn."""

from __future__ import annotations

from typing import Any

from pulposus.talk import Band, Chance, Choice, DiscSeen, Flag, Gauge, Harm, Met, Outlook, Price, Standing, Talk


def band(end: float) -> Band:
    """A score that goes from 60 to an end."""
    months = (6.0, 12.0, 24.0)
    return Band(months, *(tuple(max(0.0, end + by) for _ in months) for by in (-30, -10, 0, 10, 30)))


def choice(name: str, share: float, sham: float, **others: Any) -> Choice:
    """One option."""
    made: dict[str, Any] = {
        "name": name,
        "title": name.replace("_", " "),
        "family": "biological" if name.startswith("cells") else "conservative",
        "state": "open",
        "why": "for whoever asks",
        "outlook": Outlook(
            band(40),
            band(30),
            Chance(share, share / 2, min(1.0, share * 1.5), sham, min(sham, 0.2), sham, "pain at least 15 lower"),
            (
                ("regression", -5.0),
                ("course", -3.0),
                ("worsening", 2.0),
                ("expectation", -9.0),
                ("treatment", -4.0),
            ),
            band(45),
        ),
        "harms": (
            Harm("Infection: about 3 of 1,000 people within 24 months; nobody can exclude 9.", True, False, 0.003),
        ),
        "prices": (Price("a needle", "10 to 20 USD", "The person pays", "Not covered", "So much."),),
        "standings": (Standing("Nowhere", "not approved", "2026", True),),
        "recovery": "About 2 days.",
    }
    return Choice(**{**made, **others})


def talk(**others: Any) -> Talk:
    """A whole talk; others take the place of its parts."""
    made: dict[str, Any] = {
        "title": "Somebody <b>",
        "person": "A person of 50 years.",
        "region": "lumbar",
        "population": "chronic",
        "months": 24.0,
        "pain": 60.0,
        "disability": 40.0,
        "pain_title": "back pain",
        "disability_title": "disability (Oswestry index)",
        "pain_change": 15.0,
        "disability_change": 10.0,
        "flags": (),
        "contradictions": (),
        "disc": DiscSeen(
            "L4-L5",
            4,
            8.0,
            11.0,
            36.0,
            modic=1.0,
            herniation="protrusion",
            protrusion=3.0,
            tear=True,
            gauges=(Gauge("lowest glucose", "mM", 1.0, 0.9, 0.5, "yes", ""),),
            fed="yes",
        ),
        "fit": "yes",
        "fit_title": "common core",
        "fit_why": "",
        "lists": (Met("A-1", "cells, phase 2", "yes", ""), Met("B-2", "cells, phase 3", "unknown", "bone density")),
        "missing": (),
        "later": ("Bone density",),
        "choices": (
            choice("wait", 0.3, 0.3, state="open"),
            choice("exercise", 0.5, 0.45),
            choice("cells_donor", 0.55, 0.5),
        ),
        "unknown": ("Nobody knows this.",),
        "questions": ("What if I wait?", "Who pays?"),
        "warnings": ("Beware.",),
        "sources": (),
        "numbers": 10,
        "assumed": 4,
    }
    return Talk(**{**made, **others})


FLAG = Flag("spinal cord compression", "refer now to a spinal surgeon", "clumsy hands", True)
