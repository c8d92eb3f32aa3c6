"""A model as one file for the BioImage Model Zoo and the programs that read it.

The file follows the description of models of bioimage.io, version 0.5 (Ouyang et al.,
bioRxiv 2022.06.07.495102): a zip of ``rdf.yaml``, weights in TorchScript, a test image
with what the network makes of it, a cover and a page of documentation. Whoever runs it
gets the fields of the network; cells are made of them by this package, or by a
watershed of the centre map.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from napari_iaunet.atomic import replacing
from napari_iaunet.errors import ModelError
from napari_iaunet.model.checkpoint import load_model

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_iaunet.model.network import IAUNet

_HOME = "https://github.com/napari-iaunet/napari-iaunet"
# Side, in pixels, of the test image: a few cells.
_SIDE = 128
# Percentiles that images are normalised by, as in `napari_iaunet.segmentation`.
_PERCENTILES = 1.0, 99.8
_CITE = (
    ("Identity-Aware U-Net", "https://arxiv.org/abs/2604.09702"),
    ("napari-iaunet", _HOME),
)


class _AsFields(nn.Module):
    """The network with probabilities instead of logits."""

    def __init__(self, network: IAUNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        fields = self.network(image)
        return (
            fields.foreground.sigmoid(),
            fields.centre.sigmoid(),
            fields.offset,
            fields.embedding,
        )


def export(folder: Path, target: Path, name: str) -> None:
    """Write a model for bioimage.io.

    Parameters
    ----------
    folder : Path
        Of the model.
    target : Path
        Zip file to write.
    name : str
        What the model is called there.

    Raises
    ------
    ModelError
        If the model cannot be read, has no identity branch, or the file cannot be
        written, or is another one.
    """
    network, card = load_model(folder)
    if not network.config.identity:
        raise ModelError(f"{name} has no identity branch: such a model stays here.")
    if target.exists() and not _is_ours(target):
        raise ModelError(f"{target} is something else. Name another file.")
    files = _files(network.eval(), name, str(card.get("description") or name))
    with (
        replacing(target, ModelError) as fresh,
        zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for file, content in files.items():
            archive.writestr(file, content)


def _is_ours(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return _HOME.encode() in archive.read("rdf.yaml")
    except (OSError, KeyError, zipfile.BadZipFile):
        return False


def _files(network: IAUNet, name: str, description: str) -> dict[str, bytes]:
    """Contents of the zip by their names."""
    image = _drawn()
    model = _AsFields(network)
    with torch.no_grad():
        seen = torch.from_numpy(_normalised(image))
        script = torch.jit.trace(model, seen)  # type: ignore[no-untyped-call]
        fields = [field.numpy() for field in script(seen)]
    weights = io.BytesIO()
    torch.jit.save(script, weights)
    files = {
        "weights.pt": weights.getvalue(),
        "image.npy": _npy(image),
        "cover.png": _cover(image, fields[0]),
        "README.md": _page(name, description).encode(),
    }
    for field, values in zip(_FIELDS, fields, strict=True):
        files[f"{field}.npy"] = _npy(values)
    about = _description(network, name, description, files)
    # JSON is YAML, too.
    return {"rdf.yaml": json.dumps(about, indent=1).encode(), **files}


_FIELDS = {
    "foreground": "probability that a pixel is part of a cell",
    "centre": "distance to the edge by the largest such distance in the cell, 0 to 1",
    "offset": "to the cell's centre, rows and columns, in cell diameters",
    "embedding": "alike in the pixels of one cell",
}


def _description(
    network: IAUNet, name: str, description: str, files: dict[str, bytes]
) -> dict[str, Any]:
    config = network.config
    stride = config.stride
    sides = [
        {"type": "space", "id": axis, "size": {"min": stride * 4, "step": stride}}
        for axis in "yx"
    ]
    image = {
        "id": "image",
        "description": f"cells about {config.diameter:g} pixels wide; gray three times",
        "axes": [
            {"type": "batch"},
            {"type": "channel", "channel_names": ["red", "green", "blue"]},
            *sides,
        ],
        "data": {"type": "float32"},
        "test_tensor": _file("image.npy", files),
        "preprocessing": [
            {
                "id": "scale_range",
                "kwargs": {
                    "axes": ["channel", "y", "x"],
                    "min_percentile": _PERCENTILES[0],
                    "max_percentile": _PERCENTILES[1],
                },
            }
        ],
    }
    channels = {
        "foreground": ["foreground"],
        "centre": ["centre"],
        "offset": ["offset_y", "offset_x"],
        "embedding": [f"embedding_{i}" for i in range(config.embedding)],
    }
    outputs = [
        {
            "id": field,
            "description": about,
            "axes": [
                {"type": "batch"},
                {"type": "channel", "channel_names": channels[field]},
                *(
                    {
                        "type": "space",
                        "id": axis,
                        "size": {"tensor_id": "image", "axis_id": axis},
                    }
                    for axis in "yx"
                ),
            ],
            "data": {"type": "float32"},
            "test_tensor": _file(f"{field}.npy", files),
        }
        for field, about in _FIELDS.items()
    ]
    return {
        "format_version": "0.5.4",
        "type": "model",
        "name": f"IAU-Net {name}",
        "description": description,
        "authors": [{"name": "The napari-iaunet developers"}],
        "cite": [{"text": text, "url": url} for text, url in _CITE],
        "license": "BSD-3-Clause",
        "git_repo": _HOME,
        "tags": ["cells", "nuclei", "instance-segmentation", "unet", "pytorch", "2d"],
        "documentation": _file("README.md", files)["source"],
        "covers": ["cover.png"],
        "inputs": [image],
        "outputs": outputs,
        "weights": {
            "torchscript": {
                **_file("weights.pt", files),
                "pytorch_version": torch.__version__.partition("+")[0],
            }
        },
    }


def _file(name: str, files: dict[str, bytes]) -> dict[str, str]:
    return {"source": name, "sha256": hashlib.sha256(files[name]).hexdigest()}


def _drawn() -> NDArray[np.float32]:
    """Test image (1, 3, Y, X): discs on a dim ground, which all may share."""
    y, x = np.mgrid[:_SIDE, :_SIDE]
    inside = (y % 32 - 16) ** 2 + (x % 32 - 16 + 4 * (y // 32 % 2)) ** 2 < 140
    noise = np.random.default_rng(0).normal(0, 6, inside.shape)
    gray = (120.0 * inside + 20.0 + noise).astype(np.float32)
    return np.repeat(gray[None, None], 3, axis=1)


def _normalised(image: NDArray[np.float32]) -> NDArray[np.float32]:
    low, high = np.percentile(image, _PERCENTILES)
    normalised: NDArray[np.float32] = ((image - low) / (high - low)).astype(np.float32)
    return normalised


def _npy(values: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def _cover(image: NDArray[np.float32], foreground: NDArray[np.float32]) -> bytes:
    """Picture of the test image beside its foreground."""
    from PIL import Image

    pictures = _normalised(image)[0, 0], foreground[0, 0]
    beside = np.concatenate([p.clip(0, 1) for p in pictures], axis=1)
    large = np.kron((255 * beside).astype(np.uint8), np.ones((4, 4), np.uint8))
    file = io.BytesIO()
    Image.fromarray(large).save(file, "png")
    return file.getvalue()


def _page(name: str, description: str) -> str:
    fields = "\n".join(f"- `{field}`: {about}" for field, about in _FIELDS.items())
    return (
        f"# IAU-Net {name}\n\n{description}.\n\n"
        f"The network of napari-iaunet ({_HOME}). It gives, for each pixel:\n\n"
        f"{fields}\n\nCells are made of these by `pip install napari-iaunet`, or by a "
        "watershed of the centre map within the foreground.\n\n"
        "## Validation\n\nHow good it is on images that it was not trained on, by "
        f"kind, is in {_HOME}#what-to-expect.\n"
    )
