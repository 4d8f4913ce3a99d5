"""What SplitInference shows: the numbers of an observation, and those of `info`, each by name, unit and range."""

from __future__ import annotations

from mei_gym.envs.task import Field, linear, logarithmic

FIELDS: tuple[Field, ...] = (
    # the request
    linear("application", "index", 0, 7, "which of the scenario's applications asks"),
    logarithmic("prompt_tokens", "tokens", 16, 8192, "length of the prompt"),
    logarithmic(
        "expected_answer_tokens", "tokens", 4, 2048, "mean answer of the application; the true length is hidden"
    ),
    logarithmic("ttft_target_s", "s", 0.01, 10, "the application's target for the time to the first token"),
    logarithmic("tpot_target_s", "s", 0.001, 1, "the application's target for the time per further token"),
    linear("leakage_budget", "ratio", 0, 1, "leakage that the application accepts"),
    linear("leakage_hard", "flag", 0, 1, "1: choices that leak more than the budget are not feasible"),
    # the device
    linear("device_class", "index", 0, 7, "which of the scenario's device classes asks"),
    logarithmic("device_wait_s", "s", 0.01, 100, "work that the device has yet to finish"),
    logarithmic("block_prefill_s", "s", 1e-4, 10, "one block over this prompt on the device, at its present speed"),
    logarithmic("block_decode_s", "s", 1e-5, 0.1, "one block for one token on the device, at its present speed"),
    logarithmic("device_head_s", "s", 1e-5, 1, "final norm and head for one token on the device"),
    linear("device_speed", "ratio", 0, 1, "share of full speed that heat leaves"),
    linear("heat_k", "K", 0, 60, "temperature of the device above ambient"),
    linear("battery", "ratio", 0, 1, "charge of the battery"),
    logarithmic("joule_price", "1/J", 1e-4, 1, "what a joule costs in reward: the allowance of the battery"),
    linear("loaded_layers", "ratio", 0, 1, "share of the layers that are in the device's memory"),
    linear(
        "deepest_cut",
        "ratio",
        0,
        1,
        "share of the layers that fit beside other apps and this request's keys and values",
    ),
    logarithmic("layer_fetch_s", "s", 0.001, 100, "time to load one more layer into memory"),
    logarithmic("since_last_s", "s", 0.1, 1000, "time since this user's last request"),
    logarithmic("user_rate_hz", "1/s", 0.001, 10, "how often this user asks, on average"),
    # the radio
    logarithmic("uplink_bps", "bit/s", 1e5, 1e9, "what the uplink would carry if it were this user's alone"),
    logarithmic("round_trip_s", "s", 0.001, 1, "radio and backhaul, there and back"),
    logarithmic("handover_wait_s", "s", 0.001, 1, "what is left of a handover's interruption"),
    logarithmic("uploads", "count", 1, 512, "uploads under way in the user's cell"),
    logarithmic("upload_backlog_s", "s", 0.01, 100, "air time that those uploads still need"),
    linear("stream_share", "ratio", 0, 1, "share of the air that single-token streams take"),
    logarithmic("transmit_power_w", "W", 0.001, 1, "the device's transmit power"),
    logarithmic("pipe_s_per_byte", "s/byte", 1e-9, 1e-5, "of the undivided pipe behind the user's site; 0: none"),
    logarithmic("pipe_transfers", "count", 1, 512, "transfers in that pipe"),
    logarithmic("pipe_backlog_s", "s", 0.01, 100, "what they still need of it"),
    linear("pipe_stream_share", "ratio", 0, 1, "share of it that single-token streams take"),
    # the server
    linear("running", "ratio", 0, 1, "requests in the batch, of the most that may run"),
    linear("kv_used", "ratio", 0, 1.5, "keys and values reserved, of the capacity"),
    logarithmic("waiting", "count", 1, 512, "requests that wait for admission"),
    logarithmic(
        "kv_waiting", "ratio", 0.01, 20, "keys and values that the waiting requests will need, of the capacity"
    ),
    logarithmic("prompt_backlog_tokens", "tokens", 64, 1e6, "prompt tokens at the server and not yet run"),
    logarithmic("coming_tokens", "tokens", 64, 1e6, "prompt tokens on devices and on the air, bound for the server"),
    logarithmic("pace_s", "s", 0.001, 1, "recent time of an iteration of the server"),
    logarithmic(
        "chunk_pace_s", "s", 0.001, 1, "time of an iteration that carries a full chunk of prompt beside the batch"
    ),
    logarithmic("own_rate_hz", "1/s", 0.1, 100, "requests of the cell's users lately"),
    logarithmic("background_rate_hz", "1/s", 0.1, 100, "requests of other cells' users at the server lately"),
)

(
    APPLICATION, PROMPT, ANSWER, TTFT_TARGET, TPOT_TARGET, LEAKAGE_BUDGET, LEAKAGE_HARD,
    DEVICE_CLASS, DEVICE_WAIT, BLOCK_PREFILL, BLOCK_DECODE, DEVICE_HEAD, DEVICE_SPEED, HEAT, BATTERY, JOULE_PRICE,
    LOADED, DEEPEST, LAYER_FETCH, SINCE_LAST, USER_RATE,
    UPLINK, ROUND_TRIP, HANDOVER_WAIT, UPLOADS, UPLOAD_BACKLOG, STREAM_SHARE, TRANSMIT_POWER,
    PIPE_PACE, PIPE_TRANSFERS, PIPE_BACKLOG, PIPE_STREAM_SHARE,
    RUNNING, KV_USED, WAITING, KV_WAITING, PROMPT_BACKLOG, COMING, PACE, CHUNK_PACE, OWN_RATE, BACKGROUND_RATE,
) = range(len(FIELDS))  # fmt: skip

INFO: tuple[tuple[str, str, str], ...] = (
    # the reward of this step, part by part
    ("reward_ttft", "1", "utility of the time to the first token, forecast when asked, put right when it comes"),
    ("reward_tpot", "1", "utility of the time per further token, likewise"),
    ("reward_energy", "1", "cost of the device's energy"),
    ("reward_leakage", "1", "cost of leakage over the application's budget"),
    ("reward_quality", "1", "cost of coarse activations"),
    # the decision of this step
    ("application", "index", "of the request that was decided"),
    ("device_class", "index", "of the device that asked"),
    ("prompt_tokens", "tokens", "of the request"),
    ("answer_tokens", "tokens", "of the request; hidden from the policy"),
    ("cut", "layers", "layers that run on the device"),
    ("bits", "bit", "of the activations sent"),
    ("corrected", "count", "1 where the action was infeasible and the nearest feasible one was taken"),
    ("declined", "count", "1 where no choice kept the application's privacy budget and nothing was sent"),
    ("refused", "count", "1 where the server's table was full and the request was turned away"),
    ("forecast_ttft_s", "s", "of the request"),
    ("forecast_tpot_s", "s", "of the request"),
    ("device_energy_j", "J", "that the request takes from the device's battery"),
    ("device_compute_s", "s", "that the request keeps the device busy"),
    ("uplink_bytes", "bytes", "that the request sends up"),
    ("downlink_bytes", "bytes", "that the request sends down, layers fetched over the air included"),
    ("fetched_layers", "layers", "loaded for the request"),
    ("leakage", "ratio", "of the cut"),
    ("leakage_excess", "ratio", "over the application's budget"),
    ("quality_loss", "ratio", "of the bits"),
    # what came out since the last decision
    ("first_tokens", "count", "requests whose first token came"),
    ("ttft_s", "s", "mean time to the first token of those; 0 where none"),
    ("ttft_met", "count", "of those, within the target"),
    ("answered", "count", "requests whose answer ended"),
    ("tpot_s", "s", "mean time per further token of those; 0 where none"),
    ("tpot_met", "count", "of those, within the target"),
    ("abandoned", "count", "requests whose users gave up"),
    # the world now, before the next decision
    ("time_s", "s", "since the episode began"),
    ("elapsed_s", "s", "between the last two requests"),
    ("queue", "count", "requests that wait at the server"),
    ("running", "count", "requests in the server's batch"),
    ("unfinished", "count", "requests of the cell's users under way"),
    ("kv_used", "ratio", "of the server's key and value memory"),
    ("server_busy_s", "s", "that the server spent in iterations since the episode began"),
    ("uploads", "count", "under way"),
    ("uplink_bps", "bit/s", "of the user who asks now"),
    ("site", "index", "that serves the user who asks now"),
    ("handovers_total", "count", "handovers in the episode, as seen when users ask"),
    ("battery", "ratio", "of the device that asks now"),
    ("device_speed", "ratio", "of the device that asks now"),
    ("corrected_total", "count", "corrected actions in the episode"),
    ("declined_total", "count", "requests declined in the episode"),
    ("refused_total", "count", "refused requests in the episode"),
    ("abandoned_total", "count", "requests given up in the episode"),
)

INFO_NAMES: tuple[str, ...] = tuple(name for name, _, _ in INFO)
REWARD_PARTS: tuple[str, ...] = INFO_NAMES[:5]

(
    I_REWARD_TTFT, I_REWARD_TPOT, I_REWARD_ENERGY, I_REWARD_LEAKAGE, I_REWARD_QUALITY,
    I_APPLICATION, I_DEVICE_CLASS, I_PROMPT, I_ANSWER, I_CUT, I_BITS, I_CORRECTED, I_DECLINED, I_REFUSED,
    I_FORECAST_TTFT, I_FORECAST_TPOT, I_ENERGY, I_COMPUTE, I_UPLINK_BYTES, I_DOWNLINK_BYTES, I_FETCHED,
    I_LEAKAGE, I_EXCESS, I_QUALITY,
    I_FIRST_TOKENS, I_TTFT, I_TTFT_MET, I_ANSWERED, I_TPOT, I_TPOT_MET, I_ABANDONED,
    I_TIME, I_ELAPSED, I_QUEUE, I_RUNNING, I_UNFINISHED, I_KV_USED, I_BUSY, I_UPLOADS, I_UPLINK,
    I_SITE, I_HANDOVERS_TOTAL,
    I_BATTERY, I_SPEED, I_CORRECTED_TOTAL, I_DECLINED_TOTAL, I_REFUSED_TOTAL, I_ABANDONED_TOTAL,
) = range(len(INFO))  # fmt: skip

PARTS = 5  # the reward's parts stand first in info
STEP_NUMBERS = I_TIME  # numbers before this one belong to one step and are cleared at the next
