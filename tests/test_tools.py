"""The tool that trains the bundled model can be started and knows its images."""

import sys

import pytest

from tools.kinds import SAMPLING_WEIGHTS, SOURCES
from tools.train_bundled import main


def test_help(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train_bundled", "--help"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert "--context-blocks" in capsys.readouterr().out


def test_every_kind_has_a_source_a_licence_and_a_share():
    assert set(SOURCES) == set(SAMPLING_WEIGHTS)
    for about in SOURCES.values():
        assert about["what"]
        assert about["source"]
        assert about["licence"]
    assert min(SAMPLING_WEIGHTS.values()) / sum(SAMPLING_WEIGHTS.values()) > 0.02
