"""A second server, written from the words of `costs/serving.py` and not from its code: objects, lists and plain loops.

It shares only the time of a block and of the head with the engine. Uploads hold the air time that they still need, and
every event takes some off; the engine moves one clock instead. Every sum over the batch is taken anew.
"""

from dataclasses import dataclass, field
from math import inf
from typing import Any

from mei_gym.compiled import plain
from mei_gym.costs.compute import block_mixed_time, head_time

block_time, sampling_time = plain(block_mixed_time), plain(head_time)


@dataclass
class Request:
    """One request, its way and its fate."""

    number: int
    decided_s: float
    prompt: float
    answer: float
    share: float = 1.0
    away_s: float = 0.0  # between two tokens of a split answer
    stream_share: float = 0.0
    ready_s: float = 0.0  # prepared on its device
    air_s: float = 0.0
    patience_s: float = inf
    direct: bool = False  # comes to the queue at once, as the background does
    left_air_s: float = 0.0
    ran: float = 0.0
    given: float = 0.0
    back_s: float = 0.0
    first_s: float = inf
    last_s: float = inf
    dropped_s: float = inf
    chunk: float = 0.0

    @property
    def reserved(self) -> float:
        return self.share * (self.prompt + self.answer)


@dataclass
class ReferenceServer:
    """Jumps from event to event."""

    params: Any
    now_s: float = 0.0
    preparing: list[Request] = field(default_factory=list)
    uploading: list[Request] = field(default_factory=list)
    queue: list[Request] = field(default_factory=list)
    reading: list[Request] = field(default_factory=list)  # their prompts
    answering: list[Request] = field(default_factory=list)
    batch: list[Request] = field(default_factory=list)
    ends_s: float = inf  # of the iteration, or when somebody is back
    works: bool = False
    most_reserved: float = 0.0
    most_running: int = 0

    def send(self, request: Request) -> None:
        self.let_pass(request.decided_s)
        if request.direct:
            self.queue.append(request)
            if not self.works:
                self.begin()
        else:
            self.preparing.append(request)

    def abandon(self, now_s: float) -> None:
        """Users whose patience is over, and whose prompts have not begun, go away."""
        self.let_pass(now_s)
        for place in (self.preparing, self.uploading, self.queue):
            for request in [each for each in place if each.patience_s < now_s]:
                request.dropped_s = now_s
                place.remove(request)
        if self.queue and not self.works:  # the one who stood before them may have been too large to be let in
            self.begin()

    def air_share(self) -> float:
        """Of the air, for each upload."""
        streams = sum(each.stream_share for each in self.answering)
        return (1.0 - min(0.9, streams)) / len(self.uploading)

    def let_pass(self, until_s: float) -> None:
        while True:
            ready_s = min((each.ready_s for each in self.preparing), default=inf)
            sent_s = inf
            if self.uploading:
                sent_s = self.now_s + max(0.0, min(each.left_air_s for each in self.uploading)) / self.air_share()
            event_s = min(ready_s, sent_s, self.ends_s, until_s)
            if self.uploading:
                gained_s = (event_s - self.now_s) * self.air_share()
                for each in self.uploading:
                    each.left_air_s -= gained_s
            self.now_s = event_s
            if ready_s == event_s:
                for each in [each for each in self.preparing if each.ready_s <= event_s]:
                    self.preparing.remove(each)
                    each.left_air_s = each.air_s
                    self.uploading.append(each)
            elif sent_s == event_s:
                sent = min(self.uploading, key=lambda each: each.left_air_s)
                self.uploading.remove(sent)
                self.queue.append(sent)
                if not self.works:
                    self.begin()
            elif self.ends_s == event_s:
                if self.works:
                    self.finish()
                self.begin()
            else:
                return

    def begin(self) -> None:
        params = self.params
        while self.queue:
            running = self.reading + self.answering
            reserved = sum(each.reserved for each in running) + self.queue[0].reserved
            if len(running) >= params.running_limit or (running and reserved > params.kv_capacity_tokens):
                break
            self.reading.append(self.queue.pop(0))
            self.most_reserved = max(self.most_reserved, reserved)
            self.most_running = max(self.most_running, len(running) + 1)

        self.batch = [each for each in self.answering if each.back_s <= self.now_s]
        room = params.chunk_tokens
        for each in self.reading:
            each.chunk = min(room, each.prompt - each.ran)
            room -= each.chunk
        readers = [each for each in self.reading if each.chunk > 0]
        if not self.batch and not readers:
            self.works = False
            self.ends_s = min((each.back_s for each in self.answering), default=inf)
            return
        reach = max(each.share for each in [*self.batch, *readers])
        batch = sum(each.share for each in self.batch)
        context = sum(each.share * (each.prompt + each.given) for each in self.batch)
        chunk = sum(each.share * each.chunk for each in readers)
        behind = sum(each.share * each.chunk * each.ran for each in readers)
        leaving = len(self.batch) + sum(each.ran + each.chunk == each.prompt for each in readers)
        block_s = block_time(
            params, 0, chunk / reach, behind / chunk if chunk else 0.0, batch / reach, context / batch if batch else 0.0
        )
        sampling_s = sampling_time(params, 0, float(leaving)) if leaving else 0.0
        self.works = True
        self.ends_s = self.now_s + params.layers * reach * block_s + sampling_s + params.iteration_overhead_s

    def finish(self) -> None:
        for each in self.batch:
            each.given += 1
            each.back_s = self.now_s + each.away_s
        for each in list(self.reading):
            each.ran += each.chunk
            if each.ran == each.prompt:
                self.reading.remove(each)
                self.answering.append(each)
                each.first_s, each.given, each.back_s = self.now_s, 1.0, self.now_s + each.away_s
        for each in [each for each in self.answering if each.given >= each.answer]:
            self.answering.remove(each)
            each.last_s = self.now_s
