"""From a scenario to the numbers that the rules read: library, cards, cell and prices put into arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from mei_gym.envs.laying import (
    card_numbers,
    flat,
    lay_application_shares,
    lay_arrivals,
    lay_class_shares,
    lay_popularity,
    refusals,
)
from mei_gym.envs.model_delivery.fields import FIELDS
from mei_gym.envs.model_delivery.state import DeliveryParams, ModelDeliveryParams
from mei_gym.envs.task import scale_of
from mei_gym.network.movement import mean_speed_of, mobility_of
from mei_gym.network.setup import network_params
from mei_gym.scenarios.library import library_of_part, quality_losses
from mei_gym.scenarios.model_delivery import ModelDeliveryScenario
from mei_gym.scenarios.resolve import ScenarioError
from mei_gym.workload.pieces import piece_params
from mei_gym.workload.population import PopulationParams

REFERENCE_BPS = 1.1e9  # TS 22.261 table 7.10.1-2: a model of 138 MB within 1 s at 1.1 Gbit/s


def parameters(scenario: ModelDeliveryScenario) -> Any:
    """The flat parameters of a scenario.

    Raises:
        ScenarioError: an unknown model, block, device or cell value, or shares that do not sum.
    """
    library = library_of_part(scenario.library)
    network = lay_network(scenario)
    parts = (
        network,
        piece_params(library, quality_losses(scenario.library)),
        lay_arrivals(scenario.arrivals, scenario.requests_per_s, 0.0, scenario.day_s, scenario.day_strength),
        PopulationParams(scenario.users, scenario.activity_spread),
        lay_popularity(scenario.popularity, len(library.models), ring_share=0.0),  # one cell
        scale_of(FIELDS),
        own_parameters(scenario, network),
    )
    return flat(ModelDeliveryParams, parts)


def lay_network(scenario: ModelDeliveryScenario) -> Any:
    """The cell in the middle and the sites around it."""
    wished = scenario.network
    if wished.served != 1:
        raise ScenarioError(f"network.served is {wished.served}; 1 is accepted, one cell without a backhaul.")
    if wished.backhaul:
        raise ScenarioError(f"network.backhaul is {wished.backhaul!r}; none is accepted, the cell has its models.")
    with refusals():
        return network_params(scenario.cell, wished.topology, wished.sites, 1, wished.region, wished.handover)


def own_parameters(scenario: ModelDeliveryScenario, network: Any) -> DeliveryParams:
    """What the environment's own rules read."""
    applications = list(scenario.applications.values())
    classes = list(scenario.device_classes.values())
    cards = [each.card for each in classes]

    def of_application(name: str) -> np.ndarray:
        return np.array([float(getattr(each, name)) for each in applications])

    with refusals():
        mobilities = [mobility_of(each.mobility, network) for each in classes]
        for name, each in scenario.device_classes.items():
            mean_speed_of(f"speed_mps of {name}", each.speed_mps)
    radiated_w = network.base_power_w * network.downlink_share
    return DeliveryParams(
        slots=scenario.requests_at_once,
        requests=scenario.requests,
        application_share=lay_application_shares(scenario.applications),
        application_class_share=lay_class_shares(scenario.applications, scenario.device_classes),
        deadline_low=of_application("deadline_low"),
        deadline_high=of_application("deadline_high"),
        worth=of_application("worth"),
        quality_weight=of_application("quality_weight"),
        late_weight=of_application("late_weight"),
        class_least_bits=np.array([each.least_bits for each in classes]),
        class_store_bytes_per_s=card_numbers(cards, "flash_read_bytes_per_s"),
        class_expand_bytes_per_s=card_numbers(cards, "bandwidth_bytes_per_s"),
        class_active_w=card_numbers(cards, "active_power_w"),
        class_speed_mps=np.array([each.speed_mps for each in classes]),
        class_mobility=np.array(mobilities),
        reference_bps=REFERENCE_BPS,
        look_s=scenario.look_s,
        wait_s=scenario.wait_s,
        popularity_look_s=scenario.popularity.look_s,
        rate_memory_s=scenario.rate_memory_s,
        sending_w=scenario.station.power_slope * radiated_w + scenario.station.awake_w,
        joule_price=scenario.energy_weight / scenario.energy_allowance_j,
        air_price=scenario.air_weight / scenario.air_allowance_s,
    )
