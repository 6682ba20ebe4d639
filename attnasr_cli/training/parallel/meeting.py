"""Where the processes of this start of a run meet, after a start before them has failed.

torchrun hands the same store to every start that it makes on several machines, with the addresses
of dead processes in it, and gloo waits for those for ever. So the processes agree on a name that no
start before has used, and put what they tell each other under it.
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

    Each says that it is there by a number of its own; the first one tells who is there, until all
    of those have seen it.
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
    """What a key holds; empty where nobody has set it, for which ``get`` would wait."""
    return store.get(key).decode() if store.check([key]) else ""
