"""Every tab is a command, which napari's Layers menu and its command palette show."""

import pytest
from napari._app_model import get_app_model

TABS = {
    "review_cells": "Review",
    "find_lookalikes": "Look-alikes",
    "classify_cells": "Classes",
    "map_cells": "Map",
    "track_cells": "Track",
    "segment_many": "Batch",
    "train_model": "Fine-tune",
    "click_cells": "Segment",
}


def execute(name):
    get_app_model().commands.execute_command(f"napari-iaunet.{name}").result()


@pytest.mark.viewer
def test_each_command_opens_the_one_dock_at_its_tab(qtbot, viewer, fake):
    docks, asked = set(), []
    for name, tab in TABS.items():
        execute(name)
        (dock,) = (d for n, d in viewer.window.dock_widgets.items() if "IAU-Net" in n)
        if not docks:
            dock.click_panel.toggled.connect(asked.append)
        docks.add(dock)
        assert dock.tabs.tabText(dock.tabs.currentIndex()) == tab
    assert len(docks) == 1
    assert asked[:1] == [True]  # there is no image: it is off again
    items = get_app_model().menus.get_menu("napari/layers/track")
    assert "Track cells (IAU-Net)" in {item.command.title for item in items}
