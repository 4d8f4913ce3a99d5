"""What came of the requests: the forecasts put right as tokens come, and the world as info tells it."""

from __future__ import annotations

from mei_gym.compiled import scalar
from mei_gym.costs.slots import DROPPED, FIRST, NEWS_KINDS
from mei_gym.costs.waiting import latency_utility
from mei_gym.envs.split_inference import fields as at


@scalar
def hear_news(params, state, info, lane):
    """Put the forecasts right of the requests whose first or last token has come, or whose user has given up."""
    for place in range(state.news_count[lane]):
        slot, kind = state.news[lane, place] // NEWS_KINDS, state.news[lane, place] % NEWS_KINDS
        application = state.slot_application[lane, slot]
        if kind == FIRST:
            ttft_s = state.slot_first_s[lane, slot] + state.slot_way_back_s[lane, slot] - state.slot_asked_s[lane, slot]
            settle_ttft(
                params, state, info, lane, slot, latency_utility(params, ttft_s, params.ttft_target_s[application])
            )
            count_first_token(params, info, lane, application, ttft_s)
        elif kind == DROPPED:
            settle_ttft(params, state, info, lane, slot, 0.0)
            info[lane, at.I_ABANDONED] += 1.0
            info[lane, at.I_ABANDONED_TOTAL] += 1.0
            state.unfinished[lane] -= 1
        else:
            further_tokens = state.slot_answer_tokens[lane, slot] - 1.0
            answered_s = state.slot_last_s[lane, slot] - state.slot_first_s[lane, slot]
            tpot_s = answered_s / further_tokens if further_tokens > 0.0 else 0.0
            if state.slot_ttft_utility[lane, slot] > 0.0:
                utility = latency_utility(params, tpot_s, params.tpot_target_s[application])
                settle_tpot(params, state, info, lane, slot, utility)
            count_answer(params, info, lane, application, tpot_s)
            state.unfinished[lane] -= 1
    state.news_count[lane] = 0


@scalar
def settle_ttft(params, state, info, lane, slot, utility):
    """Pay what the first token was worth less what was forecast; an answer that begins too late is worth nothing."""
    weight = params.ttft_weight[state.slot_application[lane, slot]]
    info[lane, at.I_REWARD_TTFT] += weight * (utility - state.slot_ttft_utility[lane, slot])
    state.slot_ttft_utility[lane, slot] = utility
    if utility == 0.0:
        settle_tpot(params, state, info, lane, slot, 0.0)


@scalar
def settle_tpot(params, state, info, lane, slot, utility):
    """Pay what the further tokens were worth less what was forecast."""
    weight = params.tpot_weight[state.slot_application[lane, slot]]
    info[lane, at.I_REWARD_TPOT] += weight * (utility - state.slot_tpot_utility[lane, slot])
    state.slot_tpot_utility[lane, slot] = utility


@scalar
def count_first_token(params, info, lane, application, ttft_s):
    """Enter a first token into the step's outcomes."""
    info[lane, at.I_FIRST_TOKENS] += 1.0
    info[lane, at.I_TTFT] += ttft_s
    if ttft_s <= params.ttft_target_s[application]:
        info[lane, at.I_TTFT_MET] += 1.0


@scalar
def count_answer(params, info, lane, application, tpot_s):
    """Enter a finished answer into the step's outcomes."""
    info[lane, at.I_ANSWERED] += 1.0
    info[lane, at.I_TPOT] += tpot_s
    if tpot_s <= params.tpot_target_s[application]:
        info[lane, at.I_TPOT_MET] += 1.0


@scalar
def tell_world(params, state, info, lane):
    """Write how the world stands now into info."""
    row, sensed = info[lane], state.sensed[lane]
    row[at.I_TIME] = state.clock_s[lane]
    row[at.I_QUEUE] = state.waiting_count[lane]
    row[at.I_RUNNING] = state.prefilling_count[lane] + state.resident_count[lane] + state.split_count[lane]
    row[at.I_UNFINISHED] = state.unfinished[lane]
    row[at.I_KV_USED] = sensed[at.KV_USED]
    row[at.I_BUSY] = state.busy_s[lane]
    row[at.I_UPLOADS] = sensed[at.UPLOADS]
    row[at.I_UPLINK] = sensed[at.UPLINK]
    row[at.I_SITE] = state.user_site[lane, state.asking_user[lane]]
    row[at.I_BATTERY] = sensed[at.BATTERY]
    row[at.I_SPEED] = sensed[at.DEVICE_SPEED]
