"""Looking for what ended commands have left, with one look at each machine."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

from gplmt.transports.ssh.attachments import Attachment
from gplmt.transports.ssh.guarding import Answer, Found


async def look_for_leftovers(
    attachments: Iterable[Attachment], *, run_prefix: str
) -> dict[Attachment, list[Found]]:
    """The processes of ended commands, by the attachment whose commands they were.

    All markers of a run begin with `run_prefix`.  To look through all processes takes as long as
    there are processes; so of several attachments to one machine the first looks for all that it
    can see.
    """
    machines: defaultdict[Hashable, list[Attachment]] = defaultdict(list)
    for attachment in attachments:
        machines[attachment.machine or attachment].append(attachment)
    found: dict[Attachment, list[Found]] = {
        attachment: [] for together in machines.values() for attachment in together
    }
    by_token = {attachment.token: attachment for attachment in found}
    async with asyncio.TaskGroup() as group:
        looks = [
            group.create_task(_look_together(together, run_prefix))
            for together in machines.values()
        ]
    for look in looks:
        for attachment, answer in look.result():
            for process in answer.found:
                owner = by_token.get(process.token) if process.token else attachment
                if owner is not None:
                    found[owner].append(process)
    return found


async def _look_together(
    together: Sequence[Attachment], run_prefix: str
) -> list[tuple[Attachment, Answer]]:
    first, *others = together
    async with asyncio.TaskGroup() as group:
        everywhere = group.create_task(first.look(run_prefix, [each.guard_id for each in others]))
        groups = [group.create_task(each.look(None)) for each in others]
    seen = everywhere.result().seen
    unseen = [each for each in others if each.guard_id not in seen]
    async with asyncio.TaskGroup() as group:
        alone = [group.create_task(each.look(f"{each.token}-")) for each in unseen]
    return [
        (first, everywhere.result()),
        *((each, task.result()) for each, task in zip(others, groups, strict=True)),
        *((each, task.result()) for each, task in zip(unseen, alone, strict=True)),
    ]
