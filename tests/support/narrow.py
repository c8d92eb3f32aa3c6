"""A dock that has been made as narrow as napari lets it be."""

from qtpy.QtCore import QPoint
from qtpy.QtWidgets import QApplication, QWidget

WIDTH = 300  # pixels


def assert_fits(widget):
    """Show a widget in a narrow dock; nothing of it may be cut off at the sides."""
    widget.resize(WIDTH, widget.sizeHint().height())
    widget.show()
    QApplication.processEvents()
    assert widget.width() == WIDTH
    for part in widget.findChildren(QWidget):
        # What lies in a list or in a scroll area can be scrolled to.
        if part.parentWidget() is widget and part.isVisible() and not part.isWindow():
            left = part.mapTo(widget, QPoint(0, 0)).x()
            assert left >= 0, part
            assert left + part.width() <= WIDTH, part
