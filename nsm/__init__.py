"""Neural sampling machines and other torch networks on crossbars of noisy memory devices.

The public names below are imported on first use, so that `import nsm` itself takes no time.

    import crossbar, devices, nsm

    fefet = devices.preset("fefet_jerry2017")
    hardware = crossbar.Hardware(device=fefet, gate=devices.BlankOut(p=0.5), gate_sharing="pair")
    model, data = nsm.load("mnist_mlp"), nsm.load_data("mnist")
    chip = nsm.map_to_crossbar(model, hardware, rng=0)  # one seeded programming of every tile
    chip.error_rate(data.x_test, data.y_test, samples=20, rng=0)

    axes = {"device.levels": [2, 4, 8], "gain": [0.1, 1.0]}
    tasks = nsm.grid(model, hardware, axes)
    rows = nsm.collect(tasks, data.x_test, data.y_test, chips=3, samples=20, rng=0)
    axis = nsm.plot_error_rate(rows, x="device.levels", group="gain")
"""

from typing import TYPE_CHECKING

from nsm.lazy import lazy_exports

if TYPE_CHECKING:  # for type checkers and editors; at run time the table below serves them
    from nsm import chips as chips
    from nsm import datasets as datasets
    from nsm import learning as learning
    from nsm import measurements as measurements
    from nsm import nn as nn
    from nsm import plots as plots
    from nsm import sweeps as sweeps
    from nsm import theory as theory
    from nsm import training as training
    from nsm import uncertainty as uncertainty
    from nsm import verdict as verdict
    from nsm.chips.calibrated_hardware import calibrated_hardware as calibrated_hardware
    from nsm.chips.chip import MappedNetwork as MappedNetwork
    from nsm.chips.chip_file import load_chip as load_chip
    from nsm.chips.cost_comparison import compare_costs as compare_costs
    from nsm.chips.map import map_to_crossbar as map_to_crossbar
    from nsm.chips.torch_reads.torch_chip import TorchChip as TorchChip
    from nsm.chips.weight_clipping import clip_weights as clip_weights
    from nsm.datasets.registry import load_data as load_data
    from nsm.learning.learn import learn as learn
    from nsm.measurements.device_file import write_device as write_device
    from nsm.measurements.fits import fit_measurement as fit_measurement
    from nsm.measurements.read import read_measurement as read_measurement
    from nsm.nn.activations import Binarize as Binarize
    from nsm.nn.architectures import all_conv_net as all_conv_net
    from nsm.nn.architectures import bd_mlp as bd_mlp
    from nsm.nn.architectures import conv_net as conv_net
    from nsm.nn.architectures import gesture_net as gesture_net
    from nsm.nn.architectures import nsm_mlp as nsm_mlp
    from nsm.nn.architectures import relu_mlp as relu_mlp
    from nsm.nn.architectures import stnn_mlp as stnn_mlp
    from nsm.nn.coding import BinarizePerPixel as BinarizePerPixel
    from nsm.nn.coding import Thermometer as Thermometer
    from nsm.nn.files.checkpoint import load as load
    from nsm.nn.files.checkpoint import save as save
    from nsm.nn.files.weights import load_weights as load_weights
    from nsm.nn.files.weights import save_weights as save_weights
    from nsm.nn.inference import error_rate as error_rate
    from nsm.nn.inference import predict_proba as predict_proba
    from nsm.nn.nsm_conv2d import NSMConv2d as NSMConv2d
    from nsm.nn.nsm_linear import NSMLinear as NSMLinear
    from nsm.nn.residual import residual_net as residual_net
    from nsm.nn.sigmoid import SigmoidLinear as SigmoidLinear
    from nsm.nn.transforms import quantize_weights as quantize_weights
    from nsm.nn.transforms import scale_weights as scale_weights
    from nsm.plots.sweeps import plot_error_rate as plot_error_rate
    from nsm.sweeps.hardwares import Hardwares as Hardwares
    from nsm.sweeps.ranges import Range as Range
    from nsm.sweeps.rows.dataset import to_xarray as to_xarray
    from nsm.sweeps.rows.merge import merge_rows as merge_rows
    from nsm.sweeps.rows.statistics import compare as compare
    from nsm.sweeps.rows.statistics import interval as interval
    from nsm.sweeps.rows.stored_rows import read_rows as read_rows
    from nsm.sweeps.run import collect as collect
    from nsm.sweeps.tasks import Task as Task
    from nsm.sweeps.tasks import grid as grid
    from nsm.sweeps.until import Until as Until
    from nsm.training.fit import fit as fit
    from nsm.training.hardware_aware.network import hardware_aware as hardware_aware
    from nsm.training.initialize import initialize as initialize
    from nsm.training.tune import tune as tune
    from nsm.verdict.interactions import tolerance_map as tolerance_map
    from nsm.verdict.result import Tolerances as Tolerances
    from nsm.verdict.tolerances import tolerances as tolerances

_EXPORTS = {
    "chips": "nsm.chips",
    "datasets": "nsm.datasets",
    "learning": "nsm.learning",
    "measurements": "nsm.measurements",
    "nn": "nsm.nn",
    "plots": "nsm.plots",
    "sweeps": "nsm.sweeps",
    "theory": "nsm.theory",
    "training": "nsm.training",
    "uncertainty": "nsm.uncertainty",
    "verdict": "nsm.verdict",
    "calibrated_hardware": "nsm.chips.calibrated_hardware",
    "MappedNetwork": "nsm.chips.chip",
    "load_chip": "nsm.chips.chip_file",
    "compare_costs": "nsm.chips.cost_comparison",
    "map_to_crossbar": "nsm.chips.map",
    "TorchChip": "nsm.chips.torch_reads.torch_chip",
    "residual_net": "nsm.nn.residual",
    "clip_weights": "nsm.chips.weight_clipping",
    "load_data": "nsm.datasets.registry",
    "learn": "nsm.learning.learn",
    "write_device": "nsm.measurements.device_file",
    "fit_measurement": "nsm.measurements.fits",
    "read_measurement": "nsm.measurements.read",
    "all_conv_net": "nsm.nn.architectures",
    "bd_mlp": "nsm.nn.architectures",
    "conv_net": "nsm.nn.architectures",
    "gesture_net": "nsm.nn.architectures",
    "nsm_mlp": "nsm.nn.architectures",
    "relu_mlp": "nsm.nn.architectures",
    "stnn_mlp": "nsm.nn.architectures",
    "load": "nsm.nn.files.checkpoint",
    "save": "nsm.nn.files.checkpoint",
    "error_rate": "nsm.nn.inference",
    "predict_proba": "nsm.nn.inference",
    "Binarize": "nsm.nn.activations",
    "BinarizePerPixel": "nsm.nn.coding",
    "Thermometer": "nsm.nn.coding",
    "NSMConv2d": "nsm.nn.nsm_conv2d",
    "NSMLinear": "nsm.nn.nsm_linear",
    "SigmoidLinear": "nsm.nn.sigmoid",
    "quantize_weights": "nsm.nn.transforms",
    "scale_weights": "nsm.nn.transforms",
    "load_weights": "nsm.nn.files.weights",
    "save_weights": "nsm.nn.files.weights",
    "plot_error_rate": "nsm.plots.sweeps",
    "Hardwares": "nsm.sweeps.hardwares",
    "Range": "nsm.sweeps.ranges",
    "collect": "nsm.sweeps.run",
    "compare": "nsm.sweeps.rows.statistics",
    "interval": "nsm.sweeps.rows.statistics",
    "merge_rows": "nsm.sweeps.rows.merge",
    "read_rows": "nsm.sweeps.rows.stored_rows",
    "to_xarray": "nsm.sweeps.rows.dataset",
    "Task": "nsm.sweeps.tasks",
    "Until": "nsm.sweeps.until",
    "grid": "nsm.sweeps.tasks",
    "fit": "nsm.training.fit",
    "hardware_aware": "nsm.training.hardware_aware.network",
    "initialize": "nsm.training.initialize",
    "tune": "nsm.training.tune",
    "tolerance_map": "nsm.verdict.interactions",
    "Tolerances": "nsm.verdict.result",
    "tolerances": "nsm.verdict.tolerances",
}
__all__ = list(_EXPORTS)
__getattr__, __dir__ = lazy_exports(__name__, _EXPORTS)
