"""A zoo of models: `ZOO[name]()` returns a model in `eval()` and a tuple of its inputs.

The models are deterministic. `STOCHASTIC` holds networks with neural sampling layers, and `REFUSED`
models that no chip can hold, with patterns of the messages in `REASONS`.
"""

from tests.helpers.zoo.common import Zoo as Zoo
from tests.helpers.zoo.forms import FORMS
from tests.helpers.zoo.layers import LAYERS
from tests.helpers.zoo.networks import NETWORKS
from tests.helpers.zoo.refused import REASONS as REASONS
from tests.helpers.zoo.refused import REFUSED as REFUSED
from tests.helpers.zoo.stochastic import STOCHASTIC as STOCHASTIC
from tests.helpers.zoo.trained import TRAINED

ZOO = LAYERS | NETWORKS | TRAINED | FORMS
