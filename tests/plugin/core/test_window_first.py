"""While somebody computes the interpreter switches threads sooner; then as before."""

import sys
import threading

import pytest

from napari_iaunet.plugin.core.responsive import window_first


def test_the_last_one_out_restores():
    usual = sys.getswitchinterval()
    inside, leave = threading.Event(), threading.Event()

    def compute() -> None:
        with window_first():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=compute)
    with window_first():
        thread.start()
        assert inside.wait(10)
        assert sys.getswitchinterval() < usual
    assert sys.getswitchinterval() < usual
    leave.set()
    thread.join()
    assert sys.getswitchinterval() == usual


def test_errors_restore():
    usual = sys.getswitchinterval()
    with pytest.raises(ValueError, match="wrong"), window_first():
        raise ValueError("wrong")
    assert sys.getswitchinterval() == usual


def test_a_shorter_interval_stays():
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        with window_first():
            assert sys.getswitchinterval() == pytest.approx(1e-4, rel=0.05)
    finally:
        sys.setswitchinterval(usual)
