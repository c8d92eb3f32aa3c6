"""``napari-iaunet evaluate``."""

from __future__ import annotations

import json
import logging
import unicodedata
from typing import TYPE_CHECKING

from napari_iaunet.commands.common import images_in, local, say
from napari_iaunet.errors import ImageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_iaunet.evaluation import AveragePrecision

log = logging.getLogger(__name__)

HELP = "score label images"

# What programs add to the name of an image for its labels (Cellpose: _cp_masks), and
# what an image itself may end in. The longer ones come first.
_OF_LABELS = ("_cp_masks", "_masks", "_mask", "_labels", "_label", "_pred", "_seg")
_OF_IMAGES = ("_img",)
_OF_PICTURES = ("_overlay", "_cp_output", "_outlines", "_flows")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add = parser.add_argument
    add("pred", type=local, metavar="PRED_FOLDER", help="predicted label images")
    add("true", type=local, metavar="TRUE_FOLDER", help="annotated label images")
    add("--json", action="store_true", help="print JSON instead of a table")


def run(args: argparse.Namespace) -> int:
    """Score predicted against annotated label images."""
    from napari_iaunet.evaluation import pooled

    true, pred = _label_files(args.true), _label_files(args.pred)
    missing = sorted(true.keys() - pred.keys())
    if missing:
        some = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        msg = f"There is no prediction for {len(missing)} of {len(true)}: {some}."
        if len(missing) == len(true):
            msg += (
                f" Predictions are called {', '.join(sorted(pred)[:3])}; names are "
                f"compared without {', '.join((*_OF_LABELS, *_OF_IMAGES))}."
            )
        raise ImageError(msg)
    names = sorted(true)
    scores = pooled([_score(true[name], pred[name]) for name in names])
    say(_as_json(names, scores) if args.json else _as_table(scores))
    return 0


def _score(true: Path, pred: Path) -> AveragePrecision:
    """Score one label image; what is wrong with it is said with its name."""
    from napari_iaunet.evaluation import average_precision
    from napari_iaunet.io.labels import read_labels
    from napari_iaunet.segmentation.masks import seem_classes

    both = read_labels(true), read_labels(pred)
    for path, labels in zip((true, pred), both, strict=True):
        if labels.dtype.kind == "i" and labels.min(initial=0) < 0:
            raise ImageError(f"{path}: labels must not be negative.")
        planes = labels.reshape(-1, *labels.shape[-2:])
        hint = seem_classes(planes[len(planes) // 2])
        if hint:
            log.warning("%s: %s", path, hint)
    if both[0].shape != both[1].shape:
        size, other = (" x ".join(map(str, labels.shape)) for labels in both)
        msg = f"{true} has a shape of {size} pixels, but {pred} one of {other}."
        raise ImageError(msg)
    return average_precision(*both)


def _label_files(path: Path) -> dict[str, Path]:
    """Label images by what their names share with those of their images."""
    from napari_iaunet.io.ome_zarr import is_zarr

    if path.is_file() or is_zarr(path):
        return {"": path}
    if not path.is_dir():
        raise ImageError(f"There is no folder {path}.")
    masks: dict[str, Path] = {}
    others: dict[str, Path] = {}
    for file in images_in(path):
        if file.stem.endswith(_OF_PICTURES):
            continue
        group = masks if file.stem.endswith(_OF_LABELS) else others
        name = _shared_name(file.stem)
        if name in group:
            msg = f"{group[name]} and {file} are label images of the same name."
            raise ImageError(msg)
        group[name] = file
    if not masks and not others:
        raise ImageError(f"The folder {path} has no label images.")
    return masks or others


def _shared_name(stem: str) -> str:
    """Return a name without what it has as that of labels or of an image."""
    ends = (*_OF_LABELS, *_OF_IMAGES)
    while stem.endswith(ends):
        stem = next(stem.removesuffix(end) for end in ends if stem.endswith(end))
    # A Mac writes accents as characters of their own, others do not.
    return unicodedata.normalize("NFC", stem)


def _as_table(scores: AveragePrecision) -> str:
    lines = ["IoU     AP   AP per image     F1     PQ"]
    per_image = scores.per_image.mean(axis=0)
    for i, threshold in enumerate(scores.thresholds):
        if threshold in (0.5, 0.75, 0.9):
            lines.append(
                f"{threshold:.2f}  {scores.pooled[i]:.3f}          {per_image[i]:.3f}"
                f"  {scores.f1[i]:.3f}  {scores.panoptic_quality[i]:.3f}"
            )
    mean, of_images = scores.mean, scores.mean_per_image
    lines.append(f"mean  {mean:.3f}          {of_images:.3f}  of IoU 0.50 to 0.95")
    count, cells = len(scores.tp), int((scores.tp + scores.fn)[:, 0].sum())
    return "\n".join([*lines, f"{count} images, {cells} annotated cells"])


def _as_json(names: Sequence[str], scores: AveragePrecision) -> str:
    def rounded(values: NDArray[np.float64]) -> list[float]:
        return [round(float(v), 6) for v in values]

    document = {
        "images": len(names),
        "thresholds": rounded(scores.thresholds),
        "average_precision": rounded(scores.pooled),
        "average_precision_per_image": rounded(scores.per_image.mean(axis=0)),
        "mean_average_precision": round(scores.mean, 6),
        "mean_average_precision_per_image": round(scores.mean_per_image, 6),
        "f1": rounded(scores.f1),
        "panoptic_quality": rounded(scores.panoptic_quality),
        "per_image": {
            name: rounded(row)
            for name, row in zip(names, scores.per_image, strict=True)
        },
    }
    return json.dumps(document, indent=1)
