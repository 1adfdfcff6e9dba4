"""The progress bar of everything that takes longer than a second."""

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def progress_bar(*, enabled: bool = True) -> Progress:
    """Return the progress bar that everything over a second shows."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    return Progress(
        *columns, TextColumn("{task.fields[note]}"), disable=not enabled, transient=True
    )
