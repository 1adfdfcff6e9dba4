"""Learning on the chip: reads forward, transposed reads backward, pulses as updates."""

from nsm.learning.gradient import Gradient as Gradient
from nsm.learning.learn import learn as learn
from nsm.learning.on_devices import devices_that_pulse as devices_that_pulse
from nsm.learning.on_devices import learn_on_devices as learn_on_devices
from nsm.learning.result import Learned as Learned
from nsm.learning.room import widened as widened
from nsm.learning.rules import Coincidences as Coincidences
from nsm.learning.rules import LearningRule as LearningRule
from nsm.learning.rules import MixedPrecision as MixedPrecision
from nsm.learning.rules import Rounding as Rounding
from nsm.learning.rules import TikiTaka as TikiTaka
