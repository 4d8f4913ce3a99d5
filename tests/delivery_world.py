"""Worlds of ModelDelivery for stories: a single environment with its state laid open, and requests made by hand."""

from typing import Any

import gymnasium
import numpy as np

import mei_gym  # noqa: F401 (registers the ids)
from mei_gym.compiled import plain
from mei_gym.envs.model_delivery import rules
from mei_gym.envs.model_delivery.modes import MODES
from mei_gym.network.joint import NOBODY

ID = "mei/ModelDelivery-v0"
ALL, BEST, URGENT, JOINT = range(4)
#: 100 MB in one piece, and no other models.
ONE_PIECE = {
    "families": {"writer": None, "adviser": None, "reflex": None},
    "blocks": {"whole": 100e6}, "models": {"only": ["whole"]}, "base": "Qwen2.5-0.5B",
}  # fmt: skip
#: One base of 500 million weights with two adapters of its own.
FAMILY = {"families": {"writer": {"plain": True, "adapters": 2, "tuned": 0}, "adviser": None, "reflex": None}}
BPS = 273 * 12 * 14 * 2000 * 0.86 * 0.7  # bit/s at 1 bit/s/Hz: 273 blocks at 30 kHz, overhead .14, .7 of the frame


class World:
    """A cell in which nobody asks but by hand."""

    def __init__(self, seed: int = 0, **overrides: Any) -> None:
        self.env = gymnasium.make(ID, disable_env_checker=True, **{"users": 8, **overrides}).unwrapped
        self.env.reset(seed=seed)
        lanes = self.env.lanes
        self.params, self.state, self.out = lanes.params, lanes.state, lanes.out
        self.state.slot_missing[:] = 0
        self.state.pending[:] = 0
        self.state.request[:] = self.params.requests
        self.state.next_request_s[:] = np.inf
        self.now_s = float(self.state.clock_s[0])
        self.state.tick[:] = 10**9  # no report moves anybody
        self.lay()

    def ask(self, user: int, model: int = 0, within_s: float = 100.0, device_class: int = 0) -> int:
        """A pending request of a user who lacks the whole model; returns its slot."""
        state, params = self.state, self.params
        slot = int(np.flatnonzero(state.slot_missing[0] == 0)[0])
        first, end = params.model_first_piece[model : model + 2]
        state.slot_user[0, slot], state.slot_model[0, slot], state.slot_number[0, slot] = user, model, slot
        state.slot_missing[0, slot] = end - first
        state.slot_got[0, slot] = 0
        state.slot_asked_s[0, slot] = state.slot_ready_s[0, slot] = self.now_s
        state.slot_deadline_s[0, slot] = self.now_s + within_s
        state.slot_left_bytes[0, slot] = params.model_bytes[model, -1]
        state.slot_loss[0, slot] = 0.0
        state.slot_receives[0, slot] = 0
        state.user_application[0, user] = 0
        state.user_class[0, user] = device_class
        state.pending[0] += 1
        return slot

    def let_ask(self, after_s: float) -> None:
        """One more request comes after so long."""
        self.state.request[0] = self.params.requests - 1
        self.state.next_request_s[0] = self.now_s + after_s

    def place(self, user: int, alone: float, together: float | None = None, partner: int = NOBODY) -> None:
        """What a user receives from its own site, and jointly with a neighbour, in bit/s/Hz."""
        self.state.user_alone[0, user] = alone
        self.state.user_together[0, user] = alone if together is None else together
        self.state.user_partner[0, user] = partner

    def lay(self) -> np.ndarray:
        """Lay the rows anew; the mask bool[row, mode, place]."""
        with np.errstate(over="ignore"):
            plain(rules.look_around)(self.params, self.state, self.out.info, 0)
        mask = np.zeros(self.env.lanes.actions, bool)
        from mei_gym.envs.model_delivery.sensing import mask as written

        plain(written)(self.params, self.state, 0, mask)
        return mask.reshape(-1, MODES, self.params.precisions)

    def send(self, row: int, mode: int, place: int = 0) -> dict[str, Any]:
        """Send the piece of a row, counted from 0; the info of the step."""
        self.lay()
        action = ((row + 1) * MODES + mode) * self.params.precisions + place
        _, self.reward, self.over, _, info = self.env.step(action)
        return info
