"""The formats that cells can be written in, by what the user calls them."""

from __future__ import annotations

# How names of files in each end; "" are folders without an ending.
SUFFIXES = {
    "rois": ".zip",
    "geojson": ".geojson",
    "coco": ".json",
    "ome-zarr": ".zarr",
    "tif": ".tif",
    "anndata": ".h5ad",
    "ctc": "",
    "geff": ".geff",
    "semantic": "",
    "panoptic": "",
}
# Those that hold the cells of several images in one file or folder.
OF_SEVERAL = ("coco", "anndata", "semantic", "panoptic")
# How the names of files of outlines end, which are read as label images are.
OUTLINES = (".zip", ".roi", ".geojson", ".json")
