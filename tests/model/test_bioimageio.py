"""A model for bioimage.io: whoever has PyTorch gets what is promised."""

import io
import json
import zipfile

import numpy as np
import pytest
import torch

from napari_iaunet.cli import main
from napari_iaunet.errors import ModelError
from napari_iaunet.model.bioimageio import export
from napari_iaunet.model.registry import find_model


def test_the_file_gives_the_fields_that_it_promises(tmp_path):
    target = tmp_path / "model.zip"
    assert main(["models", "--bioimageio", str(target)]) == 0
    with zipfile.ZipFile(target) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    about = json.loads(files["rdf.yaml"])
    assert about["license"] == "BSD-3-Clause"
    script = torch.jit.load(io.BytesIO(files["weights.pt"]))
    image = np.load(io.BytesIO(files["image.npy"]))
    (given,) = about["inputs"]
    kwargs = given["preprocessing"][0]["kwargs"]
    percentiles = kwargs["min_percentile"], kwargs["max_percentile"]
    low, high = np.percentile(image, percentiles)
    seen = torch.from_numpy(((image - low) / (high - low)).astype(np.float32))
    with torch.no_grad():
        fields = script(seen)
        larger = script(torch.nn.functional.pad(seen, (0, 64, 0, 16)))
    for said, field, other in zip(about["outputs"], fields, larger, strict=True):
        known = np.load(io.BytesIO(files[said["test_tensor"]["source"]]))
        np.testing.assert_allclose(field.numpy(), known, atol=1e-4)
        assert len(said["axes"][1]["channel_names"]) == field.shape[1]
        assert other.shape[2:] == (144, 192)
    disc, ground = fields[0][0, 0, 16, 12:17], fields[0][0, 0, 0, 28:36]
    assert disc.min() > 0.5 > ground.max()
    assert main(["models", "--bioimageio", str(target)]) == 0  # its own is replaced


def test_other_files_are_not_replaced(tmp_path):
    target = tmp_path / "thesis.zip"
    target.write_bytes(b"years of work")
    with pytest.raises(ModelError, match="something else"):
        export(find_model("default"), target, "default")
    assert target.read_bytes() == b"years of work"
