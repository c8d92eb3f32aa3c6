"""The model of the dock: what it keeps, and when it tells of a change."""

from pathlib import Path

import pytest

from napari_iaunet.errors import ImageError
from napari_iaunet.model.registry import ModelInfo
from napari_iaunet.plugin.core.settings import ImageInfo, Settings, by_name, split_axes


@pytest.mark.parametrize(
    ("ndim", "channel_axis", "stack", "plane"),
    [
        (2, None, [], [0, 1]),
        (3, None, [0], [1, 2]),
        (3, 0, [], [1, 2]),
        (3, 2, [], [0, 1]),
        (5, 1, [0, 2], [3, 4]),
        (4, 3, [0], [1, 2]),
    ],
)
def test_split_axes(ndim, channel_axis, stack, plane):
    assert split_axes(ndim, channel_axis) == (stack, plane)


def info(key, shape=(64, 64), *, rgb=False, channel_axis=None):
    labels = tuple(str(i) for i in range(-len(shape), 0))
    return ImageInfo(key, key, shape, rgb, labels, channel_axis)


def models(*names):
    return [ModelInfo(name, Path(name), "") for name in names]


def watch(settings):
    """Collect the choice whenever anything is told to have changed."""
    seen = []
    settings.changed.connect(lambda: seen.append(settings.choice()))
    return seen


def test_without_an_image_there_is_no_choice():
    settings = Settings()
    assert settings.choice() is None
    assert settings.info is None
    settings.offer_images([info("a")])
    assert settings.choice().image == "a"
    settings.offer_images([])
    assert settings.choice() is None


def test_the_topmost_image_is_picked_until_another_one_is():
    settings = Settings()
    settings.offer_images([info("a"), info("b")])
    assert settings.image == "b"
    settings.pick_image("a")
    settings.offer_images([info("c"), info("a"), info("b")])
    assert settings.image == "a"
    settings.pick_image("nonsense")
    assert settings.image == "a"


def test_channels_are_set_before_anybody_is_told_of_another_image():
    settings = Settings()
    volume = info("v", (3, 64, 64), channel_axis=0)
    settings.offer_images([volume, info("a")])
    seen = watch(settings)
    settings.image = "v"
    assert {choice.channels for choice in seen} == {(0, 1, 2)}
    seen.clear()
    settings.offer_images([info("a")])
    assert [(choice.image, choice.channels) for choice in seen] == [("a", None)]


def test_chosen_channels_stay_as_long_as_the_image_has_them():
    settings = Settings()
    volume = info("v", (3, 64, 64), channel_axis=0)
    settings.offer_images([volume])
    settings.channels = (0, 2)
    settings.offer_images([volume, info("a")])
    assert settings.channels == (0, 2)
    settings.offer_images([info("v", (4, 64, 64), channel_axis=0)])
    assert settings.channels == (0, 1, 2, 3)
    settings.channel_axis = None
    assert settings.channels is None
    settings.offer_images([info("v"), info("w")])
    settings.together_with = ("v",)
    settings.offer_images([info("w")])
    assert settings.together_with == ()


def test_only_gray_images_of_one_size_go_together():
    settings = Settings()
    others = [info("small", (8, 8)), info("colours", rgb=True), info("b")]
    settings.offer_images([*others, info("a")])
    assert [image.key for image in settings.companions] == ["b"]


def test_planes():
    settings = Settings()
    settings.whole_stack = False
    settings.offer_images([info("a")])
    assert settings.planes is None
    assert settings.choice().whole_stack
    settings.offer_images([info("s", (4, 5, 64, 64))])
    assert settings.planes == 20
    assert not settings.choice().whole_stack
    settings.channel_axis = 0
    assert settings.planes == 5


def test_a_model_that_is_gone_gives_way_to_the_first(tmp_path):
    settings = Settings(model="gone")
    settings.offer_models(models("default", "mine"))
    assert settings.model == "default"
    settings.model = "mine"
    settings.offer_models(models("default", "other", "mine"))
    assert settings.model == "mine"
    settings.model = str(tmp_path)
    settings.offer_models(models("default"))
    assert settings.model == str(tmp_path)
    settings.model = str(tmp_path / "never")
    settings.offer_models(models("default"))
    assert settings.model == "default"
    settings.offer_models([])
    assert settings.model == ""


def test_a_device_that_is_not_there_gives_way_to_the_automatic_one():
    settings = Settings(device="cuda")
    settings.offer_devices({"auto": "Automatic", "cpu": "CPU", "cuda": "GPU"})
    assert settings.device == "cuda"
    settings.offer_devices({"auto": "Automatic", "cpu": "CPU"})
    assert settings.device == "auto"


@pytest.mark.parametrize("diameter", [0.5, 10_001, float("nan"), float("inf"), -3])
def test_a_diameter_that_cannot_be_is_refused(diameter):
    settings = Settings()
    with pytest.raises(ImageError, match="1 to 10,000 pixels"):
        settings.diameter = diameter
    with pytest.raises(ImageError, match="1 to 10,000 pixels"):
        Settings(diameter=diameter)
    assert settings.diameter == 30


def test_diameter():
    settings = Settings()
    settings.offer_images([info("a")])
    assert settings.choice().diameter is None
    settings.show_estimate(0.2)
    assert settings.diameter == 1
    settings.show_estimate(17.5)
    settings.estimate = False
    assert settings.choice().diameter == 17.5


@pytest.mark.parametrize(
    "names",
    [
        ("a", "a [1]", "a [2]", "a [10]"),
        ("red", "green", "blue"),
        ("slide_r", "slide_g", "slide_b"),
        ("Blue", "DAPI", "fitc"),
        ("", "1", "2", "a", "²"),
    ],
)
def test_layers_are_channels_in_the_order_of_their_names(names):
    turned = names[::-1]
    assert sorted(turned, key=lambda name: by_name(name, "")) == list(names)
