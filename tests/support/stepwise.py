"""Segmenters that need no model and take as long as a test wants."""

import threading
import time


class Stepwise:
    """Works in steps, so that tests can watch, cancel and break the work."""

    device = "cpu"

    def __init__(self):
        self.steps, self.pause, self.error = 2, 0.0, None
        self.threads = []
        self.reached = threading.Event()

    def work(self, progress):
        self.threads.append(threading.get_ident())
        for i in range(self.steps):
            progress(i, self.steps)
            self.reached.set()
            time.sleep(self.pause)
        if self.error is not None:
            raise self.error
