"""One image of oblong pixels, 0.5 by 0.25 micrometres, as files of three formats."""

import numpy as np
import tifffile
import zarr

NAMES = ["DAPI, old", "Actin & co"]


def picture():
    """Two channels, (C, Y, X) of 16 bits, with bright discs."""
    y, x = np.mgrid[:96, :128]
    discs = (y % 32 - 16) ** 2 + (x % 32 - 16) ** 2 < 100
    noise = np.random.default_rng(0).integers(0, 90, (2, *discs.shape))
    return (discs * np.array([900, 400])[:, None, None] + noise).astype(np.uint16)


def as_ome_tiff(path):
    metadata = {
        "axes": "CYX",
        "PhysicalSizeX": 250,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 0.5,
        "PhysicalSizeYUnit": "µm",
        "Channel": {"Name": NAMES},
    }
    tifffile.imwrite(path / "a.ome.tif", picture(), metadata=metadata)
    return path / "a.ome.tif"


def as_imagej(path):
    tifffile.imwrite(
        path / "a.tif",
        picture(),
        imagej=True,
        resolution=(4, 2),
        metadata={"axes": "CYX", "unit": "um", "Labels": NAMES},
    )
    return path / "a.tif"


def as_ome_zarr(path):
    group = zarr.create_group(str(path / "a.zarr"))
    group.create_array("0", data=picture(), chunks=(1, 64, 64))
    axes = [{"name": "c", "type": "channel"}] + [
        {"name": n, "type": "space", "unit": "micrometer"} for n in "yx"
    ]
    scaled = [{"type": "scale", "scale": [1, 0.5, 0.25]}]
    dataset = {"path": "0", "coordinateTransformations": scaled}
    described = [{"version": "0.5", "axes": axes, "datasets": [dataset]}]
    channels = [{"label": name, "color": "ffffff"} for name in NAMES]
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": described,
        "omero": {"channels": channels},
    }
    return path / "a.zarr"


PIXEL_SIZE = (0.5, 0.25)
MAKERS = [as_ome_tiff, as_imagej, as_ome_zarr]
