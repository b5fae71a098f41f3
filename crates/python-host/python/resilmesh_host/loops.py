"""Runs hooks that are asynchronous."""

import asyncio

from _resilmesh_host import channel


def run(number, state, result):
    """Awaits a coroutine, or runs an asynchronous generator to its end."""

    async def main():
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        state.cancel = lambda: loop.call_soon_threadsafe(task.cancel)
        try:
            if not hasattr(result, "__anext__"):
                return await result
            async for item in result:
                channel.item(number, item)
        finally:
            state.cancel = None

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
