"""When repeated load tears a disc: the strain at failure is the one that published ages of fissures ask for."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from pulposus import evidence
from pulposus.uncertainty import tearing
from pulposus.validation import tears
from pulposus.validation.laboratory import Laboratory

ROW = evidence.used("fibre_failure_strain")
YOUNG, OLD = (20, 0.19), (80, 0.29)  # age in years, share of people with an annular fissure (Brinjikji 2015)


@pytest.fixture(scope="module")
def lab() -> Laboratory:
    return Laboratory()


def test_strain_at_failure_and_its_range_are_those_that_the_ages_ask_for(lab):
    (age, share), (older, greater) = YOUNG, OLD
    spread = math.log(older / age) / (norm.ppf(greater) - norm.ppf(share))
    median = age * math.exp(-spread * norm.ppf(share))
    tail = norm.ppf(0.95)
    asked = np.array([median * math.exp(-tail * spread), median, median * math.exp(tail * spread)])
    found = tears.lives(lab, np.array([ROW.low, ROW.value, ROW.high]))
    np.testing.assert_allclose(np.log(found), np.log(asked), atol=0.25)  # 2 thousandths of strain are 0.2


def test_calibrate_gives_the_row_of_the_evidence_from_any_seed(lab):
    pytest.importorskip("optimistix")
    first, other = (tearing.fit_tears(seed=seed, lab=lab) for seed in (0, 7))
    assert first.starts_agree
    pd.testing.assert_frame_equal(first.number, other.number)
    found = first.number.iloc[0]
    np.testing.assert_allclose(found[["value", "low", "high"]].astype(float), [ROW.value, ROW.low, ROW.high], atol=1e-3)
    assert not first.news
    assert ROW.low < found["known_low"] < found["value"] < found["known_high"] < ROW.high


def test_more_people_are_torn_with_age_and_stronger_fibres_live_longer(lab):
    shares = [tears.fissured(lab, str(age)).value for age in (20, 50, 80)]
    assert 0 < shares[0] < shares[1] < shares[2] < 50
    assert np.all(np.diff(tears.lives(lab, np.linspace(ROW.low, ROW.high, 9))) > 0)
