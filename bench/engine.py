"""engine: runs of `skald bench` and of the raw limits, as figures that can be compared."""
import subprocess


def url_of(store, folder):
    return {"memory": "memory:", "sqlite": f"sqlite:{folder}/bench.db", "journal": f"journal:{folder}/journal"}[store]


def figures(told):
    """What a bench compares, from what `skald bench --json` says."""
    loop, commit, index, other = (told[f"cpu_{name}_us_per_saga"] * told["sagas"] / 1e6
                                  for name in ("loop", "commit", "index", "other"))
    events = told["events"]
    return {"events_per_s": events / told["seconds"],
            "events_per_s_settled": events / max(told["settled_seconds"], 1e-9),
            "events_per_cpu_s": events / max(loop + commit + other, 1e-9),
            "events_per_cpu_s_index": events / max(loop + commit + other + index, 1e-9),
            "sagas_per_s": told["sagas"] / told["seconds"],
            "loop_us": loop * 1e6 / told["sagas"], "commit_us": commit * 1e6 / told["sagas"],
            "index_us": index * 1e6 / told["sagas"], "other_us": other * 1e6 / told["sagas"],
            "cpu_us": told["cpu_user_us_per_saga"] + told["cpu_system_us_per_saga"],
            "saga_ms_p50": told["saga_ms_p50"], "saga_ms_p99": told["saga_ms_p99"],
            "events_per_commit": told["events_per_batch"], "memory_mib": told["memory_mib_max"],
            "bytes_per_saga": told["store_bytes_per_saga"]}


def run(bench, store, in_flight, sagas, client_ids=False, folder=None, env=None):
    """One run of the whole engine on a new store (or in the folder given)."""
    def once(where):
        return figures(bench.ask(bench.program("skald"), "bench", "--store", url_of(store, where), "--sagas", sagas,
                                 "--in-flight", in_flight, *(["--client-ids"] if client_ids else []), "--json",
                                 env=env))
    if folder is not None:
        return once(folder)
    with bench.folder() as fresh:
        return once(fresh)


def limit(told):
    """The figures of a raw limit's program."""
    return {"events_per_s": told["events"] / told["seconds"],
            "events_per_cpu_s": told["events"] / max(told["cpu_seconds"], 1e-9),
            "syncs_per_s": told["commits"] / told["seconds"],
            "bytes_per_s": told.get("bytes", 0) / told["seconds"]}


def history(bench):
    """The history of one saga, as a file for the limits' programs."""
    path = bench.work / "history.txt"
    if not path.exists():
        path.write_bytes(subprocess.run([bench.program("core"), "history"], check=True, capture_output=True).stdout)
    return path


def run_log(bench, in_flight, sagas, env=None):
    with bench.folder() as folder:
        return limit(bench.ask(bench.program("limit-log"), folder, history(bench), sagas, in_flight, env=env))


def run_sqlite(bench, sagas, env=None):
    with bench.folder() as folder:
        return limit(bench.ask(bench.program("limit-sqlite"), folder / "plain.db", history(bench), sagas, env=env))
