"""The wires between edge servers and to the cloud: pipes with a rate, a latency, and others who use them.

    n transfers at once   t = l + 8 s n / r           all n of one size and begun together, or lasting throughout
    pipe of load rho      t = l + 8 s / (r (1 - rho))     the mean where others come and go (M/G/1 processor sharing)

    s  size_bytes    r  rate_bps    l  latency_s, one way    n  sharers, this transfer counted    rho  load

Servers are nodes 0..M-1, the cloud is node M. A pipe has a number, and transfers in one pipe share it:

    star   every server hangs on an aggregation site: what it sends to servers, whichever, shares its one spoke
    mesh   every server has a pipe of its own to every other
    cloud  one pipe up and one down, which all servers share, in both

Rates hold in each direction. Latency between two servers is that of the whole way, so a star's servers are not
farther apart than a mesh's: they only share more.

Sources: TR 36.932 (recalled): kinds of backhaul of small cells, one way, the middle of its ranges. PureEdgeSim,
EdgeCloudSim and MintEDGE: their code. What a source does not give is the reference case's, which was chosen.
"""

from __future__ import annotations

from math import inf
from typing import NamedTuple

import numpy as np

from mei_gym.compiled import scalar
from mei_gym.costs.transfer import transfer_time
from mei_gym.network.accepted import known, not_negative, positive, whole

MOST_SERVERS = 512  # chosen: three square tables of that side take 6 MB


class Wires(NamedTuple):
    """What connects servers with each other and with the cloud."""

    edge_rate_bps: float = 1e9  # chosen: as in most simulators
    edge_latency_s: float = 5e-3  # chosen: TR 36.932's good fibre
    cloud_rate_bps: float = 1e9  # chosen; shared by all servers
    cloud_latency_s: float = 30e-3  # chosen: a data centre some hundred km away


#: As a scenario file calls them.
BACKHAULS = {
    "reference": Wires(),
    "ideal": Wires(edge_rate_bps=10e9, edge_latency_s=2.5e-6),  # TR 36.932 (recalled): 10 Gbit/s, below 2.5 us
    "fibre": Wires(edge_rate_bps=1e9, edge_latency_s=3.5e-3),  # TR 36.932 (recalled): .05 to 10 Gbit/s, 2 to 5 ms
    "shared_fibre": Wires(edge_rate_bps=0.5e9, edge_latency_s=7.5e-3),  # the same: .1 to 1 Gbit/s, 5 to 10 ms
    "dsl": Wires(edge_rate_bps=50e6, edge_latency_s=37.5e-3),  # the same: 10 to 100 Mbit/s, 15 to 60 ms
    "wireless": Wires(edge_rate_bps=50e6, edge_latency_s=20e-3),  # the same: 10 to 100 Mbit/s, 5 to 35 ms
    "pureedgesim": Wires(1e9, 10e-3, 20e6, 60e-3),  # its code: MAN of 1 to 1.3 Gbit/s; WAN of 20 Mbit/s, shared
    "mintedge": Wires(edge_rate_bps=10e9),  # its code: 10 Gbit/s between servers
}

STAR, MESH = 0, 1
#: Likewise.
LAYOUTS = {"star": STAR, "mesh": MESH}

NO_PIPE, TO_CLOUD, FROM_CLOUD, SPOKES = -1, 0, 1, 2  # numbers of pipes; those between servers begin at SPOKES


class Backhaul(NamedTuple):
    """Tables by sender and receiver; a node to itself takes no time."""

    backhaul_rate_bps: np.ndarray  # f8[M + 1, M + 1]
    backhaul_latency_s: np.ndarray  # f8[M + 1, M + 1]
    backhaul_pipe: np.ndarray  # i8[M + 1, M + 1]: number of the pipe that the transfer shares; -1: none


@scalar
def pipe_time(size_bytes, rate_bps, sharers, latency_s):
    """s until the last byte arrives, of one of `sharers` alike transfers in a pipe; a cut wire never finishes."""
    return latency_s + transfer_time(size_bytes * sharers, rate_bps)


@scalar
def mean_pipe_time(size_bytes, rate_bps, load, latency_s):
    """s on average, in a pipe whose other transfers come at random and fill a share `load` of it."""
    if load >= 1.0:
        return inf if size_bytes > 0.0 else latency_s
    return latency_s + transfer_time(size_bytes, rate_bps * (1.0 - load))


def backhaul(servers: int, layout: str = "mesh", preset: str = "reference", **values: float) -> Backhaul:
    """The tables of a layout of `servers` servers and a cloud; `values` replace numbers of the named wires.

    Raises:
        ValueError: an unknown name, or a number that no wire has.
    """
    servers = whole("servers", servers, 1, MOST_SERVERS)
    shape = LAYOUTS[known("layout of the backhaul", layout, LAYOUTS)]
    wires = BACKHAULS[known("backhaul", preset, BACKHAULS)]
    for name, value in values.items():
        known("backhaul value", name, Wires._fields)
        wires = wires._replace(**{name: (not_negative if name.endswith("_s") else positive)(name, value)})

    nodes, cloud = servers + 1, servers
    rate_bps = np.full((nodes, nodes), wires.edge_rate_bps)
    latency_s = np.full((nodes, nodes), wires.edge_latency_s)
    pipe = np.empty((nodes, nodes), np.int64)
    if shape == STAR:
        pipe[:cloud, :cloud] = SPOKES + np.arange(servers)[:, None]
    else:
        pipe[:cloud, :cloud] = SPOKES + np.arange(servers * servers).reshape(servers, servers)
    for ends, number in (((slice(cloud), cloud), TO_CLOUD), ((cloud, slice(cloud)), FROM_CLOUD)):
        rate_bps[ends], latency_s[ends], pipe[ends] = wires.cloud_rate_bps, wires.cloud_latency_s, number
    np.fill_diagonal(rate_bps, inf)
    np.fill_diagonal(latency_s, 0.0)
    np.fill_diagonal(pipe, NO_PIPE)
    return Backhaul(rate_bps, latency_s, pipe)
