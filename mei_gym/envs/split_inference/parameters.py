"""From a scenario to the numbers that the rules read: profiles, cards and choices put into arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from mei_gym.costs.compute import compute_costs
from mei_gym.costs.memory import memory_costs
from mei_gym.costs.transfer import TEXT_BYTES_PER_TOKEN, activation_bytes
from mei_gym.envs.laying import (
    card_numbers,
    flat,
    lay_application_shares,
    lay_arrivals,
    lay_class_shares,
    lay_links,
    lay_network,
    lay_serving,
    refusals,
)
from mei_gym.envs.split_inference.fields import FIELDS
from mei_gym.envs.split_inference.state import SplitInferenceParams, SplitParams
from mei_gym.envs.task import scale_of
from mei_gym.network.movement import mean_speed_of, mobility_of
from mei_gym.profiles.curves import at_relative_depth, leakage_by_cut, quality_loss_by_cut
from mei_gym.profiles.load import architecture_of
from mei_gym.scenarios.split_inference import Leakage, Quality, SplitInferenceScenario
from mei_gym.workload.lengths import length_arrays
from mei_gym.workload.population import PopulationParams
from mei_gym.workload.prompts import PromptParams, expected_answer_tokens

BITS = (16.0, 8.0, 4.0)
RATE_MEMORY_S = 10.0  # chosen: the observed rates are of the last ten seconds
THROTTLE_SPAN_K = 8.0  # chosen: from where a device begins to slow down to its slowest


def parameters(scenario: SplitInferenceScenario) -> Any:
    """The flat parameters of a scenario.

    Raises:
        ScenarioError: an unknown length fit, cell value, model or device.
    """
    applications = list(scenario.applications.values())
    classes = list(scenario.device_classes.values())
    cards = [each.card for each in classes]
    costs = compute_costs(scenario.model, scenario.server.device, cards)
    workloads = [*(each.lengths for each in applications), scenario.background_lengths]
    with refusals():
        prompts = PromptParams(**length_arrays(workloads, scenario.prompt_limit, scenario.answer_limit))
    for row, application in enumerate(applications):
        prompts.answer_maximum[row] = min(prompts.answer_maximum[row], application.answer_limit)
    mean_answers = [expected_answer_tokens(prompts, row) for row in range(len(workloads))]
    network = lay_network(scenario.network, scenario.radio)
    parts = (
        costs,
        lay_serving(scenario.server, scenario.model, scenario.prompt_limit + scenario.answer_limit),
        network,
        lay_links(scenario.network, scenario.radio, network.served_sites),
        lay_arrivals(
            scenario.arrivals, scenario.requests_per_s, scenario.background_per_s, scenario.day_s, scenario.day_strength
        ),
        PopulationParams(scenario.users, scenario.activity_spread),
        prompts,
        scale_of(FIELDS),
        own_parameters(scenario, np.array(mean_answers), network),
    )
    return flat(SplitInferenceParams, parts)


def own_parameters(scenario: SplitInferenceScenario, mean_answers: np.ndarray, network: Any) -> SplitParams:
    """What the environment's own rules read."""
    card = architecture_of(scenario.model)
    applications = list(scenario.applications.values())
    classes = list(scenario.device_classes.values())
    slugs = [each.card for each in classes]
    memory = memory_costs(scenario.model, scenario.server.device, slugs)

    def of_application(name: str) -> np.ndarray:
        return np.array([float(getattr(each, name)) for each in applications])

    def of_class(name: str) -> np.ndarray:
        return np.array([float(getattr(each, name)) for each in classes])

    with refusals():
        mobilities = [mobility_of(each.mobility, network) for each in classes]
        for name, each in scenario.device_classes.items():
            mean_speed_of(f"speed_mps of {name}", each.speed_mps)
    battery_j = card_numbers(slugs, "battery_j")
    flash = card_numbers(slugs, "flash_read_bytes_per_s")
    from_flash = np.array([each.layers_from == "flash" for each in classes])
    return SplitParams(
        slots=scenario.server.requests_at_once,
        application_share=lay_application_shares(scenario.applications),
        application_class_share=lay_class_shares(scenario.applications, scenario.device_classes),
        ttft_target_s=of_application("ttft_target_s"),
        tpot_target_s=of_application("tpot_target_s"),
        leakage_budget=of_application("leakage_budget"),
        leakage_hard=of_application("leakage_hard"),
        prompt_bytes_per_token=of_application("prompt_bytes_per_token"),
        ttft_weight=of_application("ttft_weight"),
        tpot_weight=of_application("tpot_weight"),
        energy_weight=of_application("energy_weight"),
        leakage_weight=of_application("leakage_weight"),
        quality_weight=of_application("quality_weight"),
        expected_answer_tokens=mean_answers,
        lateness=scenario.lateness,
        patience_s=scenario.patience_s,
        leakage_of_cut=leakage_of_cut(scenario.leakage, card.layers),
        quality_loss_of_cut=quality_loss_of_cut(scenario.quality, card.layers),
        bits_choices=np.array(BITS),
        payload_bytes_per_token=np.array([activation_bytes(card.hidden_size, 1.0, bits) for bits in BITS]),
        text_bytes_per_token=TEXT_BYTES_PER_TOKEN,
        class_memory_bytes=memory.memory_bytes[1:] - memory.system_bytes[1:],
        class_pressure_share=of_class("pressure_share"),
        class_pressure_spread=of_class("pressure_spread"),
        pressure_time_s=scenario.pressure_time_s,
        class_block_bytes=memory.block_stored_bytes[1:],
        class_fixed_bytes=memory.embedding_stored_bytes[1:] + memory.head_stored_bytes[1:],
        class_kv_bytes=memory.cached_bytes_per_token[1:],
        class_fetch_bytes_per_s=np.where(from_flash, flash, 0.0),
        class_fetch_w=of_class("fetch_power_w"),
        class_active_w=card_numbers(slugs, "active_power_w"),
        class_battery_j=battery_j,
        class_energy_allowance_j=battery_j * of_class("battery_share") / of_class("requests_per_charge"),
        class_heat_resistance_k_per_w=card_numbers(slugs, "thermal_resistance_k_per_w"),
        class_heat_time_s=card_numbers(slugs, "thermal_time_constant_s"),
        class_throttle_start_k=card_numbers(slugs, "throttle_rise_k"),
        class_throttle_full_k=card_numbers(slugs, "throttle_rise_k") + THROTTLE_SPAN_K,
        class_throttle_floor=card_numbers(slugs, "throttled_speed"),
        class_speed_mps=of_class("speed_mps"),
        class_mobility=np.array(mobilities),
        battery_low=scenario.battery_low,
        battery_high=scenario.battery_high,
        battery_reserve=scenario.battery_reserve,
        fetch_share=scenario.radio.fetch_share,
        round_trip_s=scenario.radio.round_trip_s,
        round_trip_spread=scenario.radio.round_trip_spread,
        rate_memory_s=RATE_MEMORY_S,
    )


def leakage_of_cut(leakage: Leakage, layers: int) -> np.ndarray:
    """[layers + 1, 3]: share of the prompt's tokens that an attacker reads at a cut, by bits of the activations.

    At cut 0 the prompt itself travels, at the last nothing does. Between them a measured curve is read at the same
    relative depth, or a line runs from `shallow` to `deep`.
    """
    if leakage.measured_on:
        by_bits = [leakage_by_cut(leakage.measured_on, int(bits), leakage.corpus) for bits in BITS]
        curves = np.stack([at_relative_depth(curve, layers) for curve in by_bits], axis=1)
    else:
        line = np.interp(np.arange(layers + 1), [1, layers - 1], [leakage.shallow, leakage.deep])
        curves = np.repeat(line[:, None], len(BITS), axis=1)
    curves[0], curves[-1] = leakage.edge, 0.0
    return curves


def quality_loss_of_cut(quality: Quality, layers: int) -> np.ndarray:
    """[layers + 1, 3]: relative rise of perplexity, by cut and bits; 16 bits lose nothing."""
    if quality.measured_on:
        by_bits = [quality_loss_by_cut(quality.measured_on, int(bits), quality.corpus) for bits in BITS[1:]]
        coarse = np.stack([at_relative_depth(curve, layers) for curve in by_bits], axis=1)
    else:
        coarse = np.full((layers + 1, 2), [quality.bits_8, quality.bits_4])
    coarse[0] = coarse[-1] = 0.0
    return np.concatenate((np.zeros((layers + 1, 1)), coarse), axis=1)
