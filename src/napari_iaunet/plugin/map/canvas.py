"""Draws points, a lasso and a mark with OpenGL: a hundred thousand in a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from vispy import app, gloo

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qtpy.QtWidgets import QWidget

    from napari_iaunet.plugin.map.view import View

    Colour = tuple[float, float, float, float]

_POINTS = """
attribute vec2 a_place;
attribute vec4 a_colour;
attribute float a_larger;
uniform vec2 u_centre;
uniform vec2 u_scale;
uniform float u_size;
varying vec4 v_colour;
void main() {
    gl_Position = vec4((a_place - u_centre) * u_scale, 0.0, 1.0);
    gl_PointSize = u_size * a_larger;
    v_colour = a_colour;
}
"""
_ROUND = """
varying vec4 v_colour;
void main() {
    vec2 away = gl_PointCoord - vec2(0.5);
    if (dot(away, away) > 0.25) discard;
    gl_FragColor = v_colour;
}
"""
_RING = """
varying vec4 v_colour;
void main() {
    float away = length(gl_PointCoord - vec2(0.5));
    if (away > 0.5 || away < 0.34) discard;
    gl_FragColor = v_colour;
}
"""
_LINE = """
attribute vec2 a_place;
uniform vec2 u_centre;
uniform vec2 u_scale;
void main() {
    gl_Position = vec4((a_place - u_centre) * u_scale, 0.0, 1.0);
}
"""
_PLAIN = """
uniform vec4 u_colour;
void main() { gl_FragColor = u_colour; }
"""
# In pixels of the screen.
_RING_SIZE = 18.0


class PointCanvas:
    """A canvas of its own inside a Qt widget, as long as that stays in its window.

    Parameters
    ----------
    parent : QWidget
    """

    def __init__(self, parent: QWidget) -> None:
        self._canvas = app.Canvas(keys=None, parent=parent, show=False)
        self.native: QWidget = self._canvas.native
        self.drawn = 0  # times
        self._window = ref(parent.window())
        self._view: View | None = None
        self._paper: Colour = (0.0, 0.0, 0.0, 1.0)
        self._ink: Colour = (1.0, 1.0, 1.0, 1.0)
        self._points = gloo.Program(_POINTS, _ROUND)
        self._mark = gloo.Program(_POINTS, _RING)
        self._mark["a_colour"] = np.ones((1, 4), np.float32)
        self._mark["a_larger"] = np.ones(1, np.float32)
        self._lasso = gloo.Program(_LINE, _PLAIN)
        self._counts = {"points": 0, "mark": 0, "lasso": 0}
        self._size = 4.0
        self._canvas.events.draw.connect(self._on_draw)

    def close(self) -> None:
        """Let go of OpenGL."""
        self._canvas.events.draw.disconnect(self._on_draw)
        self._canvas.close()

    @property
    def is_at_home(self) -> bool:
        """Whether it still is in the window that it was made for."""
        return self.native.window() is self._window()

    def update(self) -> None:
        """Draw soon."""
        self._canvas.update()

    def set_theme(self, paper: Colour, ink: Colour) -> None:
        """Choose the colours of the background and of lasso and mark."""
        self._paper, self._ink = paper, ink
        self.update()

    def set_view(self, view: View) -> None:
        """Choose what is seen."""
        self._view = view
        self.update()

    def set_points(
        self,
        places: NDArray[np.float32],
        colours: NDArray[np.float32],
        larger: NDArray[np.float32],
        size: float,
    ) -> None:
        """Draw points at places (N, 2) in colours (N, 4), the last ones on top.

        ``larger`` (N,) says how many times as large as ``size`` each is.
        """
        self._counts["points"], self._size = len(places), size
        if len(places):
            self._points["a_place"] = places
            self._points["a_colour"] = colours
            self._points["a_larger"] = larger
        self.update()

    def set_mark(self, place: NDArray[np.float32] | None) -> None:
        """Draw a ring round a place (2,); None: none."""
        self._counts["mark"] = 0 if place is None else 1
        if place is not None:
            self._mark["a_place"] = place[None].astype(np.float32)
        self.update()

    def set_lasso(self, places: NDArray[np.floating[Any]]) -> None:
        """Draw a closed line through places (M, 2)."""
        self._counts["lasso"] = len(places) if len(places) > 1 else 0
        if len(places) > 1:
            self._lasso["a_place"] = places.astype(np.float32)
        self.update()

    def _on_draw(self, event: object) -> None:
        if not self.is_at_home:
            return  # of another window, whose OpenGL knows nothing of all this
        self.drawn += 1
        gloo.set_viewport(0, 0, *self._canvas.physical_size)
        gloo.clear(color=self._paper)
        view = self._view
        if view is None:
            return
        gloo.set_state(
            blend=True,
            blend_func=("src_alpha", "one_minus_src_alpha", "one", "one"),
            depth_test=False,
        )
        scale = 2 * view.scale / np.asarray(view.size)
        dense = float(self._canvas.pixel_scale)
        for program in (self._points, self._mark, self._lasso):
            program["u_centre"] = view.centre
            program["u_scale"] = tuple(scale)
        self._points["u_size"] = self._size * dense
        self._mark["u_size"] = _RING_SIZE * dense
        self._mark["a_colour"] = np.array([self._ink], np.float32)
        self._lasso["u_colour"] = self._ink
        for name, program, kind in (
            ("points", self._points, "points"),
            ("lasso", self._lasso, "line_loop"),
            ("mark", self._mark, "points"),
        ):
            if self._counts[name]:
                program.draw(kind)
