"""Where the camera is, in this napari and in earlier ones."""

from types import SimpleNamespace

from napari.components import ViewerModel
from napari.utils._proxies import PublicOnlyProxy

from napari_iaunet.plugin.layers.camera import camera_of, size_of_canvas


def test_the_camera_of_any_napari_is_found():
    viewer, camera = ViewerModel(), SimpleNamespace(zoom=3.0)
    camera_of(viewer).zoom = 2.0
    assert camera_of(viewer).zoom == 2.0
    assert len(size_of_canvas(viewer)) == 2
    early = SimpleNamespace(camera=camera, _canvas_size=(600, 800))
    assert camera_of(early) is camera
    assert size_of_canvas(early) == (600, 800)


def test_the_canvas_of_an_earlier_napari_is_found_in_what_plugins_are_given():
    early = SimpleNamespace(camera=None, _canvas_size=(600, 800))
    assert tuple(size_of_canvas(PublicOnlyProxy(early))) == (600, 800)
