"""Laws of activation fields: draws and quadrature against their densities."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import beta as beta_function
from scipy.stats import kstest, norm

from devices import FEFET_DENG2020, MFM_ALESSANDRI, MFM_NI, Gb2Activation, NormalActivation
from tests.helpers.statistics import assert_frequency

MV_CM = 1e8  # V/m
GB2 = MFM_ALESSANDRI.activation


def gb2_density(e, a=12.1, b=1.79, p=0.691, q=0.633):
    return (a / b) * (e / b) ** (a * p - 1) / (beta_function(p, q) * (1 + (e / b) ** a) ** (p + q))


def test_activation_fields_follow_their_laws(rng):
    e = GB2.sample((20_000,), rng=rng) / MV_CM
    grid = np.array([1.0, 1.5, 1.8, 2.0, 2.5, 4.0])
    cdf = np.array([quad(gb2_density, 0, x, points=[1.5] if x > 1.5 else None)[0] for x in grid])
    for x, p in zip(grid, cdf, strict=True):
        assert_frequency((e <= x).sum(), len(e), p)
    e = FEFET_DENG2020.activation.sample((20_000,), rng=rng)
    assert kstest(e, "norm", args=(2.3, 0.4)).pvalue > 1e-4
    # A wide normal law is clipped at 0, where it would have negative fields.
    assert_frequency(
        (NormalActivation(mean=1.0, std=1.0).sample((20_000,), rng=rng) == 0).sum(),
        20_000,
        norm.cdf(-1),
    )


@pytest.mark.parametrize(
    "law", [GB2, MFM_NI.activation, FEFET_DENG2020.activation], ids=["alessandri", "ni", "deng"]
)
def test_quadrature_has_the_moments_of_the_law(law):
    e, w = law.quadrature()
    np.testing.assert_allclose(w.sum(), 1, rtol=1e-12)
    if isinstance(law, Gb2Activation):
        # E Eᵏ = bᵏ B(p + k/a, q − k/a)/B(p, q).
        expected = [
            law.b**k
            * beta_function(law.p + k / law.a, law.q - k / law.a)
            / beta_function(law.p, law.q)
            for k in (1, 2)
        ]
    else:
        expected = [2.3, 2.3**2 + 0.4**2]  # but for the 5e-9 of its mass below 0
    np.testing.assert_allclose([w @ e, w @ e**2], expected, rtol=1e-9)


def test_mean_activation_field_of_the_alessandri_set():
    e, w = GB2.quadrature()
    assert abs(w @ e / MV_CM - 1.856) <= 0.0005
