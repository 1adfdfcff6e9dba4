"""What an NSM and a ReLU network tolerate on FeFETs: the chart of examples/tolerances.png.

    python examples/tolerances.py [FOLDER]      (about 2 minutes on two cores)

FOLDER keeps the networks, three trainings of each by one recipe; those that are not there are
trained first (`trained.py`, four minutes each). The table is written to examples/tolerances.csv,
its settings and the verdict to examples/tolerances.toml.
"""

from pathlib import Path

from usage import arguments

import crossbar
import devices
import nsm
from nsm.plots import plot_tolerances, save_figure
from nsm.verdict.axes import AXES

HERE = Path(__file__).parent
#: Test images in six blocks, each on a chip of its own; their number decides what is resolved.
IMAGES = 3000
BLOCKS = 6
SAMPLES = 10
#: Ratio of neighboring values: the chart is logarithmic.
STEP = 2.0
#: Solving wires and drawing traps read by read take longer than all other axes together.
SLOW = ("wires", "telegraph time")


def main(folder: Path) -> None:
    """Measure the tolerances of both networks and draw them."""
    from trained import trained

    data = nsm.load_data("mnist")
    folder.mkdir(parents=True, exist_ok=True)
    networks = trained(folder, data, ["NSM", "ReLU"])
    hardware = crossbar.Hardware(
        device=devices.preset("fefet_jerry2017"), gate=devices.BlankOut(0.5)
    )
    found = nsm.tolerances(
        networks,
        hardware,
        data.x_test[:IMAGES],
        data.y_test[:IMAGES],
        samples=SAMPLES,
        axes=[name for name in AXES if name not in SLOW],
        blocks=BLOCKS,
        step=STEP,
        calibrate=data.x_train[:200],
        workers=2,
        on_result=lambda result: print(result, flush=True),
    )
    found.save(HERE / "tolerances.csv")
    save_figure(plot_tolerances(found), HERE / "tolerances.png")
    print(found.sentence, found.fix_first, sep="\n")


if __name__ == "__main__":
    main(Path(*arguments() or ["results/trained"]))
