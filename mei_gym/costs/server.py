"""The edge server's numbers: what the engine of `serving` reads, for a model on a device.

    M = (m S - W) / (L b)        M  kv_capacity_tokens    m  memory_share    S  memory of the device, bytes
                                 W  bytes of the weights  L  layers          b  bytes of one token's keys and values

Source of the defaults: vLLM and Sarathi-Serve, each named on its line.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any, NamedTuple

from mei_gym.costs.compute import ComputeCosts, compute_costs
from mei_gym.costs.memory import memory_costs
from mei_gym.costs.slots import FCFS, SHORTEST
from mei_gym.profiles.load import architecture_of

SERVER = 0  # the processor index of the edge server in every cost table


class ServingParams(NamedTuple):
    """What the engine reads besides the times of `ComputeCosts`."""

    layers: int
    running_limit: int  # requests in the batch
    kv_capacity_tokens: float
    chunk_tokens: float  # of prompts, in one iteration
    iteration_overhead_s: float  # scheduler and sampler
    queue_order: int  # FCFS or SHORTEST
    jumps: int  # 1: like iterations are passed in one event; 0: each is an event of its own, for comparison


ServerParams: Any = namedtuple("ServerParams", (*ComputeCosts._fields, *ServingParams._fields), module=__name__)


def kv_capacity_tokens(model: str, device: str, memory_share: float) -> float:
    """Tokens of a whole model whose keys and values fit beside the weights in 16 bits; not above 0: none."""
    card = architecture_of(model)
    memory_bytes = memory_costs(model, device, ()).memory_bytes[SERVER]
    return (memory_share * memory_bytes - 2.0 * card.weights) / (card.layers * card.kv_bytes())


def server_params(
    model: str,
    device: str,
    *,
    running_limit: int = 256,  # vLLM's max_num_seqs
    chunk_tokens: int = 512,  # Sarathi-Serve, vLLM: max_num_batched_tokens of chunked prefill
    memory_share: float = 0.9,  # vLLM's gpu_memory_utilization
    iteration_overhead_s: float = 0.0,  # not measured, chosen: scheduler and sampler are left out
    queue_order: int = FCFS,
    jumps: bool = True,
) -> Any:
    """The parameters of one server, its times from the measured profile of the model on the device.

    Raises:
        ValueError: a number out of its range, or a model that leaves no room for keys and values.
    """
    for name, number in (("running_limit", running_limit), ("chunk_tokens", chunk_tokens)):
        if number < 1:
            raise ValueError(f"{name} is {number}; a whole number of 1 or more is accepted.")
    if not 0.0 < memory_share <= 1.0:
        raise ValueError(f"memory_share is {memory_share}; a share in (0, 1] is accepted.")
    if not 0.0 <= iteration_overhead_s < float("inf"):
        raise ValueError(f"iteration_overhead_s is {iteration_overhead_s}; a finite number of 0 or more is accepted.")
    if queue_order not in (FCFS, SHORTEST):
        raise ValueError(f"queue_order is {queue_order}; FCFS = {FCFS} or SHORTEST = {SHORTEST} is accepted.")
    capacity = kv_capacity_tokens(model, device, memory_share)
    if capacity < 1.0:
        raise ValueError(f"{model} leaves no room for keys and values in {memory_share} of the memory of {device}.")
    serving = ServingParams(
        layers=architecture_of(model).layers,
        running_limit=int(running_limit),
        kv_capacity_tokens=capacity,
        chunk_tokens=float(chunk_tokens),
        iteration_overhead_s=float(iteration_overhead_s),
        queue_order=int(queue_order),
        jumps=int(jumps),
    )
    return ServerParams(*compute_costs(model, device, ()), *serving)
