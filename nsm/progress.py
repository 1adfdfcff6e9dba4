"""The progress bar of training, sweeps and everything else that takes longer than a second."""

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def progress_bar(*, enabled: bool = True) -> Progress:
    """Return a progress bar that disappears when it is done.

    Every task added to it needs a `note`, the text at the end of its line.

    Args:
        enabled: False for a bar that shows nothing.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    return Progress(*columns, disable=not enabled, transient=True)
