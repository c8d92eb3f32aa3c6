"""Chunks on a Dask cluster, of this machine or of many."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from napari_iaunet.errors import DeviceError, IAUNetError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_iaunet.large.chunk_task import ChunkTask

# Seconds that a scheduler may take to answer; on a busy cluster several.
_PATIENCE = 15.0
# A chunk is tried again so many times when its worker dies; a chunk that kills every
# worker must come to an end.
_RETRIES = 5


@contextmanager
def connected(scheduler: str) -> Iterator[Any]:
    """Connect to a Dask cluster that is running, at an address like tcp://host:8786.

    Yields the ``distributed.Client``. Raises DeviceError if ``distributed`` is not
    installed, nothing answers at the address, or the cluster has no workers.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise DeviceError(
            'Clusters need more packages: pip install "napari-iaunet[distributed]" '
            "installs them."
        ) from error
    if not _answers(scheduler):
        raise DeviceError(f"No Dask scheduler answers at {scheduler}.")
    try:
        client = Client(scheduler, timeout=_PATIENCE)
    except (OSError, ValueError) as error:
        raise DeviceError(f"No Dask scheduler answers at {scheduler}.") from error
    with client:
        if not client.scheduler_info()["workers"]:
            raise DeviceError(f"The Dask cluster at {scheduler} has no workers.")
        yield client


def _answers(scheduler: str) -> bool:
    """Whether a scheduler answers a question within the time it has.

    A client would try a port that takes connections and says nothing again and again.
    """
    from distributed import Security, rpc

    async def ask() -> None:
        options = Security().get_connection_args("client")
        async with rpc(scheduler, timeout=_PATIENCE, connection_args=options) as there:
            await there.identity()

    async def ask_in_time() -> None:
        await asyncio.wait_for(ask(), _PATIENCE)

    try:
        asyncio.run(ask_in_time())
    except (OSError, ValueError, TypeError, TimeoutError):
        return False
    return True


def check_alive(client: Any) -> None:
    """Raise DeviceError if the scheduler of a client has died or cannot be reached."""
    at = client.scheduler
    if client.status != "running" or at is None or not _answers(at.address):
        raise DeviceError(
            "The Dask scheduler answers no more; the same command goes on with large "
            "images where it stopped."
        )


class ClusterRunner:
    """Does chunks on the workers of a cluster.

    The workers must see the image, the model and the output under the same paths.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def __call__(self, task: ChunkTask, indices: Sequence[int]) -> Iterator[int]:
        """Yield the index of each chunk when it is done; closing cancels the rest."""
        from distributed import as_completed

        sent = self._client.scatter(task, broadcast=True)
        futures = [
            self._client.submit(_segment, sent, index, pure=False, retries=_RETRIES)
            for index in indices
        ]
        try:
            for future in as_completed(futures):
                try:
                    yield future.result()
                except IAUNetError:
                    raise
                except Exception:
                    check_alive(self._client)
                    raise
        finally:
            self._client.cancel(futures)


def _segment(task: ChunkTask, index: int) -> int:
    import dask

    # The worker reads the image itself: to wait for other workers could block all of
    # them.
    with dask.config.set(scheduler="synchronous"):
        return task(index)
