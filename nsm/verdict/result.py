"""The result of a search: a table, a sentence, and files of both."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import tomli_w
from torch import nn

from crossbar import Hardware
from nsm.chips.hardware_table import HardwareTable
from nsm.disk import write_text
from nsm.sweeps.hashing.fingerprint import fingerprint
from nsm.sweeps.rows.provenance import version_of
from nsm.verdict.saving import MARK, check_saving
from nsm.verdict.sentence import fix_first_of, rows_of, sentence_of


@dataclass(frozen=True, eq=False)
class Tolerances:
    """What networks tolerate on a hardware; `nsm.plots.plot_tolerances` draws it.

    Attributes:
        table: One row for each network and axis, see `nsm.verdict.search.Found`: network, axis,
            given, tolerated, low, high, ratio, ratio_high, unit, decided, reason, reference,
            repairs, repaired, values, falls, ended.
        base_errors: One row for each network: errors in software, on the given hardware and
            without_gate (NaN if there is none), as shares of `images`; `refused`: why the network
            cannot be mapped without its gate ("" otherwise); `guessing`: the error of guessing,
            1 − 1/classes with the classes of the labels; and `works` ("yes", "no" or "not
            resolved"): whether the given hardware loses less than the loss. A network that is
            wrong in software already (`nsm.verdict.sentence.computes`) is named so in `sentence`,
            whatever it loses.
        settings: loss, confidence, samples, images, blocks, seed, sampling, step.
        hardware: The given hardware.
        networks: The networks by name, or their trainings by seed.
    """

    table: pd.DataFrame
    base_errors: pd.DataFrame
    settings: Mapping[str, Any]
    hardware: Hardware | HardwareTable = field(repr=False)
    networks: Mapping[str, nn.Module | Mapping[int, nn.Module]] = field(repr=False)

    @cached_property
    def sentence(self) -> str:
        """The verdict: a network works, works with a better value of an axis, or does not."""
        return " ".join(self._of_each(sentence_of))

    @cached_property
    def fix_first(self) -> str:
        """What to improve first, for each network; only an axis that was decided is named."""
        texts = self._of_each(fix_first_of)
        if len(texts) == 1:
            return texts[0] + "."
        names = self.base_errors["network"]
        return " ".join(f"{name}: {text}." for name, text in zip(names, texts, strict=True))

    def _of_each(self, say: Callable[[Any, pd.DataFrame], str]) -> list[str]:
        bases = rows_of(self.base_errors)
        return [say(base, self.table[self.table["network"] == base.network]) for base in bases]

    @property
    def worst(self) -> list[str]:
        """Names of the axes with numbers, those with the smallest ratios of all networks first."""
        measured = self.table[self.table["ratio"].notna()]
        of_device = measured["reference"] == "given"
        ranked = measured.assign(other=~of_device).sort_values(["other", "ratio"])
        return list(dict.fromkeys(ranked["axis"]))

    def save(self, path: str | Path) -> None:
        """Write the table as CSV, and beside it a TOML file with all the rest.

        Args:
            path: The CSV file, such as "tolerances.csv"; the other one is "tolerances.toml".

        Raises:
            ValueError: The path does not end in .csv, or one of the two files is another file.
        """
        csv = check_saving(path)
        about = {
            "sentence": self.sentence,
            "fix_first": self.fix_first,
            "settings": dict(self.settings),
            "hardware": repr(self.hardware),
            "version": version_of("nsm-crossbar"),
            "networks": {name: _models_of(given) for name, given in self.networks.items()},
            "base_errors": [
                {key: value for key, value in row.items() if value == value}
                for row in self.base_errors.to_dict("records")
            ],
        }
        write_text(csv, self.table.to_csv(index=False))
        write_text(csv.with_suffix(".toml"), f"{MARK}\n" + tomli_w.dumps(about))


def _models_of(given: nn.Module | Mapping[int, nn.Module]) -> dict[str, Any]:
    """Return the hash of a network, or those of its trainings by seed, as sidecars of rows do.

    A network that has no hash, since its code cannot be imported, has no entry.
    """
    try:
        if isinstance(given, nn.Module):
            return {"model": fingerprint(given)}
        return {"models": {str(seed): fingerprint(each) for seed, each in given.items()}}
    except ValueError:
        return {}
