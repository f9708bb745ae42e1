"""From sums over tiles to a score: norms, the published weights, the published polynomial.

Every constant here is that of SSIMULACRA2 version 2.1 (Jon Sneyers, Cloudinary; BSD licence).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jpegslim.engine.metric.tiles import CHANNELS, QUANTITIES, SCALES

# Indexed [channel, scale, norm, map]: norms are the mean and the 4-norm; maps are the structural
# error, ringing (an edge only the copy has) and blurring (an edge only the original has).
WEIGHTS = np.array(
    [
        [  # X
            [[0.0, 0.0007376606707406586, 0.0], [0.0, 0.0007793481682867309, 0.0]],
            [
                [0.0, 0.0004371155730107379, 0.0],
                [1.1041726426657346, 0.00066284834129271, 0.00015231632783718752],
            ],
            [[0.0, 0.0016406437456599754, 0.0], [1.8422455520539298, 11.441172603757666, 0.0]],
            [
                [0.0007989109436015163, 0.000176816438078653, 0.0],
                [1.8787594979546387, 10.94906990605142, 0.0],
            ],
            [
                [0.0007289346991508072, 0.9677937080626833, 0.0],
                [0.00014003424285435884, 0.9981766977854967, 0.00031949755934435053],
            ],
            [[0.0004550992113792063, 0.0, 0.0], [0.0013648766163243398, 0.0, 0.0]],
        ],
        [  # Y
            [[0.0, 0.0, 0.0], [7.466890328078848, 0.0, 17.445833984131262]],
            [
                [0.0006235601634041466, 0.0, 0.0],
                [6.683678146179332, 0.00037724407979611296, 1.027889937768264],
            ],
            [
                [225.20515300849274, 0.0, 0.0],
                [19.213238186143016, 0.0011401524586618361, 0.001237755635509985],
            ],
            [
                [176.39317598450694, 0.0, 0.0],
                [24.43300999870476, 0.28520802612117757, 0.0004485436923833408],
            ],
            [[0.0, 0.0, 0.0], [34.77906344483772, 44.835625328877896, 0.0]],
            [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
        ],
        [  # B - Y
            [[0.0, 0.0008680556573291698, 0.0], [0.0, 0.0, 0.0]],
            [[0.0, 0.0005313191874358747, 0.0], [0.00016533814161379112, 0.0, 0.0]],
            [[0.0, 0.0, 0.0], [0.0004179171803251336, 0.0017290828234722833, 0.0]],
            [[0.0020827005846636437, 0.0, 0.0], [8.826982764996862, 23.19243343998926, 0.0]],
            [
                [95.1080498811086, 0.9863978034400682, 0.9834382792465353],
                [0.0012286405048278493, 171.2667255897307, 0.9807858872435379],
            ],
            [[0.0, 0.0, 0.0], [0.0005130064588990679, 0.0, 0.00010854057858411537]],
        ],
    ]
)

_GAIN = 0.9562382616834844
_CUBIC = (2.326765642916932, -0.020884521182843837, 6.248496625763138e-05)
_EXPONENT = 0.6276336467831387


def score_from_sums(sums: ArrayLike, counts: ArrayLike) -> float:
    """Return the score of all the tiles that `sums` describes, taken as one picture.

    Leading axes are added up, so the sums of a whole grid give the picture's score and those of one
    tile give the tile's. A caller who has only a sample of the tiles scales the sums and the counts
    of each tile by the same weight: the result then estimates the whole.

    Args:
        sums: (..., 6, 3, 6) raw sums as `partial_sums` returns them.
        counts: (..., 6) pixels at each scale as `pixel_counts` returns them; zero marks a scale
            that a small picture does not have.

    Returns:
        The score: 100 is identical, 90 indistinguishable in a flicker test; it has no lower bound.

    Raises:
        ValueError: The shapes do not fit each other, or no pixel was counted.
    """
    sums, counts = np.asarray(sums, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    if sums.shape[-3:] != (SCALES, CHANNELS, QUANTITIES) or counts.shape != sums.shape[:-2]:
        raise ValueError(f"sums {sums.shape} and counts {counts.shape} do not fit")
    total = sums.reshape(-1, SCALES, CHANNELS, QUANTITIES).sum(axis=0)
    pixels = counts.reshape(-1, SCALES).sum(axis=0)
    scales = int(np.count_nonzero(pixels))
    if scales == 0:
        raise ValueError("no pixels to score")
    means = total[:scales] / pixels[:scales, None, None]
    norms = means.reshape(scales, CHANNELS, 3, 2).copy()
    norms[..., 1] = np.sqrt(np.sqrt(norms[..., 1]))
    return _polynomial(float((_weights_for(scales) * norms.transpose(1, 0, 3, 2)).sum()))


def _weights_for(scales: int) -> NDArray[np.float64]:
    """Return the weights of a picture with fewer scales, (3, scales, 2, 3).

    The published code reads its list of weights in order and does not skip those of the scales a
    small picture lacks; a score that means the same has to do so too.
    """
    return WEIGHTS.reshape(-1)[: CHANNELS * scales * 6].reshape(CHANNELS, scales, 2, 3)


def _polynomial(error: float) -> float:
    x = _GAIN * error
    x = _CUBIC[0] * x + _CUBIC[1] * x * x + _CUBIC[2] * x * x * x
    return 100.0 - 10.0 * x**_EXPONENT if x > 0.0 else 100.0
