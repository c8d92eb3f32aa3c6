"""The documentation becomes a site without a warning: every link leads somewhere."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest

import napari_iaunet

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# What GitHub shows of this repository.
OURS = re.compile(
    r"https://(?:github\.com|raw\.githubusercontent\.com)/napari-iaunet/napari-iaunet/"
    r"(?:(?:blob|tree)/)?main/([^)#\s]+)"
)
PICTURE = re.compile(r"!\[([^]]*)\]\((?:https://\S+/)?images/([^)]+)\)")
HOME = "https://site/"


class Page(HTMLParser):
    """Where one page leads, what can be led to in it, and its pictures."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.targets: set[str] = set()
        self.links: list[str] = []
        self.undescribed: list[str] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        said = dict(attrs)
        self.targets |= {said[name] for name in ("id", "name") if said.get(name)}
        self.links += [said[name] for name in ("href", "src") if said.get(name)]
        if tag == "img" and not said.get("alt"):
            self.undescribed.append(said["src"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir"]
    done = subprocess.run(
        [*command, folder], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {p.relative_to(folder): Page(p) for p in folder.rglob("*.html")}
    return folder, {p: page for p, page in pages.items() if p.name != "404.html"}


def test_every_link_and_anchor_of_the_site_is_there(site):
    folder, pages = site
    dead = []
    for path, page in pages.items():
        for link in page.links:
            url = urlsplit(urljoin(f"{HOME}{path.as_posix()}", link))
            if url.netloc != "site":
                continue
            file = folder / unquote(url.path).lstrip("/")
            file = file / "index.html" if file.is_dir() else file
            known = pages.get(file.relative_to(folder))
            missing = known is not None and url.fragment not in {"", *known.targets}
            if not file.exists() or missing:
                dead.append(f"{path}: {link}")
    assert not dead


def test_every_picture_is_described(site):
    _, pages = site
    alone = {path: page.undescribed for path, page in pages.items() if page.undescribed}
    # The logo stands beside the name of the program.
    assert not {s for found in alone.values() for s in found if "icon.png" not in s}


def test_the_reference_has_every_public_name(site):
    _, pages = site
    targets = pages[Path("reference/index.html")].targets
    names = {target.rpartition(".")[2] for target in targets}
    assert set(napari_iaunet.__all__) - {"__version__"} <= names
    assert {"set_image", "click", "follow", "find_rest"} <= names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_links_to_in_the_repository_is_there(page):
    named = OURS.findall(page.read_text("utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_no_picture_is_missing_or_left_over():
    found = [hit for page in PAGES for hit in PICTURE.findall(page.read_text("utf-8"))]
    assert all(description for description, _ in found)
    there = {path.name for path in (ROOT / "docs" / "images").iterdir()}
    assert {name for _, name in found} == there - {"icon.png"}
