"""A batch is shared among threads, in order, and torch is left as it was."""

from __future__ import annotations

import threading

import pytest
import torch

from attnasr_cli.families.threads import WORTH_A_THREAD, few_threads, spread

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _threads() -> object:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_shares_come_back_in_order(threads: int, count: int) -> None:
    torch.set_num_threads(threads)
    seen: list[tuple[int, int]] = []

    def work(items: list[int]) -> list[int]:
        seen.append((len(items), torch.get_num_threads()))
        return [-item for item in items]

    assert spread(work, range(count), CPU) == [-item for item in range(count)]
    parts = max(min(threads, count), 1)
    assert len(seen) == parts
    assert {used for _, used in seen} == {threads // parts}
    assert max(n for n, _ in seen) - min(n for n, _ in seen) <= 1
    assert torch.get_num_threads() == threads


def test_shares_cost_about_the_same() -> None:
    torch.set_num_threads(2)
    shares: list[list[int]] = []

    def work(items: list[int]) -> list[int]:
        shares.append(items)
        return items

    assert spread(work, [9, 3, 3, 3], CPU, [9, 3, 3, 3]) == [9, 3, 3, 3]
    assert sorted(shares) == [[3, 3, 3], [9]]
    shares.clear()
    torch.set_num_threads(3)
    spread(work, [1, 1, 9], CPU, [1, 1, 9])
    assert sorted(shares) == [[1], [1], [9]]


def test_an_error_comes_through() -> None:
    torch.set_num_threads(2)
    with pytest.raises(ValueError, match="no"):
        spread(lambda items: (_ for _ in ()).throw(ValueError("no")), [1, 2], CPU)


def test_a_device_is_given_all_at_once() -> None:
    torch.set_num_threads(4)
    names: list[str] = []

    def work(items: list[int]) -> list[int]:
        names.append(threading.current_thread().name)
        return items

    assert spread(work, [1, 2, 3], torch.device("meta")) == [1, 2, 3]
    assert names == [threading.current_thread().name]


def test_a_small_step_is_worth_one_thread() -> None:
    torch.set_num_threads(3)
    for size, wanted in ((0, 1), (WORTH_A_THREAD, 2), (9 * WORTH_A_THREAD, 3)):
        with few_threads(size):
            assert torch.get_num_threads() == wanted
        assert torch.get_num_threads() == 3
