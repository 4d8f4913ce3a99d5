"""A second server, written from the words of `costs/serving.py` and not from its code: objects, lists and plain loops.

It shares only the time of a block and of the head with the engine. Uploads hold the work that is left of them, and
every event takes some off; the engine moves one clock a link instead. Every iteration is stepped through, and every sum
over the batch is taken anew.
"""

from dataclasses import dataclass, field
from math import inf
from typing import Any, NamedTuple

from mei_gym.compiled import plain
from mei_gym.costs.compute import block_mixed_time, head_time
from mei_gym.costs.slots import SHORTEST

block_time, sampling_time = plain(block_mixed_time), plain(head_time)


class Crossing(NamedTuple):
    """One link of a request's way, and what it asks of it."""

    link: int = 0
    work: float = 0.0
    weight: float = 1.0


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
    way: tuple[Crossing, ...] = (Crossing(),)  # the first link carries its token stream too
    patience_s: float = inf
    direct: bool = False  # comes to the queue at once, as the background does
    at: int = 0  # which crossing of its way is under way
    left: float = 0.0  # work of it
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
    iterations: int = 0
    busy_s: float = 0.0

    def send(self, request: Request) -> None:
        self.let_pass(request.decided_s)
        if request.direct:
            self.enqueue(request)
        else:
            self.preparing.append(request)

    def enqueue(self, request: Request) -> None:
        self.queue.append(request)
        if self.params.queue_order == SHORTEST:
            self.queue.sort(key=lambda each: each.reserved)  # stable: whoever came first stays first among equals
        if not self.works:
            self.begin()

    def abandon(self, now_s: float) -> None:
        """Users whose patience is over, and whose prompts have not begun, go away."""
        self.let_pass(now_s)
        for place in (self.preparing, self.uploading, self.queue):
            for request in [each for each in place if each.patience_s < now_s]:
                request.dropped_s = now_s
                place.remove(request)
        if self.queue and not self.works:  # the one who stood before them may have been too large to be let in
            self.begin()

    def gain(self, link: int) -> float:
        """Of work, a second, by each transfer on a link."""
        streams = sum(each.stream_share for each in self.answering if each.way[0].link == link)
        return (1.0 - min(0.9, streams)) / sum(self.weights(link))

    def weights(self, link: int) -> list[float]:
        return [each.way[each.at].weight for each in self.uploading if each.way[each.at].link == link]

    def let_pass(self, until_s: float) -> None:
        while True:
            ready_s = min((each.ready_s for each in self.preparing), default=inf)
            gains = [self.gain(each.way[each.at].link) for each in self.uploading]
            ends_s = [self.now_s + max(0.0, each.left) / gain for each, gain in zip(self.uploading, gains)]
            sent_s = min(ends_s, default=inf)
            event_s = min(ready_s, sent_s, self.ends_s, until_s)
            for each, gain in zip(self.uploading, gains):
                each.left -= (event_s - self.now_s) * gain
            self.now_s = event_s
            if ready_s == event_s:
                for each in [each for each in self.preparing if each.ready_s <= event_s]:
                    self.preparing.remove(each)
                    each.left = each.way[0].work
                    self.uploading.append(each)
            elif sent_s == event_s:
                sent = self.uploading[ends_s.index(sent_s)]
                self.uploading.remove(sent)
                if sent.at + 1 < len(sent.way):
                    sent.at += 1
                    sent.left = sent.way[sent.at].work
                    self.uploading.append(sent)
                else:
                    self.enqueue(sent)
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
        time_s = params.layers * reach * block_s + sampling_s + params.iteration_overhead_s
        self.works, self.ends_s = True, self.now_s + time_s
        self.busy_s += time_s

    def finish(self) -> None:
        self.iterations += 1
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
