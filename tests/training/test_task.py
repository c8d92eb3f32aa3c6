"""A training's task on disk."""

import numpy as np

from napari_iaunet.training.dataset import Annotation
from napari_iaunet.training.holdout import HeldOut
from napari_iaunet.training.task import Task, TaskImages, read_task, write_task


def test_tasks_come_back_as_they_were(tmp_path):
    labels = np.arange(20, dtype=np.uint16).reshape(4, 5)
    pairs = [
        Annotation(labels / 7, labels, name="one", stack="film"),
        Annotation(np.stack([labels] * 2), labels, labels > 3, "two", channel_axis=0),
        Annotation(labels[None], labels, channel_axis=0, nuclei=0, cells=[1, 2]),
    ]
    task = Task("default", minutes=2, card={"description": "discs"})
    held_out = [HeldOut(pairs[0], labels > 5)]
    write_task(tmp_path, task, TaskImages(pairs, pairs[1:2], held_out))
    read, (found, rehearsal, (part,)) = read_task(tmp_path)
    assert read == task
    assert [image.name for image in rehearsal] == ["two"]
    assert part.annotation.name == "one"
    assert part.annotation.labels is found[0].labels, "written once"
    np.testing.assert_array_equal(part.block, labels > 5)
    for wrote, got in zip(pairs, found, strict=True):
        np.testing.assert_array_equal(got.image, wrote.image)
        np.testing.assert_array_equal(got.labels, wrote.labels)
        assert got[3:] == wrote[3:]
    assert found[0].region is None
    told = {"channel_axis": 0, "nuclei": 0, "cells": [1, 2]}
    assert found[2].seen_as == told
    np.testing.assert_array_equal(found[1].region, labels > 3)
