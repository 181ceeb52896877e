import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from helpers import random_genotype, random_macro_genotype

from nasnet_keras import GenotypeError, genotypes, plot_genotype
from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.plotting.cells import genotype_svg

SVG = "{http://www.w3.org/2000/svg}"


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
    from pathlib import Path

    folder = Path(__file__).parent.parent / "docs" / "genotypes"
    for name in genotypes.names(BaseGenotype):
        assert (folder / f"{name}.svg").read_text() == genotype_svg(genotypes.get(name))
        assert f"{name}.svg" in (folder / "README.md").read_text()
