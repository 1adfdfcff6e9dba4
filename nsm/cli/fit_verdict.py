"""The verdict of `nsm fit`: a quick one, the full one, or the command that measures it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from nsm.cli.options import say

if TYPE_CHECKING:
    from devices import Preset
    from nsm.verdict.result import Tolerances

#: Long lines are left whole, for commands among them are copied.
_say = partial(say, soft_wrap=True)


class Asked(NamedTuple):
    """What is asked of the shipped network.

    Attributes:
        images: Images and labels; None for no verdict.
        is_quick: Whether it is the quick verdict.
        reason: Why there is none; "" if there is one.
    """

    images: tuple[Any, Any] | None
    is_quick: bool
    reason: str


class Answer(NamedTuple):
    """The verdict for the page.

    Attributes:
        tolerances: What the network tolerates; None if it was not measured.
        texts: Sentences on how it was measured, or why it was not.
    """

    tolerances: Tolerances | None
    texts: list[str]


def full_command(arguments: Sequence[str]) -> str:
    """Return the command that fits again and measures the full verdict.

    Args:
        arguments: Arguments of this command, such as `sys.argv[1:]`.
    """
    kept = [text for text in arguments if text not in ("--no-verdict", "--verdict", "--replace")]
    return f"nsm {shlex.join(kept)} --replace --verdict"


def asked(verdict: bool | None) -> Asked:
    """Return the images of a verdict, before any work, for they may be missing.

    Args:
        verdict: True for the full verdict, False for none, None for the quick one if MNIST is here.

    Raises:
        OSError: The full verdict is asked for, and MNIST cannot be had.
    """
    from nsm.measurements.verdict import images_at_hand, verdict_images

    if verdict:
        return Asked(verdict_images(), False, "")
    if verdict is False:
        return Asked(None, False, "The verdict was left out with --no-verdict.")
    images = images_at_hand()
    if images is None:
        reason = "There is no verdict, because MNIST is not here (NSM_DATA_DIR)."
        return Asked(None, True, reason)
    return Asked(images, True, "")


def answer(device: Preset, wanted: Asked, *, workers: int, seed: int, command: str) -> Answer:
    """Return what the network tolerates, printed as it is measured.

    Args:
        device: The device that was fitted.
        wanted: What `asked` returns.
        workers: Number of processes.
        seed: Seed of chips and reads.
        command: What `full_command` returns.

    Raises:
        ValueError: The full verdict is asked for, and the network cannot be mapped to the device.
        ChildProcessError: The full verdict is asked for, and a worker dies again and again.
    """
    from nsm.measurements.verdict import conditions

    more = f"The full verdict, with all axes, takes minutes: {command}"
    if wanted.images is None:
        _say(f"{wanted.reason} {more}")
        return Answer(None, [f"{wanted.reason} {more}"])
    try:
        found = _measured(device, wanted, workers, seed)
    except (ValueError, ChildProcessError) as problem:  # the device file is there already
        if not wanted.is_quick:
            raise
        _say(f"There is no verdict: {problem}")
        return Answer(None, [f"There is no verdict: {problem}"])
    texts = [conditions(is_quick=wanted.is_quick), *([more] if wanted.is_quick else [])]
    for text in texts:
        _say(text)
    return Answer(found, texts)


def _measured(device: Preset, wanted: Asked, workers: int, seed: int) -> Tolerances:
    """Return what the network tolerates on a device, printed."""
    from devices import Device
    from nsm.cli.tolerance import result_line
    from nsm.measurements.verdict import AXES, QUICK, device_verdict
    from nsm.report.fit_page import levels_needed

    assert isinstance(device.model, Device), "fits make devices"
    assert wanted.images is not None, "there are images"
    if wanted.is_quick:
        _say(
            f"verdict: the shipped perceptron on this device, {len(wanted.images[1])} images, "
            f"{len(QUICK.axes)} of {len(AXES)} axes; about a minute, and --no-verdict leaves it out"
        )
    found = device_verdict(
        device.model, wanted.images, rng=seed, workers=workers, is_quick=wanted.is_quick,
        on_result=lambda result: _say(result_line(result)),
    )  # fmt: skip
    for sentence in (found.sentence, *levels_needed(found)):
        _say(sentence)
    return found
