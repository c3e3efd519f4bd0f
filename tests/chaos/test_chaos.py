#!/usr/bin/env python3
"""CHAOS_ROUNDS rounds of faults drawn at random, under load, on one store; after every few of them and at
the end an independent audit compares the participants' books with what the sagas say.

    CHAOS_ROUNDS=100 CHAOS_SEED=7 SKALD_BIN_DIR=build/release/bin python3 tests/chaos/test_chaos.py

CHAOS_FAULTS=kill,freeze leaves the others out; CHAOS_STORE=journal takes that store. CHAOS_FOLDER keeps
store and books, and a later run goes on with them. A seed repeats what is drawn, not what the machine's
timing makes of it. What each fault does, and what the server must do then, stands beside it in faults.py.
"""
import collections
import json
import os
import pathlib
import random
import sys
import time

from audit_rules import RULES
from chaos_world import World
from cluster import Failure
from faults import FAULTS, Load

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "14"))
SEED = int(os.environ.get("CHAOS_SEED", str(random.SystemRandom().randrange(1 << 31))))
WANTED = [name for name in os.environ.get("CHAOS_FAULTS", "").split(",") if name]
FOLDER = os.environ.get("CHAOS_FOLDER") or None
AUDIT_EVERY = 25
END_SECONDS = 240
MET = ("step.redriven", "step.unknown", "step.late", "verify.completed", "compensation.completed",
       "compensation.unknown")
TEMPERS = {"guarded": (True, "no=0.04,busy=0.03,lost=0.02,error=0.02,slow=0.05,late=0.03,pending=0.04,deaf=0.01"),
           "bare": (False, "no=0.05,busy=0.03,lost=0.03,error=0.03,slow=0.05,late=0.03")}


def order_of_faults(chance):
    """Every fault once before any comes a second time."""
    names = WANTED or list(FAULTS)
    while True:
        yield from chance.sample(names, len(names))


def run_rounds(world, load, chance, counts):
    names = order_of_faults(chance)
    for number in range(1, ROUNDS + 1):
        name = next(names)
        time.sleep(chance.uniform(0.1, 0.6))
        try:
            FAULTS[name](world, chance)
        except Failure as failure:
            raise Failure(f"round {number}, {name}: {failure}") from failure
        counts[name] += 1
        if number % AUDIT_EVERY == 0 and number < ROUNDS:
            world.calm()
            world.await_ready()
            found = world.audit("--active", started=load.told())
            if found["problems"]:
                return found
    return None


def unexpected(world, client):
    """Sagas that failed although nothing refuses to be undone in them, stuck ones, and starts that made
    two sagas of one key."""
    failed = [saga for saga in client.pages("/api/v1/sagas?limit=1000&state=failed")
              if saga["definition"] != "keeps"]
    stuck = client.call("GET", "/api/v1/recovery")[1]["stuck"]
    keys = collections.Counter(saga["business_key"] for saga in client.pages("/api/v1/sagas?limit=1000")
                               if saga["business_key"])
    return [f"{saga['id']} failed" for saga in failed] + [f"stuck: {saga}" for saga in stuck or []] + \
        [f"{key}: {count} sagas" for key, count in keys.items() if count > 1]


def run(world, chance, counts):
    world.start_all()
    load = Load(world, SEED)
    found = run_rounds(world, load, chance, counts)
    world.calm()
    world.await_ready()
    load.finish()
    resumed = 0
    if found is None:
        resumed = world.await_end(END_SECONDS)
        found = world.audit(started=load.told())
    problems = [f"{p['rule']}: {p['saga']}: {p['what']}" for p in found["problems"]] + load.refused
    client = world.client()
    problems += unexpected(world, client)
    client.close()
    proxies = sum((collections.Counter(service.counts()) for service in world.services),
                  collections.Counter())
    code = world.server.stop()
    if code != 0:
        problems.append(f"a graceful stop ended with {code}: {world.server.tail()}")
    problems += world.check_store()
    return problems, found, proxies, resumed, load


def report(world, counts, found, proxies, resumed, load, seconds):
    def listed(of):
        return ", ".join(f"{name} {count}" for name, count in sorted(of.items()) if count)
    judged = sum(found["judged"].values())
    print(f"chaos: {sum(counts.values())} rounds ({listed(counts)})")
    met = {name: found["events"].get(name, 0) for name in MET} | world.met
    print(f"chaos: met {listed(met)}, {world.shim.get('failures_count')} failed writes and syncs")
    print(f"chaos: connections through the proxies: {listed(proxies)}")
    print(f"chaos: audit of {found['sagas']} sagas and {found['lines']} lines of books: {judged} judgements, "
          f"{len(found['problems'])} disagreements, {sum(found['excused'].values())} excused; "
          f"{len(load.started())} starts and {len(load.commanded)} commands acknowledged, {resumed} resumed; "
          f"{seconds:.0f} s")
    print("chaos-json: " + json.dumps({"faults": counts, "sagas": found["sagas"], "lines": found["lines"],
                                       "store": world.store.partition(":")[0],
                                       "judged": judged}))


def main():
    start, chance, counts = time.monotonic(), random.Random(SEED), collections.Counter()
    print(f"chaos: seed {SEED}, {ROUNDS} rounds", flush=True)
    world = World(TEMPERS, SEED, FOLDER and pathlib.Path(FOLDER))
    problems = ["interrupted"]
    try:
        problems, found, proxies, resumed, load = run(world, chance, counts)
        never = [rule for rule in RULES if not found["judged"].get(rule)] if ROUNDS >= 10 else []
        problems += [f"the audit never judged {rule}" for rule in never]
        if ROUNDS >= 10 and not WANTED and not found["events"].get("step.redriven"):
            problems.append("no crash met anything in flight")
        report(world, counts, found, proxies, resumed, load, time.monotonic() - start)
    except Failure as failure:
        problems = [str(failure)]
    finally:
        for problem in problems[:60]:
            print(problem)
        if problems:
            print(f"again: CHAOS_SEED={SEED} CHAOS_ROUNDS={ROUNDS} python3 tests/chaos/test_chaos.py")
        world.close(keep=bool(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
