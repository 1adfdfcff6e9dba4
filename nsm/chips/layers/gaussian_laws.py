"""Mean and variance of the sums of a layer whose reads are Gaussian, all its arrays together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crossbar import NeuronArray
from crossbar.arrays.programmed import read_as_one
from devices.validation import Floats


@dataclass(frozen=True)
class Law:
    """Mean or variance of the sums: linear in the inputs, or in their squares.

    Attributes:
        weight: Coefficients of the inputs, or of their squares, (columns, inputs).
        constant: Part that does not depend on the inputs, (columns,).
    """

    weight: Floats
    constant: Floats

    @classmethod
    def of_groups(cls, laws: "Sequence[Law]") -> "Law":
        """Return the laws of several groups, joined along the columns."""
        return cls(
            np.concatenate([law.weight for law in laws]),
            np.concatenate([law.constant for law in laws]),
        )

    def __bool__(self) -> bool:
        return bool(self.weight.any() or self.constant.any())


@dataclass(frozen=True)
class NeuronLaws:
    """Laws of the sums of one array of neurons in its present state, in weight units.

    Attributes:
        mean: Mean of u; deterministic path, biases and thresholds are in it.
        own: Variance of u that is independent between outputs, summed over all arrays.
        shared: Variance of the currents of reference columns, of main array and bias lines.
        shared_of_path: The same of the deterministic path, before the factor a.
    """

    mean: Law
    own: Law
    shared: Law
    shared_of_path: Law


def laws_of(neurons: NeuronArray) -> NeuronLaws:
    """Return the laws of an array of neurons.

    Independent normals of one output add up to one normal, so the variances of main array,
    deterministic path and bias lines are added. A reference column's noise is common to the outputs
    of its tile; that of the path reaches each through its own a and is drawn apart.
    """
    a = neurons.a
    of_main = read_as_one(neurons.main).reader.moments
    main = of_main.matrices
    mean, own, path_shared = main.mean, main.own, np.zeros_like(main.shared)
    offset = neurons.threshold
    constant, shared_constant = of_main.added()
    path_constant = np.zeros(main.shared.shape[1])
    if neurons.deterministic_path is not None:
        of_path = read_as_one(neurons.deterministic_path).reader.moments
        path = of_path.matrices
        mean, own, path_shared = mean + a * path.mean, own + a**2 * path.own, path.shared
        path_own, path_constant = of_path.added()
        constant = constant + a**2 * path_own
    if neurons.bias_lines is not None:
        of_bias = read_as_one(neurons.bias_lines).reader.moments
        bias = of_bias.matrices
        offset = offset + bias.mean.sum(axis=0)
        bias_own, bias_shared = of_bias.added()
        constant = constant + bias.own.sum(axis=0) + bias_own
        shared_constant = shared_constant + bias.shared.sum(axis=0) + bias_shared
    return NeuronLaws(
        Law(mean.T, offset),
        Law(own.T, constant),
        Law(main.shared.T, shared_constant),
        Law(path_shared.T, path_constant),
    )
