"""Tracks are joined, cut, swapped and divided, on a small film."""

import numpy as np
import pytest
from film import film

from napari_iaunet.errors import ImageError
from napari_iaunet.tracking.detections import find_detections, pixels_of
from napari_iaunet.tracking.editing import EditedTracks

# As `film` has them: 1 in 0-1, daughters 2 in 2-4 and 3 in 2-3, 7 in 0, 1, 3 and 4,
# and 9 in 4.
GRAPH = {2: (1,), 3: (1,)}


@pytest.fixture
def labels():
    return film().labels.astype(np.int32)


@pytest.fixture
def tracks(labels):
    return EditedTracks(find_detections(labels), GRAPH)


def seen(tracks):
    """In which frames each track is seen."""
    cells = tracks.cells
    return {
        int(track): sorted(cells.frame[cells.track == track].tolist())
        for track in np.unique(cells.track)
    }


def do(tracks, labels, edit):
    """Do an edit, to the labels too, and check that it can be taken back."""
    before, graph, former = seen(tracks), tracks.graph, labels.copy()
    wanted = labels.copy()
    for frame, old, new in zip(edit.frames, edit.before, edit.after, strict=True):
        wanted[frame][labels[frame] == old] = new
    tracks.apply(edit)
    tracks.revert(edit)
    assert (seen(tracks), tracks.graph) == (before, graph)
    tracks.apply(edit)
    labels[:] = wanted
    again = find_detections(labels)
    assert seen(EditedTracks(again, {})) == seen(tracks)
    return former


def refuses(call, *arguments):
    with pytest.raises(ImageError) as refused:
        call(*arguments)
    return str(refused.value)


def test_cells_are_found_as_they_are(labels):
    cells = find_detections(labels)
    assert list(zip(cells.frame, cells.track, strict=True))[:4] == [
        (0, 1), (0, 7), (1, 1), (1, 7)
    ]  # fmt: skip
    for row, (track, frame) in enumerate(zip(cells.track, cells.frame, strict=True)):
        y, x = np.nonzero(labels[frame] == track)
        np.testing.assert_allclose(cells.centre[row], [y.mean(), x.mean()])
        assert cells.area[row] == y.size
        box = [y.min(), x.min(), y.max() + 1, x.max() + 1]
        assert cells.box[row].tolist() == box
    where = pixels_of(labels, cells, np.array([0, 3]))
    assert labels[where].tolist() == [1] * 20 + [7] * 20


def test_a_cell_of_scattered_pixels_and_an_empty_frame_are_found():
    labels = np.zeros((3, 9, 9), np.int64)
    labels[2, 0, 8] = labels[2, 8, 0] = labels[2, 4, 4] = 2**40
    labels[2, 1, 1], labels[2, 1, 2] = -1, 5
    cells = find_detections(labels)
    assert cells.track.tolist() == [5, 2**40]
    assert cells.box[1].tolist() == [0, 0, 9, 9]
    np.testing.assert_allclose(cells.centre[1], [4, 4])
    assert not len(find_detections(labels[:2]).track)


def test_a_cell_that_has_changed_is_not_touched(labels, tracks):
    rows = tracks.rows_of(9)
    labels[4, 13, 54] = 9  # one row beyond
    assert "again" in refuses(pixels_of, labels, tracks.cells, rows)


def test_join(tracks, labels):
    edit = tracks.join(9, 3)
    assert edit.by_hand == (((3, 3), (3, 4)),)
    do(tracks, labels, edit)
    assert seen(tracks)[3] == [2, 3, 4]
    assert 9 not in labels
    assert tracks.graph == GRAPH
    assert "3 and 9 are joined" in edit.text


def test_a_gap_is_filled(tracks, labels):
    labels[4][labels[4] == 7] = 0
    labels[2, :3, :3] = 12
    tracks = EditedTracks(find_detections(labels), GRAPH)
    edit = tracks.join(7, 12)
    assert edit.by_hand == (((7, 1), (7, 2)), ((7, 2), (7, 3)))
    do(tracks, labels, edit)
    assert seen(tracks)[7] == [0, 1, 2, 3]


def test_tracks_that_are_seen_together_are_not_joined(tracks):
    refused = refuses(tracks.join, 7, 1)
    assert "both seen in frame 0" in refused
    assert "Both clicks are on track 7" in refuses(tracks.join, 7, 7)


def test_nothing_is_joined_across_a_division(tracks):
    assert "divides after frame 1" in refuses(tracks.join, 1, 9)
    assert "divides after frame 1" in refuses(tracks.join, 1, 3)
    tracks = EditedTracks(tracks.cells, {9: (2,)})
    assert "begins in frame 4" in refuses(tracks.join, 9, 3)


def test_cut(tracks, labels):
    edit = tracks.cut(7, 3)
    do(tracks, labels, edit)
    assert seen(tracks)[7] == [0, 1]
    assert seen(tracks)[10] == [3, 4]
    do(tracks, labels, tracks.cut(1, 1))
    assert tracks.graph == {2: (11,), 3: (11,)}, "what divides is the later part"
    do(tracks, labels, tracks.cut(2, 4))
    assert tracks.graph == {2: (11,), 3: (11,)}, "what came from it is the earlier one"


def test_there_is_nothing_to_cut_at_the_ends(tracks):
    assert "begins in frame 2" in refuses(tracks.cut, 3, 2)
    assert "ends in frame 3" in refuses(tracks.cut, 3, 4)


def test_ids_are_not_given_again(tracks, labels):
    edit = tracks.cut(7, 3)
    do(tracks, labels, edit)
    tracks.revert(edit)
    assert tracks.cut(7, 3).after.tolist() == [11, 11]
    assert EditedTracks(tracks.cells, {40: (1,)}).cut(7, 3).after[0] == 41
    assert EditedTracks(tracks.cells, {}, highest=90).cut(7, 3).after[0] == 91


def test_swap(tracks, labels):
    edit = tracks.swap(2, 7, 3)
    assert edit.by_hand == (((2, 2), (2, 3)), ((7, 1), (7, 3)))
    former = do(tracks, labels, edit)
    assert (labels[3][former[3] == 2] == 7).all()
    assert (labels[3][former[3] == 7] == 2).all()
    np.testing.assert_array_equal(labels[:3], former[:3])


def test_what_divides_later_divides_when_swapped(tracks, labels):
    labels[3:][labels[3:] == 7] = 0
    tracks = EditedTracks(find_detections(labels), GRAPH)
    do(tracks, labels, tracks.swap(1, 7, 1))
    assert tracks.graph == {2: (7,), 3: (7,)}


def test_the_rest_of_one_track_goes_to_one_that_has_ended(tracks, labels):
    do(tracks, labels, tracks.swap(3, 7, 4))
    assert seen(tracks)[3] == [2, 3, 4]
    assert seen(tracks)[7] == [0, 1, 3]
    assert "both end before frame 9" in refuses(tracks.swap, 3, 7, 9)
    assert "divides after frame 1" in refuses(tracks.swap, 1, 7, 2)


def test_divide(tracks, labels):
    labels[3][labels[3] == 3] = 0
    tracks = EditedTracks(find_detections(labels), GRAPH)
    labels[3, :4, :4] = 20
    labels[3, :4, 8:12] = 21
    tracks = EditedTracks(find_detections(labels), GRAPH)
    edit = tracks.divide((3, 2), [(20, 3), (21, 3)])
    assert not len(edit.frames), "all tracks begin and end there already"
    assert edit.by_hand == (((3, 2), (20, 3)), ((3, 2), (21, 3)))
    do(tracks, labels, edit)
    assert tracks.graph == {**GRAPH, 20: (3,), 21: (3,)}
    assert "marked already" in refuses(tracks.divide, (3, 2), [(21, 3), (20, 3)])


def test_a_mother_that_went_on_is_cut(tracks, labels):
    edit = tracks.divide((7, 3), [(7, 4), (9, 4)])
    do(tracks, labels, edit)
    assert seen(tracks)[7] == [0, 1, 3]
    assert seen(tracks)[10] == [4]
    assert tracks.graph == {**GRAPH, 10: (7,), 9: (7,)}


def test_what_follows_the_mother_and_is_no_daughter_is_a_track_of_its_own(
    tracks, labels
):
    tracks = EditedTracks(tracks.cells, {})
    do(tracks, labels, tracks.divide((7, 1), [(2, 4), (9, 4)]))
    assert seen(tracks)[7] == [0, 1]
    assert seen(tracks)[10] == [3, 4]
    assert tracks.graph == {2: (7,), 9: (7,)}


def test_a_daughter_that_was_another_cell_is_cut_from_it(tracks, labels):
    tracks = EditedTracks(tracks.cells, {})
    edit = tracks.divide((1, 1), [(2, 2), (7, 3)])
    assert edit.by_hand == (((1, 1), (2, 2)), ((1, 1), (10, 3)))
    do(tracks, labels, edit)
    assert seen(tracks)[7] == [0, 1]
    assert seen(tracks)[10] == [3, 4]
    assert tracks.graph == {2: (1,), 10: (1,)}


def test_a_third_daughter_and_an_earlier_one_are_refused(tracks):
    tracks.graph = {2: (1,), 3: (1,)}
    assert "into 3 already" in refuses(tracks.divide, (1, 1), [(2, 2), (7, 3)])
    assert "another division" in refuses(tracks.divide, (7, 1), [(2, 2), (9, 4)])
    earlier = refuses(tracks.divide, (7, 3), [(2, 3), (9, 4)])
    assert "a frame after 3" in earlier
    assert "Both clicks" in refuses(tracks.divide, (7, 0), [(2, 3), (2, 4)])


def test_a_division_is_taken_away(tracks, labels):
    for cell in ((1, 0), (3, 3)):
        edit = tracks.undivide(cell)
        do(tracks, labels, edit)
        assert tracks.graph == {}
        tracks.revert(edit)
    assert "neither divides" in refuses(tracks.undivide, (7, 0))
    do(tracks, labels, tracks.undivide((1, 0)))
    do(tracks, labels, tracks.join(1, 3))
    assert seen(tracks)[1] == [0, 1, 2, 3]


def test_of_two_divisions_the_nearer_one_is_taken_away(tracks, labels):
    tracks = EditedTracks(tracks.cells, {**GRAPH, 9: (3,)})
    assert tracks.undivide((3, 2)).graph_after == {9: (3,)}
    assert tracks.undivide((3, 3)).graph_after == GRAPH


def test_the_nearest_line_is_found(tracks):
    # Track 7 lies at column 43.5 and moves by two rows a frame.
    assert tracks.nearest((2.4, 44), (0, 1), 2) == (7, 0)
    assert tracks.nearest((3.6, 44), (0, 1), 2) == (7, 1)
    assert tracks.nearest((6.5, 44), (1, 4), 2) == (7, 3)
    assert tracks.nearest((6.5, 44), (0, 1), 2) is None, "it is not drawn there"
    assert tracks.nearest((3, 50), (0, 4), 2) is None
    assert tracks.nearest((3, 50), (0, 0), 99) is None
    assert tracks.nearest((3, 50), (9, 9), 99) is None
