"""Parameters: read as data, converted by type, refused with a helpful sentence."""

import pytest

from latentomics.rerun.parameters import Parameter, points, read_cell

CELL = """\
lam: float = 1  # metres # really
word: str = "a # b = c"
flag: bool = True  # on
n: int = -3  # signed
"""
KNOWN = read_cell(CELL)


def test_cell_is_read_with_types_defaults_and_comments():
    assert KNOWN == [
        Parameter("lam", "float", 1.0, "metres # really"),
        Parameter("word", "str", "a # b = c", ""),
        Parameter("flag", "bool", True, "on"),
        Parameter("n", "int", -3, "signed"),
    ]
    assert isinstance(KNOWN[0].default, float)


@pytest.mark.parametrize(
    "line",
    [
        "lam = 1.0",
        "lam: list = [1]",
        "lam: float",
        "lam: float = np.pi",
        "lam: int = 1.5",
        "lam: int = True",
        "a.b: int = 1",
        "import os",
    ],
)
def test_other_lines_are_refused(line):
    with pytest.raises(ValueError, match="a parameters cell holds lines like"):
        read_cell(line)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("lam", "1e-3", 1e-3),
        ("n", "12", 12),
        ("flag", "False", False),
        ("flag", "true", True),
        ("word", "x=1", "x=1"),
        ("word", "", ""),
    ],
)
def test_value_takes_the_annotated_type(name, text, value):
    (found,) = points(KNOWN, "nb", [f"{name}={text}"])
    assert found == {name: value}
    assert type(found[name]) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lam=wide", "lam must be of type float; got 'wide'"),
        ("n=1.5", "n must be of type int; got '1.5'"),
        ("flag=maybe", "flag must be true or false; got 'maybe'"),
        ("lan=1", r"nb has no parameter 'lan'; did you mean lam\? it has lam, word"),
        ("zzzz=1", "nb has no parameter 'zzzz'; it has lam, word, flag, n"),
        ("lam", "-p takes name=value; got 'lam'"),
        ("=1", "-p takes name=value; got '=1'"),
    ],
)
def test_bad_value_is_one_sentence(text, message):
    with pytest.raises(ValueError, match=message):
        points(KNOWN, "nb", [text])


def test_nothing_given_is_one_point():
    assert points(KNOWN, "nb") == [{}]


def test_grid_is_every_combination():
    found = points(KNOWN, "nb", ["word=z"], ["lam=1,2", "n=3,4"])
    assert found == [
        {"word": "z", "lam": lam, "n": n} for lam in (1.0, 2.0) for n in (3, 4)
    ]


def test_spaces_around_values_are_no_part_of_them():
    found = points(KNOWN, "nb", ["lam = 2"], ["word= a b , c"])
    assert found == [{"lam": 2.0, "word": "a b"}, {"lam": 2.0, "word": "c"}]
    assert points(KNOWN, "nb", ["word= my file.csv "]) == [{"word": "my file.csv"}]


def test_same_name_twice_is_refused():
    with pytest.raises(ValueError, match="lam is given twice"):
        points(KNOWN, "nb", ["lam=1"], ["lam=1,2"])


@pytest.mark.parametrize("text", ["nan", "inf", "-inf"])
def test_a_number_must_be_finite(text):
    (eta,) = read_cell("eta: float = 0.1  # units")
    with pytest.raises(ValueError, match=f"eta must be a finite number; got '{text}'"):
        eta.read(text)


def test_scale_is_teaching_or_paper():
    (scale,) = read_cell('scale: str = "teaching"  # paper: all of it')
    assert scale.read("paper") == "paper"
    says = r"scale must be one of \('teaching', 'paper'\); got 'papr'"
    with pytest.raises(ValueError, match=says):
        scale.read("papr")
