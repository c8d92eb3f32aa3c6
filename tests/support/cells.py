"""Label images with all that is awkward about cells."""

import numpy as np

from napari_iaunet.io.formats.cells import Cells


def plane(first: int = 1) -> np.ndarray:
    """Cells at the border, with a hole, in two pieces, and within another one."""
    labels = np.zeros((40, 60), np.uint32)
    labels[:6, :9] = first
    labels[30:, 50:] = first + 1
    labels[10:22, 10:24] = first + 2
    labels[13:17, 13:17] = 0  # a hole
    labels[14:16, 14:16] = first + 3  # and a cell in it
    labels[19:21, 18:20] = first + 4  # one that fills another hole
    labels[30, 5] = labels[33:36, 7:9] = first + 5  # two pieces
    labels[25, 30] = labels[26, 31] = first + 6  # that touch by a corner
    y, x = np.mgrid[:40, :60]
    labels[(y - 20) ** 2 + (x - 45) ** 2 < 50] = first + 7
    labels[5:9, 40:44] = first + 8
    return labels


IMAGES = {
    "plane": Cells(plane(), "YX", "a.tif"),
    "empty": Cells(np.zeros((7, 9), np.uint16), "YX", "a.tif"),
    "no rows of cells at the end": Cells(np.pad(plane(), 5), "YX", "a.tif"),
    "high numbers": Cells(plane(70_000), "YX", "a.tif"),
    "very high numbers": Cells(plane(4_294_960_000), "YX", "a.tif"),
    "unusual letters": Cells(plane(), "YX", "Zellen (größer) 細胞 &<\"'>.tif"),
    "time": Cells(np.stack([plane(), plane(100), plane() * 0]), "TYX", "a.tif"),
    "depth, one number": Cells(np.stack([plane()] * 3), "ZYX", "a.tif"),
    "time and depth": Cells(
        np.stack(
            [plane(1), plane(20), plane(), plane(90_000), plane(), plane()]
        ).reshape(2, 3, 40, 60),
        "TZYX",
        "a.tif",
    ),
    "one plane of a stack": Cells(plane()[None], "ZYX", "a.tif"),
    "noise": Cells(np.random.default_rng(0).integers(0, 5, (30, 20)), "YX", "a.tif"),
}
ONE_PLANE = [name for name, cells in IMAGES.items() if cells.labels.ndim == 2]


def with_classes(cells: Cells) -> Cells:
    """The same cells with a table of what is known of them."""
    found = [(o.label, number) for number, _, o in cells.outlines()]
    label, number = (np.array(column, np.int64) for column in zip(*found, strict=True))
    table = {
        "label": label,
        "plane": number,
        "area (µm²)": label * 0.5,
        "mean of “DAPI”": np.where(label % 2, np.nan, 3.0),
        "class": np.array([["", "große Zelle"][n % 2] for n in label.tolist()], object),
    }
    if cells.labels.ndim == 2:
        del table["plane"]
    return Cells(cells.labels, cells.axes, cells.name, cells.places, table)
