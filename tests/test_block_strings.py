"""Block strings of MnasNet's TPU code and of timm: read, written, and refused with the part that is wrong."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_stages import GENOTYPES

from nasnet_keras import GenotypeError, Stage, StageGenotype, genotype_cost, genotypes
from nasnet_keras.genotypes.conventions import from_mnasnet, from_timm, to_mnasnet, to_timm

MNASNET = {  # the stem, and the strings of the released code
    "mnasnet_a1": (
        32,
        "r1_k3_s11_e1_i32_o16_noskip r2_k3_s22_e6_i16_o24 r3_k5_s22_e3_i24_o40_se0.25 r4_k3_s22_e6_i40_o80 "
        "r2_k3_s11_e6_i80_o112_se0.25 r3_k5_s22_e6_i112_o160_se0.25 r1_k3_s11_e6_i160_o320",
    ),
    "mnasnet_b1": (
        32,
        "r1_k3_s11_e1_i32_o16_noskip r3_k3_s22_e3_i16_o24 r3_k5_s22_e3_i24_o40 r3_k5_s22_e6_i40_o80 "
        "r2_k3_s11_e6_i80_o96 r4_k5_s22_e6_i96_o192 r1_k3_s11_e6_i192_o320_noskip",
    ),
    "mnasnet_small": (
        8,
        "r1_k3_s11_e1_i16_o8 r1_k3_s22_e3_i8_o16 r2_k3_s22_e6_i16_o16 r4_k5_s22_e6_i16_o32_se0.25 "
        "r3_k3_s11_e6_i32_o32_se0.25 r3_k5_s22_e6_i32_o88_se0.25 r1_k3_s11_e6_i88_o144",
    ),
    "mnasnet_d1": (
        32,
        "r1_k3_s11_e9_i32_o24 r3_k3_s22_e9_i24_o36 r5_k3_s22_e9_i36_o48 r4_k5_s22_e9_i48_o96 r5_k7_s11_e3_i96_o96 "
        "r3_k3_s22_e9_i96_o80 r1_k7_s11_e6_i80_o320_noskip",
    ),
    "mnasnet_d1_320": (
        32,
        "r3_k5_s11_e6_i32_o24 r4_k7_s22_e9_i24_o36 r5_k5_s22_e9_i36_o48 r5_k7_s22_e6_i48_o96 r5_k3_s11_e9_i96_o144 "
        "r5_k5_s22_e6_i144_o160 r1_k7_s11_e9_i160_o320",
    ),
}
TIMM = {
    "mnasnet_a1": (
        32,
        "ds_r1_k3_s1_e1_c16_noskip ir_r2_k3_s2_e6_c24 ir_r3_k5_s2_e3_c40_se0.25 ir_r4_k3_s2_e6_c80 "
        "ir_r2_k3_s1_e6_c112_se0.25 ir_r3_k5_s2_e6_c160_se0.25 ir_r1_k3_s1_e6_c320",
    ),
    "mnasnet_b1": (
        32,
        "ds_r1_k3_s1_c16_noskip ir_r3_k3_s2_e3_c24 ir_r3_k5_s2_e3_c40 ir_r3_k5_s2_e6_c80 ir_r2_k3_s1_e6_c96 "
        "ir_r4_k5_s2_e6_c192 ir_r1_k3_s1_e6_c320_noskip",
    ),
}


@pytest.mark.parametrize("name", MNASNET)
def test_the_released_strings_are_the_catalogues(name):
    stem, text = MNASNET[name]
    blocks = text.split()
    found = [from_mnasnet(given, stem=stem) for given in (blocks, text, str(blocks), [blocks], tuple(blocks))]
    assert all(one == genotypes.get(name) for one in found)
    if name != "mnasnet_small":  # its first string says what its code does not
        assert to_mnasnet(found[0]) == blocks


@pytest.mark.parametrize("name", TIMM)
def test_timms_strings_are_the_catalogues(name):
    stem, text = TIMM[name]
    assert from_timm([[block] for block in text.split()], stem=stem) == from_timm(text, stem) == genotypes.get(name)
    assert " ".join(block for (block,) in to_timm(genotypes.get(name))) == text.replace("s1_e1_", "s1_")


def test_the_first_layer_of_small_skips_in_timm_and_not_in_the_tpu_code():
    stem, text = MNASNET["mnasnet_small"]
    assert from_mnasnet(text, stem).stages[0].skip == "none"
    assert to_mnasnet(genotypes.MNASNET_SMALL)[0] == "r1_k3_s11_e1_i8_o8_noskip"
    assert from_timm("ds_r1_k3_s1_c8", 8).stages[0].skip == "identity"


def test_timm_rounds_widths_without_a_multiplier_too():
    """The counts are of timm 1.0.31's own network of these strings and this stem, by `EfficientNet(...)`."""
    text = " ".join(
        f"ir_r{r}_k{k}_s{s}_e{e}_c{c}" for r, k, s, e, c in ((1, 3, 1, 9, 24), (3, 3, 2, 9, 36), (5, 3, 2, 9, 48))
    )
    text += " ir_r4_k5_s2_e9_c96 ir_r5_k7_s1_e3_c96 ir_r3_k3_s2_e9_c80 ir_r1_k7_s1_e6_c320_noskip"
    genotype = from_timm(text)
    assert [stage.filters for stage in genotype.stages] == [24, 40, 48, 96, 96, 80, 320]
    assert genotype_cost(genotype, (32, 32, 3), classes=10).trainable_parameters == 2_387_914
    squeezed = from_timm("ir_r1_k3_s1_e6_c32_se0.2", stem=36)
    assert (squeezed.stem, squeezed.stages[0].filters) == (40, 32)
    assert genotype_cost(squeezed, (32, 32, 3), classes=10).trainable_parameters == 82_042
    for original, message in (
        (genotypes.MNASNET_D1, "stage_2 has 36 filters, and timm's code makes 40 of them"),
        (dataclasses.replace(genotypes.MNASNET_B1, stem=30), "the stem has 30 filters, and timm's code makes 32"),
    ):
        with pytest.raises(GenotypeError, match=message):
            to_timm(original)


@pytest.mark.parametrize(
    ("stage", "message"),
    [  # timm rounds halves to even numbers: 0.3125 of 8 channels are 2 there too
        (Stage("depthwise", 3, 24, 2, squeeze_excite=0.2), "stage_1 .* of 24 channels .* gives 4, and timm's code 5"),
        (Stage("depthwise", 3, 24, squeeze_excite=0.01), "stage_1 .* of 40 channels .* gives 1, and timm's code 0"),
        (Stage("depthwise", 3, 24, squeeze_excite=0.2), None),
        (Stage("depthwise", 3, 8, 2, squeeze_excite=0.3125), None),
    ],
)
def test_shares_that_timm_rounds_otherwise_are_refused(stage, message):
    genotype, block = StageGenotype([stage], stem=40), f"ds_r{stage.layers}_k3_s1_c{stage.filters}"
    block += f"_se{stage.squeeze_excite}"
    if message is None:
        assert to_timm(genotype) == [[block]] and from_timm(block, 40) == genotype
        return
    for convert in (lambda: to_timm(genotype), lambda: from_timm(block, 40)):
        with pytest.raises(GenotypeError, match=message):
            convert()


def test_words_of_timms_strings_are_legal_for_all_types_but_not_against_each_other():
    for kind in ("ir_e6", "ds", "cn"):
        block = f"{kind}_r1_k3_s1_c32"
        assert from_timm(f"{block}_skip").stages[0].skip == "identity"
        assert from_timm(f"{block}_noskip").stages[0].skip == "none"
        with pytest.raises(GenotypeError, match=f"the block '{block}_skip_noskip' has both skip and noskip"):
            from_timm(f"{block}_skip_noskip")


def test_numbers_of_mnasnets_strings_may_begin_with_zeros():
    assert from_mnasnet("r01_k03_s11_e01_i032_o016") == from_mnasnet("r1_k3_s11_e1_i32_o16")
    assert from_mnasnet("r1_k3_s11_e01_i016_o8").stages[0] == Stage("depthwise", 3, 8, skip="none")


def _shared(share, channels):
    """The share, or one of which timm and this package make the same number of channels."""
    return share if all(round(number * share) == max(1, int(number * share)) for number in channels) else 0.25


def _written(genotype, *, tpu):
    """A genotype made one that has block strings."""
    changed = []
    genotype = genotype if tpu else dataclasses.replace(genotype, stem=8 * genotype.stem)
    for stage in genotype.stages:
        changes = {"skip": "none" if stage.skip == "pool" else stage.skip}
        if not tpu:
            before = changed[-1].filters if changed else genotype.stem
            changes |= {"filters": 8 * stage.filters}
            changes |= {"squeeze_excite": _shared(stage.squeeze_excite, (before, 8 * stage.filters))}
        if stage.operation == "conv":
            changes |= {"operation": "depthwise"} if tpu else {"squeeze_excite": 0.0}
        if stage.operation == "inverted_bottleneck" and tpu:
            changes |= {"expansion": stage.expansion + 1}
        changed.append(dataclasses.replace(stage, **changes))
    return dataclasses.replace(genotype, stages=changed)


@given(GENOTYPES, st.booleans())
@settings(max_examples=60, deadline=None)
def test_there_and_back(genotype, tpu):
    there, back = (to_mnasnet, from_mnasnet) if tpu else (to_timm, from_timm)
    genotype = _written(genotype, tpu=tpu)
    blocks = there(genotype)
    for given_ in (blocks, str(blocks)):
        assert back(given_, genotype.stem, genotype.head) == genotype


def test_parts_stand_in_any_order_and_shares_have_no_exponent():
    assert from_mnasnet("o16_noskip_i32_e6_se0.1_s22_k5_r2") == from_mnasnet("r2_k5_s22_e6_i32_o16_se0.1_noskip")
    tiny = StageGenotype([Stage("depthwise", 3, 8, squeeze_excite=1e-05)], stem=1 << 16)
    assert to_timm(tiny) == [["ds_r1_k3_s1_c8_se0.00001"]] and from_timm(to_timm(tiny), 1 << 16) == tiny
    tiny = dataclasses.replace(tiny, stages=[Stage("depthwise", 3, 8, squeeze_excite=1.25e-17)])
    assert to_mnasnet(tiny) == ["r1_k3_s11_e1_i65536_o8_se0.0000000000000000125"]
    assert from_timm("cn_r1_k3_s1_c8_nre_skip").stages[0] == Stage("conv", 3, 8)
    assert from_timm("ir_r1_k3_s1_e1_c8").stages[0] == Stage("inverted_bottleneck", 3, 8), "timm expands by 1 too"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: from_mnasnet("r1_k3_s11_e1_i32"), "the block 'r1_k3_s11_e1_i32' lacks the part o, such as o1"),
        (lambda: from_mnasnet("r1_k3_s1_e1_i32_o16"), "must have two equal strides, such as s22, got s1"),
        (lambda: from_mnasnet("r1_k3_s12_e1_i32_o16"), "must have two equal strides, such as s22, got s12"),
        (lambda: from_mnasnet("r1_k3_s11_e1_i32_o16_c4"), "has an unknown part 'c4'"),
        (lambda: from_mnasnet("r1_k3_s11_e1_i32_o16_nosk"), "unknown part 'nosk': did you mean 'noskip'?"),
        (lambda: from_mnasnet("r1_k3_s11_e1_i32_o"), "has an unknown part 'o'"),
        (lambda: from_mnasnet("r1_r1_k3_s11_e1_i32_o16"), "has the part 'r' twice"),
        (lambda: from_mnasnet("r1_k3_s11_e1.5_i32_o16"), "must have a whole number of expansion, got '1.5'"),
        (
            lambda: from_mnasnet("r1_k9_s11_e1_i32_o16"),
            "describes no stage: a stage's kernel must be one of 1, 3, 5, 7",
        ),
        (lambda: from_mnasnet("r1_k3_s11_e1_i32_o16_se2"), "squeeze_excite must be a number from 0 to 1, got 2.0"),
        (lambda: from_mnasnet("r1_k3_s11_e6_i16_o8"), "declares i16, and reads 32 filters"),
        (lambda: from_mnasnet("r2_k3_s11_e1_i16_o8"), "declares i16, and reads 32 filters"),
        (lambda: from_mnasnet("r1_k3_s11_e1_i16_o16"), "declares i16, and reads 32 filters"),
        (lambda: from_mnasnet([]), "stages must not be empty"),
        (lambda: from_mnasnet([3]), "expected a block string, got 3 (int)"),
        (lambda: from_mnasnet(None), "expected a list of block strings, got None"),
        (lambda: from_mnasnet([["r1", 4]]), "expected a block string, got 4 (int)"),
        (lambda: from_mnasnet("r" * 300), "a block string of 300 letters is too long"),
        (lambda: from_mnasnet("r" * (1 << 21)), "block strings of 2,097,152 letters are too large"),
        (lambda: from_mnasnet("r٣_k3_s11_e1_i32_o16"), "has an unknown part 'r٣'"),
        (lambda: from_timm("er_r1_k3_s1_e4_c24"), "of a type that has none here: Legal are: cn, ds, ir"),
        (lambda: from_timm("r1_k3_s11_e1_i32_o16_noskip"), "of a type that has none here"),
        (lambda: from_timm("ir_r1_k3_s1_c24"), "the block 'ir_r1_k3_s1_c24' lacks the part e, such as e1"),
        (lambda: from_timm("ir_r1_k3_a3_s1_e6_c24"), "has an unknown part 'a3'"),
        (lambda: from_timm("ir_r1_k3.5_s1_e6_c24"), "must have a whole number of kernel, got '3.5'"),
        (lambda: from_timm("ir_r1_k3_s1_e6_c24_nsw"), "has an unknown part 'nsw'"),
        (lambda: from_timm("ds_r1_k3_s1_e6_c24"), "a stage of depthwise has 1, got 6"),
        (lambda: from_timm("cn_r1_k3_s1_c24_se0.25"), "has an unknown part 'se0.25'"),
        (
            lambda: to_mnasnet(StageGenotype([Stage("conv", 3, 8)])),
            "stage_1 has no block string in MnasNet's code: conv_3x3, 8",
        ),
        (lambda: to_mnasnet(StageGenotype([Stage("depthwise", 3, 8, skip="pool")])), "stage_1 has no block string"),
        (lambda: to_mnasnet(StageGenotype([Stage("inverted_bottleneck", 3, 8)])), "stage_1 has no block string"),
        (lambda: to_timm(StageGenotype([Stage("conv", 3, 8, squeeze_excite=0.5)])), "no block string in timm's code"),
        (lambda: to_timm(genotypes.NASNET_A), "what becomes timm's must be a StageGenotype"),
    ],
)
def test_what_cannot_be_converted_is_named(make, message):
    with pytest.raises(GenotypeError, match=".") as caught:
        make()
    assert message in str(caught.value)
    assert len(str(caught.value)) < 500
