"""How well a network knows its own errors: entropies, calibration, scores, Monte-Carlo dropout."""

from nsm.uncertainty.calibration import Calibration as Calibration
from nsm.uncertainty.calibration import calibration as calibration
from nsm.uncertainty.calibration import expected_calibration_error as expected_calibration_error
from nsm.uncertainty.calibration import reliability_table as reliability_table
from nsm.uncertainty.dropout import mc_dropout as mc_dropout
from nsm.uncertainty.images import rotated as rotated
from nsm.uncertainty.images import shifted as shifted
from nsm.uncertainty.over_rotation import over_rotation as over_rotation
from nsm.uncertainty.scores import auroc as auroc
from nsm.uncertainty.scores import brier_score as brier_score
from nsm.uncertainty.scores import entropy as entropy
from nsm.uncertainty.scores import expected_entropy as expected_entropy
from nsm.uncertainty.scores import mutual_information as mutual_information
from nsm.uncertainty.scores import negative_log_likelihood as negative_log_likelihood
from nsm.uncertainty.scores import predictive_entropy as predictive_entropy
