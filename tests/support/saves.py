"""Everything that is saved, in an old and a new state, and how it is read again."""

from dataclasses import replace

import numpy as np
import torch
import zarr
from scipy import ndimage

from napari_iaunet.atomic import write_files
from napari_iaunet.errors import TrainingError
from napari_iaunet.io.ome_zarr_labels import register_labels, write_labels_ome_zarr
from napari_iaunet.io.read import read_image
from napari_iaunet.io.write import write_labels, write_table
from napari_iaunet.large.lazy import segment_lazy
from napari_iaunet.model.checkpoint import load_model, model_files, save_model
from napari_iaunet.model.network import IAUNet, IAUNetConfig
from napari_iaunet.segmentation.decode import Instances
from napari_iaunet.training.recipe import Recipe
from napari_iaunet.training.state import (
    TrainingState,
    load_state,
    save_state,
    state_files,
)

CONFIG = IAUNetConfig(widths=(4, 4, 4), embedding=2, hidden=2, projection=2)


def _network(state):
    """A network whose weights and configuration tell the state."""
    number = 1.0 if state == "old" else 2.0
    network = IAUNet(replace(CONFIG, usual_diameter=20 + number))
    with torch.no_grad():
        for value in network.state_dict().values():
            value.fill_(number)
    return network


def _state_of(network):
    """Which state a network tells; both in one if it is a mixture."""
    values = [value.flatten().float() for value in network.state_dict().values()]
    weights = torch.cat(values).unique().tolist()
    told = {*weights, network.config.usual_diameter - 20}
    return "+".join({1.0: "old", 2.0: "new"}[number] for number in sorted(told))


def _training(state):
    training = TrainingState.begin(_network(state), torch.device("cpu"), Recipe())
    training.step = 10 if state == "old" else 20
    return training


# Made before any process is forked: the first optimizer takes seconds.
_TRAININGS = {state: _training(state) for state in ("old", "new")}


def _read_training(folder):
    training = TrainingState.begin(IAUNet(CONFIG), torch.device("cpu"), Recipe())
    load_state(folder, training)
    networks = [training.network, training.averaged]
    for network in networks:  # the state has no configuration of its own
        number = 1.0 if training.step == 10 else 2.0
        network.config = replace(CONFIG, usual_diameter=20 + number)
    return "+".join({_state_of(network) for network in networks})


def _labels(state):
    return np.full((520, 9), 1 if state == "old" else 2, np.int32)


def _state_of_labels(labels):
    values = set(np.unique(np.asarray(labels)))
    return "+".join({1: "old", 2: "new"}.get(int(v), "lost") for v in sorted(values))


def save_a_model(folder, state):
    save_model(folder / "m", _network(state), {"state": state})


def read_a_model(folder):
    network, card = load_model(folder / "m")
    return "+".join({_state_of(network), card["state"]})


def save_a_state(folder, state):
    save_state(folder / "m", _TRAININGS[state])


def read_a_state(folder):
    return _read_training(folder / "m")


def save_both(folder, state):
    files = model_files(_network(state), {"state": state})
    files |= state_files(_TRAININGS[state])
    write_files(folder / "m", files, TrainingError)


def read_both(folder):
    return "+".join({read_a_model(folder), read_a_state(folder)})


def save_tiff(folder, state):
    write_labels(folder / "a_mask.tif", _labels(state))


def read_tiff(folder):
    return _state_of_labels(read_image(folder / "a_mask.tif").array)


def save_csv(folder, state):
    write_table(folder / "a.csv", {"label": np.arange(9), state: np.ones(9)})


def read_csv(folder):
    lines = (folder / "a.csv").read_text().splitlines()
    return lines[0].split(",")[1] if len(lines) == 10 else "half"


def _save_zarr(folder, state, version):
    write_labels_ome_zarr(folder / "a.zarr", _labels(state), version=version)


def read_zarr(folder):
    return _state_of_labels(read_image(folder / "a.zarr").array)


def save_in_a_store(folder, state):
    """Labels of an image whose store has consolidated metadata."""
    store = folder / "image.zarr"
    if not store.exists():
        zarr.open_group(store, mode="w", zarr_format=2).attrs["a"] = 1
        zarr.consolidate_metadata(store)
        (store / "labels").mkdir()
    write_labels_ome_zarr(store / "labels" / state, _labels(state))
    register_labels(store, state, "0.4")


def read_from_a_store(folder):
    """The last labels that the store tells of; those that it told of stay."""
    group = zarr.open_group(folder / "image.zarr", mode="r", use_consolidated=True)
    listed = group["labels"].attrs["labels"]
    found = [_state_of_labels(group[f"labels/{name}/0"][...]) for name in listed]
    return found[-1] if found == ["old", "new"][: len(found)] else "lost"


class _Blocks:
    """Takes each bright block of a plane for a cell."""

    fingerprint = "blocks"

    def scale_of(self, diameter, shape):
        return 1.0

    def cells_of(self, plane, diameter, progress, *, whole):
        labels, count = ndimage.label(plane[0] > 0.5)
        return Instances(labels.astype(np.int32), np.ones(count, np.float32))


def save_large(folder, state):
    image = np.zeros((60, 30), np.uint8)  # two chunks
    image[5:15, 5:15] = 200
    if state == "new":
        image[45:55, 5:25] = 200
    segment_lazy(_Blocks(), image, folder / "l.zarr", diameter=20.0, side=32)


def read_large(folder):
    labels = zarr.open_array(folder / "l.zarr", mode="r")[...]
    return {100: "old", 300: "new"}.get(int((labels > 0).sum()), "lost")


# By name: how it is saved, and how it is read.
SAVES = {
    "model": save_a_model,
    "training state": save_a_state,
    "model and training state": save_both,
    "label TIFF": save_tiff,
    "table": save_csv,
    "OME-Zarr 0.4": lambda folder, state: _save_zarr(folder, state, "0.4"),
    "OME-Zarr 0.5": lambda folder, state: _save_zarr(folder, state, "0.5"),
    "labels in an OME-Zarr store": save_in_a_store,
    "large Zarr": save_large,
}
READERS = {
    "model": read_a_model,
    "training state": read_a_state,
    "model and training state": read_both,
    "label TIFF": read_tiff,
    "table": read_csv,
    "OME-Zarr 0.4": read_zarr,
    "OME-Zarr 0.5": read_zarr,
    "labels in an OME-Zarr store": read_from_a_store,
    "large Zarr": read_large,
}
