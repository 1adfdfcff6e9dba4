"""Domains that are all alike, for the tests of ferroelectric devices."""

import numpy as np

from devices import MFM_ALESSANDRI, DomainSwitching, NormalActivation

MV_CM = 1e8  # V/m
GB2 = MFM_ALESSANDRI.activation
# All domains alike, E_a = 2 V: τ(1.5 V) = 20 ns · exp((4/3)³) = 214 ns.
ALIKE = DomainSwitching(
    n_domains=1,
    activation=NormalActivation(mean=2.0, std=0.0),
    tau0=20e-9,
    alpha=3.0,
    beta=2.0,
    p_r=0.25,
)
TAU = 20e-9 * np.exp((4 / 3) ** 3)
