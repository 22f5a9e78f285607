"""Data sets that stay loaded from one run to the next."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from pathlib import Path

from fa_engine import Dataset, RunConfig, load_dataset
from fa_engine.data.datasets import DataOptions
from fa_engine.devices import device_of
from fa_engine.training.batches import data_options

_Key = tuple[str, str, str, DataOptions]


class DataSets:
    """Loads data sets beside the caller, who has commands to listen to meanwhile.

    Keeps the last one that was asked for; one that is still loading is waited for, not begun again.

    Attributes:
        data_dir: where they are kept.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._loading: dict[_Key, Future[Dataset]] = {}

    def request(self, config: RunConfig) -> Future[Dataset]:
        """The samples that ``config`` trains on: there already, on their way, or an error.

        Raises:
            ValueError: the device is not there.
        """
        device = str(device_of(config))
        key = (config.dataset, device, config.dtype, data_options(config))
        held = self._loading.get(key)
        if held is None or (held.done() and held.exception() is not None):
            held = Future()
            # Not an executor: its threads would keep a worker that is told to stop waiting for a
            # download. It works on files of its own until they are whole, so it may be cut off.
            threading.Thread(target=self._load, args=(key, held), daemon=True).start()
        pending = {k: f for k, f in self._loading.items() if not f.done()}
        self._loading = pending | {key: held}
        return held

    def _load(self, key: _Key, future: Future[Dataset]) -> None:
        import torch

        name, device, dtype, options = key
        try:
            data = load_dataset(name, self.data_dir, device, getattr(torch, dtype), options)
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(data)
