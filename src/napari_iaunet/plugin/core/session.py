"""What the features of one dock share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_iaunet.plugin.core.own_changes import OwnChanges
from napari_iaunet.plugin.core.segmenters import Segmenters
from napari_iaunet.plugin.core.settings import Settings

if TYPE_CHECKING:
    import napari.viewer


@dataclass(frozen=True)
class Session:
    """Made once by the dock and handed to every controller."""

    viewer: napari.viewer.Viewer
    # What the user wants segmented, and how.
    settings: Settings = field(default_factory=Settings)
    # The model that is in memory.
    segmenters: Segmenters = field(default_factory=Segmenters)
    # Tells changes of the layers by the plugin from those by the user.
    own_changes: OwnChanges = field(default_factory=OwnChanges)
