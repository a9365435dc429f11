"""What applications do with psycopg 3 that breaks behind poolers. PGHOST and the other variables of libpq say where to. Each case
is told by its name, and what must follow is in want.txt."""

import traceback

import batches, cancels, copies, cursors, listening, pools, prepared, settings, timeouts

for module in prepared, batches, copies, cancels, listening, timeouts, pools, settings, cursors:
    for name, case in vars(module).items():
        if getattr(case, "__module__", "") != module.__name__ or name.startswith("_"):
            continue
        print(f"# {module.__name__}/{name.replace('_', ' ')}", flush=True)
        try:
            case()
        except Exception as e:
            print("unexpected:", "".join(traceback.format_exception(e)).strip())
