"""The parts of a scenario that all environments share, laid out as the rules read them.

What a name or a number of a scenario means is known to the floors that own it (`network.setup`, `network.backhaul`,
`workload.arrival_laws`, `costs.server`); here their refusals become those of a scenario.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from mei_gym.costs.links import NO_LINK
from mei_gym.costs.server import ServingParams, kv_capacity_tokens
from mei_gym.costs.slots import FCFS, SHORTEST
from mei_gym.network.backhaul import NO_PIPE, backhaul
from mei_gym.network.setup import network_params
from mei_gym.profiles.load import architecture_of, load_card
from mei_gym.scenarios.parts import Arrivals, Network, OnDevices, Popularity, Radio, Server
from mei_gym.scenarios.resolve import ScenarioError
from mei_gym.workload.arrival_laws import ArrivalLaw, arrival_law, arrival_params, at_rate
from mei_gym.workload.arrivals import ArrivalParams
from mei_gym.workload.popularity import PopularityParams, popularity_params
from mei_gym.workload.trace import Trace, read_trace

QUEUE_ORDERS = {"fcfs": FCFS, "shortest": SHORTEST}
EQUAL, MAX_MIN = 0, 1  # how uploads share a cell's air
SHARINGS = {"equal": EQUAL, "max_min": MAX_MIN}


class LinkParams(NamedTuple):
    """The links between users and the server: one air a served site, then the pipes behind them."""

    links: int
    air_sharing: int  # EQUAL or MAX_MIN
    air_pipe: np.ndarray  # i8[served]: the link behind a site's air; NO_LINK: the server stands there
    air_backhaul_s: np.ndarray  # f8[served]: one way from the site to the server
    air_pipe_s_per_byte: np.ndarray  # f8[served]: of the undivided pipe; 0: none


@contextmanager
def refusals() -> Iterator[None]:
    """Let what a floor refuses be refused of the scenario."""
    try:
        yield
    except ScenarioError:
        raise
    except ValueError as error:
        raise ScenarioError(str(error)) from None


def lay_network(network: Network, radio: Radio) -> Any:
    """The sites, the air, the region and the handovers: `network.cell.NetworkParams`."""
    with refusals():
        return network_params(
            radio.cell, network.topology, network.sites, network.served, network.region, network.handover
        )


def lay_links(network: Network, radio: Radio, served: int) -> LinkParams:
    """One air a served site, and the pipes of the backhaul that lead from there to the server.

    A server at the site in the middle is reached from the others over a spoke each; one behind the backhaul over the
    pipe to the cloud, which all sites share.
    """
    pipes = np.full(served, NO_LINK, np.int64)
    latency_s, s_per_byte = np.zeros(served), np.zeros(served)
    if network.backhaul:
        with refusals():
            tables = backhaul(served, "star", network.backhaul, **network.wires)
        server = 0 if network.server_at == "site" else served
        numbers = tables.backhaul_pipe[:served, server]
        others = numbers != NO_PIPE
        pipes[others] = served + np.unique(numbers[others], return_inverse=True)[1]
        latency_s = np.ascontiguousarray(tables.backhaul_latency_s[:served, server])
        s_per_byte[others] = 8.0 / tables.backhaul_rate_bps[:served, server][others]
    elif network.wires or network.server_at != "site":
        raise ScenarioError("The network names no backhaul; wires and a server behind it need one.")
    links = int(max(served, pipes.max() + 1))
    return LinkParams(links, SHARINGS[radio.sharing], pipes, latency_s, s_per_byte)


def lay_serving(server: Server, model: str, longest_tokens: int) -> ServingParams:
    """What the serving engine reads; twice the longest request must fit into the memory."""
    capacity = kv_capacity_tokens(model, server.device, server.memory_share)
    if capacity < 2 * longest_tokens:
        raise ScenarioError(
            f"{model} leaves room for {max(0.0, capacity):.0f} tokens of keys and values on {server.device}; twice the"
            " longest request is needed."
        )
    return ServingParams(
        layers=architecture_of(model).layers,
        running_limit=server.running_limit,
        kv_capacity_tokens=capacity,
        chunk_tokens=float(server.chunk_tokens),
        iteration_overhead_s=server.iteration_overhead_s,
        queue_order=QUEUE_ORDERS[server.queue_order],
        jumps=1,
    )


def lay_arrivals(
    arrivals: Arrivals, requests_per_s: float, background_per_s: float, day_s: float, day_strength: float
) -> ArrivalParams:
    """The streams of the scenario's own users and of the background."""
    with refusals():
        own, background = (
            law_of("own", arrivals.own, arrivals.own_law),
            law_of("background", arrivals.background, arrivals.background_law),
        )
        trace: Trace | None = None
        if arrivals.trace:
            own = own._replace(replays=True)
            trace = read_trace(arrivals.trace, arrivals.trace_scale)
            if arrivals.trace_at_rate:
                trace = at_rate(trace, requests_per_s)
        return arrival_params(requests_per_s, background_per_s, own, background, day_s, day_strength, trace)


def law_of(stream: str, name: str, values: dict[str, Any]) -> ArrivalLaw:
    """The named law with some of its numbers replaced."""
    law = arrival_law(stream, name)
    unknown = [each for each in values if each not in ArrivalLaw._fields]
    if unknown:
        known = ", ".join(ArrivalLaw._fields[:-1])
        raise ScenarioError(f"There is no value {unknown[0]!r} of the {stream} arrivals; known are {known}.")
    return arrival_law(stream, law._replace(**values))


def lay_popularity(wished: Popularity, models: int, ring_share: float) -> PopularityParams:
    """The law of what is asked for."""
    law = wished.law if wished.exponent is None else (wished.exponent, wished.offset)
    with refusals():
        return popularity_params(
            models, law, wished.drift_sd, wished.drift_tau_s, wished.newcomers_per_s, ring_share, wished.shares
        )


def lay_application_shares(applications: Mapping[str, Any]) -> np.ndarray:
    """f8[application] of the users, cumulative."""
    shares = np.array([float(each.share) for each in applications.values()])
    return np.cumsum(shares / shares.sum())


def lay_class_shares(applications: Mapping[str, OnDevices], classes: Mapping[str, Any]) -> np.ndarray:
    """f8[application, class] of an application's users, cumulative."""
    shares = np.array([[each.classes.get(name, 0.0) for name in classes] for each in applications.values()])
    return np.cumsum(shares / shares.sum(axis=1, keepdims=True), axis=1)


def card_numbers(slugs: Sequence[str], name: str) -> np.ndarray:
    """f8[card]: a number that the cards of devices must have."""
    cards = [load_card(slug) for slug in slugs]
    for slug, card in zip(slugs, cards):
        if name not in card.numbers:
            raise ScenarioError(f"The card {slug!r} has no {name}, which a device that users carry needs.")
    return np.array([card[name] for card in cards])


def flat(kind: Any, parts: Sequence[Any]) -> Any:
    """The parameters of an environment from those of its parts; of equal names the last part's."""
    values: dict[str, Any] = {}
    for part in parts:
        values.update(part._asdict())
    return kind(**values)
