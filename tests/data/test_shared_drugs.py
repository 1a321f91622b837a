import pandas as pd
import pytest

from latentomics.data import drug_matches, shared_drugs

GDSC = pd.DataFrame(
    [
        ("GDSC:1", "Erlotinib", None),
        ("GDSC:2", "Old name", "BX-9, PLX-4720, ABT"),
        ("GDSC:3", "PLX4720", "PLX 4720"),
        ("GDSC:4", "plx-4720", None),
        ("GDSC:5", "JQ1", None),
        ("GDSC:6", "Exact", None),
        ("GDSC:7", "Unknown", "no one, "),
        ("GDSC:8", "Sirolimo", "Sirolimus"),
    ],
    columns=["drug", "name", "synonyms"],
).set_index("drug")
CTRPV2 = ["erlotinib", "PLX-4720", "JQ-1", "Exact", "ABT", "sirolimus", "alone"]


def found(match, **options):
    table = drug_matches(GDSC, CTRPV2, match=match, **options)
    return [f"{gdsc[5:]}={name}" for gdsc, name in table[["gdsc", "ctrpv2"]].to_numpy()]


def test_each_rule_adds_to_the_ones_before():
    exact = ["6=Exact"]
    lower = [*exact, "1=erlotinib", "4=PLX-4720"]
    alnum = [*lower, "3=PLX-4720"]
    synonym = [*alnum, "2=PLX-4720", "8=sirolimus"]
    assert found("exact") == exact
    assert found("lower") == lower
    assert found("alnum") == alnum
    assert found("synonym") == synonym


def test_short_names_match_only_when_allowed():
    assert "5=JQ-1" not in found("alnum")
    assert "5=JQ-1" in found("alnum", min_characters=3)
    assert "2=ABT" in found("synonym", min_characters=3)


def test_one_pair_for_each_compound_a_name_before_a_synonym():
    pairs = shared_drugs(GDSC, CTRPV2).set_index("ctrpv2")
    assert pairs["gdsc"].to_dict() == {
        "erlotinib": "GDSC:1",
        "PLX-4720": "GDSC:3",  # not GDSC:2, a synonym; before GDSC:4 in the table
        "Exact": "GDSC:6",
        "sirolimus": "GDSC:8",
    }
    assert pairs.loc["sirolimus", ["by", "name"]].tolist() == ["synonym", "Sirolimo"]


def test_the_choice_of_rule_reaches_the_pairs():
    assert len(shared_drugs(GDSC, CTRPV2, match="exact")) == 1
    assert len(shared_drugs(GDSC, CTRPV2, min_characters=3)) == 6


@pytest.mark.parametrize("ask", [drug_matches, shared_drugs])
def test_no_fifth_rule(ask):
    with pytest.raises(ValueError, match=r"'synonym'\); got 'smell'"):
        ask(GDSC, CTRPV2, match="smell")


def test_one_name_is_no_list_of_compounds():
    with pytest.raises(ValueError, match="ctrpv2_names must be a list .*got 'JQ1'"):
        drug_matches(GDSC, "JQ1")
