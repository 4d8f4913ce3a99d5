"""What EdgeCaching shows: the numbers of an observation, and those of `info`, each by name, unit and range."""

from __future__ import annotations

from mei_gym.envs.task import Field, linear, logarithmic

SHOWN = 24  # rows of models in an observation: chosen; where a library has fewer, the last rows are empty
PRECISIONS = 3  # columns of missing bytes in a row, and the most precisions of a library

SERVER_FIELDS: tuple[Field, ...] = (
    linear("free_store", "ratio", 0, 1, "share of the deciding server's store that is free"),
    logarithmic("store_bytes", "bytes", 1e8, 1e12, "size of that store"),
    linear("loaded", "ratio", 0, 1, "share of its accelerator's memory for weights that is in use"),
    logarithmic("landing_s", "s", 0.1, 1000, "until all that it fetches has arrived"),
    logarithmic("cloud_pipe_wait_s", "s", 0.1, 1000, "until the pipe from the cloud is free"),
    logarithmic("site_rate_hz", "1/s", 0.01, 100, "requests at its site, as remembered"),
    logarithmic("network_rate_hz", "1/s", 0.01, 1000, "requests at all sites, likewise"),
    logarithmic("running", "count", 1, 64, "answers that its accelerator decodes"),
    logarithmic("running_elsewhere", "count", 1, 64, "the same, mean over the other servers"),
    logarithmic("prompt_wait_s", "s", 0.01, 100, "until its accelerator has run the prompts that came"),
    linear("hits_here", "ratio", 0, 1, "share of the site's requests that it answered itself in time, as remembered"),
    linear("hits_elsewhere", "ratio", 0, 1, "share that other servers answered in time, likewise"),
    linear("to_cloud", "ratio", 0, 1, "share that the cloud answered, likewise"),
    linear("users_here", "ratio", 0, 1, "share of the users whose site it is, as last seen"),
    logarithmic("held", "count", 1, 1000, "variants in its store, those on their way included"),
    linear("day", "ratio", 0, 1, "share of the day that has passed since the episode began"),
)
ROW_FIELDS: tuple[Field, ...] = (
    linear("popularity_here", "ratio", 0, 0.5, "share of the site's requests that are for the model, as remembered"),
    linear("missed_here", "ratio", 0, 0.5, "share of them that are for the model and that no edge server answered"),
    linear("popularity_all", "ratio", 0, 0.5, "share of all sites' requests that are for the model"),
    logarithmic("unasked_s", "s", 1, 10_000, "since the model was last asked for at the site"),
    linear("bits_here", "bit", 0, 16, "most bits of the model in the store, on its way or there; 0: none"),
    linear("bits_elsewhere", "bit", 0, 16, "most bits of the model in other servers' stores; 0: none"),
    logarithmic(
        "missing_bytes_0",
        "bytes",
        1e6,
        1e11,
        "that the store lacks of the model in the most bits; the end of the range: it never fits",
    ),
    logarithmic("missing_bytes_1", "bytes", 1e6, 1e11, "in the next precision; 0 where there is none"),
    logarithmic("missing_bytes_2", "bytes", 1e6, 1e11, "in the one after"),
)


def row_field(row: int, field: Field) -> Field:
    """A field of a row of models."""
    return field._replace(name=f"row_{row:02d}_{field.name}", meaning=f"row {row}: {field.meaning}")


FIELDS = SERVER_FIELDS + tuple(row_field(row, field) for row in range(SHOWN) for field in ROW_FIELDS)

(
    FREE, STORE, LOADED, LANDING, PIPE_WAIT, SITE_RATE, NETWORK_RATE, RUNNING, RUNNING_ELSEWHERE, PROMPT_WAIT,
    HITS_HERE, HITS_ELSEWHERE, TO_CLOUD, USERS_HERE, HELD, DAY,
) = range(len(SERVER_FIELDS))  # fmt: skip
ROWS, ROW_WIDTH = len(SERVER_FIELDS), len(ROW_FIELDS)
(HERE, MISSED, ALL, UNASKED, BITS_HERE, BITS_ELSEWHERE, MISSING) = range(7)  # within a row; MISSING has PRECISIONS

REWARD_PARTS = ("reward_answers", "reward_price", "reward_backhaul", "reward_energy")
INFO: tuple[tuple[str, str, str], ...] = (
    ("reward_answers", "1", "worth x utility(latency) x quality of the step's answers"),
    ("reward_price", "1", "- price of answers from the cloud and from other sites' servers"),
    ("reward_backhaul", "1", "- price of the bytes that the decision fetches"),
    ("reward_energy", "1", "- price of the accelerators' joules"),
    ("ceiling", "1", "reward of the step if every server held everything, was idle and had it loaded"),
    ("requests", "count", "that came during the step"),
    ("hits", "count", "of them: answered in time by an edge server"),
    ("local", "count", "answered by the server of the user's own site"),
    ("relayed", "count", "answered by another edge server"),
    ("cloud", "count", "answered by the cloud"),
    ("lost", "count", "worth no answer by anybody: nobody is in time"),
    ("late", "count", "answered after the deadline"),
    ("latency_s", "s", "mean of the answers, whole"),
    ("quality_loss", "ratio", "relative rise of perplexity, mean of the answers"),
    ("energy_j", "J", "of the accelerators at the edge"),
    ("load_s", "s", "loading weights into accelerators, sum"),
    ("fetched_cloud_bytes", "bytes", "that the decision fetches from the cloud"),
    ("fetched_edge_bytes", "bytes", "and from other servers"),
    ("evicted", "count", "variants that made room"),
    ("corrected", "count", "1: the action was infeasible, and nothing was fetched"),
    ("fetch_model", "index", "model that the decision fetches; -1: none"),
    ("fetch_bits", "bit", "its precision; 0: none"),
    ("retired", "count", "models that a newcomer replaced during the step"),
    ("handovers", "count", "users found at another site than before"),
    ("server", "index", "server that decides next"),
    ("time_s", "s", "since the episode began"),
    ("stored", "ratio", "of all stores together, in use"),
    ("held", "count", "variants in all stores together"),
    ("landing_s", "s", "until all fetches have arrived"),
)
INFO_NAMES = tuple(name for name, _, _ in INFO)
(
    I_ANSWERS, I_PRICE, I_BACKHAUL, I_ENERGY_COST, I_CEILING, I_REQUESTS, I_HITS, I_LOCAL, I_RELAYED, I_CLOUD, I_LOST,
    I_LATE, I_LATENCY, I_QUALITY, I_ENERGY, I_LOAD, I_CLOUD_BYTES, I_EDGE_BYTES, I_EVICTED, I_CORRECTED, I_FETCH_MODEL,
    I_FETCH_BITS, I_RETIRED, I_HANDOVERS, I_SERVER, I_TIME, I_STORED, I_HELD, I_LANDING,
) = range(len(INFO))  # fmt: skip
PARTS = len(REWARD_PARTS)
STEP_NUMBERS = I_SERVER  # those before are of one step
