"""A segmenter whose network sees every picture once, however often a file asks."""

import hashlib
import time
from threading import Lock

from napari_iaunet.inference.engines import TileFields

# Bytes of fields that are kept, at most.
_MOST = 300 << 20


class RememberingEngine:
    """Computes the fields of a picture by another engine, unless it has seen it.

    Attributes
    ----------
    pause : float
        Seconds before what is known is answered: as if it were computed, for tests that
        do something meanwhile.
    """

    def __init__(self, engine):
        self._engine, self._known, self._lock = engine, {}, Lock()
        self.pause = 0.0

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def __call__(self, image):
        return TileFields(*self._answer(image, "fields", self._engine))

    def masks(self, image):
        return self._answer(image, "masks", self._only_masks)[0]

    def _only_masks(self, image):
        return [self._engine.masks(image)]

    def _answer(self, image, what, compute):
        pixels = image.contiguous().numpy()
        key = what, pixels.shape, hashlib.sha256(pixels.data).digest()
        with self._lock:
            found = self._known.get(key)
        if found is None:
            found = compute(image)
            self._keep(key, found)
        else:
            time.sleep(self.pause)
        # Whoever asked may write into them.
        return [field.clone() for field in found]

    def _keep(self, key, found):
        def size(fields):
            return sum(field.nbytes for field in fields)

        with self._lock:
            self._known[key] = found
            while sum(map(size, self._known.values())) > _MOST:
                del self._known[next(iter(self._known))]


def remembering(segmenter):
    """Let a segmenter remember; return it."""
    backend = segmenter._backend
    backend.engine = RememberingEngine(backend.engine)
    return segmenter
