"""The laws of multiplicative noise: moments against draws and against the device noise."""

import math

import numpy as np
import pytest
import torch

from devices import BlankOut, GaussianNoise
from nsm import NSMLinear
from nsm.nn.noise_law import BernoulliLaw, GaussianLaw, noise_law
from tests.helpers.statistics import assert_mean, assert_variance

LAWS = [(BernoulliLaw(0.3), BlankOut(0.3)), (GaussianLaw(0.7), GaussianNoise(0.7))]


@pytest.mark.parametrize(("law", "device_noise"), LAWS)
def test_moments_are_those_of_the_draws_and_of_the_device_noise(law, device_noise):
    drawn = law.sample(
        torch.Size([100_000]),
        generator=torch.Generator().manual_seed(0),
        dtype=torch.float64,
        device=torch.device("cpu"),
    ).numpy()
    assert_mean(drawn, law.mean)
    assert_variance(drawn, law.variance, mean=law.mean)
    assert law.noise_scale == math.sqrt(2 * law.variance)
    assert law.device_noise() == device_noise
    mean, variance = device_noise.moments(np.ones(1))
    np.testing.assert_allclose([mean[0], variance[0]], [law.mean, law.variance], rtol=1e-12)


def test_a_layer_takes_its_law_from_its_options():
    assert NSMLinear(2, 2, p=0.3).law == BernoulliLaw(0.3)
    assert NSMLinear(2, 2, noise="gaussian", p=0.3, sigma=0.2).law == GaussianLaw(0.2)


def test_an_unknown_law_is_refused():
    with pytest.raises(ValueError, match="unknown noise 'poisson'"):
        noise_law("poisson", p=0.5, sigma=1.0)
