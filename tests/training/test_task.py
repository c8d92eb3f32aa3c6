"""A training's task on disk."""

import numpy as np

from napari_iaunet.training.dataset import Annotation
from napari_iaunet.training.task import Task, read_task, write_task


def test_tasks_come_back_as_they_were(tmp_path):
    labels = np.arange(20, dtype=np.uint16).reshape(4, 5)
    image = labels / 7
    region = labels % 2 == 0
    task = Task("default", minutes=2, card={"description": "discs"})
    write_task(
        tmp_path, task, [Annotation(image, labels), Annotation(image, labels, region)]
    )
    read, pairs = read_task(tmp_path)
    assert read == task
    assert [len(pair) for pair in pairs] == [2, 3]
    np.testing.assert_array_equal(pairs[1][0], image)
    np.testing.assert_array_equal(pairs[1][1], labels)
    np.testing.assert_array_equal(pairs[1][2], region)
