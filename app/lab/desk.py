"""The desk: where pages ask for results, get those that are there, and learn how far others are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from app.cache import PageCache
from app.lab.computations import kind_of
from app.lab.params import Params, Wanted
from app.lab.results import Arrays, unpack_arrays
from app.store import Ask, Store, Task, TaskState

_FORMAT = 3  # of results; a newer program does not read an older one's


@dataclass(frozen=True)
class Answer:
    """How something that was asked for stands.

    Attributes:
        packed: the result, None where there is none yet.
        progress: share that is done, from 0 to 1.
        waiting: it is queued behind something else.
        crowded: there are so many before it that it is not even queued: it is asked for again.
        problem: why there will be none; empty where there will.
    """

    packed: bytes | None
    progress: float = 1.0
    waiting: bool = False
    crowded: bool = False
    problem: str = ""

    @property
    def pending(self) -> bool:
        """Whether asking again makes sense."""
        return self.packed is None and not self.problem

    def arrays(self, *names: str) -> Arrays:
        """The result, or only these of its arrays.

        Raises:
            ValueError: there is none.
        """
        if self.packed is None:
            raise ValueError("there is no result yet")
        return unpack_arrays(self.packed, names or None)


class Desk:
    """Hands out results, kept by (run, checkpoint, view, parameters); has missing ones computed."""

    def __init__(self, store: Store, cache: PageCache) -> None:
        self._store, self._cache = store, cache

    def ask(self, wanted: Sequence[Params]) -> list[Answer]:
        """How each stands; the first is computed first.

        What is missing goes on being computed as long as it is asked for again every few seconds,
        and longer where nothing else is asked for.
        """
        keys = [key_of(params) for params in wanted]
        found = [self._kept(key) for key in keys]
        asks = [
            Ask(key, kind_of(params), params.model_dump(), rank=min(place, 1))
            for place, (key, params, kept) in enumerate(zip(keys, wanted, found, strict=True))
            if kept is None
        ]
        tasks = self._store.tasks.ask(asks)
        return [
            Answer(kept) if kept is not None else self._answer(tasks.get(key))
            for key, kept in zip(keys, found, strict=True)
        ]

    def again(self, params: Params) -> None:
        """Has something computed anew that failed."""
        self._store.tasks.forget(key_of(params))

    def leave(self, params: Params) -> None:
        """Has something left off that is being computed, unless others go on asking for it."""
        self._store.tasks.leave(key_of(params))

    def _answer(self, task: Task | None) -> Answer:
        if task is None:
            return Answer(None, 0.0, waiting=True, crowded=True)
        if task.state is TaskState.DONE and task.result is not None:
            self._keep(task.key, task.result)
            return Answer(task.result)
        if task.state is TaskState.FAILED:
            return Answer(None, task.progress, problem=task.message)
        return Answer(None, task.progress, waiting=task.state is TaskState.QUEUED)

    def _kept(self, key: str) -> bytes | None:
        kept = self._cache.get(f"lab/{key}")  # the store has it too
        return kept if isinstance(kept, bytes) else None

    def _keep(self, key: str, result: bytes) -> None:
        self._cache.set(f"lab/{key}", result)


def key_of(params: Wanted) -> str:
    """What names the result of a computation: the same parameters, the same result."""
    named = json.dumps([_FORMAT, kind_of(params), params.model_dump()], sort_keys=True)
    return hashlib.sha256(named.encode()).hexdigest()
