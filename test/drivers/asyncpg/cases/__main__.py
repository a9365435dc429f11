"""What applications do with asyncpg that breaks behind poolers. PGHOST and the other variables of libpq say where to. Each case is
told by its name, and what must follow is in want.txt."""

import asyncio
import traceback

import batches, copies, interruptions, listening, pools, prepared, settings, transactions


async def main():
    for module in prepared, batches, copies, interruptions, listening, pools, settings, transactions:
        for name, case in vars(module).items():
            if getattr(case, "__module__", "") != module.__name__ or name.startswith("_"):
                continue
            print(f"# {module.__name__}/{name.replace('_', ' ')}", flush=True)
            try:
                await case()
            except Exception as e:
                print("unexpected:", "".join(traceback.format_exception(e)).strip())


asyncio.run(main())
