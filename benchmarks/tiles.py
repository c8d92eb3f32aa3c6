"""Whether labels depend on the size of the tiles."""

from __future__ import annotations

import common
import report

_THRESHOLDS = (0.5, 0.75, 0.9)


def main() -> None:
    from napari_iaunet import Segmenter, average_precision

    parser = common.parser(__doc__)
    parser.add_argument("--tiles", type=int, nargs=2, default=[256, 1024])
    parser.add_argument("--size", type=int, default=2048)
    args = parser.parse_args()
    threads = common.limit_threads(args.threads)
    sample = common.mosaic(args.data, args.size, args.size)
    one, other = (Segmenter(args.model, args.device, tile=n) for n in args.tiles)
    rows = []
    for title, diameter in (
        ("as the network's", one.config.diameter),
        ("estimated", None),
        ("half of the network's", one.config.diameter / 2),
    ):
        found = [s.segment(sample.image, diameter=diameter) for s in (one, other)]
        labels = [f.labels for f in found]
        ap = average_precision(labels[0], labels[1], _THRESHOLDS).pooled
        same = float(((labels[0] > 0) == (labels[1] > 0)).mean())
        counts = [str(int(found_labels.max())) for found_labels in labels]
        sizes = [f"{f.diameter:.2f}" for f in found]
        rows.append(
            [title, *counts, *sizes, *(f"{v:.4f}" for v in ap), f"{100 * same:.3f} %"]
        )
    head = ["diameter", *(f"cells, tile {n}" for n in args.tiles)]
    head += [f"diameter, tile {n}" for n in args.tiles]
    head += [f"AP {t}" for t in _THRESHOLDS] + ["equal foreground"]
    text = (
        f"Mosaic of test images, {args.size} x {args.size} pixels, segmented with "
        f"tiles of {args.tiles[0]} and of {args.tiles[1]} pixels; AP of the one "
        f"against the other.\n\n{report.table(head, rows)}"
    )
    where = report.where(one.device, threads)
    report.publish("tiles", text, machine=where, write=args.write)


if __name__ == "__main__":
    main()
