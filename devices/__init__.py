"""Models of one memory cell: its conductance range and its deviations from the target.

A `Device` has one slot for each thing that happens to a cell: `write` (programming error),
`read_noise`, `retention` (drift), `faults`, `temperature_law` and `pulses` (response to programming
pulses). Every model that fits a slot is exported here, and so are the base classes from which new
models derive. `preset` returns a published device, `gate` a published stochastic element in series
with a cell.

Conductances are in siemens and all other quantities in SI units. The keyword `rng` is a seed, a
numpy Generator, a SeedSequence or None everywhere.
"""

from devices.device import Device as Device
from devices.faults.base import Faults as Faults
from devices.faults.base import NoFaults as NoFaults
from devices.faults.base import Place as Place
from devices.faults.fault_map import FaultMap as FaultMap
from devices.faults.stuck import StuckCells as StuckCells
from devices.faults.wear import WearOut as WearOut
from devices.ferroelectric.activation import ActivationLaw as ActivationLaw
from devices.ferroelectric.activation import Gb2Activation as Gb2Activation
from devices.ferroelectric.activation import NormalActivation as NormalActivation
from devices.ferroelectric.domain_write import DomainWrite as DomainWrite
from devices.ferroelectric.domains import FEFET_DENG2020 as FEFET_DENG2020
from devices.ferroelectric.domains import MFM_ALESSANDRI as MFM_ALESSANDRI
from devices.ferroelectric.domains import MFM_NI as MFM_NI
from devices.ferroelectric.domains import DomainState as DomainState
from devices.ferroelectric.domains import DomainSwitching as DomainSwitching
from devices.ferroelectric.fefet import FeFet as FeFet
from devices.ferroelectric.fefet import ThresholdNoise as ThresholdNoise
from devices.ferroelectric.preisach import Preisach as Preisach
from devices.ferroelectric.preisach import PreisachState as PreisachState
from devices.fitting.bake import Bake as Bake
from devices.fitting.bake import activation_energy_ev as activation_energy_ev
from devices.fitting.bake import fit_activation_energy as fit_activation_energy
from devices.fitting.fit import Estimate as Estimate
from devices.fitting.fit import Fit as Fit
from devices.fitting.levels import LevelsFit as LevelsFit
from devices.fitting.levels import fit_levels as fit_levels
from devices.fitting.programming import ProgrammingFit as ProgrammingFit
from devices.fitting.programming import fit_programming as fit_programming
from devices.fitting.pulses.response import PulsesFit as PulsesFit
from devices.fitting.pulses.response import fit_pulses as fit_pulses
from devices.fitting.read_noise.cells import CellNoise as CellNoise
from devices.fitting.read_noise.traces import ReadNoiseFit as ReadNoiseFit
from devices.fitting.read_noise.traces import fit_read_noise as fit_read_noise
from devices.fitting.relaxation import fit_relaxation as fit_relaxation
from devices.fitting.set_reset import fit_set_reset as fit_set_reset
from devices.fitting.telegraph.dwells import DwellTest as DwellTest
from devices.fitting.telegraph.segments import ActiveSegment as ActiveSegment
from devices.fitting.telegraph.segments import ActiveSegments as ActiveSegments
from devices.fitting.telegraph.segments import active_segments as active_segments
from devices.fitting.telegraph.trace import TelegraphFit as TelegraphFit
from devices.fitting.telegraph.trace import fit_telegraph as fit_telegraph
from devices.fitting.temperature import TemperatureFit as TemperatureFit
from devices.fitting.temperature import fit_temperature as fit_temperature
from devices.iv import MILO2021 as MILO2021
from devices.iv import CurrentVoltage as CurrentVoltage
from devices.iv import IVLaw as IVLaw
from devices.iv import Ohmic as Ohmic
from devices.iv import SinhCurve as SinhCurve
from devices.iv_table import TabulatedCurrent as TabulatedCurrent
from devices.on_off_ratio import with_on_off_ratio as with_on_off_ratio
from devices.operating_point import OperatingPoint as OperatingPoint
from devices.presets import GATES as GATES
from devices.presets import PRESETS as PRESETS
from devices.presets import Preset as Preset
from devices.presets import gate as gate
from devices.presets import preset as preset
from devices.presets import read_preset as read_preset
from devices.programming.base import IdealWrite as IdealWrite
from devices.programming.base import NormalError as NormalError
from devices.programming.base import WriteModel as WriteModel
from devices.programming.error import SaturatingError as SaturatingError
from devices.programming.error import StateDependentError as StateDependentError
from devices.programming.open_loop import OpenLoopPulses as OpenLoopPulses
from devices.programming.set_reset import SetResetVariability as SetResetVariability
from devices.programming.tabulated import TabulatedError as TabulatedError
from devices.programming.write_verify import Verified as Verified
from devices.programming.write_verify import WriteVerify as WriteVerify
from devices.pulses.base import PulsedCells as PulsedCells
from devices.pulses.base import PulseResponse as PulseResponse
from devices.pulses.nonlinear import NonlinearPulses as NonlinearPulses
from devices.pulses.piecewise import PiecewisePulses as PiecewisePulses
from devices.pulses.step_laws import ConstantPulses as ConstantPulses
from devices.pulses.step_laws import ExpStepPulses as ExpStepPulses
from devices.pulses.step_laws import LinearPulses as LinearPulses
from devices.pulses.step_laws import PowerPulses as PowerPulses
from devices.pulses.step_laws import SoftBoundsPulses as SoftBoundsPulses
from devices.pulses.step_pulses import AffinePulses as AffinePulses
from devices.pulses.step_pulses import StepPulses as StepPulses
from devices.read_noise.base import NoNoise as NoNoise
from devices.read_noise.base import ReadNoise as ReadNoise
from devices.read_noise.flicker import FlickerNoise as FlickerNoise
from devices.read_noise.flicker_laws import LogConductanceFlicker as LogConductanceFlicker
from devices.read_noise.in_series import InSeries as InSeries
from devices.read_noise.memoryless import BlankOut as BlankOut
from devices.read_noise.memoryless import GaussianNoise as GaussianNoise
from devices.read_noise.memoryless import LognormalNoise as LognormalNoise
from devices.read_noise.ornstein_uhlenbeck import (
    OrnsteinUhlenbeckNoise as OrnsteinUhlenbeckNoise,
)
from devices.read_noise.product import ProductNoise as ProductNoise
from devices.read_noise.published import PcmFlicker as PcmFlicker
from devices.read_noise.published import PcmReadNoise as PcmReadNoise
from devices.read_noise.published import SonosReadNoise as SonosReadNoise
from devices.read_noise.sampled import Sampled as Sampled
from devices.read_noise.sampled import SampledTogether as SampledTogether
from devices.read_noise.selector import StochasticSelector as StochasticSelector
from devices.read_noise.state_dependent import LogConductanceNoise as LogConductanceNoise
from devices.read_noise.state_dependent import PowerLawNoise as PowerLawNoise
from devices.read_noise.state_dependent import StateDependentNoise as StateDependentNoise
from devices.read_noise.tabulated import TabulatedFlicker as TabulatedFlicker
from devices.read_noise.tabulated import TabulatedNoise as TabulatedNoise
from devices.read_noise.tabulated_spectrum import TabulatedSpectrum as TabulatedSpectrum
from devices.read_noise.telegraph import TelegraphNoise as TelegraphNoise
from devices.read_noise.thermal import ThermalShotNoise as ThermalShotNoise
from devices.read_noise.time_laws import FixedTime as FixedTime
from devices.read_noise.time_laws import LognormalTime as LognormalTime
from devices.read_noise.time_laws import LogUniformTime as LogUniformTime
from devices.read_noise.time_laws import TimeLaw as TimeLaw
from devices.read_noise.trap_ensemble import TrapEnsemble as TrapEnsemble
from devices.retention.base import NoDrift as NoDrift
from devices.retention.base import Retention as Retention
from devices.retention.log_time import LogTimeDrift as LogTimeDrift
from devices.retention.power_law import ClippedLog as ClippedLog
from devices.retention.power_law import PowerLawDrift as PowerLawDrift
from devices.retention.process import RelaxationProcess as RelaxationProcess
from devices.retention.relaxation import RELAXATION_WAN2022 as RELAXATION_WAN2022
from devices.retention.relaxation import TabulatedRelaxation as TabulatedRelaxation
from devices.retention.tabulated_drift import TabulatedDrift as TabulatedDrift
from devices.temperature import ActivatedTemperature as ActivatedTemperature
from devices.temperature import MetallicTemperature as MetallicTemperature
from devices.temperature import MixedTemperature as MixedTemperature
from devices.temperature import NoTemperature as NoTemperature
from devices.temperature import TemperatureLaw as TemperatureLaw
from devices.write_pulses import WRITE_PULSES as WRITE_PULSES
from devices.write_pulses import WritePulses as WritePulses
from devices.write_pulses import write_pulses_of as write_pulses_of
