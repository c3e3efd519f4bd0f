#!/usr/bin/env python3
"""KILL_ROUNDS rounds of kill -9 at random moments under load, on one database; then every saga must
have ended wholly applied or wholly undone, by the participants' books.

    KILL_ROUNDS=300 KILL_STORE=journal KILL_LOOPS=2 KILL_SEED=7 SKALD_BIN_DIR=build/release/bin python3 tests/chaos/test_kill.py

What is judged, after the last restart:
  K1  every start that was acknowledged exists;
  K2  every saga has ended, none `failed`;
  K3  completed: each effect of each step stands in the ledger once, and no undo;
      otherwise: each effect that stands there was undone once, and only after it;
  K4  no effect and no undo twice; no effect of a saga that nobody knows;
  K5  stock and accounts are what the completed sagas leave;
  K6  a saga that was neither cancelled nor asked to fail has completed, or the network is its cause;
  K7  the database is sound, and `skald store check` finds that every saga folds to its head.
Each start of the server has the next number of loops of KILL_LOOPS (1,2: they take turns).
In some rounds the participants are killed as well, or their proxy delays, resets and repeats.
A run in which nothing was in flight at a kill has tested nothing, and fails.
"""
import collections
import json
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time

from cluster import BIN, Client, Failure, World

ROUNDS = int(os.environ.get("KILL_ROUNDS", "40"))
SEED = int(os.environ.get("KILL_SEED", str(random.SystemRandom().randrange(1 << 31))))
WORKERS = 6
STARTS_A_ROUND = (20, 150)
END_SECONDS = 180
ITEMS = {"item1": 10**9, "item2": 10**9, "item3": 10**9}
ACCOUNTS = {"account001": 1000000, "account002": 500000, "account003": 800000}
STEPS = {"order": ["create-order", "reserve-stock", "pay", "ship"],
         "transfer": ["debit", "credit", "audit"]}
# Calls that are never answered hold a connection for 2 s each, and a server keeps 64 to one host: more
# of them would starve others of their time, which K6 would then call an end without a cause.
HANGING_MAX = 40
NETWORK = {"delay": 0.2, "reset": 0.1, "cut": 0.1, "half-up": 0.05, "replay": 0.1}
LOST = ("network", "timeout", "connection_refused", "connection_timeout", "circuit_open", "queue_timeout",
        "service_unavailable", "internal")  # these two: killed participants forget whom they refused
LOST_SHARE_MAX = 0.1
# What a step may be asked to do, and whether the saga can still complete.
SURVIVED = ["fail_once", "500_once", "lost_answer", "slow:30", "slow:250"]
DEADLY = ["decline", "decline", "500", "timeout"]
FAULTY_STEPS = {"order": ["create", "reserve", "pay", "ship"], "transfer": ["debit", "credit", "audit"]}
FAULTY_UNDOS = {"order": ["cancel", "release", "refund", "recall"], "transfer": []}


class Load:
    """Starts and cancels from several threads; knows what was acknowledged."""

    def __init__(self, world):
        self.world = world
        self.lock = threading.Lock()
        self.budget = threading.Semaphore(0)
        self.is_over = False
        self.inputs, self.acknowledged, self.cancelled, self.doomed = {}, set(), set(), set()
        self.refused, self.hanging_count, self.share = [], 0, 0.0
        self.threads = [threading.Thread(target=self.work, args=(n,), daemon=True)
                        for n in range(WORKERS)]
        for thread in self.threads:
            thread.start()

    def draw(self, chance):
        """(definition, input, can it complete?)"""
        definition = "transfer" if chance.random() < 0.25 else "order"
        fault, is_doomed = {}, False
        if chance.random() < 0.4:
            fault[chance.choice(FAULTY_STEPS[definition])] = chance.choice(SURVIVED)
        if chance.random() < 0.2:
            fault[chance.choice(FAULTY_STEPS[definition])] = self.draw_deadly(chance)
            is_doomed = True
        if FAULTY_UNDOS[definition] and chance.random() < 0.3:
            fault[chance.choice(FAULTY_UNDOS[definition])] = chance.choice(SURVIVED)
        if definition == "transfer":
            source, target = chance.sample(sorted(ACCOUNTS), 2)
            return definition, {"from": source, "to": target, "amount": chance.randint(1, 300) / 100,
                                "fault": fault}, is_doomed
        amount = chance.choice([9.5, 120, 999.99, 1500])
        items = [{"item_id": item, "quantity": chance.randint(1, 3)}
                 for item in chance.sample(sorted(ITEMS), chance.randint(1, 3))]
        return definition, {"amount": amount, "items": items, "address": "here",
                            "fault": fault}, is_doomed or amount > 1000

    def draw_deadly(self, chance):
        """Hanging ones are spread over the whole run."""
        fault = chance.choice(DEADLY)
        with self.lock:
            if fault == "timeout" and self.hanging_count >= HANGING_MAX * self.share:
                return "decline"
            self.hanging_count += fault == "timeout"
        return fault

    def work(self, number):
        chance = random.Random(f"{SEED}/{number}")
        client = Client("127.0.0.1", self.world.port)
        for count in range(1 << 30):
            self.budget.acquire()
            if self.is_over:
                break
            definition, data, is_doomed = self.draw(chance)
            saga = f"w{number}-{count}"
            with self.lock:
                self.inputs[saga] = (definition, data)
                if is_doomed:
                    self.doomed.add(saga)
            self.start(client, saga, definition, data, chance.random() < 0.5)
            if chance.random() < 0.1:
                self.cancel(client, saga)
        client.close()

    def start(self, client, saga, definition, data, is_stubborn):
        """A stubborn client repeats its start until somebody answers; another gives up."""
        body = {"id": saga, "definition": definition, "input": data}
        while not self.is_over:
            status, answer = client.call("POST", "/api/v1/sagas", body)
            if status in (200, 201):
                with self.lock:
                    self.acknowledged.add(saga)
                return
            if status not in (0, 503):
                self.refused.append(f"start {saga}: {status} {answer}")
                return
            if not is_stubborn:
                return
            time.sleep(0.005)

    def cancel(self, client, saga):
        with self.lock:
            self.cancelled.add(saga)
        client.call("POST", f"/api/v1/sagas/{saga}/cancel", {"by": "chaos", "reason": "by chance"})

    def allow(self, starts, share):
        """So many more; `share` of the whole run will then be over."""
        self.share = share
        self.budget.release(starts)

    def finish(self):
        """No further starts; those that are under way are repeated until they are answered."""
        with self.lock:
            self.is_over = True
        self.budget.release(WORKERS)
        for thread in self.threads:
            thread.join(60)
            if thread.is_alive():
                raise Failure("a start got no answer within a minute")


def run_rounds(world, load, chance):
    for number in range(1, ROUNDS + 1):
        load.allow(chance.randint(*STARTS_A_ROUND), number / ROUNDS)
        if chance.random() < 0.1:
            world.order(faults=NETWORK, drop=True)
        if chance.random() < 0.8:
            world.await_ready()
            time.sleep(chance.uniform(0.0, 0.5))
        else:
            time.sleep(chance.uniform(0.0, 0.1))  # while it recovers
        if not world.server.is_running():
            raise Failure(f"round {number}: the server ended by itself: {world.server.tail()}")
        world.server.kill()
        if chance.random() < 0.1:
            world.participants.kill()
            world.start_participants()
        world.start_server()
        world.order(faults={})


def ended_by_the_network(client, load, sagas):
    """{id} of those that ended undone because too many of their calls were lost on the way."""
    found = set()
    for saga in sagas:
        name = saga["id"]
        if saga["state"] in ("completed", "failed") or name in load.cancelled or name in load.doomed:
            continue
        _, shown = client.call("GET", f"/api/v1/sagas/{name}")
        if shown["error"] is not None and shown["error"]["code"] in LOST:
            found.add(name)
    return found


class Judge:
    def __init__(self, load, sagas, lost, books):
        self.load, self.lost, self.problems, self.checks = load, lost, [], 0
        self.sagas = {saga["id"]: saga for saga in sagas}
        self.lines = collections.defaultdict(list)  # (saga, step) -> ledger lines
        self.books = books
        for row in books.execute("SELECT no, saga, step, kind, name, amount, is_undo FROM ledger"):
            self.lines[row[1], row[2]].append(row)

    def check(self, is_right, text):
        self.checks += 1
        if not is_right and len(self.problems) < 50:
            self.problems.append(text)

    def judge_existence(self):
        self.check(not self.load.refused, f"starts were refused: {self.load.refused[:5]}")
        for saga in self.load.acknowledged:
            self.check(saga in self.sagas, f"K1: {saga} was acknowledged and is gone")
        for saga, step in self.lines:
            self.check(saga in self.sagas, f"K4: effects of an unknown saga {saga} ({step})")

    def judge_step(self, saga, step, state):
        """The ledger lines of one step: effects by what they are, with their undos."""
        effects, undos = collections.Counter(), collections.Counter()
        last_effect, first_undo = 0, 1 << 62
        for no, _, _, kind, name, amount, is_undo in self.lines.get((saga, step), []):
            (undos if is_undo else effects)[kind, name, -amount if is_undo else amount] += 1
            last_effect = max(last_effect, 0 if is_undo else no)
            first_undo = min(first_undo, no if is_undo else 1 << 62)
        where = f"{saga} {step} ({state})"
        self.check(all(n == 1 for n in effects.values()), f"K4: {where}: twice: {effects}")
        self.check(all(n == 1 for n in undos.values()), f"K4: {where}: undone twice: {undos}")
        if state == "completed":
            self.check(effects, f"K3: {where}: has no effect")
            self.check(not undos, f"K3: {where}: was undone")
        else:
            self.check(effects == undos, f"K3: {where}: {effects} against {undos}")
            self.check(not undos or last_effect < first_undo, f"K3: {where}: undone before it was")

    def judge_sagas(self):
        for saga, row in self.sagas.items():
            state, definition = row["state"], row["definition"]
            self.check(state != "failed", f"K2: {saga} failed")
            for step in STEPS[definition]:
                self.judge_step(saga, step, state)
            if saga not in self.load.cancelled and saga not in self.load.doomed and saga not in self.lost:
                self.check(state == "completed" or self.was_short_of_money(saga),
                           f"K6: {saga} ended {state} without a cause: {self.load.inputs[saga]}")

    def was_short_of_money(self, saga):
        """Others may have emptied the account; then a debit is a clear no."""
        return self.load.inputs[saga][0] == "transfer" and not self.lines.get((saga, "debit"))

    def judge_totals(self):
        reserved, money = collections.Counter(), collections.Counter(ACCOUNTS)
        for saga, row in self.sagas.items():
            if row["state"] != "completed":
                continue
            definition, data = self.load.inputs[saga]
            if definition == "order":
                for item in data["items"]:
                    reserved[item["item_id"]] += item["quantity"]
            else:
                money[data["from"]] -= round(data["amount"] * 100)
                money[data["to"]] += round(data["amount"] * 100)
        for item, count in self.books.execute("SELECT item, reserved FROM stock"):
            self.check(count == reserved[item], f"K5: {item}: {count}, not {reserved[item]}")
        for account, cents in self.books.execute("SELECT id, cents FROM account"):
            self.check(cents == money[account], f"K5: {account}: {cents}, not {money[account]}")


def judge_store(world, judge):
    """The file is sound, its rows agree, and each saga's events fold to its head."""
    done = subprocess.run([str(BIN / "skald"), "store", "check", "--json", "--store",
                           world.store], capture_output=True, text=True,
                          check=False)
    found = json.loads(done.stdout) if done.stdout else {"problems": [done.stderr]}
    judge.check(done.returncode == 0, f"K7: the store says {found['problems']}")
    judge.check(found.get("sagas", 0) > 0, "K7: no saga was checked")


def run(world, chance):
    world.start_server()
    world.await_ready()
    world.define("examples/order-processing/order.saga.yaml",
                 "examples/bank-transfer/transfer.saga.yaml")
    load = Load(world)
    run_rounds(world, load, chance)
    world.await_ready()
    load.finish()
    client = world.client(timeout=120)
    resumed = client.await_end(END_SECONDS)
    sagas = client.pages("/api/v1/sagas?limit=1000")
    books_client = Client(world.participants.host, world.participants.port)
    _, totals = books_client.call("GET", "/books")
    lost = ended_by_the_network(client, load, sagas)
    books_client.close()
    client.close()
    code = world.server.stop()
    judge = Judge(load, sagas, lost, sqlite3.connect(f"file:{world.books}?mode=ro", uri=True))
    judge.check(code == 0, f"a graceful stop ended with {code}: {world.server.tail()}")
    judge.judge_existence()
    judge.judge_sagas()
    judge.judge_totals()
    judge.check(len(lost) <= LOST_SHARE_MAX * len(sagas), f"K6: the network ended {len(lost)} of {len(sagas)}")
    judge_store(world, judge)
    judge.check(totals["guard"]["repeated"] > 0 or ROUNDS < 10, "no kill met anything in flight")
    return judge, resumed, totals


def main():
    start, chance = time.monotonic(), random.Random(SEED)
    print(f"kill: seed {SEED}, {ROUNDS} rounds", flush=True)
    world = World(SEED, ["--fault-rate", "5", "--seed", str(SEED), "--stock", str(10**9)])
    problems = ["interrupted"]
    try:
        judge, resumed, totals = run(world, chance)
        problems = judge.problems
        states = collections.Counter(saga["state"] for saga in judge.sagas.values())
        print(f"kill: {ROUNDS} rounds, {len(judge.sagas)} sagas ("
              + ", ".join(f"{n} {state}" for state, n in sorted(states.items()))
              + f"), {len(judge.load.acknowledged)} acknowledged, "
              f"{totals['guard']['repeated']} repeats met by the guard, {resumed} resumed, "
              f"{len(judge.lost)} ended by the network; {judge.checks} checks, {len(problems)} problems, "
              f"{time.monotonic() - start:.0f} s")
        print("kill-json: " + json.dumps({"sagas": len(judge.sagas), "checks": judge.checks,
                                          "repeats": totals["guard"]["repeated"]}))
    except Failure as failure:
        problems = [str(failure)]
    finally:
        for problem in problems:
            print(problem)
        if problems:
            print(f"again: KILL_SEED={SEED} KILL_ROUNDS={ROUNDS} python3 tests/chaos/test_kill.py")
        world.close(keep=bool(problems))
    return 1 if problems else 0


sys.exit(main())
