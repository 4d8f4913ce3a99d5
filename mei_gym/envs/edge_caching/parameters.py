"""From a scenario to the numbers that the rules read."""

from __future__ import annotations

from math import exp
from typing import Any

import numpy as np

from mei_gym.costs.inference import InferenceParams, inference_params
from mei_gym.costs.transfer import TEXT_BYTES_PER_TOKEN
from mei_gym.envs.edge_caching.eviction import EVICTIONS
from mei_gym.envs.edge_caching.fields import FIELDS, PRECISIONS, SHOWN
from mei_gym.envs.edge_caching.state import CachingParams, EdgeCachingParams
from mei_gym.envs.laying import flat, lay_application_shares, lay_arrivals, lay_network, lay_popularity, refusals
from mei_gym.envs.task import scale_of
from mei_gym.network.backhaul import backhaul
from mei_gym.network.movement import mean_speed_of, mobility_of
from mei_gym.profiles.loading import loading_bytes_per_s
from mei_gym.scenarios.edge_caching import EdgeCachingScenario
from mei_gym.scenarios.library import library_of_part, quality_losses
from mei_gym.scenarios.resolve import ScenarioError
from mei_gym.workload.lengths import length_arrays
from mei_gym.workload.library import Library, LibraryParams, library_params
from mei_gym.workload.population import PopulationParams
from mei_gym.workload.prompts import PromptParams, expected_answer_tokens


def parameters(scenario: EdgeCachingScenario) -> Any:
    """The flat parameters of a scenario.

    Raises:
        ScenarioError: an unknown model, device, block or number that does not fit.
    """
    library = library_of_part(scenario.library)
    stored = library_params(library)
    refuse_what_cannot_be_held(scenario, stored)
    applications = list(scenario.applications.values())
    with refusals():
        lengths = length_arrays([each.lengths for each in applications], scenario.prompt_limit, scenario.answer_limit)
        prompts = PromptParams(**lengths)
    for row, application in enumerate(applications):
        prompts.answer_maximum[row] = min(prompts.answer_maximum[row], application.answer_limit)
    network = lay_network(scenario.network, scenario.radio)
    servers = int(network.served_sites)
    with refusals():
        wires = backhaul(servers, scenario.backhaul.layout, scenario.backhaul.preset, **scenario.backhaul.wires)
        tables = inference_params(library.bases, library.bits, scenario.servers.device, mean_context(prompts))
    parts = (
        tables,
        wires,
        network,
        stored,
        lay_arrivals(scenario.arrivals, scenario.requests_per_s, 0.0, scenario.day_s, scenario.day_strength),
        PopulationParams(scenario.users, scenario.activity_spread),
        prompts,
        lay_popularity(scenario.popularity, stored.models, scenario.popularity.ring_share),
        scale_of(FIELDS),
        own_parameters(scenario, library, stored, tables, network, int(wires.backhaul_pipe.max()) + 1),
    )
    return flat(EdgeCachingParams, parts)


def mean_context(prompts: PromptParams) -> float:
    """Tokens that an answer's middle token finds cached: the applications' median prompts, each counted alike, and half
    of their mean answers."""
    rows = range(len(prompts.answer_maximum))
    middle = len(prompts.length_levels) // 2
    prompt = float(np.mean(np.exp(prompts.prompt_log_tokens[:, middle])))
    return prompt + 0.5 * float(np.mean([expected_answer_tokens(prompts, row) for row in rows]))


def refuse_what_cannot_be_held(scenario: EdgeCachingScenario, stored: LibraryParams) -> None:
    """A library that no server could hold anything of, or that has more precisions than an observation."""
    if stored.precisions > PRECISIONS:
        raise ScenarioError(f"library.stored_bits has {stored.precisions} precisions; up to {PRECISIONS} are accepted.")
    smallest = float(stored.block_bytes.min())
    if scenario.servers.store_bytes < smallest:
        raise ScenarioError(
            f"servers.store_bytes is {scenario.servers.store_bytes:g}; at least the library's smallest block,"
            f" {smallest:g}, is needed."
        )
    least = float(stored.variant_bytes.min())
    for name in ("store_bytes", "accelerator_bytes"):
        size = float(getattr(scenario.servers, name))
        if size < least:
            raise ScenarioError(f"servers.{name} is {size:g}; at least the smallest model, {least:g}, is needed.")


def own_parameters(
    scenario: EdgeCachingScenario,
    library: Library,
    stored: LibraryParams,
    tables: InferenceParams,
    network: Any,
    pipes: int,
) -> CachingParams:
    """What the environment's own rules read."""
    applications = list(scenario.applications.values())
    servers = int(network.served_sites)

    def of_application(name: str) -> np.ndarray:
        return np.array([float(getattr(each, name)) for each in applications])

    with refusals():
        mobilities = [mobility_of(each.mobility, network) for each in applications]
        for name, each in scenario.applications.items():
            mean_speed_of(f"speed_mps of {name}", each.speed_mps)
        load_bytes_per_s = loading_bytes_per_s(scenario.servers.device, scenario.servers.load_from)
        losses = np.array(quality_losses(scenario.library))
    step_s = scenario.epoch_s / servers
    return CachingParams(
        servers=servers,
        pipes=pipes,
        answers_at_once=scenario.servers.answers_at_once,
        groups=len(library.bases) * stored.precisions,
        rows=min(SHOWN, stored.models),
        eviction=EVICTIONS[scenario.eviction],
        quality_loss=losses,
        least_decode_s=tables.whole_decode_s.min(axis=2),
        least_decode_j=tables.whole_decode_j.min(axis=2),
        store_limit_bytes=float(scenario.servers.store_bytes),
        accelerator_limit_bytes=float(scenario.servers.accelerator_bytes),
        load_bytes_per_s=load_bytes_per_s,
        application_share=lay_application_shares(scenario.applications),
        application_speed_mps=of_application("speed_mps"),
        application_mobility=np.array(mobilities),
        ttft_target_s=of_application("ttft_target_s"),
        tpot_target_s=of_application("tpot_target_s"),
        prompt_bytes_per_token=of_application("prompt_bytes_per_token"),
        worth=of_application("worth"),
        quality_weight=of_application("quality_weight"),
        text_bytes_per_token=TEXT_BYTES_PER_TOKEN,
        lateness=scenario.lateness,
        round_trip_s=scenario.radio.round_trip_s,
        round_trip_spread=scenario.radio.round_trip_spread,
        air_share=scenario.air_share,
        cloud_price=scenario.cloud_price,
        relay_price=scenario.relay_price,
        backhaul_price_per_byte=scenario.backhaul_price_per_byte,
        edge_price_per_byte=scenario.edge_price_per_byte,
        energy_price_per_j=scenario.energy_price_per_j,
        epoch_s=scenario.epoch_s,
        step_s=step_s,
        day_s=scenario.day_s,
        kept_of_step=exp(-step_s / scenario.memory_s),
        kept_of_epoch=exp(-scenario.epoch_s / scenario.memory_s),
        history_requests=int(round(scenario.requests_per_s * scenario.memory_s / servers)),
        memory_s=scenario.memory_s,
    )
