"""Trials: a protocol, people who enter, their discs and scores, events, and one long table of what was seen.

What: `read_protocol` gives a `Protocol`, `conduct` the trial that follows from it.
Equations: those of `outcomes.person`, `outcomes.reported`, `safety` and the disc. Reads: the evidence; TOML files.
Writes: what `folder` says. Why this holds: docs/processes/trials.md.
"""

from __future__ import annotations

from pulposus.trials.conduct import Conducted, conduct, read_trial
from pulposus.trials.protocol import Protocol, read_protocol

__all__ = ["Conducted", "Protocol", "conduct", "read_protocol", "read_trial"]
