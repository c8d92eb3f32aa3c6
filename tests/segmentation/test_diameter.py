"""The diameter of cells is estimated at one scale or a few."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from napari_iaunet.segmentation.decode import Instances
from napari_iaunet.segmentation.diameter import Measured, combine, measure_plane
from napari_iaunet.segmentation.looks import Decoded
from napari_iaunet.segmentation.scale import in_steps, megapixels_seen, scale_for

KNOWN = 28.0


class Network:
    """Finds a square where cells look about 28 px wide, else nothing."""

    def __init__(self, diameter, tolerance):
        self.diameter, self.tolerance = diameter, tolerance
        self.scales = []

    def __call__(self, plane, scale):
        self.scales.append(scale)
        labels = np.zeros((200, 200), np.int32)
        seen = self.diameter * scale
        if max(seen / KNOWN, KNOWN / seen) < self.tolerance:
            side = round(seen * np.sqrt(np.pi) / 2)
            labels[:side, :side] = 1
        return Decoded(plane, None, Instances(labels, np.ones(1, np.float32)))


def measured(diameter, usual, tolerance=2.0):
    network = Network(diameter, tolerance)
    plane = np.zeros((3, 300, 300), np.float32)
    found, decoded, _ = measure_plane(plane, network, KNOWN, usual)
    return found, decoded, network.scales


def test_without_a_usual_size_the_image_keeps_its_scale():
    found, decoded, scales = measured(28, None)
    assert scales == [1.0]
    assert found == pytest.approx(28, rel=0.05)
    assert decoded is not None


def test_usual_cells_are_found_at_once():
    found, decoded, scales = measured(75, 80)
    assert scales == [pytest.approx(1.07 * 28 / 80)]
    assert found == pytest.approx(75, rel=0.05)
    assert decoded is not None, "nothing is left to be done"


@pytest.mark.parametrize("diameter", [28, 50])
def test_other_cells_are_found_in_spite_of_what_is_usual(diameter):
    found, _, scales = measured(diameter, 120)
    assert scales[:2] == [pytest.approx(1.07 * 28 / 120), 1.0]
    assert found == pytest.approx(diameter, rel=0.05)


def test_where_no_cell_is_the_whole_image_was_tried_at_all_scales():
    found, _, scales = measured(1000, 80, tolerance=1.1)
    assert found is None
    assert scales == [pytest.approx(1.07 * 28 / 80), 1.0, 3.5, 0.4, 0.12]


class Crowd:
    """Finds six squares of 22 px; six of 16 px are faint unless they are enlarged."""

    def __init__(self, *, faint=0.3, scores=(0.9, 0.9), more=True):
        self.faint, self.scores, self.more = faint, scores, more
        self.scales, self.sides = [], []

    def looks_at_cells(self):
        """Scales at which the cells are not too small to be seen."""
        return [scale for scale in self.scales if scale > 0.5]

    def __call__(self, plane, scale):
        self.scales.append(scale)
        self.sides.append(plane.shape[1])
        size = round(300 * scale)
        labels = np.zeros((size, size), np.int32)
        foreground = np.zeros((size, size), np.float32)
        larger = scale > 1.3
        for number in range(12):
            small = number >= 6
            y, x = (round((20 + 60 * n) * scale) for n in divmod(number, 4))
            side = round((16 if small else 22) * np.sqrt(np.pi) / 2 * scale)
            box = np.s_[y : y + side, x : x + side]
            found = scale > 0.5 and (not small or (larger and self.more))
            labels[box] = number + 1 if found else 0
            foreground[box] = 1 if found else self.faint
        count = int(labels.max())
        scores = np.full(count, self.scores[int(larger)], np.float32)
        fields = SimpleNamespace(foreground=torch.from_numpy(foreground))
        return Decoded(plane, fields, Instances(labels, scores))


class Pieces:
    """Finds squares of a size, surely; at the image's own scale only pieces of them.

    With a colony it takes all of them for one cell where the image is very small.
    """

    def __init__(self, diameter, *, colony=False):
        self.diameter, self.colony, self.scales = diameter, colony, []

    def __call__(self, plane, scale):
        self.scales.append(scale)
        shape = [round(n * scale) for n in plane.shape[1:]]
        labels, score = np.zeros(shape, np.int32), 0.65
        seen = self.diameter * scale
        if self.colony and scale < 0.2:
            labels[shape[0] // 4 :, shape[1] // 4 :], score = 1, 0.9
        elif max(seen / KNOWN, KNOWN / seen) < 2:
            score = 0.65 if self.colony else 0.85
            side = round(seen * np.sqrt(np.pi) / 2)
            for number in range(4):
                y, x = (round(n * shape[0] / 2) for n in divmod(number, 2))
                labels[y : y + side, x : x + side] = number + 1
        elif not self.colony and scale == 1.0 and self.diameter > KNOWN:
            labels[50:75, 50:75], labels[120:145, 50:75] = 1, 2
        scores = np.full(labels.max(), score, np.float32)
        fields = SimpleNamespace(foreground=torch.zeros(tuple(shape)))
        return Decoded(plane, fields, Instances(labels, scores))


def test_cells_of_which_only_pieces_are_found_are_seen_from_afar():
    network = Pieces(200)
    found, decoded = measure(network, side=900)
    assert found == pytest.approx(200, rel=0.06)
    assert len(decoded.cells.scores) == 4
    # That costs a fifth of a look at the image's own scale.
    assert sum(s**2 for s in network.scales[1:]) < 0.3


def test_tiny_cells_are_found_in_a_part_that_is_enlarged():
    network = Pieces(7)
    found, _ = measure(network, side=500)
    assert found == pytest.approx(7, rel=0.1)


def test_a_colony_is_no_cell():
    found, _ = measure(Pieces(30, colony=True), side=500)
    assert found == pytest.approx(30, rel=0.05)


def measure(network, usual=None, side=300):
    plane = np.zeros((3, side, side), np.float32)
    return measure_plane(plane, network, KNOWN, usual)[:2]


@pytest.mark.parametrize(
    "scores", [(0.9, 0.9), (0.9, 0.83), (0.6, 0.65), (0.66, 0.655), (0.655, 0.66)]
)
def test_where_cells_may_be_missed_the_image_is_upscaled(scores):
    network = Crowd(scores=scores)
    found, decoded = measure(network)
    first, second = network.looks_at_cells()
    assert first == 1.0
    assert second > 1.3
    assert found == pytest.approx(22 / 1.4, rel=0.05)
    assert len(decoded.cells.scores) == 12


@pytest.mark.parametrize(
    "worse", [{"more": False}, {"scores": (0.9, 0.7)}, {"scores": (0.7, 0.65)}]
)
def test_what_finds_no_more_or_worse_cells_is_not_taken(worse):
    network = Crowd(**worse)
    found, decoded = measure(network)
    assert len(network.looks_at_cells()) == 2
    assert found == pytest.approx(22, rel=0.05)
    assert len(decoded.cells.scores) == 6


def test_without_faint_cells_one_scale_will_do():
    network = Crowd(faint=0.1)
    assert measure(network)[0] == pytest.approx(22, rel=0.05)
    assert network.scales == [1.0]


def test_a_model_of_one_size_knows_it():
    network = Crowd()
    assert measure(network, usual=22.0)[0] == pytest.approx(22, rel=0.05)
    assert network.scales == [1.0]


def test_of_a_larger_plane_only_a_part_is_upscaled():
    network = Crowd()
    found, decoded = measure(network, side=1200)
    assert network.sides == [512, 300, 300]
    assert network.scales[:2] == [1.0, 1.0]
    assert network.scales[2] > 1.3
    assert found == pytest.approx(22 / 1.4, rel=0.05)
    assert decoded is None


@pytest.mark.parametrize("shape", [(700, 900), (2048, 2048), (300, 9000)])
@pytest.mark.parametrize("diameter", [1e-3, 2, 5, 11, 20, 28, 300])
def test_no_image_takes_far_longer_than_usual(shape, diameter):
    assert scale_for(diameter, KNOWN, shape) ** 2 <= 5.01


def test_small_images_are_upscaled_as_their_cells_want_it():
    assert scale_for(10, KNOWN, (500, 600)) == pytest.approx(1.07 * 2.8)
    assert scale_for(2, KNOWN, (200, 300)) == 4


def test_what_an_image_costs_grows_with_its_size_and_with_small_cells():
    assert megapixels_seen((3, 1000, 2000), 28, KNOWN) == 6
    assert megapixels_seen((2000, 2000), 5, KNOWN) == pytest.approx(18.4)
    assert megapixels_seen((2000, 2000), 280, KNOWN) < 0.1


class Sizes:
    """Finds a cell of each diameter, in pixels, as large at every scale."""

    def __init__(self, *diameters, score=0.9, grows=1.0):
        self.diameters, self.score, self.grows = diameters, score, grows
        self.looks = 0

    def __call__(self, plane, scale):
        labels = np.zeros((200, 2000), np.int32)
        self.looks += 1
        for number, diameter in enumerate(self.diameters):
            seen = diameter * scale * self.grows**self.looks
            side = round(seen * np.sqrt(np.pi) / 2)
            labels[:side, 200 * number : 200 * number + side] = number + 1
        scores = np.full(len(self.diameters), self.score, np.float32)
        fields = SimpleNamespace(foreground=torch.zeros(labels.shape))
        return Decoded(plane, fields, Instances(labels, scores))


@pytest.mark.parametrize("diameters", [(28,) * 5, (20, 22, 28, 30, 36), (75,) * 6])
def test_cells_of_one_size_are_sure(diameters):
    assert is_sure(Sizes(*diameters))


@pytest.mark.parametrize(
    "network",
    [
        Sizes(28, 28, 28, 28),
        Sizes(28, 28, 28, 28, 28, score=0.7),
        Sizes(12, 12, 12, 28, 28, 28),
        Sizes(),
        Sizes(75, 75, 75, 75, 75, grows=1.3),
    ],
    ids=["few", "doubtful", "of two sizes", "none", "never the same size"],
)
def test_what_may_be_wrong_is_not_sure(network):
    assert not is_sure(network)


def is_sure(network):
    plane = np.zeros((3, 200, 2000), np.float32)
    return measure_plane(plane, network, KNOWN).is_sure


def test_planes_are_sure_if_most_are_and_agree():
    sure, unsure, nothing = (
        Measured(size, None, is_sure=size == 30) for size in (30, 40, None)
    )
    assert combine([sure, unsure, sure], 28) == (in_steps(30), True)
    assert combine([sure, nothing, nothing], 28) == (in_steps(30), True)
    assert not combine([sure, unsure], 28)[1]
    assert not combine([sure, sure, Measured(90, None, is_sure=True)], 28)[1]
    assert combine([nothing], 28) == (28, False)


def test_an_estimate_comes_in_steps():
    near = {in_steps(diameter) for diameter in np.linspace(23.1, 23.7, 50)}
    assert len(near) == 1
    for diameter in (0.01, 4, 28, 300):
        assert in_steps(diameter) == pytest.approx(diameter, rel=0.02, abs=0.1)
        assert in_steps(in_steps(diameter)) == in_steps(diameter)


class OneMore:
    """Finds cells of these diameters, in pixels, and one of 9 px if it is enlarged.

    There are two faint spots that are never found.
    """

    def __init__(self, *diameters):
        self.diameters = diameters

    def __call__(self, plane, scale):
        size = round(300 * scale)
        labels, foreground = np.zeros((2, size, size), np.int32)
        sizes = (*self.diameters, 12, 12, 9)
        found = len(self.diameters)
        for number, diameter in enumerate(sizes):
            y, x = (round((10 + 60 * n) * scale) for n in divmod(number, 4))
            side = round(diameter * np.sqrt(np.pi) / 2 * scale)
            box = np.s_[y : y + side, x : x + side]
            foreground[box] = 1
            if number < found:
                labels[box] = number + 1
            elif diameter == 9 and scale > 1.3:
                labels[box] = found + 1
        scores = np.full(labels.max(), 0.9, np.float32)
        fields = SimpleNamespace(foreground=torch.from_numpy(foreground))
        return Decoded(plane, fields, Instances(labels, scores))


def test_where_sizes_are_mixed_a_few_more_small_cells_are_enough():
    alike = measure(OneMore(*[24] * 12))[0]
    assert alike == pytest.approx(24, rel=0.05)
    mixed = measure(OneMore(*[13] * 5, *[24], *[30] * 6))[0]
    assert mixed < 20


class Groups:
    """Finds groups of four squares of 15 px each as one cell, unless it is enlarged."""

    def __init__(self, *, score=0.62, apart=0.61):
        self.score, self.apart = score, apart
        self.scales, self.sides = [], []

    def __call__(self, plane, scale):
        self.scales.append(scale)
        self.sides.append(plane.shape[1])
        size = round(300 * scale)
        labels = np.zeros((size, size), np.int32)
        side = round(15 * np.sqrt(np.pi) / 2 * scale)
        larger = scale > 1.6
        for group in range(9 if scale > 0.5 else 0):
            y, x = (round((20 + 90 * n) * scale) for n in divmod(group, 3))
            for part in range(4):
                row, column = (i * side for i in divmod(part, 2))
                box = np.s_[y + row : y + row + side, x + column : x + column + side]
                labels[box] = 1 + (4 * group + part if larger else group)
        score = self.apart if larger else self.score
        fields = SimpleNamespace(foreground=torch.from_numpy((labels > 0) * 1.0))
        scores = np.full(labels.max(), score, np.float32)
        return Decoded(plane, fields, Instances(labels, scores))


def test_where_all_cells_are_doubtful_they_may_be_several_in_one():
    network = Groups()
    found, decoded = measure(network)
    assert found == pytest.approx(15, rel=0.05)
    assert len(decoded.cells.scores) == 36
    assert network.scales[-1] == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize("scores", [{"score": 0.7}, {"apart": 0.5}])
def test_cells_beyond_doubt_or_more_doubtful_ones_stay_as_they_are(scores):
    found, decoded = measure(Groups(**scores))
    assert found == pytest.approx(30, rel=0.05)
    assert len(decoded.cells.scores) == 9


def test_doubtful_cells_of_a_large_plane_are_looked_at_in_a_whole_window():
    network = Groups()
    found, _ = measure(network, side=1000)
    assert found == pytest.approx(15, rel=0.05)
    assert network.sides[-2:] == [512, 512]
