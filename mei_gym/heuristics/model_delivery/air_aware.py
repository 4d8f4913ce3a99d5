"""The most reward a second of air by the cost model, and what a second is worth to those who wait.

    gain = n f s (w q + l)        cost = (a + j W (1 + e_m)) t, a also times 1 + e_m

    n  users in the mode's group       f  share of the row's requesters who would still have time for all they lack
    s  share of what they lack at the fewest bits that the piece is        w  worth, q  1 - quality weight x loss
    l  late weight       a, j  prices of a second and a joule       W  sending power       e_m  neighbours that join
    t  air time

Bits: those of the highest  gain - cost - crowd x (pending requests) t.  Row and mode: the highest (gain - cost) / t;
below `hold` it waits for more requesters. `margin` stretches the times that are compared with the slack.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mei_gym.envs.model_delivery.fields import PENDING, R_LEFT_BYTES, R_NEAREST_SLACK, R_PARTNERS, R_REACHED, R_WORTH
from mei_gym.envs.model_delivery.modes import JOINT, MODES, URGENT
from mei_gym.heuristics.model_delivery.seen import Reader, Seen, slack_share
from mei_gym.heuristics.policy import Policy, World

LEAST_S = 0.05  # chosen: pieces shorter than this are alike


class AirAware(Policy):
    """The myopic optimum with a price on others' waiting, and patience."""

    name = "air_aware"
    defaults = {"crowd": 0.01, "hold": 0.1, "margin": 1.0}  # noqa: RUF012

    def __init__(self, world: World, **parameters: object) -> None:
        super().__init__(world, **parameters)
        self.reader = Reader(world)
        params = world.params
        shares = np.diff(params.application_share, prepend=0.0)
        self.quality = 1.0 - float(shares @ params.quality_weight) * self.reader.loss
        self.late = float(shares @ params.late_weight)
        self.crowd, self.hold, self.margin = (float(self.knobs()[name]) for name in ("crowd", "hold", "margin"))
        self.second_price = params.air_price + params.joule_price * params.sending_w

    def knobs(self) -> dict[str, Any]:
        """The prices and the margin that it goes by."""
        return self.parameters

    def worth(self, seen: Seen) -> tuple[np.ndarray, np.ndarray]:
        """(f8[n, row, mode, place]) gain and cost of every choice."""
        reader = self.reader
        left_s = reader.seconds_left(seen)[..., None]
        needed_s = self.margin * (np.where(seen.opened, seen.air_s, 0.0) + left_s)
        in_time = slack_share(seen, needed_s)
        nearest = seen.of(R_NEAREST_SLACK)[:, :, None]
        in_time[:, :, URGENT] = nearest >= needed_s[:, :, URGENT]
        own = reader.fewest_bytes(seen.rows)
        progress = own / np.maximum(1.0, own + seen.of(R_LEFT_BYTES))
        mean_worth = (seen.of(R_WORTH) / np.maximum(1.0, seen.of(R_REACHED)))[:, :, None, None]
        adapter = reader.bytes_at(seen.rows)[:, :, -1] == reader.bytes_at(seen.rows)[:, :, 0]
        quality = np.where(adapter[:, :, None, None], 1.0, self.quality)
        gain = seen.group[..., None] * in_time * progress[:, :, None, None] * (mean_worth * quality + self.late)
        stations = 1.0 + np.where(np.arange(MODES) == JOINT, seen.of(R_PARTNERS)[:, :, None], 0.0)[..., None]
        cost = self.second_price * stations * np.where(seen.opened, seen.air_s, 0.0)
        return gain, cost

    def choose(self, observations: np.ndarray) -> np.ndarray:
        """The row, mode and bits that bring most, or waiting."""
        seen = self.reader.seen(observations)
        gain, cost = self.worth(seen)
        toll = self.crowd * np.rint(seen.cell[:, PENDING])[:, None, None, None]
        air_s = np.where(seen.opened, seen.air_s, 1.0)
        net = np.where(seen.opened, gain - cost - toll * air_s, -np.inf)
        best = net.argmax(axis=3)[..., None]
        rate = np.take_along_axis((gain - cost) / np.maximum(LEAST_S, air_s), best, axis=3)
        rate = np.where(np.take_along_axis(seen.opened, best, axis=3), rate, -np.inf)[..., 0].reshape(len(gain), -1)
        chosen = rate.argmax(axis=1)
        n = np.arange(len(chosen))
        row = np.where(rate[n, chosen] > self.hold, chosen // MODES, -1)
        place = best[..., 0].reshape(len(gain), -1)[n, chosen]
        return self.reader.actions_at(seen, row, chosen % MODES, place)


class Myopic(AirAware):
    """The same without a thought of others, waiting only where nothing pays."""

    name = "myopic"
    defaults = {}  # noqa: RUF012

    def knobs(self) -> dict[str, Any]:
        """No price on others, no patience."""
        return {"crowd": 0.0, "hold": 0.0, "margin": 1.0}
