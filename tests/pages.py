"""Studies to show, and checks of their pages."""

import base64
import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from nasnet_keras.search.report.page import report
from nasnet_keras.search.spaces.nasnet import CellSpace
from nasnet_keras.search.study.folder import load_study
from nasnet_keras.search.study.trial import Trial, fingerprint, genotype_text

FROZEN = Path(__file__).parent / "frozen" / "study"
NASTY = "<script>alert('&\"')</script>"
NAME = NASTY.replace("/", "")  # as a file's may be
BASE = {"dataset": "digits", "space": "nasnet", "algorithm": "ppo", "evaluator": "child"}
VOID = {"br", "img", "meta"}


def trial(number, reward=0.5, generator=None, space=None, status="ok", costs=None, **metrics):
    generator = generator or np.random.default_rng(number)
    space = space or CellSpace(num_blocks=2)
    genotype = space.decode(space.sample(generator))
    judged = reward if status == "ok" else None
    return Trial(number, genotype, status, judged, metrics, 2.0 + number % 3, number, costs or {})


def study_of(path, trials=(), random=(), result=None, planned=60, **config):
    path.mkdir(exist_ok=True)
    described = {"format": "nasnet_keras.study", "version": 1, "config": {**BASE, **config}}
    (path / "study.json").write_text(json.dumps({**described, "versions": {"keras": "3.15.1"}}))
    for name, some in (("trials", trials), ("random_trials", random)):
        if some:
            (path / f"{name}.jsonl").write_text("".join(one.to_line() for one in some))
    study = load_study(path)
    study.config["trials"] = planned  # as in the process that searches
    if result is not None:
        best = {"trial": study.best.trial, "fingerprint": fingerprint(study.best.genotype)}
        (path / "result.json").write_text(json.dumps({**best, **result}))
    return study


def finalist(origin, one, test, **more):
    genotype = json.loads(genotype_text(one.genotype))
    metrics = {"validation_accuracy": test + 0.01, "test_accuracy": test, "parameters": 1234567, "epochs": 30}
    plain = {"origin": origin, "trial": one.trial, "fingerprint": fingerprint(one.genotype), "genotype": genotype}
    return {**plain, "reward": one.reward, "status": "ok", "metrics": metrics, "seconds": 5400.0, **more}


class Page(HTMLParser):
    """Checks that a page is balanced and loads nothing, and collects its text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.text, self.tags, self.ids, self.images = [], [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open
        assert len(set(self.ids)) == len(self.ids), "an id stands twice"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        assert tag not in ("script", "link", "iframe", "object", "embed", "base")
        for name, value in attrs:
            assert not name.startswith("on")
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "xlink:href", "srcset"):
                assert value.startswith("data:")
                self.images.append(value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    @property
    def words(self):
        return re.sub(r"\s+", " ", " ".join(self.text))


def checked(study):
    """The page of a study, after checks that hold at every moment."""
    text = report(study)
    page = Page(text)
    assert 'http-equiv="Content-Security-Policy" content="default-src' in text
    assert text.startswith("<!DOCTYPE html>") and "None" not in page.words and " nan" not in page.words
    outside = re.sub(r'xmlns="http://www\.w3\.org/2000/svg"', "", text)
    assert not re.search(r"https?://|url\(|@import", outside)
    for chart in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ElementTree.fromstring(chart)
    for image in page.images:
        kind, _, data = image.partition(";base64,")
        assert kind == "data:image/svg+xml"
        assert ElementTree.fromstring(base64.b64decode(data)).tag == "{http://www.w3.org/2000/svg}svg"
    return page


def rising(count, generator, low=0.7, gain=0.2):
    space = CellSpace(num_blocks=2)
    noise = generator.normal(0.0, 0.02, count)
    return [trial(n, float(low + gain * n / count + noise[n]), generator, space, parameters=n) for n in range(count)]


def curves(path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(path), size_guidance={"tensors": 0})
    events.Reload()
    return {
        tag: [(event.step, float(event.tensor_proto.float_val[0])) for event in events.Tensors(tag)]
        for tag in events.Tags()["tensors"]
        if not tag.startswith("_hparams_")
    }
