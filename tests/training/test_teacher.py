"""What the start says of known images holds its successor to it."""

import numpy as np
import pytest
import torch

from napari_iaunet.model.losses import LossWeights
from napari_iaunet.model.network import Fields, IAUNet, IAUNetConfig
from napari_iaunet.training.augment import draw_batch
from napari_iaunet.training.dataset import Annotation, prepare
from napari_iaunet.training.teacher import lesson_loss, teach

CONFIG = IAUNetConfig(widths=(8, 12, 16), embedding=4, hidden=8, projection=6)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return IAUNet(CONFIG).eval()


def test_a_pupil_that_says_the_same_has_nothing_to_learn(network):
    images = torch.randn(3, 3, 64, 64)
    weight = torch.zeros(3, 1, 64, 64)
    weight[[0, 2]] = 1
    lesson = teach(network, images, weight)
    assert lesson is not None
    assert lesson.crops.tolist() == [0, 2]
    fields = network(images)
    same = lesson_loss(fields, lesson, LossWeights())
    assert abs(float(same.detach())) < 1e-4
    for index, name in enumerate(Fields._fields):
        changed = [*fields]
        changed[index] = changed[index] + 0.5
        worse = lesson_loss(Fields(*changed), lesson, LossWeights())
        assert float(worse.detach()) > 0.01, name


def test_nothing_is_taught_of_crops_that_are_new(network):
    images = torch.randn(2, 3, 64, 64)
    assert teach(network, images, torch.zeros(2, 1, 64, 64)) is None


def test_a_teacher_is_heard_where_it_is_asked(network):
    images = torch.randn(1, 3, 64, 64)
    weight = torch.zeros(1, 1, 64, 64)
    weight[..., :32] = 0.5
    lesson = teach(network, images, weight)
    fields = network(images)
    for index, name in enumerate(Fields._fields):
        changed = [*fields]
        changed[index] = changed[index].clone()
        changed[index][..., 32:] += 5
        same = lesson_loss(Fields(*changed), lesson, LossWeights())
        assert abs(float(same.detach())) < 1e-4, name
        changed[index][..., :32] += 5
        worse = lesson_loss(Fields(*changed), lesson, LossWeights())
        assert float(worse.detach()) > 0.01, name


def test_a_batch_tells_which_crops_are_rehearsed():
    labels = np.kron(np.arange(1, 17).reshape(4, 4), np.pad(np.ones((24, 24)), 4))
    labels = labels.astype(np.int32)
    image = (labels > 0) * 100.0
    known = prepare(Annotation(image, labels), 28.0)
    new = prepare(Annotation(-image, labels), 28.0)
    batch = draw_batch(
        [new, known],
        np.array([0.5, 0.5]),
        batch=10,
        size=64,
        second_views=3,
        rng=np.random.default_rng(1),
        rehearsed_from=1,
    )
    assert 0 < int(batch.rehearsed.sum()) < 10
    assert batch.rehearsed[7:].tolist() == batch.rehearsed[:3].tolist()
