"""The texts of the page of the demonstration."""

TITLE = "Can a noisy memory device compute?"

INTRODUCTION = (
    "Three networks of the same size are trained on images of handwritten digits, programmed into "
    "the same simulated crossbar of ferroelectric transistors (FeFET), and read while one property "
    "of the devices gets worse.",
    "NSM: a neural sampling machine. Its neurons are stochastic, and all of its randomness comes "
    "from stochastic switches in series with the cells. ReLU: the usual deterministic network. "
    "StNN: a stochastic network whose noise has a fixed size at the comparators.",
)

DRAWING_TEXT = (
    "A weight is the difference of two conductances G⁺\u00a0−\u00a0G⁻, a differential pair. "
    "Inputs drive the word lines as voltages, each bit line adds up the currents of its cells, "
    "and a comparator turns the difference of two bit lines into a state z = ±1.",
    "In the layers of the NSM, a gate ξ in series with each pair (a stochastic switch) is open or "
    "closed at random on every read. The noise of a bit line is therefore proportional to its "
    "weights, and a common factor of all conductances cancels in the sign of the sum.",
    "Not drawn: a second array without gates, the deterministic path, holds the same weights, and "
    "its current times a factor a is added to the sum; word lines without gates hold the biases.",
    "The layers of the ReLU network and of the StNN, and the last layer of each network, have no "
    "gates. The comparators of the StNN have a noise of fixed size; converters read the ReLU "
    "network and the last layers.",
)

PANELS_TEXT = (
    "Each panel changes one property and leaves the others as published. All networks were trained "
    "with one recipe, each from three seeds. Line: mean over trainings, each on a chip of its own. "
    "Band: ± one standard deviation of a training on a chip. Dashed: mean error of the same "
    "networks in software, with exact weights. Small print: what reads the layers, and which cells "
    "share a gate; both decide the result."
)
