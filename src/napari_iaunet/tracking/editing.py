"""Join, cut and swap tracks, and mark divisions: the rules, without a window.

An edit says which cells get another id, and what becomes of the divisions. It touches
neither labels nor tracks; whoever shows them does what it says, and can take it back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_iaunet.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_iaunet.tracking.detections import Detections

    # Each daughter's mothers. A division gives one; where cells of another program
    # fuse, there are several.
    Graph = Mapping[int, Sequence[int]]
    # A cell in a frame: its track and the frame.
    Cell = tuple[int, int]

_ONE_TRACK = "Both clicks are on track {}. Click cells of two tracks."


@dataclass(frozen=True)
class TrackEdit:
    """One change of tracks.

    Attributes
    ----------
    frames, before, after : (K,) int64
        Cells that get another id: the frame of each, its id before and after.
    graph_before, graph_after : mapping of int -> sequence of int
        The mothers of each daughter.
    by_hand : tuple of (cell, cell)
        Links that the user made: each end as track, after the edit, and frame.
    text : str
        What was done, for the user.
    """

    frames: NDArray[np.int64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]
    graph_before: Graph
    graph_after: Graph
    by_hand: tuple[tuple[Cell, Cell], ...] = ()
    text: str = ""


class EditedTracks:
    """The tracks of a film, and what can be changed in them.

    Frames are counted from 0, as napari does. All methods that return an edit raise
    `ImageError`, in the user's words, where it would not make sense; they change
    nothing by themselves.

    Parameters
    ----------
    cells : Detections
    graph : mapping of int -> sequence of int
        The mothers of each daughter.
    highest : int
        New tracks get ids above this one, and above all that there are.

    Attributes
    ----------
    cells : Detections
        Tracks follow what is done.
    graph : mapping of int -> sequence of int
    highest : int
        The highest id that was ever given: none is given twice, even if the edit that
        gave it is taken back.
    """

    def __init__(self, cells: Detections, graph: Graph, highest: int = 0) -> None:
        self.cells = cells
        self.graph: Graph = {
            daughter: tuple(mothers) for daughter, mothers in graph.items()
        }
        known = [highest, int(cells.track.max(initial=0)), *graph]
        self.highest = max(known + [m for mothers in graph.values() for m in mothers])

    # -- what there is ----------------------------------------------------------------

    def rows_of(self, track: int) -> NDArray[np.intp]:
        """Return the rows of a track in `cells`, by frame; empty if there is none."""
        rows = np.flatnonzero(self.cells.track == track)
        return rows[np.argsort(self.cells.frame[rows])]

    def find(
        self, tracks: NDArray[np.int64], frames: NDArray[np.int64]
    ) -> NDArray[np.intp]:
        """Return the rows in `cells` of cells (K,) that there are, in their order."""
        found = np.zeros(len(tracks), np.intp)
        for track in np.unique(tracks):
            chosen = tracks == track
            rows = self.rows_of(int(track))
            row_of = dict(zip(self.cells.frame[rows].tolist(), rows, strict=True))
            found[chosen] = [row_of.get(f, -1) for f in frames[chosen].tolist()]
        return found[found >= 0]

    def nearest(
        self, place: Sequence[float], frames: tuple[int, int], reach: float
    ) -> Cell | None:
        """Return the end next to a place of the nearest line of a track.

        Parameters
        ----------
        place : (2,) float
            y and x in pixels.
        frames : (int, int)
            First and last frame of what is drawn of the tracks.
        reach : float
            Lines farther away, in pixels, are not found.
        """
        cells = self.cells
        shown = (cells.frame >= frames[0]) & (cells.frame <= frames[1])
        rows = np.flatnonzero(shown)
        rows = rows[np.lexsort((cells.frame[rows], cells.track[rows]))]
        if len(rows) < 2:
            return None
        start, end = cells.centre[rows[:-1]], cells.centre[rows[1:]]
        along, to = end - start, np.asarray(place) - start
        length = np.maximum((along**2).sum(1), 1e-9)
        share = np.clip((to * along).sum(1) / length, 0, 1)
        away = np.linalg.norm(to - share[:, None] * along, axis=1)
        away[cells.track[rows[:-1]] != cells.track[rows[1:]]] = np.inf
        line = int(away.argmin())
        if away[line] > reach:
            return None
        row = rows[line + int(share[line] >= 0.5)]
        return int(cells.track[row]), int(cells.frame[row])

    def span(self, track: int) -> tuple[int, int]:
        """Return the first and the last frame of a track that there is."""
        frames = self.cells.frame[self.cells.track == track]
        return int(frames.min()), int(frames.max())

    def daughters(self, track: int) -> list[int]:
        """Return the tracks that a track divides into, in order."""
        return sorted(d for d, mothers in self.graph.items() if track in mothers)

    # -- edits ------------------------------------------------------------------------

    def join(self, one: int, other: int) -> TrackEdit:
        """Make one track of two that are never seen in the same frame.

        It gets the id of the track that begins first.
        """
        self._two(one, other)
        first, second = sorted((one, other), key=lambda track: self.span(track)[0])
        both = np.intersect1d(self._frames(first), self._frames(second))
        if both.size:
            raise ImageError(
                f"Tracks {one} and {other} are both seen in frame {both[0]}, so they "
                "are not one cell. Cut one of them before, or swap them."
            )
        rows = self.rows_of(second)
        frames = self._frames(first)
        begin, end = self.span(second)
        links = [(int(frames[frames < begin].max()), begin)]
        links += [(end, int(later)) for later in frames[frames > end][:1]]
        made = tuple(((first, a), (first, b)) for a, b in links)
        text = f"Tracks {first} and {second} are joined: both are {first} now."
        return self._edit(rows, np.full(len(rows), first), made, text)

    def cut(self, track: int, frame: int) -> TrackEdit:
        """Let a track end before a frame; what follows is a track of its own."""
        rows = self.rows_of(track)
        late = rows[self.cells.frame[rows] >= frame]
        if len(late) == len(rows):
            raise ImageError(
                f"Track {track} begins in frame {self.span(track)[0]}: there is "
                "nothing before to cut it from. Go to a later frame."
            )
        if not len(late):
            raise ImageError(
                f"Track {track} ends in frame {self.span(track)[1]}, before the one "
                "in view. Go to an earlier frame."
            )
        new = self.highest + 1
        text = f"Track {track} is cut: from frame {frame} on it is track {new}."
        return self._edit(late, np.full(len(late), new), (), text)

    def swap(self, one: int, other: int, frame: int) -> TrackEdit:
        """Let two tracks change places from a frame on."""
        self._two(one, other)
        rows = [self.rows_of(track) for track in (one, other)]
        early, late = (
            [part[(self.cells.frame[part] >= frame) == is_late] for part in rows]
            for is_late in (False, True)
        )
        if not len(late[0]) + len(late[1]):
            raise ImageError(
                f"Tracks {one} and {other} both end before frame {frame}. Go to an "
                "earlier frame to swap them."
            )
        after = np.repeat([other, one], [len(part) for part in late])
        links = self._seam(early[0], late[1], one)
        links += self._seam(early[1], late[0], other)
        text = f"Tracks {one} and {other} are swapped from frame {frame} on."
        return self._edit(np.concatenate(late), after, links, text)

    def divide(self, mother: Cell, daughters: Sequence[Cell]) -> TrackEdit:
        """Let a cell divide into two others, each clicked in a later frame.

        The mother's track ends with the cell that is given. What follows of it becomes
        one of the daughters if it is one of the two cells, else a track of its own; a
        daughter whose track was another cell before is cut from that.
        """
        track, frame = mother
        one, other = daughters
        if one[0] == other[0]:
            raise ImageError(_ONE_TRACK.format(one[0]))
        if min(one[1], other[1]) <= frame:
            raise ImageError(
                f"A daughter is seen after her mother: go to a frame after {frame}, "
                "and click both daughters there."
            )
        rows = self.rows_of(track)
        parts = {track: rows[self.cells.frame[rows] > frame]}
        for cell in daughters:
            parts.setdefault(cell[0], self._cut_from(cell, frame))
        names = {name: name for name in parts}
        new = self.highest
        for name, part in parts.items():
            if len(part):
                names[name] = new = new + 1
        ids = [names[name] for name, _ in daughters]
        changed = np.concatenate(list(parts.values()))
        after = np.repeat(list(names.values()), [len(p) for p in parts.values()])
        graph = self._divided(track, ids, self._moved(changed, after))
        made = tuple(
            (mother, (new_id, self._first_after(cell, frame)))
            for cell, new_id in zip(daughters, ids, strict=True)
        )
        text = f"Track {track} divides into {ids[0]} and {ids[1]} after frame {frame}."
        return self._edit(changed, after, made, text, graph)

    def undivide(self, cell: Cell) -> TrackEdit:
        """Take a division away, of a mother or a daughter: all tracks stay.

        If a cell came from a division and divides again, the one that is nearer in
        time is taken away.
        """
        track, frame = cell
        daughters, mothers = self.daughters(track), self.graph.get(track, ())
        if not daughters and not mothers:
            raise ImageError(
                f"Track {track} neither divides nor comes from a division."
            )
        first, last = self.span(track)
        mother = track
        if not daughters or (mothers and frame - first < last - frame):
            mother = mothers[0]
            daughters = self.daughters(mother)
        graph = {d: tuple(m) for d, m in self.graph.items() if d not in daughters}
        named = " and ".join(str(d) for d in daughters)
        text = f"Track {mother} no longer divides into {named}."
        nothing = np.zeros(0, np.int64)
        return TrackEdit(nothing, nothing, nothing, self.graph, graph, (), text)

    def apply(self, edit: TrackEdit) -> None:
        """Do what an edit says."""
        self._rename(edit.frames, edit.before, edit.after)
        self.graph = edit.graph_after
        self.highest = max(self.highest, int(edit.after.max(initial=0)))

    def revert(self, edit: TrackEdit) -> None:
        """Take an edit back; all later ones must have been taken back before."""
        self._rename(edit.frames, edit.after, edit.before)
        self.graph = edit.graph_before

    # -- what they rest on ------------------------------------------------------------

    def _rename(
        self,
        frames: NDArray[np.int64],
        before: NDArray[np.int64],
        after: NDArray[np.int64],
    ) -> None:
        track = self.cells.track.copy()
        for old in np.unique(before):
            rows, chosen = self.rows_of(int(old)), before == old
            new = dict(zip(frames[chosen].tolist(), after[chosen], strict=True))
            own = self.cells.frame[rows].tolist()
            track[rows] = [new.get(frame, old) for frame in own]
        self.cells = self.cells._replace(track=track)

    def _edit(
        self,
        rows: NDArray[np.intp],
        after: NDArray[np.int64],
        by_hand: tuple[tuple[Cell, Cell], ...],
        text: str,
        graph: Graph | None = None,
    ) -> TrackEdit:
        """Make an edit; divisions follow the cells that they lie between."""
        before = self.cells.track[rows]
        if graph is None:
            graph = self._moved(rows, after)
        frames = self.cells.frame[rows]
        return TrackEdit(frames, before, after, self.graph, graph, by_hand, text)

    def _moved(self, rows: NDArray[np.intp], after: NDArray[np.int64]) -> Graph:
        """Return the divisions when cells have other ids.

        A division lies between the last cell of the mother and the first one of the
        daughter, and still has to, whatever their ids are then.
        """
        touched = {*self.cells.track[rows].tolist(), *after.tolist()}
        track = self.cells.track.copy()
        track[rows] = after
        graph: dict[int, tuple[int, ...]] = {}
        for daughter, mothers in self.graph.items():
            if touched.isdisjoint({daughter, *mothers}):
                graph[daughter] = tuple(mothers)
                continue
            new = self._end_of(daughter, track, first=True)
            graph[new] = tuple(self._end_of(m, track, first=False) for m in mothers)
        return graph

    def _end_of(self, name: int, track: NDArray[np.int64], *, first: bool) -> int:
        """Return the id that an end of a track gets, if it is still an end then."""
        rows = self.rows_of(name)
        if not len(rows):
            return name
        row = rows[0] if first else rows[-1]
        new, frame = int(track[row]), int(self.cells.frame[row])
        frames = self.cells.frame[track == new]
        if first and frames.min() < frame:
            raise ImageError(
                f"Track {name} comes from a division and begins in frame {frame}. "
                "Take that division away first."
            )
        if not first and frames.max() > frame:
            raise ImageError(
                f"Track {name} divides after frame {frame}. Take that division away "
                "first."
            )
        return new

    def _cut_from(self, daughter: Cell, frame: int) -> NDArray[np.intp]:
        """Return what is cut off for a daughter whose track was another cell before.

        Of the frames between mother and daughter nobody has said whose they are.
        """
        rows = self.rows_of(daughter[0])
        frames = self.cells.frame[rows]
        late = rows[frames >= daughter[1]]
        return late if frames[0] <= frame else late[:0]

    def _first_after(self, daughter: Cell, frame: int) -> int:
        """Return the frame in which a daughter is seen first."""
        frames = self._frames(daughter[0])
        begins = daughter[1] if frames[0] <= frame else frame + 1
        return int(frames[frames >= begins][0])

    def _divided(self, mother: int, ids: Sequence[int], graph: Graph) -> Graph:
        """Return the divisions with one more."""
        known = {d for d, mothers in graph.items() if mother in mothers}
        if known == set(ids):
            raise ImageError(f"That track {mother} divides is marked already.")
        for name in sorted(known - set(ids)):
            raise ImageError(
                f"Track {mother} divides into {name} already. Take that division away "
                "first."
            )
        for name in sorted(set(ids) - known):
            if name in graph:
                raise ImageError(
                    f"Track {name} comes from another division. Take that away first."
                )
        return {**graph, **dict.fromkeys(ids, (mother,))}

    def _seam(
        self, early: NDArray[np.intp], late: NDArray[np.intp], name: int
    ) -> tuple[tuple[Cell, Cell], ...]:
        """Return the link between two parts of what is one track from now on."""
        if not len(early) or not len(late):
            return ()
        frames = int(self.cells.frame[early[-1]]), int(self.cells.frame[late[0]])
        return (((name, frames[0]), (name, frames[1])),)

    def _two(self, one: int, other: int) -> None:
        if one == other:
            raise ImageError(_ONE_TRACK.format(one))

    def _frames(self, track: int) -> NDArray[np.int64]:
        return self.cells.frame[self.rows_of(track)]
