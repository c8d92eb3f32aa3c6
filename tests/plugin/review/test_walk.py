"""The way from cell to cell, without cells."""

from napari_iaunet.plugin.review.walk import Walk


def walk_over(*order):
    walk = Walk()
    walk.set_order(order)
    return walk


def test_on_round_and_back():
    walk = walk_over(5, 3, 9)
    assert [walk.go_on({5, 3, 9}) for _ in range(4)] == [5, 3, 9, 5]
    assert [walk.go_back() for _ in range(4)] == [9, 3, 5, 0]


def test_only_the_accepted():
    walk = walk_over(5, 3, 9, 4)
    assert walk.go_on({9}) == 9
    assert walk.go_on({9}) == 0, "it is there already"
    assert walk.current == 9
    assert walk.go_on({5}) == 5
    assert walk.go_on(set()) == 0


def test_another_order_does_not_lead_astray():
    walk = walk_over(5, 3, 9, 4)
    walk.go_on({3})
    walk.set_order([4, 3, 5, 9])
    assert walk.current == 3
    assert walk.go_on({4, 3, 5, 9}) == 5


def test_after_a_cell_that_is_gone_comes_the_one_behind_it():
    walk = walk_over(5, 3, 9, 4)
    walk.go_on({3})
    walk.leave_out(3)
    assert walk.current == 0
    assert walk.go_on({5, 9, 4}) == 9
    walk.leave_out(9)
    assert walk.go_on({5, 4}) == 4
    walk.leave_out(4)
    assert walk.go_on({5}) == 5
    walk.leave_out(5)
    assert walk.go_on({5}) == 0


def test_back_leads_past_what_is_gone():
    walk = walk_over(5, 3, 9)
    for _ in range(3):
        walk.go_on({5, 3, 9})
    walk.leave_out(3)
    assert walk.go_back() == 5


def test_a_cell_of_choice():
    walk = walk_over(5, 3, 9)
    assert walk.go_to(9)
    assert not walk.go_to(77)
    assert walk.current == 9
