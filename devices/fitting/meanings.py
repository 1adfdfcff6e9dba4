"""What the numbers of fits mean, in words for tables."""

import re

#: Meanings by name; a name with numbers in it stands here without them: "level", "step[]".
_MEANINGS = {
    # read noise
    "gamma": "exponent of the noise over conductance, σ(G) ∝ G^γ",
    "slope": "slope of the whole spectrum, in both logarithms",
    "exponent": "a of the part 1/f^a of the spectrum",
    "q": "size of the 1/f noise: (σ/G)² is q² per factor e of frequency",
    "white": "standard deviation of white noise in one read",
    "correlation_time": "time after which the noise is correlated by 1/e",
    "traps_per_cell": "number of traps in a cell, mean",
    # telegraph noise
    "g": "conductance with an empty trap",
    "amplitude": "ΔG/G of a trap; of several traps the median, half of delta_sat",
    "tau_capture": "mean time until an empty trap captures",
    "tau_emission": "mean time until a full trap emits",
    "sigma": "standard deviation of white noise in one read",
    "level_": "conductance of a level, the highest first",
    "dwell_": "mean time spent in a level",
    # programming
    "std at S": "standard deviation of G − target",
    "mean at S": "mean of G − target",
    "share stuck low": "share of cells stuck at the lowest target",
    "share stuck high": "share of cells stuck at the highest target",
    "level": "mean conductance of a level",
    "std of level": "standard deviation within a level",
    "error between levels and": "probability of taking one level for the other",
    # pulses
    "step": "mean step of a pulse at w = 0, where the range is w = −1 to 1",
    "up_down": "share by which down (> 0) or up (< 0) steps are smaller",
    "decrease_up": "share of an up step that is lost at g_max",
    "decrease_down": "share of a down step that is lost at g_min",
    "g_min": "smallest conductance",
    "g_max": "largest conductance",
    "pulses": "pulses from g_min to g_max",
    "nl_up": "nonlinearity label of up pulses, −9 to 9",
    "nl_down": "nonlinearity label of down pulses, −9 to 9",
    "a_up": "amplitude of the exponential, up",
    "a_down": "amplitude of the exponential, down",
    "gamma_up": "rate of the exponential, up",
    "gamma_down": "rate of the exponential, down",
    "up[]": "relative up step at one of the even places",
    "down[]": "relative down step at one of the even places",
    "c2c": "noise of a pulse, cycle to cycle",
    "write_noise": "noise of a read after a pulse, in steps",
    "d2d_step": "spread of the step between devices, relative",
    "d2d_up_down": "spread of up_down between devices",
    "d2d_nl": "spread of the labels between devices",
    # set and reset
    "r_lrs_median": "median resistance after SET",
    "r_lrs_c2c": "its spread from cycle to cycle",
    "r_lrs_d2d": "its spread from device to device",
    "r_hrs_median": "median resistance after RESET",
    "sigma_ln_hrs_c2c": "spread of ln R after RESET, cycle to cycle",
    "sigma_ln_hrs_d2d": "spread of ln R after RESET, device to device",
    "rho_lrs": "correlation from cycle to cycle after SET",
    "rho_hrs": "correlation from cycle to cycle after RESET",
    "share_lrs": "share of the cycle variance with that correlation",
    "share_hrs": "share of the cycle variance with that correlation",
    # relaxation and bakes
    "mean at s": "mean change of all cells",
    "clock at s": "variance of independent increments, in units of scale²",
    "fluctuation at s": "variance of the part that returns, in units of scale²",
    "scale at S": "size of the relaxation at this conductance",
    "kappa": "weight of the tails; 0 is normal",
    "persistence": "correlation of the part that returns over a decade of time",
    "activation_energy_ev": "activation energy E_A",
    "energy at K": "activation energy by this bake alone",
    "energy at K for s": "activation energy by this bake alone",
    # temperature
    "alpha": "temperature coefficient of resistance",
    "noise": "relative scatter of cells around the law",
    "g_lrs": "conductance from which the law of the low-resistance state holds",
    "g_hrs": "conductance below which the law of the high-resistance state holds",
}
_NUMBER = re.compile(r"(?<![A-Za-z])\d+(\.\d+)?(e[+-]?\d+)?")


def meaning_of(name: str) -> str:
    """Return what an estimate of a fit means; "" if its name says it.

    Args:
        name: Name of the estimate, such as "tau_capture", "level 3" or "mean at 10 s".
    """
    if name in _MEANINGS:
        return _MEANINGS[name]
    bare = " ".join(_NUMBER.sub("", name).split())
    return _MEANINGS.get(bare, _MEANINGS.get(bare.rstrip("_"), ""))
