"""Plans that many chips of one network share."""

import copy
from collections import OrderedDict
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from nsm.chips.hardware_table import HardwareTable
from nsm.chips.planning.checked_plan import CheckedPlan, checked_plan

#: Plans that are kept: those of the networks used last.
_MOST = 32


def new_plan(model: nn.Module, table: HardwareTable, given: tuple[Any, ...] | None) -> CheckedPlan:
    """Return the plan of a network as `checked_plan`, without a draw from torch's stream."""
    with torch.random.fork_rng(devices=[]):  # the comparison draws
        return checked_plan(model, table, given)


class Plans:
    """Plans that are made, and compared with their networks, once.

    A plan holds for every hardware that leaves the same layers digital. Networks are told apart as
    objects: they must not change while their plans are used. Pickled, plans are left behind.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[Any, tuple[nn.Module, CheckedPlan]] = OrderedDict()

    def __reduce__(self) -> tuple[type["Plans"], tuple[()]]:
        return Plans, ()

    def of(
        self, model: nn.Module, table: HardwareTable, given: tuple[Any, ...] | None
    ) -> CheckedPlan:
        """Return the plan of a network, which all callers share.

        Args:
            model: The network.
            table: Hardware by layer.
            given: Inputs for the comparison, the same in all calls; None: they are drawn.

        Raises:
            ValueError: As `checked_plan`.
        """
        key = id(model), tuple((name, part is None) for name, part in table.items())
        if key not in self._known:
            # The network is kept with its plan, so that no other one gets its id.
            self._known[key] = model, new_plan(model, table, given)
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key][1]

    def own(
        self, model: nn.Module, table: HardwareTable, given: tuple[Any, ...] | None
    ) -> CheckedPlan:
        """Return a copy of the plan, whose network may become that of a chip; see `of`."""
        plan = self.of(model, table, given)
        return replace(plan, network=copy.deepcopy(plan.network))
