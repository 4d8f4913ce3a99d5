"""Token lengths: tables worked by hand, near to their traces, exact means, and draws that no policy moves."""

from math import exp, log
from statistics import NormalDist

import numpy as np
import pytest

from mei_gym.compiled import plain
from mei_gym.workload import length_fit, prompts
from mei_gym.workload.fits import drawn_lengths, length_fits, sample_distance
from mei_gym.workload.length_laws import lognormal, mixture, table_of_quantiles, table_of_sample
from mei_gym.workload.lengths import ALIASES, Lengths, length_arrays, length_levels, named, named_lengths
from mei_gym.workload.prompts import PromptParams
from mei_gym.workload.trace import read_trace

QUARTERS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])


def params_of(*names, **limits):
    return PromptParams(**length_arrays(names, **limits))


def law(prompt, answer):
    return Lengths(prompt, answer, "made up")


@pytest.mark.parametrize("name", sorted(named()))
def test_every_named_workload_has_two_rising_tables_and_a_source(name):
    lengths = named_lengths(name)
    assert "CC-BY" in lengths.source or "Apache-2.0" in lengths.source or name == "lmsys"
    for table in (lengths.prompt, lengths.answer):
        assert table.shape == length_levels().shape
        assert (np.diff(table) >= 0.0).all()
        assert table[0] >= 0.0


def test_the_levels_go_from_0_to_1_and_never_stand_still():
    assert (length_levels()[0], length_levels()[-1]) == (0.0, 1.0)
    assert (np.diff(length_levels()) > 0.0).all()


def test_a_short_name_means_the_same_lengths_as_the_long_one():
    assert set(ALIASES) == {"conversation", "code", "long_context", "reasoning", "image"}
    for short, long in ALIASES.items():
        assert named_lengths(short) is named_lengths(long)


def test_images_come_on_top_of_their_text():
    text, total = params_of("servegen_mm_image"), params_of("image")
    more = prompts.expected_prompt_tokens(total, 0) - prompts.expected_prompt_tokens(text, 0)
    assert more == pytest.approx(1.59 * 649.0, rel=0.03)
    assert prompts.expected_answer_tokens(total, 0) == prompts.expected_answer_tokens(text, 0)


@pytest.mark.parametrize("name", sorted(length_fit.SAMPLES))
def test_lengths_drawn_by_the_rules_are_those_of_the_trace(name, traces):
    trace = read_trace(traces / length_fit.SAMPLES[name][0])
    for fit in length_fits(name, trace.prompt_tokens, trace.answer_tokens):
        assert fit.ks <= 0.01, fit
        assert abs(fit.error) <= 0.01, fit


@pytest.mark.parametrize("name", sorted(length_fit.QUANTILES))
def test_lengths_drawn_by_the_rules_keep_to_published_quantiles(name, traces):
    quantiles = length_fit.columns_of(traces / "servegen_length_quantiles.csv")
    *sides, _ = length_fit.QUANTILES[name]
    columns = [length_fit.stepped(quantiles["p"], quantiles[side]) for side in sides]
    for fit in length_fits(name, *columns):
        assert fit.ks <= 0.015, fit
        assert abs(fit.error) <= 0.01, fit


def test_the_shipped_tables_are_made_from_the_traces_as_they_say(traces):
    levels = length_levels()
    for name, (file, _, _) in length_fit.SAMPLES.items():
        for column, shipped in zip(length_fit.sample(traces / file), named_lengths(name)[:2]):
            np.testing.assert_allclose(shipped, table_of_sample(column, levels), rtol=2e-3, atol=2e-3)


def test_azure_conversations_have_the_means_that_the_trace_has():
    params = params_of("azure_conv")
    assert prompts.expected_prompt_tokens(params, 0) == pytest.approx(1154.7, rel=0.01)
    assert prompts.expected_answer_tokens(params, 0) == pytest.approx(211.1, rel=0.01)


def test_a_sample_of_two_numbers_is_spread_over_what_rounds_down_to_them():
    """Half of the requests have 2 tokens and half have 8: 2 to 3 up to one half, then 8 to 9."""
    table = np.exp(table_of_sample(np.array([8.0, 2.0, 8.0, 2.0]), QUARTERS))
    np.testing.assert_allclose(table, [2.0, 2.5, 8.0, 8.5, 8.999])


def test_equal_quantiles_are_one_number_of_tokens():
    table = table_of_quantiles(np.array([0.25, 0.5, 0.75]), np.array([4.0, 4.0, 10.0]), QUARTERS)
    np.testing.assert_allclose(np.exp(table), [4.25, 4.25, 4.75, 10.5, 10.5])


def test_a_lognormals_table_has_its_quantiles_and_its_mean():
    table = lognormal(5.0, 0.8, 1.0, 1e5, length_levels())
    middle = slice(1, -1)
    expected = [NormalDist(5.0, 0.8).inv_cdf(level) for level in length_levels()[middle]]
    np.testing.assert_allclose(table[middle], expected, atol=1e-9)
    mean = prompts.expected_prompt_tokens(params_of(law(table, table)), 0)
    assert mean == pytest.approx(exp(5.0 + 0.32) - 0.5, rel=0.005)  # rounding down takes half a token


def test_a_mixture_of_far_lognormals_is_their_halves():
    table = mixture((0.5, 0.5), (log(10.0), log(1000.0)), (0.01, 0.01), 1.0, 4000.0, length_levels())
    low, high = length_levels() < 0.49, length_levels() > 0.51
    np.testing.assert_allclose(np.exp(table[low]), 10.0, rtol=0.05)
    np.testing.assert_allclose(np.exp(table[high]), 1000.0, rtol=0.05)


def test_a_law_without_spread_is_a_constant():
    table = lognormal(log(300.5), 0.0, 1.0, 8192.0, length_levels())
    params = params_of(law(table, table))
    drawn = drawn_lengths(params, 2000)
    assert np.median(drawn) == 300.0
    assert np.quantile(drawn, [0.02, 0.99]).tolist() == [300.0, 300.0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (((0.5,), (1.0, 2.0), (1.0,), 1.0, 9.0), "as many of each"),
        (((0.7, 0.4), (1.0, 2.0), (1.0, 1.0), 1.0, 9.0), "add up to 1"),
        (((1.0,), (1.0,), (-1.0,), 1.0, 9.0), "no sigma below 0"),
        (((1.0,), (float("nan"),), (1.0,), 1.0, 9.0), "finite ones"),
        (((1.0,), (1.0,), (1.0,), 0.0, 9.0), "finite limits from 1 up"),
        (((1.0,), (1.0,), (1.0,), 9.0, 8.0), "in order"),
    ],
)
def test_what_is_no_law_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        mixture(*arguments, length_levels())


def test_lengths_drawn_have_the_expected_mean_and_stay_within_their_limits():
    params = params_of("azure_conv", "servegen_m_small", prompt_maximum=2048, answer_maximum=512)
    for application in range(2):
        row = {name: getattr(params, name)[application : application + 1] for name in PromptParams._fields[2:]}
        drawn = drawn_lengths(params._replace(**row), 100_000)
        expected = (
            prompts.expected_prompt_tokens(params, application),
            prompts.expected_answer_tokens(params, application),
        )
        np.testing.assert_allclose(drawn.mean(axis=1), expected, rtol=0.02)
        assert drawn.min() >= 1
        assert (drawn.max(axis=1) <= (2048, 512)).all()
        assert abs(np.corrcoef(np.log(drawn))[0, 1]) < 0.01


def test_the_quantile_is_a_line_of_the_logarithm_between_two_levels():
    table = np.log([1.0, 10.0, 100.0])
    params = PromptParams(
        np.array([0.0, 0.5, 1.0]),
        np.array([0, 0, 1, 1]),
        table[None],
        *[np.ones(1)] * 2,
        table[None],
        *[np.ones(1)] * 2,
    )
    for level, tokens in ((0.0, 1.0), (0.25, 10.0**0.5), (0.5, 10.0), (0.75, 10.0**1.5), (1.0, 100.0)):
        assert plain(prompts.log_quantile)(params, table, level) == pytest.approx(log(tokens), abs=1e-12)


def test_the_guide_finds_the_same_place_as_a_search_for_every_level():
    params = params_of("azure_code")
    near = np.concatenate([length_levels()[1:-1] + shift for shift in (-1e-12, 0.0, 1e-12)])
    for level in np.concatenate([near, np.linspace(1e-9, 1.0 - 1e-9, 500)]):
        expected = np.interp(level, params.length_levels, params.prompt_log_tokens[0])
        assert plain(prompts.log_quantile)(params, params.prompt_log_tokens[0], level) == pytest.approx(expected)


def test_tokens_are_clipped_and_then_rounded_down():
    whole_tokens = plain(prompts.whole_tokens)
    assert whole_tokens(7.99, 1.0, 100.0) == 7
    assert whole_tokens(0.2, 3.0, 100.0) == 3
    assert whole_tokens(1e30, 3.0, 100.0) == 100


def test_a_requests_lengths_are_its_own_whoever_asked_before():
    params = params_of("azure_conv")
    backwards = [prompts.prompt_tokens(params, 0, np.uint64(9), request) for request in reversed(range(50))]
    forwards = [prompts.prompt_tokens(params, 0, np.uint64(9), request) for request in range(50)]
    assert forwards == backwards[::-1]
    with np.errstate(over="ignore"):
        interpreted = [plain(prompts.prompt_tokens)(params, 0, np.uint64(9), request) for request in range(50)]
    assert forwards == interpreted


def test_an_unknown_workload_is_refused_with_the_nearest_known_one():
    with pytest.raises(ValueError, match="did you mean 'azure_conv'"):
        named_lengths("azur_conv")
    with pytest.raises(ValueError, match="did you mean 'reasoning'"):
        named_lengths("reasonin")
    with pytest.raises(ValueError, match="at least 1"):
        length_arrays(["lmsys"], prompt_maximum=0)


def test_a_level_is_added_where_a_table_errs_and_dropped_where_none_is_needed():
    """One atom of three tenths: three levels miss it, refined ones do not, and pruning keeps within the limits."""
    tokens = np.concatenate([np.arange(100.0, 800.0), np.full(300, 400.0)])
    columns = [(tokens, 1.0)]
    coarse = np.array([0.0, 0.5, 1.0])
    assert max(length_fit.cost(coarse, tokens, 1.0)) > 1.0
    fine = length_fit.refined(coarse, columns)
    kept = length_fit.pruned(fine, columns)
    assert max(length_fit.cost(kept, tokens, 1.0)) <= 1.0
    assert len(kept) <= len(fine)
    assert set(kept) <= set(fine)


def test_the_distance_of_samples_is_the_largest_gap_between_their_shares():
    assert sample_distance(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, 3.0, 4.0])) == 0.0
    assert sample_distance(np.array([1.0, 1.0, 1.0, 4.0]), np.array([1.0, 4.0])) == pytest.approx(0.25)
