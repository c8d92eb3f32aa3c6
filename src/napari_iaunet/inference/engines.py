"""What computes the network's fields: PyTorch, or OpenVINO where that is faster.

OpenVINO converts a network at its first use and keeps the result in the user's cache,
beside a note of which of both was faster on this machine.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import platform
import sys
import warnings
from pathlib import Path
from timeit import repeat
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import torch
from torch import nn

from napari_iaunet.atomic import move_into_place, replacing, write_json
from napari_iaunet.errors import DeviceError
from napari_iaunet.inference.bands import in_bands
from napari_iaunet.inference.devices import autocast_dtype
from napari_iaunet.inference.fused import fused_network

if TYPE_CHECKING:
    from torch import Tensor

    from napari_iaunet.model.network import IAUNet

PYTORCH, OPENVINO, READY = "pytorch", "openvino", "ready"
# Rows and columns of the image that both are timed on, and how often; the least time
# counts.
_TRIAL, _TRIALS = 512, 2
# Rows of an image whose finest maps a processor computes at a time: they take most of
# the memory. Fewer rows spend more time on what bands have in common.
_BAND = 192
# OpenVINO is chosen if it takes at most this share of PyTorch's time: a smaller gain
# may be chance, and its converted network takes time and disk space.
_GAIN = 0.95


class TileFields(NamedTuple):
    """Fields of a tile, float32, on the CPU.

    Attributes
    ----------
    masks : Tensor, (4, H, W)
        Foreground and centre map as probabilities, then the offset (dy, dx).
    embedding : Tensor, (E, H, W)
        In memory, the values of a pixel lie side by side: so the network leaves
        them, and so the decoding reads them.
    """

    masks: Tensor
    embedding: Tensor


class Engine(Protocol):
    """Something that computes the fields of an image."""

    name: str
    # False if another one may be faster, which is not known yet.
    is_final: bool

    def __call__(self, image: Tensor) -> TileFields:
        """(1, 3, H, W) float32 -> the fields of every pixel."""

    def masks(self, image: Tensor) -> Tensor:
        """(1, 3, H, W) float32 -> (2, H, W), the first two masks of `TileFields`.

        Faster than all fields.
        """


class TorchEngine:
    """PyTorch, on any device; the network is there, and ready to be used."""

    name = PYTORCH
    is_final = True

    def __init__(
        self, network: IAUNet, device: torch.device, dtype: torch.dtype | None = None
    ) -> None:
        self._network, self._device = network, device
        self._dtype = dtype or autocast_dtype(device) or torch.float32
        self._fused: IAUNet | None = None
        self._band: int | None = None
        if device.type == "cpu":
            self._band = _BAND
            self._fused = fused_network(network, self._dtype)

    @torch.inference_mode()
    def __call__(self, image: Tensor) -> TileFields:
        """As of `Engine`."""
        network, image = self._prepared(image)
        size = image.shape[2:]
        masks = torch.empty(4, *size)
        channels = network.config.embedding if network.config.identity else 0
        pixels = torch.empty(*size, channels).permute(2, 0, 1)
        with self._autocast():
            for rows, fields in in_bands(network, network.finest, image, self._band):
                here = masks[:, rows]
                places = here[:1], here[1:2], here[2:], pixels[:, rows]
                for place, field in zip(places, fields, strict=True):
                    place.copy_(field[0])
        masks[:2].sigmoid_()
        return TileFields(masks, pixels)

    @torch.inference_mode()
    def masks(self, image: Tensor) -> Tensor:
        """As of `Engine`."""
        network, image = self._prepared(image)
        masks = torch.empty(2, *image.shape[2:])
        with self._autocast():
            bands = in_bands(network, network.finest_masks, image, self._band)
            for rows, logits in bands:
                masks[:, rows].copy_(logits[0][0])
        return masks.sigmoid_()

    def _prepared(self, image: Tensor) -> tuple[IAUNet, Tensor]:
        """Return the network for an image, and the image as that one wants it."""
        layout = torch.channels_last
        # Fusing needs maps that are channels last; of a map of one pixel, that is not
        # known.
        single = image[0, 0].numel() <= self._network.config.stride**2
        if self._fused and not single:
            return self._fused, image.to(self._dtype, memory_format=layout)
        return self._network, image.to(self._device, memory_format=layout)

    def _autocast(self) -> torch.autocast:
        lower = self._dtype != torch.float32
        return torch.autocast(self._device.type, self._dtype, enabled=lower)


class _Outputs(nn.Module):
    """A network whose fields come as those of `TileFields`, for one plane."""

    def __init__(self, network: IAUNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(1, 3, H, W) -> (1, 4, H, W) and (1, H, W, E)."""
        foreground, centre, offset, embedding = self.network(image)
        likely = torch.cat([foreground, centre], 1).sigmoid()
        return torch.cat([likely, offset], 1), embedding.permute(0, 2, 3, 1)


class OpenVinoEngine:
    """OpenVINO, on the processor; its converted network is in a folder, or put there.

    Raises DeviceError if OpenVINO is not installed or cannot convert the network.
    """

    name = OPENVINO
    is_final = True

    def __init__(self, network: IAUNet, folder: Path) -> None:
        try:
            openvino = _openvino()
        except ImportError as error:
            raise DeviceError(
                "OpenVINO is not installed: "
                'pip install "napari-iaunet[openvino]" installs it.'
            ) from error
        lower = autocast_dtype(torch.device("cpu"))
        options = {
            "INFERENCE_PRECISION_HINT": "bf16" if lower == torch.bfloat16 else "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",
        }
        converted = (folder / _MODEL).is_file()
        try:
            core = openvino.Core()
            if not converted:
                _convert(network, folder)
            model = core.read_model(folder / _MODEL)
            self._model = core.compile_model(model, "CPU", options)
            # Without the embedding in its results, OpenVINO does not compute it.
            model.remove_result(model.get_results()[1])
            self._masks = core.compile_model(model, "CPU", options)
        except (RuntimeError, OSError) as error:
            if converted:  # and damaged since: the next use makes it again
                with contextlib.suppress(OSError):
                    (folder / _MODEL).unlink()
            reason = " ".join(str(error).split())[:200]
            raise DeviceError(f"OpenVINO cannot use this model: {reason}") from error

    def __call__(self, image: Tensor) -> TileFields:
        """As of `Engine`."""
        masks, embedding = _infer(self._model, image)
        return TileFields(masks, embedding.permute(2, 0, 1))

    def masks(self, image: Tensor) -> Tensor:
        """As of `Engine`."""
        (masks,) = _infer(self._masks, image)
        return masks[:2]


def _openvino() -> Any:
    """Import OpenVINO without the part that tells its makers of every use.

    That part looks up hosts and writes to the user's home as soon as it is imported;
    where it cannot be, OpenVINO does without.
    """
    telemetry = "openvino_telemetry"
    loaded = sys.modules.get(telemetry)
    sys.modules[telemetry] = None  # type: ignore[assignment]  # as Python documents it
    try:
        import openvino
        import openvino.tools.ovc
    finally:
        del sys.modules[telemetry]
        if loaded is not None:
            sys.modules[telemetry] = loaded
    return openvino


def _infer(model: Any, image: Tensor) -> list[Tensor]:
    """Results of a compiled model for one image."""
    # Each call has a request of its own: several threads may call, and the results,
    # which the request owns, need not be copied.
    request = model.create_infer_request()
    found = request.infer([image.contiguous().numpy()], share_outputs=True)
    return [torch.from_numpy(found[i])[0] for i in range(len(model.outputs))]


_MODEL, _CHOICE = "network.xml", "engine.json"


def choose_engine(
    network: IAUNet, device: torch.device, name: str | None = None
) -> Engine:
    """Return what computes the fields of a network fastest.

    Parameters
    ----------
    network : IAUNet
        Ready to be used, on the device.
    name : str, optional
        "pytorch" or "openvino"; otherwise the environment variable
        NAPARI_IAUNET_ENGINE says so; otherwise the faster one is taken, which is
        found out once for a model on a machine. With "ready" that is not waited for:
        until it is known, PyTorch is taken.

    Raises
    ------
    DeviceError
        If the named one is not there, not known, or not for the device.
    """
    if name == OPENVINO and device.type != "cpu":
        raise DeviceError('OpenVINO computes on the CPU: choose the device "cpu".')
    at_once = name == READY
    name = (None if at_once else name) or os.environ.get("NAPARI_IAUNET_ENGINE") or None
    if name not in (None, PYTORCH, OPENVINO):
        msg = f'There is no engine "{name}": choose {PYTORCH} or {OPENVINO}.'
        raise DeviceError(msg)
    usual = TorchEngine(network, device)
    if device.type != "cpu" or name == PYTORCH:
        return usual
    if name == OPENVINO:
        return OpenVinoEngine(network, cache_folder(network))
    if importlib.util.find_spec("openvino") is None:
        return usual
    return _faster(network, usual, at_once)


def _faster(network: IAUNet, usual: TorchEngine, at_once: bool) -> Engine:
    """OpenVINO if it has been, or is now found to be, faster than PyTorch."""
    folder = cache_folder(network)
    note = folder / _CHOICE
    machine = _machine()
    known = _read(note)
    is_known = known.get("machine") == machine
    if is_known and known.get("engine") == PYTORCH:
        return usual
    if at_once and not (is_known and (folder / _MODEL).is_file()):
        usual.is_final = False
        return usual
    seconds: dict[str, float] = {}
    other: Engine = usual
    # What cannot be converted is not tried again and again.
    with contextlib.suppress(DeviceError):
        converted = (folder / _MODEL).is_file()
        try:
            other = OpenVinoEngine(network, folder)
        except DeviceError:
            if not converted:
                raise
            other = OpenVinoEngine(network, folder)  # which is damaged no more
        if is_known:
            return other
        seconds = {engine.name: _seconds(engine) for engine in (usual, other)}
    faster = bool(seconds) and seconds[OPENVINO] < _GAIN * seconds[PYTORCH]
    name = OPENVINO if faster else PYTORCH
    with contextlib.suppress(DeviceError):
        folder.mkdir(parents=True, exist_ok=True)
        write_json(
            note, {"machine": machine, "engine": name, "seconds": seconds}, DeviceError
        )
    return other if faster else usual


def _seconds(engine: Engine) -> float:
    """Least time that an engine takes for an image of noise, after one more."""
    image = torch.rand(1, 3, _TRIAL, _TRIAL, generator=torch.Generator().manual_seed(0))
    return min(repeat(lambda: engine(image), number=1, repeat=_TRIALS + 1)[1:])


def _machine() -> dict[str, Any]:
    """Describe what it depends on which one is faster."""
    from importlib.metadata import version

    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "openvino": version("openvino"),
        "napari-iaunet": version("napari-iaunet"),
    }


def _read(note: Path) -> dict[str, Any]:
    try:
        known = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


# -- converted networks ---------------------------------------------------------------


def cache_folder(network: IAUNet) -> Path:
    """Folder of what is kept for a network, as these versions convert it."""
    from platformdirs import user_cache_dir

    home = os.environ.get("NAPARI_IAUNET_HOME") or user_cache_dir(
        "napari-iaunet", False
    )
    made_by = "".join(_version(name) for name in ("openvino", "napari-iaunet"))
    name = hashlib.sha256((digest_of(network) + made_by).encode()).hexdigest()[:24]
    return Path(home) / "engines" / name


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def digest_of(network: IAUNet) -> str:
    """Digest of a network's shape and weights."""
    digest = hashlib.sha256(repr(network.config).encode())
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.float().cpu().numpy().tobytes())
    return digest.hexdigest()


def _convert(network: IAUNet, folder: Path) -> None:
    """Convert a network for images of any size; written wholly or not at all."""
    openvino = _openvino()
    stride = network.config.stride
    height, width = (torch.export.Dim(name, min=2, max=1024) for name in "hw")
    sizes = {"image": {2: stride * height, 3: stride * width}}
    example = torch.zeros(1, 3, 4 * stride, 6 * stride)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries about each other
        module = _Outputs(network)
        exported = torch.export.export(module, (example,), dynamic_shapes=sizes)
        model = openvino.convert_model(exported)
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / _MODEL, DeviceError) as fresh:
        openvino.save_model(model, fresh, compress_to_fp16=False)
        # The description comes last: where it is, the weights are, too.
        weights = fresh.with_suffix(".bin")
        move_into_place(weights, folder / weights.name, DeviceError)
