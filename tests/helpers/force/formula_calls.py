"""Right arguments for closed forms, scores, data and the smaller functions of `nsm`'s rooms."""

import numpy as np

import nsm
from nsm import sweeps, theory, uncertainty
from tests.helpers.force.chip_calls import rows_file
from tests.helpers.force.network_calls import table_of_cells
from tests.helpers.force.tries import Call

_W = np.array([[0.5, -0.2, 0.1], [0.3, 0.4, -0.6]])
_Z = np.array([[1.0, -1.0, 1.0], [-1.0, 1.0, 1.0]])
_LAW = {"mean": 0.5, "variance": 0.25}
_P = np.array([[0.8, 0.2], [0.4, 0.6], [0.1, 0.9]])
_SAMPLES = np.stack([_P, _P[::-1]])
_Y = np.array([0, 1, 1])
_X = np.linspace(0, 1, 8 * 9).reshape(8, 9)
_G = np.array([1e-5, 2e-5])


def _theory():
    """Return the arguments of each closed form."""
    return {
        "firing_probability": {"w": _W, "z": _Z, **_LAW, "a": 0.0, "b": 0.0, "floor": 0.0},
        "beta_from_a": {"a": np.zeros(2), **_LAW},
        "a_from_beta": {"beta": np.ones(2), **_LAW},
        "remapped": {"beta": np.ones(2), "b": np.zeros(2), "variance": 0.25, "new_mean": 1.0,
                     "new_variance": 0.5},
        "argument_gradients": {"w": _W[0], "z": _Z[0], "beta": 1.0, "b": 0.1, "variance": 0.25},
        "data_dependent_init": {"t": _W, "norm": np.ones(3), "variance": 0.25},
        "scaled_probability": {"p": _P, "alpha": np.array([0.5, 2.0]), "gamma": 0.5},
        "pair_ratio": {"w": _W, "on_off_ratio": 10.0, "mapping": "differential_pair"},
        "pair_variance": {"g_pos": _G, "g_neg": _G, "gate": (0.5, 0.25), "cell": (1.0, 0.1),
                          "shared": True},
        "leaky_gate_moments": {"p": 0.5, "leak": 0.1},
        "telegraph_moments": {"amplitude": 0.1, "occupancy": 0.5},
        "spread_gate_moments": {"w": _W, "z": _Z, "p": np.full((2, 3), 0.5)},
        "word_line_covariance": {"w": _W, "z": _Z[0], "variance": 0.25},
        "equicorrelated_variance": {"w": _W, "z": _Z, "variance": 0.25, "correlation": 0.1},
        "common_factor_probability": {"u": _W, "p": 0.5},
        "mean_variance": {"samples": 4, "correlation": 0.5},
        "effective_samples": {"samples": 4, "correlation": 0.5},
        "static_to_noise_ratio": {"a": np.zeros(2), "programming_error": 0.1, "variance": 0.25},
        "blank_out_skewness": {"w": _W, "z": _Z, "p": 0.3},
    }  # fmt: skip


def _scores():
    """Return the arguments of each function of `nsm.uncertainty`."""
    scores = {"p": _P, "y": _Y}
    dropout = nsm.relu_mlp((9, 4, 2), dropout=0.5)

    def draw(x):
        return np.zeros((2, len(x), 2))

    return {
        "entropy": {"p": _P},
        "predictive_entropy": {"samples": _SAMPLES},
        "expected_entropy": {"samples": _SAMPLES},
        "mutual_information": {"samples": _SAMPLES},
        "negative_log_likelihood": scores,
        "brier_score": scores,
        "reliability_table": {**scores, "bins": 5},
        "expected_calibration_error": {**scores, "bins": 5},
        "calibration": {**scores, "bins": 5, "resamples": 2, "rng": 0},
        "auroc": {"usual": [0.1, 0.2], "unusual": [0.3]},
        "rotated": {"x": _X, "degrees": 30.0},
        "shifted": {"x": _X, "right": 1, "down": 1},
        "mc_dropout": {"model": dropout, "x": _X, "samples": 2, "rng": 0},
        "over_rotation": {"draw": draw, "x": _X, "y": np.arange(8) % 2, "degrees": [0.0, 30.0]},
    }


def _calls(module, arguments):
    return {
        f"{module.__name__}.{name}": Call(getattr(module, name), lambda given=given: dict(given))
        for name, given in arguments.items()
    }


CALLS = {
    **_calls(theory, _theory()),
    **_calls(uncertainty, _scores()),
    "nsm.theory.product_moments": Call(
        lambda factor: theory.product_moments(factor, (1.0, 0.5)), lambda: {"factor": (0.5, 0.25)}
    ),
    "nsm.sweeps.read_sidecar": Call(sweeps.read_sidecar, lambda: {"rows": rows_file()}),
    "nsm.sweeps.WorkerPool": Call(sweeps.WorkerPool, lambda: {"workers": 1}),
    "nsm.sweeps.worker_pool": Call(sweeps.worker_pool, lambda: {"workers": 1}),
    "nsm.datasets.check_source": Call(nsm.datasets.check_source, lambda: {"source": "digits"}),
    "nsm.datasets.class_count": Call(nsm.datasets.class_count, lambda: {"name": "digits"}),
    "nsm.datasets.image_shape": Call(nsm.datasets.image_shape, lambda: {"name": "digits"}),
    "nsm.datasets.load_digits": Call(nsm.datasets.load_digits, lambda: {"test_fraction": 0.25}),
    "nsm.measurements.read_table": Call(
        nsm.measurements.read_table, lambda: {"path": table_of_cells(), "sheet": None}
    ),
}
