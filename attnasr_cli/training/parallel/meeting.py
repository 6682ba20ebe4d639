"""Chooses the meeting point for the processes of one start of a run after an earlier start has
failed.

On several machines torchrun gives the same store to every start. It still has the addresses of dead
processes, for which gloo waits for ever. So the processes agree on a prefix that no earlier start
has used, and exchange everything under it.
"""

from __future__ import annotations

import json
import secrets
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.distributed.distributed_c10d import Store

POLL_S = 0.05


def agree(store: Store, rank: int, size: int) -> str:
    """A name that all ``size`` processes of this start get, and no other start does.

    Each announces itself by a random number; rank 0 publishes the list until all in it have
    confirmed.
    """
    mine = secrets.token_hex(8)
    if rank > 0:
        store.set(f"there/{rank}", mine)
        while True:
            meeting = json.loads(_value(store, "meeting") or "{}")
            if meeting.get("members", {}).get(str(rank)) == mine:
                name = str(meeting["name"])
                store.set(f"seen/{name}/{rank}", mine)
                return name
            time.sleep(POLL_S)
    told = None
    while True:
        members = {str(other): _value(store, f"there/{other}") for other in range(1, size)}
        if members != told:
            store.set("meeting", json.dumps({"name": mine, "members": members}))
            told = members
        seen = {other: _value(store, f"seen/{mine}/{other}") for other in members}
        if all(members.values()) and seen == members:
            return mine
        time.sleep(POLL_S)


def _value(store: Store, key: str) -> str:
    """The value of a key; empty where it is not set, for which ``get`` would wait."""
    return store.get(key).decode() if store.check([key]) else ""
