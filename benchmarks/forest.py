"""What people use today on images of their own: a random forest on pixels.

Needs scikit-learn. Local intensity, edges and texture at several scales are the
features; the classes are background, the inside of cells and their rims; a watershed
then divides the insides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from common import Labels, Sample
    from numpy.typing import NDArray

_BACKGROUND, _INSIDE, _RIM = range(3)
_RIM_WIDTH = 2
_PIXELS = 40_000
_SMALLEST = 0.1  # of the area of a typical cell


class PixelForest:
    """Random forest and watershed.

    Parameters
    ----------
    samples : sequence of Sample
        To train on.
    seed : int
    """

    def __init__(self, samples: Sequence[Sample], seed: int) -> None:
        from common import cell_diameters
        from sklearn.ensemble import RandomForestClassifier

        rng = np.random.default_rng(seed)
        rows, classes = [], []
        for image, labels in samples:
            kind = _classes(labels).ravel()
            features = _features(image).reshape(kind.size, -1)
            # As many of each class, or the background drowns the rims.
            for name in range(3):
                found = np.flatnonzero(kind == name)
                count = min(found.size, _PIXELS // (3 * len(samples)))
                chosen = rng.choice(found, count, replace=False)
                rows.append(features[chosen])
                classes.append(kind[chosen])
        self._forest = RandomForestClassifier(
            n_estimators=100, min_samples_leaf=5, n_jobs=-1, random_state=seed
        ).fit(np.concatenate(rows), np.concatenate(classes))
        sizes = np.concatenate([cell_diameters(s.labels) for s in samples])
        self._diameter = float(np.median(sizes))

    def segment(self, image: NDArray[Any]) -> Labels:
        """(Y, X) or (Y, X, 3) -> labels."""
        from skimage.filters import gaussian
        from skimage.measure import label
        from skimage.segmentation import watershed

        features = _features(image)
        shape = features.shape[:2]
        chance = self._forest.predict_proba(features.reshape(shape[0] * shape[1], -1))
        chance = chance.reshape(*shape, -1)
        inside = gaussian(chance[..., _INSIDE], 1)
        cells = chance[..., _BACKGROUND] < 0.5
        markers = label(inside > 0.5)
        labels: Labels = watershed(-inside, markers, mask=cells)
        least = _SMALLEST * np.pi / 4 * self._diameter**2
        labels[np.bincount(labels.ravel())[labels] < least] = 0
        return labels


def _classes(labels: Labels) -> NDArray[np.int64]:
    from skimage.morphology import dilation, disk
    from skimage.segmentation import find_boundaries

    rim = dilation(find_boundaries(labels, mode="inner"), disk(_RIM_WIDTH - 1))
    inside = labels > 0
    return np.where(inside & ~rim, _INSIDE, np.where(inside, _RIM, _BACKGROUND))


def _features(image: NDArray[Any]) -> NDArray[np.float32]:
    from skimage.feature import multiscale_basic_features

    low, high = np.percentile(image, (1, 99.8))
    scaled = (image.astype(np.float32) - low) / max(float(high - low), 1e-6)
    found: NDArray[np.float32] = multiscale_basic_features(
        scaled,
        channel_axis=-1 if image.ndim == 3 else None,
        sigma_min=1,
        sigma_max=16,
    )
    return found
