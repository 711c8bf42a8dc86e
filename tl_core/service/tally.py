"""What a training did and how long it took, read off its events as they come."""

import time
from collections import Counter

from tl_core.runs.events import EpochResult, Event, PhaseStarted, Progress


class Tally:
    """Amounts and seconds of one training by kind of work.

    Kinds: "start" (loading, search for copies), "look" (at pictures), "probe", "front" (pictures
    through the layers that stay frozen), "step" (of optimisation), "evaluate".
    """

    def __init__(self) -> None:
        self.amounts: Counter[str] = Counter()
        self.seconds: Counter[str] = Counter()
        self._phase, self._done, self._last = "start", {}, time.perf_counter()

    def see(self, event: Event) -> Event:
        """Count the event, and the time since the one before for the kind of work it tells of."""
        kind, now = self._kind(event), time.perf_counter()
        self.seconds[kind] += now - self._last
        self._last = now
        if isinstance(event, Progress):
            before = self._done.get(kind, event.done)
            self.amounts[kind] += max(0, event.done - before)
            self._done[kind] = event.done
        elif isinstance(event, PhaseStarted):
            self._phase = event.phase
        return event

    def _kind(self, event: Event) -> str:
        if self._phase == "features":
            return "look" if isinstance(event, Progress) else "start"
        if self._phase == "fine_tune":
            steps = isinstance(event, Progress | EpochResult) and event.phase == "fine_tune"
            return "step" if steps else "front"
        return self._phase
