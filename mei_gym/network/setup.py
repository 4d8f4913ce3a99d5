"""From a scenario's values of a cell and its sites, by name, to the parameters that the rules read.

Five values are names: `propagation` (umi, uma, inh_mixed, inh_open), `modulation` (shannon, tr36942, mcs_table1,
mcs_table2), `fading` (none, ergodic, block, ar1), `duplex` (tdd, fdd) and `spec_version` (v16.1, v19.2). The others
are the numbers of `CellParams`; what is left out has the propagation's default, and what follows from the rest is laid
here.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, isfinite
from typing import Any

import numpy as np

from mei_gym.compiled import plain
from mei_gym.network.cell import DUPLEXES, TDD, CellParams, NetworkParams
from mei_gym.network.channel import INH_MIXED, INH_OPEN, PROPAGATIONS, UMA, UMI
from mei_gym.network.codes import MODULATIONS
from mei_gym.network.ergodic import ergodic_efficiencies
from mei_gym.network.fading import BLOCK, ERGODIC, FADINGS, KNOTS, independent_blocks
from mei_gym.network.handover import handover_params
from mei_gym.network.movement import movement_params
from mei_gym.network.penetration import SPEC_VERSIONS
from mei_gym.network.rate import carrier_bandwidth_hz
from mei_gym.network.sites import disk_of_sites_m, site_params
from mei_gym.network.topology import sites_of
from mei_gym.spelling import nearest

MODULATION = "modulation"
NAMES: dict[str, dict[str, Any]] = {
    "propagation": PROPAGATIONS,
    MODULATION: MODULATIONS,
    "fading": FADINGS,
    "spec_version": SPEC_VERSIONS,
    "duplex": DUPLEXES,
}
LAID = ("code_sinr", "code_efficiency", "efficiency_of_knot")
OF_MODULATION = ("efficiency_factor", "efficiency_gap", "efficiency_cap", "sinr_floor")

# By propagation, where it differs from UMi. The rise of the uplink's noise was computed for UMi and kept: chosen.
UMA_DEFAULTS = {
    "site_distance_m": 500.0,  # TR 38.901 table 7.2-1
    "base_height_m": 25.0,  # the same
    "keep_out_m": 35.0,  # the same
    "base_power_w": 39.811,  # 46 dBm: chosen; table 7.8-1 has 49 dBm in 20 MHz (recalled)
}
INH_DEFAULTS = {
    "site_distance_m": 20.0,  # TR 38.901 table 7.2-2
    "base_height_m": 3.0,  # the same: at the ceiling
    "user_height_m": 1.0,  # the same
    "keep_out_m": 1.0,  # where the path loss formula begins
    "base_power_w": 0.25119,  # 24 dBm: TR 38.901 table 7.8-1 (recalled)
}
DEFAULTS = {UMI: {}, UMA: UMA_DEFAULTS, INH_MIXED: INH_DEFAULTS, INH_OPEN: INH_DEFAULTS}
USER_HEIGHTS_M = {UMI: (1.5, 22.5), UMA: (1.5, 13.0), INH_MIXED: (0.5, 3.0), INH_OPEN: (0.5, 3.0)}
LEAST_DISTANCE_M = {UMI: 10.0, UMA: 10.0, INH_MIXED: 1.0, INH_OPEN: 1.0}  # TR 38.901 table 7.4.1-1

SHARE = (0.0, 1.0)
LIMITS = {
    "carrier_hz": (0.5e9, 100e9),  # TR 38.901 table 7.4.1-1, note: what its formulas were fitted on
    "base_height_m": (1.5, 150.0),  # chosen
    "numerology": (0.0, 6.0),  # TS 38.211
    "path_loss_compensation": SHARE,
    "downlink_overhead": (0.0, 0.99),
    "uplink_overhead": (0.0, 0.99),
    "downlink_layers": (1.0, 8.0),  # TS 38.211: eight to one user
    "uplink_layers": (1.0, 8.0),  # the same, from release 18
    "downlink_share": SHARE,
    "uplink_share": SHARE,
    "neighbour_load_mean": SHARE,
    "indoor_share": SHARE,
    "car_share": SHARE,
    "high_loss_share": SHARE,
    "fading_blocks": (1.0, 4096.0),  # chosen: beyond it fading is ergodic
    "sinr_floor": (1e-3, 10.0),  # chosen
}
BLOCK_WINDOW_S, COHERENCE_HZ = 0.1, 2e6  # chosen; 1 to 3 MHz: a fifth of the inverse of the delay spread


def cell_params(values: Mapping[str, Any]) -> CellParams:
    """The parameters of a cell.

    Raises:
        ValueError: an unknown name or a value out of its range, in one sentence.
    """
    known = [*(name for name in CellParams._fields if name not in LAID), MODULATION]
    for name in values:
        if name not in known:
            raise ValueError(f"There is no cell value {name!r}; {nearest(name, known)}")
    named = {name: chosen(name, values[name]) for name in NAMES if name in values}
    numbers = {name: number(name, value) for name, value in values.items() if name not in NAMES}
    modulation = named.pop(MODULATION, MODULATIONS["shannon"])
    if modulation.codes:
        for name in OF_MODULATION:
            if name in numbers:
                raise ValueError(
                    f"The cell value {name} says nothing of the codes of {values[MODULATION]}; it belongs to shannon."
                )
    laid = {
        "efficiency_factor": modulation.factor,
        "efficiency_gap": 10.0 ** (modulation.gap_db / 10.0),
        "efficiency_cap": modulation.cap,
        "sinr_floor": 10.0 ** (modulation.floor_db / 10.0),
        "code_sinr": np.array([10.0 ** (least_db / 10.0) for least_db, _ in modulation.codes], np.float64),
        "code_efficiency": np.array([efficiency for _, efficiency in modulation.codes], np.float64),
        "efficiency_of_knot": np.zeros((2, KNOTS)),
    }
    params = CellParams(**{**laid, **DEFAULTS[named.get("propagation", UMI)], **numbers, **named})
    refuse_what_does_not_fit(params)
    if params.fading == BLOCK and "fading_blocks" not in numbers:
        bandwidth_hz = plain(carrier_bandwidth_hz)(params.resource_blocks, params.numerology)
        blocks = plain(independent_blocks)(
            BLOCK_WINDOW_S, params.fading_least_speed_mps, params.carrier_hz, bandwidth_hz, COHERENCE_HZ
        )
        params = params._replace(fading_blocks=round(min(blocks, LIMITS["fading_blocks"][1])))
    if params.fading == ERGODIC:
        params = params._replace(efficiency_of_knot=ergodic_efficiencies(params))
    return params


def network_params(
    cell: Mapping[str, Any] | None = None,
    topology: str = "hexagonal",
    sites: Mapping[str, Any] | None = None,
    served: int = 1,
    region: Mapping[str, Any] | None = None,
    handover: Mapping[str, float] | None = None,
) -> Any:
    """The parameters of a whole network.

    Args:
        cell: values of `cell_params`.
        topology: a name of `topology.TOPOLOGIES`.
        sites: its values; a lattice has one ring and the propagation's distance where they say nothing.
        served: how many sites, those nearest to the origin, have the scenario's users; 0: all.
        region: values of `movement_params`; left out: the served cells' disk, or the rectangle of the sites.
        handover: values of `handover_params`.

    Raises:
        ValueError: an unknown name or a value out of its range, in one sentence.
    """
    radio = cell_params(cell or {})
    values, lattice_m, rings = dict(sites or {}), 0.0, 0
    if topology == "hexagonal":
        values = {"rings": 1, "site_distance_m": radio.site_distance_m, **values}
    places = sites_of(topology, values)
    if topology == "hexagonal":
        lattice_m, rings = float(values["site_distance_m"]), int(values["rings"])
    if not 0 <= served <= len(places.x_m):
        raise ValueError(f"served is {served}; 0 for all, or up to the {len(places.x_m)} sites that there are.")
    laid = site_params(places, served, lattice_m, rings)
    if lattice_m > 0.0:
        standard = {"region": "disk", "region_outer_m": disk_of_sites_m(laid.served_sites, lattice_m)}
        standard["region_inner_m"] = radio.keep_out_m
    else:
        width_m, height_m = (
            values.get(side) or 2.0 * max(float(np.abs(along).max()), 50.0)
            for side, along in (("width_m", places.x_m), ("height_m", places.y_m))
        )
        standard = {"region": "rectangle", "region_width_m": float(width_m), "region_height_m": float(height_m)}
    wished = dict(region or {})
    if wished.get("region", standard["region"]) != standard["region"]:
        standard = {}
    movement = movement_params(**{**standard, **wished})
    return NetworkParams(*radio, *laid, *movement, *handover_params(**dict(handover or {})))


def chosen(name: str, word: Any) -> Any:
    """What a name of a scenario stands for."""
    kinds = NAMES[name]
    if not isinstance(word, str) or word not in kinds:
        raise ValueError(f"There is no {name} {word!r}; {nearest(word, kinds)}")
    return kinds[word]


def number(name: str, value: Any) -> float | int:
    """The number of a scenario's value, which YAML may have read as text (3e9)."""
    zero = name.endswith(("_mean", "_sd", "_db"))
    low, high = LIMITS.get(name, (0.0 if zero else 1e-30, inf))
    accepted = "a finite number of 0 or more" if zero else "a finite positive number"
    if name in LIMITS:
        accepted = f"a number from {low:g} to {high:g}"
    try:
        result = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"The cell value {name} is {value!r}; {accepted} is accepted.") from None
    if not (isfinite(result) and low <= result <= high):
        raise ValueError(f"The cell value {name} is {value}; {accepted} is accepted.")
    return round(result) if name == "fading_blocks" else result


def refuse_what_does_not_fit(params: CellParams) -> None:
    """Values that are right alone and wrong together."""
    low_m, high_m = USER_HEIGHTS_M[params.propagation]
    least_m = LEAST_DISTANCE_M[params.propagation]
    propagation = next(name for name, kind in PROPAGATIONS.items() if kind == params.propagation)
    if not low_m <= params.user_height_m <= high_m:
        raise ValueError(
            f"The cell value user_height_m is {params.user_height_m}; {propagation} holds from {low_m:g} to {high_m:g}."
        )
    if params.keep_out_m < least_m:
        raise ValueError(f"The cell value keep_out_m is {params.keep_out_m}; {propagation} holds from {least_m:g}.")
    if params.propagation >= INH_MIXED and params.indoor_share + params.car_share > 0.0:
        raise ValueError(
            f"The users of {propagation} are inside with its masts; an indoor_share and car_share of 0 are accepted."
        )
    if params.indoor_share + params.car_share > 1.0:
        raise ValueError(
            f"indoor_share and car_share add up to {params.indoor_share + params.car_share:g}; at most 1 is accepted."
        )
    if params.duplex == TDD and params.downlink_share + params.uplink_share > 1.0 + 1e-9:
        raise ValueError(
            f"downlink_share and uplink_share add up to {params.downlink_share + params.uplink_share:g};"
            " at most 1 is accepted."
        )
