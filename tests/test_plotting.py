import itertools
import re
import runpy
import xml.etree.ElementTree as ElementTree
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from helpers import random_genotype, random_macro_genotype

from nasnet_keras import GenotypeError, genotypes, plot_genotype
from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.genotypes.cells import Genotype
from nasnet_keras.genotypes.kinds import KINDS, kind_of
from nasnet_keras.plotting.cells import genotype_svg
from nasnet_keras.search import spaces
from nasnet_keras.search.registry import SPACES

ROOT = Path(__file__).parent.parent
SVG = "{http://www.w3.org/2000/svg}"
LETTER = 6.3  # the mean width of letters of 12 pixels, and no less


def drawing(genotype):
    root = ElementTree.fromstring(genotype_svg(genotype))
    texts = [text.text for text in root.iter(f"{SVG}text")]
    return root, texts


def test_every_live_block_and_edge_is_drawn_inside_the_picture():
    generator = np.random.default_rng(0)
    for genotype in [*map(genotypes.get, genotypes.names()), *(random_genotype(generator) for _ in range(200))]:
        root, texts = drawing(genotype)
        cells = [genotype.normal] if genotype.normal == genotype.reduction else [genotype.normal, genotype.reduction]
        edges = [path for path in root.iter(f"{SVG}path") if "C" in path.get("d")]
        expected = 0
        for cell in cells:
            live = [block for i, block in enumerate(cell.blocks) if f"block_{i}" in cell.live_states]
            expected += 2 * len(live) + len(cell.outputs)
            assert all(edge.operation in texts for block in live for edge in block.edges)
        assert len(edges) == expected
        width, height = float(root.get("width")), float(root.get("height"))
        for box in root.iter(f"{SVG}rect"):
            if box.get("x"):
                x, y = float(box.get("x")), float(box.get("y"))
                assert 0 <= x <= x + float(box.get("width")) <= width
                assert 0 <= y <= y + float(box.get("height")) <= height


def test_boxes_do_not_overlap():
    generator = np.random.default_rng(1)
    for _ in range(100):
        root, _ = drawing(random_genotype(generator))
        boxes = [
            tuple(float(box.get(key)) for key in ("x", "y", "width", "height"))
            for box in root.iter(f"{SVG}rect")
            if box.get("stroke")
        ]
        for i, (x, y, w, h) in enumerate(boxes):
            for x2, y2, w2, h2 in boxes[:i]:
                assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y


def test_every_layer_and_skip_of_a_chain_is_drawn_inside_the_picture():
    generator = np.random.default_rng(2)
    for genotype in (genotypes.ENAS_MACRO, *(random_macro_genotype(generator) for _ in range(50))):
        root, texts = drawing(genotype)
        arcs = [path for path in root.iter(f"{SVG}path") if "C" in path.get("d")]
        assert len(arcs) == sum(len(layer.skips) for layer in genotype.layers)
        assert [text for text in texts if text != "size / 2"] == [
            "stem",
            *(text for index, layer in enumerate(genotype.layers) for text in (f"layer_{index}", layer.operation)),
        ]
        assert texts.count("size / 2") == (2 if len(genotype.layers) > 2 else 0)
        width, height = float(root.get("width")), float(root.get("height"))
        boxes = [box for box in root.iter(f"{SVG}rect") if box.get("stroke")]
        for box in boxes:
            assert float(box.get("x")) + float(box.get("width")) <= width
        bottoms = [float(box.get("y")) + float(box.get("height")) for box in boxes]
        assert bottoms == sorted(bottoms) and bottoms[-1] <= height


def test_files(tmp_path):
    path = plot_genotype("nasnet_a", tmp_path / "cell.svg")
    assert path.read_text() == genotype_svg(genotypes.NASNET_A)
    with pytest.raises(ValueError, match=r"ends in \.svg, got .*cell\.png"):
        plot_genotype("nasnet_a", tmp_path / "cell.png")
    with pytest.raises(GenotypeError):
        plot_genotype("nasnet", tmp_path / "other.svg")
    assert [entry.name for entry in tmp_path.iterdir()] == ["cell.svg"]


def test_the_pictures_in_the_docs_are_those_of_the_catalogue():
    for name in genotypes.names(BaseGenotype):
        assert (ROOT / f"docs/genotypes/{name}.svg").read_text() == genotype_svg(genotypes.get(name))
        assert f"{name}.svg" in (ROOT / "docs/genotypes/README.md").read_text()


@cache
def samples():
    """Genotypes by their kinds: the catalogue's, and some of every space."""
    found = {kind: [] for kind in KINDS}
    values = [genotypes.get(name) for name in genotypes.names(BaseGenotype)]
    generator = np.random.default_rng(4)
    for name in SPACES:
        space = spaces.make(name)
        values += [space.architecture(space.decode(space.sample(generator))) for _ in range(20)]
    for value in values:
        found[kind_of(value)].append(value)
    return found


def corners(element):
    """The places that a path passes, in order: of a curve, some between its ends."""
    place, found = (0.0, 0.0), []
    for letter, text in re.findall(r"([MLCHV])([^MLCHV]*)", element.get("d")):
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", text)]
        if letter == "H":
            ends = [(numbers[0], place[1])]
        elif letter == "V":
            ends = [(place[0], numbers[0])]
        else:
            ends = list(zip(numbers[::2], numbers[1::2], strict=True))
        if letter == "C":
            curve = np.array([place, *ends])
            weights = [[(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3] for t in np.linspace(0, 1, 9)]
            ends = [tuple(point) for point in np.array(weights) @ curve]
        found += ends
        place = ends[-1]
    return found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.genotype)
def test_genotypes_of_each_kind_are_drawn_whole_inside_the_picture(kind, tmp_path):
    """So that there is no kind without a picture."""
    assert samples()[kind], "a kind that neither the catalogue nor a space has: give it a sample here"
    for number, genotype in enumerate(samples()[kind]):
        root, texts = drawing(genotype)
        width, height = float(root.get("width")), float(root.get("height"))
        for path in root.iter(f"{SVG}path"):
            assert all(0 <= x <= width and 0 <= y <= height for x, y in corners(path)), path.get("d")
        boxes = [
            tuple(float(one.get(name)) for name in ("x", "y", "width", "height"))
            for one in root.iter(f"{SVG}rect")
            if one.get("stroke")
        ]
        assert all(min(x, y) >= 0 and x + w <= width and y + h <= height for x, y, w, h in boxes)
        for (x, y, w, h), (x2, y2, w2, h2) in itertools.combinations(boxes, 2):
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
        for text in root.iter(f"{SVG}text"):
            if text.get("text-anchor") == "middle":
                assert LETTER * len(text.text) < boxes[0][2], text.text
        if not isinstance(genotype, Genotype):
            rows = genotype.rows()
            shown = [text for text in texts if text not in {row.mark for row in rows}]
            assert shown == [word for row in rows for word in (row.title, *row.lines)]
            heads = [path for path in root.iter(f"{SVG}path") if path.get("d").count("L") == 2]
            assert len(heads) == sum(len(row.reads) for row in rows), "an arrow for each row that is read"
        if number == 0:
            (tmp_path / "a.json").write_text(genotype.to_json())
            for given in (genotype, genotype.to_json(), tmp_path / "a.json"):
                assert plot_genotype(given, tmp_path / "a.svg").read_text() == genotype_svg(genotype)


def test_the_drawings_of_pages_are_those_of_the_script():
    for name, drawing in runpy.run_path(str(ROOT / "tools/drawings.py"))["DRAWINGS"].items():
        text = drawing()
        assert ElementTree.fromstring(text).tag == f"{SVG}svg"
        assert (ROOT / f"docs/pictures/{name}.svg").read_text() == text, "python tools/make_pictures.py"
