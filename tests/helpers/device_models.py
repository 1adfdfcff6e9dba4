"""One example of every device model, with fields that differ from their defaults."""

import devices
from devices import (
    BlankOut,
    FlickerNoise,
    GaussianNoise,
    Gb2Activation,
    LognormalNoise,
    LogUniformTime,
    NonlinearPulses,
    NormalActivation,
    PcmFlicker,
    StateDependentError,
    TelegraphNoise,
    WriteVerify,
)

NAN = float("nan")
RANGE = {"g_min": 1e-6, "g_max": 1e-5}
STEP = {**RANGE, "step": 0.01}
TRANSISTOR = devices.FeFet(vth0=0.1, window=1.2, p_r=0.2, transconductance=1e-6, swing=0.08)
GATE_BIAS = 1.0  # of reads of TRANSISTOR [V]
DOMAINS = {"tau0": 1e-8, "alpha": 2.0, "beta": 1.5, "p_r": 0.2}
NORMAL_FIELDS = NormalActivation(mean=2.0, std=0.3)
GB2_FIELDS = Gb2Activation(a=1.0, b=0.5, p=2.0, q=3.0)
METALLIC = devices.MetallicTemperature(alpha=1e-3)
ACTIVATED = devices.ActivatedTemperature(activation_energy_ev=0.1)
LOG_FLICKER = devices.LogConductanceFlicker(coefficient=1e-8, g_unit=2e-6)
CLIPPED_LOG = devices.ClippedLog(slope=-0.1, intercept=0.2, low=0.0, high=0.5)
KNOTS = (1e-6, 4e-6, 1e-5)
TABULATED_FLICKER = devices.TabulatedFlicker(conductances=KNOTS, size=(0.02, 0.01, 0.005))
RELAXATION = devices.RelaxationProcess(
    times=(0.1, 10.0),
    clock=(0.5, 1.0),
    fluctuation=(0.1, 0.2),
    mean=(1e-8, 2e-8),
    conductances=(0.0, 1e-5),
    scales=(1e-7, 2e-7),
    kappa=1.5,
    persistence=0.3,
    activation_energy_ev=0.1,
    temperature=350.0,
)

TIME_LAWS = [
    devices.LogUniformTime(low=1e-6, high=1.0),
    devices.LognormalTime(median=1e-3, sigma=0.5),
    devices.FixedTime(2e-3),
]
ACTIVATION_LAWS = [NORMAL_FIELDS, GB2_FIELDS]
READ_NOISES = [
    devices.NoNoise(),
    BlankOut(0.3),
    GaussianNoise(0.2),
    LognormalNoise(0.4),
    devices.PowerLawNoise(0.1, 0.5, 1e-5),
    devices.LogConductanceNoise(coefficient=1e-8, t=60.0),
    devices.ProductNoise(BlankOut(0.3), LognormalNoise(), TelegraphNoise(0.5, 1e-3, 2e-3)),
    TelegraphNoise(0.5, 1e-3, 2e-3, 3, window=1e-6),
    devices.TrapEnsemble(
        mean_traps=2,
        tau_capture=LogUniformTime(low=1e-6, high=1.0),
        tau_emission=devices.FixedTime(1e-3),
        count="fixed",
    ),
    FlickerNoise(q=0.01, f_low=1.0, f_high=1e6, per_decade=1),
    devices.ThermalShotNoise(
        shot=0.3, measured_at=devices.OperatingPoint(voltage=0.2, bandwidth=1e6)
    ),
    FlickerNoise(q=PcmFlicker(g_max=1e-5), f_low=1.0, f_high=1e6, clamped=True),
    FlickerNoise(q=LOG_FLICKER, f_low=1.0, f_high=1e5),
    FlickerNoise(q=TABULATED_FLICKER, f_low=1.0, f_high=1e5),
    devices.TabulatedNoise(conductances=KNOTS, sigma=(1e-8, 2e-8, 5e-8), noise_factor=2.0),
    devices.TabulatedSpectrum(
        conductances=KNOTS,
        sigma=(1e-8, 2e-8, 5e-8),
        frequencies=(1.0, 10.0, 100.0, 1e4),
        density=(1.0, 0.3, 0.02, 1e-5),
    ),
    devices.PcmReadNoise(t=60.0),
    devices.SonosReadNoise(measured_at=devices.OperatingPoint(voltage=0.2)),
    devices.InSeries(GaussianNoise(0.1), included=1e3, excluded=2e3),
    devices.ThresholdNoise(sigma_vth=0.01, transistor=TRANSISTOR),
    devices.StochasticSelector(
        z=1.0,
        sigma=0.1,
        correlation=0.5,
        spread=0.3,
        leak=0.01,
        on_conductance=1e-4,
    ),
]
DOMAIN_MODELS = [
    devices.DomainSwitching(n_domains=3, activation=GB2_FIELDS, **DOMAINS),
    devices.DomainSwitching(n_domains=20, activation=NORMAL_FIELDS, **DOMAINS),
]
WRITE_MODELS = [
    devices.IdealWrite(),
    StateDependentError(coefficients=(1e-7, 0.1), error_factor=2.0),
    devices.SaturatingError(largest=1e-7, g_ref=1e-6),
    StateDependentError(coefficients=(1e-7,), relaxed_std=2e-7),
    devices.TabulatedError(conductances=KNOTS, std=(1e-7, 4e-7, 2e-7), mean=(1e-8, 0.0, -2e-8)),
    devices.SetResetVariability.hennen2024(),
    devices.OpenLoopPulses(
        pulses=NonlinearPulses(**RANGE, pulses=32, nl_up=1.0, c2c=0.01), max_pulses=30
    ),
    devices.OpenLoopPulses(pulses=devices.SoftBoundsPulses(**STEP, p_corrupt=0.2), max_pulses=30),
    WriteVerify(
        pulse=StateDependentError(coefficients=(1e-7,)),
        tolerance=1e-8,
        read_sigma=1e-9,
        max_pulses=7,
    ),
    WriteVerify(pulse=NonlinearPulses(**RANGE, pulses=32, nl_up=1.0), tolerance=1e-8),
    devices.DomainWrite(
        transistor=TRANSISTOR, domains=DOMAIN_MODELS[1], v_gate=GATE_BIAS, pulse_width=1e-6
    ),
]
PULSE_RESPONSES = [
    NonlinearPulses(**RANGE, pulses=32, nl_up=1.75, nl_down=-1.0, c2c=0.01, d2d_nl=0.1),
    devices.ConstantPulses(**STEP, c2c=0.3),
    devices.LinearPulses(**STEP, decrease_up=0.1),
    devices.SoftBoundsPulses(**STEP, lognormal=True, p_corrupt=0.1, corrupt_range=0.05),
    devices.ExpStepPulses(
        **STEP, a=-0.5, b=-0.5, a_up=-1.2, a_down=-0.1, gamma_up=5.0, gamma_down=4.0
    ),
    devices.PowerPulses(**STEP, gamma_up=2.0),
    devices.PiecewisePulses(**STEP, up=(1.0, 0.5, 0.1), down=(0.9, 0.2)),
]
RETENTIONS = [
    devices.NoDrift(),
    devices.LogTimeDrift(mean=-1e-8, std=1e-8, std_rate=1e-9),
    devices.RELAXATION_WAN2022,
    RELAXATION,
    devices.TabulatedDrift(
        times=(1.0, 100.0),
        conductances=KNOTS[:2],
        std=((1e-8, 2e-8), (3e-8, 4e-8)),
        mean=((0.0, -1e-8), (0.0, -2e-8)),
        spread_factor=0.5,
    ),
    devices.PowerLawDrift(nu_mean=0.05, nu_std=CLIPPED_LOG, t_0=10.0),
]
FAULTS = [
    devices.NoFaults(),
    devices.StuckCells(p_stuck_lrs=0.1),
    devices.WearOut(cycles=1e5, characteristic_life=1e6, shape=0.7, p_lrs=0.3),
    devices.FaultMap([[1e-6, NAN, 0.0], [NAN, 1e-5, NAN]]),
]
TEMPERATURE_LAWS = [
    devices.NoTemperature(),
    METALLIC,
    ACTIVATED,
    devices.MixedTemperature(lrs=METALLIC, hrs=ACTIVATED, g_lrs=1e-5, g_hrs=1e-6),
]
IV_LAWS = [
    devices.Ohmic(),
    devices.SinhCurve(v_0=0.2),
    devices.MILO2021,
    devices.TabulatedCurrent(
        voltages=(0.1, 0.3), conductances=KNOTS[:2], currents=((1e-7, 5e-7), (4e-7, 2e-6))
    ),
]
ALL_MODELS = [
    *READ_NOISES,
    *TIME_LAWS,
    PcmFlicker(g_max=1e-5),
    LOG_FLICKER,
    TABULATED_FLICKER,
    *WRITE_MODELS,
    TRANSISTOR,
    *DOMAIN_MODELS,
    *ACTIVATION_LAWS,
    *PULSE_RESPONSES,
    *RETENTIONS,
    CLIPPED_LOG,
    devices.OperatingPoint(voltage=0.2, temperature=77.0),
    *FAULTS,
    devices.FaultMap({(0, 1): [[1e-6, NAN]], ("bias", 0, 0): [[0.0]]}, [[1e-5]]),
    *TEMPERATURE_LAWS,
    *IV_LAWS,
]
