"""The temperature of a softmax: one number that makes a chip as confident as it is right."""

import numpy as np

from nsm.nn.inference import Floats, Labels, softmax

#: Temperatures that are tried, relative to the standard deviation of the logits.
_TRIED = np.geomspace(1e-3, 1e3, 61)


def best_temperature(logits: Floats, labels: Labels) -> float:
    """Return the T with the least negative log-likelihood of softmax(logits/T) (Guo et al. 2017).

    The probabilities are the mean over samples, as `MappedNetwork.predict_proba` returns them:
    T = argmin −Σ_i ln mean_s softmax(l_si / T)[y_i]. See arXiv 1706.04599, section 4.2.

    Args:
        logits: Outputs of noisy passes, (samples, images, classes).
        labels: Class numbers, (images,).

    Raises:
        ValueError: No temperature is the best: the logits are all the same, the likelihood grows
            with ever smaller T because no image is wrong, or with ever larger T because the classes
            have nothing to do with the labels.
    """
    from scipy.optimize import minimize_scalar

    spread = float((logits - logits.mean(axis=-1, keepdims=True)).std())
    if spread == 0:
        raise ValueError(
            f"the outputs of all {logits.shape[2]} classes are the same on every image, which "
            "gives no temperature; look at the chip's error first"
        )
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        p = np.mean([softmax(of / np.exp(log_temperature))[rows, labels] for of in logits], axis=0)
        return float(-np.log(np.maximum(p, np.finfo(float).tiny)).mean())

    tried = np.log(_TRIED * spread)
    losses = [loss(t) for t in tried]
    best = int(np.argmin(losses))
    wrong = float((softmax(logits / spread).mean(axis=0).argmax(axis=1) != labels).mean())
    if best in (0, len(tried) - 1):
        raise ValueError(
            f"{len(labels)} images of which {wrong:.1%} are wrong give no temperature: the "
            "likelihood has no maximum; give more images, of which some are wrong and most are "
            "right"
        )
    around = (float(tried[best - 1]), float(tried[best + 1]))
    found = minimize_scalar(loss, bounds=around, method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))
