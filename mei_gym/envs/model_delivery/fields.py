"""What ModelDelivery shows: the numbers of an observation, and those of `info`, each by name, unit and range."""

from __future__ import annotations

from mei_gym.envs.task import Field, linear, logarithmic

ROWS = 12  # chosen: pieces that can be sent now; more are seldom needed at one time

CELL_FIELDS: tuple[Field, ...] = (
    linear("episode", "ratio", 0, 1, "share of the episode's requests that have come"),
    logarithmic("pending", "count", 1, 256, "requests that wait for pieces"),
    logarithmic("unreached", "count", 1, 256, "of them, whose users receive nothing now, not even jointly"),
    logarithmic("nearest_slack_s", "s", 0.1, 1000, "time to the nearest deadline"),
    logarithmic("mean_slack_s", "s", 0.1, 1000, "mean time to the deadlines"),
    logarithmic("rate_hz", "1/s", 0.01, 100, "requests lately"),
    logarithmic("since_last_s", "s", 0.1, 1000, "time since the last request"),
    linear("day", "ratio", 0, 1, "time of day, of a day"),
    linear("neighbour_load", "ratio", 0, 1, "part of the neighbours' downlink that is in use"),
    logarithmic("more_pieces", "count", 1, 256, "pieces that are needed and have no row"),
)

ROW_FIELDS: tuple[Field, ...] = (
    logarithmic("bytes", "bytes", 1e6, 1e11, "of the piece at the most bits; 0: the row is empty"),
    linear("choices", "count", 0, 4, "precisions that it can be sent in, the most bits first"),
    logarithmic("requesters", "count", 1, 256, "users who lack it and can receive from their own site"),
    logarithmic("reached", "count", 1, 256, "users who lack it and can receive jointly"),
    logarithmic("first", "count", 1, 256, "users in the best group"),
    linear("efficiency_all", "bit/s/Hz", 0, 30, "of all requesters: the worst one's; 0: nobody receives"),
    linear("efficiency_best", "bit/s/Hz", 0, 30, "of the best group: its worst one's; 0: there is none"),
    linear("efficiency_urgent", "bit/s/Hz", 0, 30, "of the requester whose deadline is nearest; 0: only one asks"),
    linear("efficiency_joint", "bit/s/Hz", 0, 30, "of all reached jointly: the worst one's; 0: nobody is"),
    logarithmic("partners", "count", 1, 64, "neighbours that would join"),
    logarithmic("nearest_slack_s", "s", 0.1, 1000, "time to the nearest deadline of those reached"),
    logarithmic("mean_slack_s", "s", 0.1, 1000, "mean time to their deadlines"),
    logarithmic("longest_wait_s", "s", 0.1, 1000, "time since the first of them asked"),
    logarithmic("completes", "count", 1, 256, "of them, who lack nothing else"),
    logarithmic("left_bytes", "bytes", 1e6, 1e11, "what they lack besides, at the fewest bits, on average"),
    logarithmic("worth", "1", 0.1, 256, "of their models, together"),
    logarithmic("rate_hz", "1/s", 0.001, 10, "requests that need the piece lately"),
)


def row_field(row: int, field: Field) -> Field:
    """The field of one row."""
    return field._replace(name=f"row{row}_{field.name}", meaning=f"row {row}: {field.meaning}")


FIELDS: tuple[Field, ...] = (
    *CELL_FIELDS,
    *(row_field(row, field) for row in range(ROWS) for field in ROW_FIELDS),
)

CELL_NUMBERS, ROW_NUMBERS = len(CELL_FIELDS), len(ROW_FIELDS)

(
    EPISODE, PENDING, UNREACHED, NEAREST_SLACK, MEAN_SLACK, RATE, SINCE_LAST, DAY, LOAD, MORE,
) = range(CELL_NUMBERS)  # fmt: skip

(
    R_BYTES, R_CHOICES, R_REQUESTERS, R_REACHED, R_FIRST,
    R_ALL, R_BEST, R_URGENT, R_JOINT, R_PARTNERS,
    R_NEAREST_SLACK, R_MEAN_SLACK, R_LONGEST_WAIT, R_COMPLETES, R_LEFT_BYTES, R_WORTH, R_RATE,
) = range(ROW_NUMBERS)  # fmt: skip

INFO: tuple[tuple[str, str, str], ...] = (
    # the reward of this step, part by part
    ("reward_delivered", "1", "worth of the models delivered in time"),
    ("reward_quality", "1", "what their coarse weights cost of it"),
    ("reward_energy", "1", "cost of the stations' and the devices' energy"),
    ("reward_air", "1", "cost of the air taken from this cell and from neighbours that joined"),
    ("reward_late", "1", "cost of the requests missed or refused"),
    # the decision of this step
    ("piece", "index", "that was sent; -1: none"),
    ("mode", "index", "0 all, 1 best, 2 urgent, 3 joint"),
    ("bits", "bit", "of the piece as it was sent; 0: none"),
    ("corrected", "count", "1 where the action was infeasible and another was taken"),
    ("receivers", "count", "users to whom it was sent"),
    ("partners", "count", "neighbours that joined"),
    ("elapsed_s", "s", "from this decision to the next"),
    ("air_s", "s", "of this cell's downlink"),
    ("unicast_air_s", "s", "that its receivers would have taken one by one"),
    ("sent_bytes", "bytes", "on the air"),
    ("received_bytes", "bytes", "at all receivers together that were still waiting"),
    ("station_energy_j", "J", "of the stations that sent"),
    ("device_energy_j", "J", "of devices that stored and expanded what they received"),
    # what came out in this step
    ("settled", "count", "requests that left: delivered, missed or refused"),
    ("delivered", "count", "requests served in time"),
    ("latency_s", "s", "from request to use, mean of those; 0: none"),
    ("quality_loss", "ratio", "mean of those; 0: none"),
    ("missed", "count", "requests whose deadline passed"),
    ("refused", "count", "requests that found the table full"),
    # the world now, before the next decision
    ("time_s", "s", "since the episode began"),
    ("pending", "count", "requests that wait for pieces"),
    ("unreached", "count", "of them, whose users receive nothing now"),
    ("needed_pieces", "count", "that somebody lacks who can receive"),
    ("rate_hz", "1/s", "requests lately"),
    ("neighbour_load", "ratio", "part of the neighbours' downlink that is in use"),
    ("requests_total", "count", "requests that have come in the episode"),
    ("delivered_total", "count", "of them, served in time"),
    ("missed_total", "count", "of them, missed"),
    ("refused_total", "count", "of them, refused"),
    ("corrected_total", "count", "corrected actions in the episode"),
    ("air_total_s", "s", "of this cell's downlink in the episode"),
)  # fmt: skip

INFO_NAMES: tuple[str, ...] = tuple(name for name, _, _ in INFO)
REWARD_PARTS: tuple[str, ...] = INFO_NAMES[:5]

(
    I_REWARD_DELIVERED, I_REWARD_QUALITY, I_REWARD_ENERGY, I_REWARD_AIR, I_REWARD_LATE,
    I_PIECE, I_MODE, I_BITS, I_CORRECTED, I_RECEIVERS, I_PARTNERS, I_ELAPSED, I_AIR, I_UNICAST_AIR,
    I_SENT_BYTES, I_RECEIVED_BYTES, I_STATION_ENERGY, I_DEVICE_ENERGY,
    I_SETTLED, I_DELIVERED, I_LATENCY, I_QUALITY, I_MISSED, I_REFUSED,
    I_TIME, I_PENDING, I_UNREACHED, I_NEEDED, I_RATE, I_LOAD,
    I_REQUESTS_TOTAL, I_DELIVERED_TOTAL, I_MISSED_TOTAL, I_REFUSED_TOTAL, I_CORRECTED_TOTAL, I_AIR_TOTAL,
) = range(len(INFO))  # fmt: skip

PARTS = 5  # the reward's parts stand first in info
STEP_NUMBERS = I_TIME  # numbers before this one belong to one step and are cleared at the next
