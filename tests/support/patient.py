"""A pytest-qt robot for machines of any speed."""

from pytestqt.qtbot import QtBot

# Only a test that fails waits as long as this.
PATIENCE = 600_000


class PatientBot(QtBot):
    """Waits much longer than anything takes on a machine that is busy or slow."""

    def waitUntil(self, callback, *, timeout=PATIENCE):
        super().waitUntil(callback, timeout=timeout)

    def waitSignal(self, signal, *, timeout=PATIENCE, **options):
        return super().waitSignal(signal, timeout=timeout, **options)
