"""Work distributed to threads that each use one core."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch


@contextmanager
def single_threads() -> Iterator[ThreadPoolExecutor]:
    """Pool of as many threads as torch uses; each of them, and the calling thread, uses one core.

    A second thread inside a decomposition of some hundred columns gains little, and where another program
    wants its core both wait for each other: a score of 10 ms then takes half a second.
    """
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        # Each says it for itself: in a new thread LAPACK takes the environment's number.
        with ThreadPoolExecutor(n_threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(n_threads)
