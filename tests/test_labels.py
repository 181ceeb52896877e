"""Labels and class names in the forms that tools give them, and the mistakes that errors advise on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from nasnet_keras.training.datasets import labels
from nasnet_keras.training.datasets.base import Dataset, Split
from nasnet_keras.training.datasets.class_names import class_names


class NoArray(list):
    """As a tensor of an accelerator."""

    def __array__(self, *arguments, **options):
        raise TypeError("can't convert it")


WANTED = [0, 1, 2, 1]
WHOLE = np.array(WANTED)
ONE_HOT = np.eye(3)[WHOLE]


@pytest.mark.parametrize(
    "came",
    [
        WANTED,
        tuple(WANTED),
        *(WHOLE.astype(kind) for kind in ("int8", "uint8", ">i4", "uint64", "float16", "float32", object)),
        WHOLE[:, None],
        WHOLE[:, None].astype("float32"),
        ONE_HOT,
        ONE_HOT.astype("int64"),
        ONE_HOT.astype(bool),
        ONE_HOT.tolist(),
        list(ONE_HOT),
        [np.int64(value) for value in WANTED],
        np.ma.array(WHOLE),
    ],
    ids=lambda came: f"{type(came).__name__} {getattr(came, 'dtype', '')} {np.shape(came)}",
)
def test_numbers_and_one_hot_rows(came):
    found = labels.read(came, "labels")
    assert found.numbers.tolist() == WANTED and found.numbers.dtype == np.int32
    assert found.classes == 3 and found.names is None


def test_bools_and_tensors():
    assert labels.read([True, False], "labels").numbers.tolist() == [1, 0]
    assert labels.read([True, True], "labels").classes == 2
    tensorflow = pytest.importorskip("tensorflow")
    assert labels.read(tensorflow.constant(["b", "a"]), "labels").names == ("a", "b")
    torch = pytest.importorskip("torch")
    assert labels.read(torch.tensor(WANTED), "labels").numbers.tolist() == WANTED


@pytest.mark.parametrize(
    "came",
    [
        ["dog", "cat", "dog"],
        np.array(["dog", "cat", "dog"]),
        [b"dog", b"cat", b"dog"],
        np.array([b"dog", b"cat", b"dog"]),
        np.array(["dog", "cat", "dog"], object),
        np.array([["dog"], ["cat"], ["dog"]]),
    ],
    ids=lambda came: f"{type(came).__name__} {getattr(came, 'dtype', '')} {np.shape(came)}",
)
def test_texts_are_classes_in_their_order(came):
    found = labels.read(came, "labels")
    assert found.names == ("cat", "dog") and found.numbers.tolist() == [1, 0, 1]
    assert labels.numbered(came, ("dog", "cow", "cat"), "labels").tolist() == [0, 2, 0], "by the names that are known"
    with pytest.raises(ValueError, match="labels must be of the classes dog, cow; there are cat too"):
        labels.numbered(came, ("dog", "cow"), "labels")


class NAType:
    """What a column of pandas has where there is nothing."""

    def __ne__(self, other):
        raise TypeError("it is neither equal nor another")

    __eq__, __hash__ = __ne__, object.__hash__


MISTAKES = {
    "the least is -1; -1 mostly marks an image that nobody labelled": WHOLE - 1,
    "the least is -5; they count from 0": WHOLE - 5,
    "the largest is 4294967297": np.array([0, 2**32 + 1]),
    "the largest is 9223372036854775808": np.array([0, 2**63], "uint64"),
    "a label must be below 2,147,483,648": [0, 2**70],
    "the largest is a number of": [0.0, 1e300],
    "fractions are no classes, and networks that give figures .regression. are not": WHOLE + 0.5,
    "1 of them are missing or infinite": np.array([0, np.nan]),
    "some of them are missing": ["a", None],
    "some of them are missing: leave": np.array(["a", np.nan], object),
    "some of them are missing: leave these": [0, NAType()],
    "some of them are empty": ["a", ""],
    "some of them are masked": np.ma.array(WHOLE, mask=[0, 0, 0, 1]),
    r"probabilities, such as smoothed one-hot ones.*np.argmax\(labels, -1\)": ONE_HOT * 0.9 + 0.1 / 3,
    "2 images have several labels or none": np.array([[1, 1], [0, 0], [1, 0]]),
    "several labels or figures an image are not supported; of logits": np.array([[1.2, -3.0], [0.3, 4.0]]),
    "several labels or figures an image are not supported;": np.array([[1, 2], [3, 4]]),
    "several labels an image are not supported, nor a label for each pixel": np.zeros((3, 4, 4), int),
    "several labels an image are not supported$": np.array([[1], [1, 2]], object),
    "several labels an image are not supported ?$": [[1], [1, 2]],
    "they make no array": NoArray(),
    "texts and other things are mixed": [1, "a"],
    "labels are numbers or texts": np.array([1j, 0]),
    "labels are numbers or texts ?$": np.array(["2020-01-01"], "M8[D]"),
    "there must be one for each image": 5,
    "they are not in UTF-8": [b"\xff"],
    "the name of a class has 1,000 letters at most": ["x" * 10**6, "y"],
}


@pytest.mark.parametrize(("message", "came"), MISTAKES.items(), ids=MISTAKES)
def test_errors_advise_on_the_mistake(message, came):
    with pytest.raises(ValueError, match=f"(?s)expected one class an image as train labels .*{message}") as caught:
        labels.read(came, "train labels")
    assert len(str(caught.value)) < 500


@settings(max_examples=150, deadline=None)
@given(
    arrays.arrays(
        st.sampled_from(["bool", "int8", "uint64", "float16", "float64", "complex64", "U3", "S2", "M8[s]", "m8[D]"]),
        arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    )
)
def test_any_array_is_read_or_refused(came):
    try:
        found = labels.read(came, "labels")
    except ValueError as error:
        assert len(str(error)) < 600
    else:
        assert found.numbers.shape == (len(came),) and found.numbers.dtype == np.int32
        assert not len(came) or 0 <= found.numbers.min() <= found.numbers.max() < found.classes


def test_class_names_in_their_forms():
    for came in (
        ["a", "b"],
        ("a", "b"),
        np.array(["a", "b"]),
        np.array([b"a", b"b"]),
        np.array(["a", "b"], object),
        (letter for letter in "ab"),
        {"a": 0, "b": 1}.keys(),
        {"b": 1, "a": 0},
        {1: "b", 0: "a"},
        {np.int64(1): "b", np.int64(0): "a"},
        {"1": "b", "0": "a"},
    ):
        assert class_names(came) == ("a", "b")
    assert class_names(np.arange(3)) == ("0", "1", "2")
    assert class_names({"0": 2, "1": 0, "2": 1}) == ("1", "2", "0"), "classes that are named by numbers"


@pytest.mark.parametrize(
    ("came", "message"),
    [
        ("ab", "must be a list of texts, got 'ab'"),
        (b"ab", "must be a list of texts"),
        (np.array("ab"), "must be a list of texts, got array"),
        (np.array([["a", "b"]]), "must be a list of texts, got array"),
        ({"a", "b"}, "must be a list of texts, got {"),
        (None, "must be a list of texts, got None"),
        ({"a": 1, "b": 2}, "or a mapping of them and the numbers from 0"),
        ({"a": 0, "b": 0}, "or a mapping of them and the numbers from 0"),
        (["a", None], "must be texts, got None among them"),
        (["a", True], "must be texts, got True among them"),
        (["a", "b", "a", "b", "c"], "must be different names, got more than once a, b"),
        (["x" * 10**6] * 2, "must be different names"),
    ],
    ids=lambda value: "set" if isinstance(value, set) else str(value)[:20],  # the same in every process
)
def test_class_names_that_are_none(came, message):
    images = Split(np.zeros((4, 8, 8, 3), np.uint8), [0, 1, 0, 1])
    for refused in (lambda: class_names(came), lambda: Dataset("x", images, images, images, came)):
        with pytest.raises(ValueError, match=message) as caught:
            refused()
        assert len(str(caught.value)) < 500
