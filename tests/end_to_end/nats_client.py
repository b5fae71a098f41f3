"""A foreign program on the bus: prints `subscribed`, then the first event of `ecs_events`.

Usage: nats_client.py URL USER PASSWORD_FILE
"""

import asyncio
import pathlib
import sys

import nats


async def main(url: str, user: str, password_file: str) -> None:
    password = pathlib.Path(password_file).read_text().strip()
    client = await nats.connect(url, user=user, password=password, inbox_prefix=f"_INBOX_{user}".encode())
    subscription = await client.subscribe("ecs_events")
    await client.flush()
    print("subscribed", flush=True)
    message = await subscription.next_msg(timeout=120)
    print(message.data.decode(), flush=True)
    await client.close()


asyncio.run(main(*sys.argv[1:]))
