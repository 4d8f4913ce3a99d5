"""Token lengths: the named fits against their traces, exact means, and draws that no policy moves."""

from pathlib import Path

import numpy as np
import pytest

from mei_gym.compiled import plain
from mei_gym.workload import prompts
from mei_gym.workload.lengths import LENGTHS, length_arrays, named_lengths
from mei_gym.workload.prompts import PromptParams

TRACES = Path(__file__).parents[3] / "shared" / "traces"


def params_of(*names, **limits):
    return PromptParams(**length_arrays(names, **limits))


def survival(tokens, mixture):
    first = plain(prompts.lognormal_survival)(tokens, mixture.first_mu, mixture.first_sigma)
    second = plain(prompts.lognormal_survival)(tokens, mixture.second_mu, mixture.second_sigma)
    return mixture.first_weight * first + (1.0 - mixture.first_weight) * second


@pytest.mark.parametrize("name", sorted(LENGTHS))
def test_every_named_fit_is_a_law_with_a_source(name):
    lengths = LENGTHS[name]
    assert lengths.source
    for mixture in (lengths.prompt, lengths.answer):
        assert 0.0 <= mixture.first_weight <= 1.0
        assert 1 <= mixture.minimum < mixture.maximum
        assert mixture.first_sigma > 0.0


@pytest.mark.skipif(not TRACES.exists(), reason="the traces are not beside this checkout")
@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("azure_conv", "azure_llm_2023_conv"),
        ("azure_code", "azure_llm_2023_code"),
        ("mooncake_conv", "mooncake_fast25_conv"),
    ],
)
def test_fits_are_as_near_to_their_traces_as_they_say(name, file):
    trace = np.loadtxt(TRACES / f"{file}.csv", delimiter=",", skiprows=1)
    for column, mixture in ((1, LENGTHS[name].prompt), (2, LENGTHS[name].answer)):
        sample = np.sort(trace[:, column])
        points = np.unique(sample[sample < mixture.maximum])
        below = np.searchsorted(sample, points, side="right") / len(sample)
        law = 1.0 - np.array([survival(each + 1.0, mixture) for each in points])
        assert np.abs(below - law).max() <= mixture.ks + 0.016


def test_lengths_drawn_have_the_expected_mean_and_stay_within_their_limits():
    params = params_of("azure_conv", "servegen_m_small", prompt_maximum=2048, answer_maximum=512)
    for application in range(2):
        drawn = np.array(
            [
                (
                    prompts.prompt_tokens(params, application, np.uint64(5), request),
                    prompts.answer_tokens(params, application, np.uint64(5), request),
                )
                for request in range(20_000)
            ]
        )
        expected = (
            prompts.expected_prompt_tokens(params, application),
            prompts.expected_answer_tokens(params, application),
        )
        np.testing.assert_allclose(drawn.mean(axis=0), expected, rtol=0.04)
        assert drawn.min() >= 1
        assert (drawn.max(axis=0) <= (2048, 512)).all()
        assert abs(np.corrcoef(np.log(drawn.T))[0, 1]) < 0.03


def test_azure_conversations_have_the_means_that_the_trace_has():
    params = params_of("azure_conv")
    assert plain(prompts.expected_prompt_tokens)(params, 0) == pytest.approx(1155.0, rel=0.01)
    assert plain(prompts.expected_answer_tokens)(params, 0) == pytest.approx(211.1, rel=0.01)


def test_tokens_are_clipped_and_then_rounded_down():
    whole_tokens = plain(prompts.whole_tokens)
    assert whole_tokens(np.log(7.99), 1.0, 100.0) == 7
    assert whole_tokens(-5.0, 3.0, 100.0) == 3
    assert whole_tokens(5000.0, 3.0, 100.0) == 100


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
    with pytest.raises(ValueError, match="at least 1"):
        length_arrays(["lmsys"], prompt_maximum=0)
