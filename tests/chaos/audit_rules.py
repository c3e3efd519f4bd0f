"""The rules of the audit: what must be true of a saga's history and of the participants' books.

Written from docs/internals/semantics.md and docs/participants.md alone. A rule looks at one saga and
says what it found wrong; it counts what it judged, so that a rule that never had anything to look at
is seen. What no engine can promise of a participant without a guard is counted as excused, not hidden.
"""
import collections
import dataclasses
import json
import re

RULES = {
    "started": "every start that was acknowledged exists",
    "told": "every command and signal that was acknowledged stands in the history",
    "known": "nothing was done for a saga that nobody knows",
    "ended": "every saga has ended",
    "history": "numbers without a hole, time never back, the last state is the saga's",
    "announced": "what arrived stood in the history first: attempt and deadline (law 2)",
    "bytes": "the same key carries the same bytes, and they are the history's",
    "claimed": "what the history says was done or undone stands in the books",
    "completed": "completed: each step applied once and never undone",
    "undone": "otherwise: what was applied was undone, or stands by name",
    "once": "guarded: no effect and no undo twice",
    "waits": "no undo and no verify while an attempt may still come (law 6, history)",
    "arrives": "nothing is applied after its undo (law 6, books)",
    "order": "undone against the order of the starts, or against the arrows",
    "pivot": "nothing is undone past a pivot",
    "named": "what was left is named: residue, failed step, dead letter",
    "children": "a child stands or falls with its parent",
}

SKEW_MS = 2000
ENDS = {"completed", "compensated", "cancelled", "timed_out", "failed"}
UNDONE_ENDS = {"compensated", "cancelled", "timed_out", "failed"}
STATE_EVENTS = {f"saga.{state}": state for state in ENDS} | {
    "saga.accepted": "pending", "saga.started": "running", "saga.compensating": "compensating",
    "saga.suspended": "suspended"}
CALLS = {"step.started", "step.retrying", "step.redriven"}
UNDO_CALLS = {"compensation.started", "compensation.retrying"}
FOR_ANSWER, FOR_SWEEP = 2, 8  # `waits_for`: a pending answer; taken up again by the sweep
LEFT_BY_DEFINITION, LEFT_UNSETTLED = 1, 4  # `cause` of compensation.skipped
KEY = re.compile(r"(?P<saga>[^/]+)/(?P<step>[^/]+)(/(?P<item>\d+))?/(action|compensation)(/r\d+)?")
BODY_KEPT_MAX = 4000


@dataclasses.dataclass
class Line:
    """One row of a participant's books."""
    book: int
    no: int
    at_ms: int
    is_guarded: int
    is_replay: int
    saga: str
    step: str
    key: str
    operation: str
    attempt: int
    deadline_ms: int
    path: str
    digest: str
    body: str
    decision: str
    status: int
    answer: str

    @property
    def unit(self):
        match = KEY.fullmatch(self.key)
        item = match and match["item"]
        return self.step, int(item) if item else None

    def is_excused(self):
        """What a participant without a guard does when it should not, and no engine can prevent: acting
        after the deadline, and on what the network repeated by itself."""
        is_late = self.deadline_ms != 0 and self.at_ms > self.deadline_ms
        return not self.is_guarded and (is_late or self.is_replay)


@dataclasses.dataclass
class Saga:
    id: str
    state: str
    parent: object
    residue: list
    definition: dict
    events: list = dataclasses.field(default_factory=list)
    letters: list = dataclasses.field(default_factory=list)
    is_whole: bool = False  # residue, parent and letters were read, too
    lines: list = dataclasses.field(default_factory=list)

    def units(self):
        """{(step, item): its lines}, in the order of the books."""
        found = collections.defaultdict(list)
        for line in self.lines:
            found[line.unit].append(line)
        return found

    def of(self, unit, *types):
        return [event for event in self.events
                if event["type"] in types and (event["step"], event["item"]) == unit]

    def had(self, *types):
        return any(event["type"] in types for event in self.events)

    def steps(self):
        return {step["id"]: step for step in self.definition["steps"]}

    def residue_in_history(self):
        """{step} that a compensation left standing, by what the events say."""
        left = set()
        for event in self.events:
            kind, data = event["type"], event["data"]
            if kind == "compensation.failed" or \
                    (kind == "compensation.skipped" and data.get("cause") != LEFT_BY_DEFINITION):
                left.add(event["step"])
            if kind in ("compensation.completed", "operator.retry"):
                left.discard(event["step"])
        return left

    def may_be_left(self):
        """{step} for which nothing has to be undone, by the definition."""
        left = set()
        for name, step in self.steps().items():
            undo = step.get("compensation") or (step.get("foreach") or {}).get("compensation")
            if undo is None or undo.get("type") == "skip":
                left.add(name)
        return left


@dataclasses.dataclass
class Problem:
    rule: str
    saga: str
    what: str


class Found:
    def __init__(self):
        self.problems, self.sagas_count, self.lines_count = [], 0, 0
        self.judged, self.excused = collections.Counter(), collections.Counter()
        self.events = collections.Counter()  # by type: what was there to be judged

    def check(self, rule, saga, is_so, what):
        self.judged[rule] += 1
        if not is_so:
            self.problems.append(Problem(rule, saga, what))


def told(unit):
    return unit[0] if unit[1] is None else f"{unit[0]}[{unit[1]}]"


# ---- the history by itself -------------------------------------------------------------------------


def judge_history(saga, found):
    numbers = [event["seq"] for event in saga.events]
    found.check("history", saga.id, numbers == list(range(1, len(numbers) + 1)) and numbers,
                f"the numbers of its events are {numbers[:8]}… ({len(numbers)})")
    times = [event["at_ms"] for event in saga.events]
    found.check("history", saga.id, times == sorted(times), "its time goes back")
    state, before = None, None
    for event in saga.events:
        if event["type"] == "saga.suspended":
            before = state
        if event["type"] == "saga.resumed" and state == "suspended":
            state = before
        state = STATE_EVENTS.get(event["type"], state)
    found.check("history", saga.id, state == saga.state or saga.state not in ENDS,
                f"is {saga.state}, its history says {state}")


class Call:
    def __init__(self, attempt, deadline_ms):
        self.attempt, self.deadline_ms, self.answer = attempt, deadline_ms, None


def walk_calls(saga, unit):
    """(event, the calls of this unit before it), for its undos and verifies."""
    calls = []
    for event in saga.events:
        if (event["step"], event["item"]) != unit:
            continue
        kind, data = event["type"], event["data"]
        if kind in UNDO_CALLS or kind == "verify.started":
            yield event, calls
        if kind in CALLS and data.get("deadline"):
            calls.append(Call(event["attempt"], data["deadline"]))
            continue
        last = next((c for c in reversed(calls) if c.attempt == event["attempt"]), None)
        if last is None:
            continue
        if kind == "step.unknown" and last.answer is None:
            # A step stays unknown by its earlier attempts when the last one was never sent.
            last.answer = "unknown" if data.get("unanswered_until") else "answered"
        elif kind == "step.late":
            last.answer = "answered"
        elif kind in ("step.completed", "step.failed", "step.waiting") and last.answer is None:
            last.answer = "answered"


def judge_waits(saga, found):
    """Law 6: an `unknown` outcome is no answer; the latest deadline and the skew must have passed."""
    for unit in {(event["step"], event["item"]) for event in saga.events if event["step"]}:
        for event, calls in walk_calls(saga, unit):
            for call in calls:
                is_over = call.answer == "answered" or \
                    event["at_ms"] >= call.deadline_ms + SKEW_MS
                found.check("waits", saga.id, is_over,
                            f"{event['type']} of {told(unit)} (seq {event['seq']}) at {event['at_ms']}: "
                            f"attempt {call.attempt} may come until {call.deadline_ms}")


def judge_pivot(saga, found):
    pivots = {name for name, step in saga.steps().items() if step.get("pivot")}
    if not pivots or saga.had("operator.force_cancel") or saga.parent:
        return
    passed = None
    for event in saga.events:
        if event["type"] == "step.completed" and event["step"] in pivots:
            passed = event["seq"]
        if event["type"] == "compensation.started" and passed:
            found.check("pivot", saga.id, False, f"{event['step']} undone (seq {event['seq']}) past the "
                                                 f"pivot (seq {passed})")
    found.check("pivot", saga.id, not (passed and saga.state in UNDONE_ENDS),
                f"ended {saga.state} past its pivot")


# ---- order -----------------------------------------------------------------------------------------


def dependants(definition):
    """{step: every step that depends on it, however far}."""
    steps, direct, before = definition["steps"], collections.defaultdict(set), None
    is_sequential = definition["saga"].get("order") == "sequential"
    for step in steps:
        needed = step.get("dependencies") or ([before] if is_sequential and before else [])
        for one in needed:
            direct[one].add(step["id"])
        before = step["id"]
    whole = {}
    for step in reversed(steps):
        todo, seen = list(direct[step["id"]]), set()
        while todo:
            one = todo.pop()
            if one not in seen:
                seen.add(one)
                todo += direct[one]
        whole[step["id"]] = seen
    return whole


def judge_order(saga, found):
    if saga.had("step.late", "operator.force_cancel", "operator.retry", "operator.skip_step"):
        found.excused["order"] += 1
        return
    strategy = (saga.definition.get("global_compensation") or {}).get("strategy", "sequential")
    after, first_start, first_undo = dependants(saga.definition), {}, {}
    for event in saga.events:
        if event["type"] == "step.started":
            first_start.setdefault(event["step"], event["seq"])
        if event["type"] == "compensation.started":
            first_undo.setdefault(event["step"], event["seq"])
    open_undos = set()
    for event in saga.events:
        kind, step = event["type"], event["step"]
        unit = step, event["item"]
        if kind == "compensation.started":
            must_be_over = after[step] if strategy == "parallel" else set(first_start) - {step}
            busy = {other for other, _ in open_undos} & must_be_over
            found.check("order", saga.id, not busy, f"{told(unit)} undone while {sorted(busy)} was not")
            later = {other for other in first_undo if first_undo[other] > event["seq"]
                     and other in must_be_over and first_start.get(other, 0) > first_start.get(step, 0)}
            found.check("order", saga.id, not later, f"{told(unit)} undone before {sorted(later)}")
            open_undos.add(unit)
        if kind in ("compensation.completed", "compensation.failed", "compensation.skipped") or \
                (kind == "compensation.waiting" and event["data"].get("waits_for") == FOR_SWEEP):
            open_undos.discard(unit)


# ---- the history and the books ---------------------------------------------------------------------


def judge_announced(saga, found):
    told_of = collections.defaultdict(set)
    for event in saga.events:
        kind = event["type"]
        operation = "action" if kind in CALLS else "compensation" if kind in UNDO_CALLS else \
            "verify" if kind == "verify.started" else None
        if operation:
            unit = event["step"], event["item"]
            told_of[operation, unit].add((event["attempt"], event["data"].get("deadline", 0)))
    for line in saga.lines:
        known = told_of[line.operation, line.unit]
        found.check("announced", saga.id, (line.attempt, line.deadline_ms) in known or
                    (line.operation == "verify" and line.deadline_ms in {when for _, when in known}),
                    f"{line.operation} of {told(line.unit)}, attempt {line.attempt}, deadline "
                    f"{line.deadline_ms} arrived (line {line.no}); the history knows {sorted(known)}")


def judge_bytes(saga, found):
    first = {}
    for line in saga.lines:
        known = first.setdefault((line.key, line.operation), line)
        found.check("bytes", saga.id, known.digest == line.digest,
                    f"{line.key}: lines {known.no} and {line.no} differ")
    for (_, operation), line in first.items():
        kind = {"action": "step.started", "compensation": "compensation.started"}.get(operation)
        started = saga.of(line.unit, kind)[:1] if kind else []
        if not started or len(line.body) >= BODY_KEPT_MAX:
            continue
        written = started[0]["data"].get("body")
        sent = json.loads(line.body) if line.body else None
        found.check("bytes", saga.id, sent == written and
                    line.path in started[0]["data"].get("request", ""),
                    f"{line.key}: {line.path} {line.body[:80]!r} came, {written} was written")


def is_called(saga, unit):
    """Is it something that a participant is asked for (no child, no wait, no list as a whole)?"""
    step = saga.steps().get(unit[0], {})
    return step.get("type") in ("http", "service") and ("foreach" not in step or unit[1] is not None)


def judge_claimed(saga, found):
    units = saga.units()
    for event in saga.events:
        unit, kind = (event["step"], event["item"]), event["type"]
        wanted = {"step.completed": {"applied"}, "compensation.completed": {"undone", "nothing"},
                  "verify.completed": {"looked"}}.get(kind)
        if wanted is None or not is_called(saga, unit) or saga.had("operator.skip_step"):
            continue
        decisions = {line.decision for line in units.get(unit, [])}
        found.check("claimed", saga.id, wanted & decisions,
                    f"{kind} of {told(unit)} (seq {event['seq']}); the books know {sorted(decisions)}")


def judge_completed(saga, found):
    if saga.state != "completed" or saga.had("operator.force_complete", "operator.skip_step"):
        return
    units = saga.units()
    for event in saga.events:
        unit = event["step"], event["item"]
        if event["type"] == "step.skipped":
            came = [line.no for line in units.get(unit, []) if line.operation == "action"]
            found.check("completed", saga.id, not came, f"{told(unit)} was skipped, lines {came} came")
        if event["type"] != "step.completed" or not is_called(saga, unit):
            continue
        lines = units.get(unit, [])
        applied = [line.no for line in lines if line.decision == "applied"]
        undone = [line.no for line in lines if line.decision in ("undone", "nothing")]
        is_guarded = all(line.is_guarded for line in lines)
        found.check("completed", saga.id, len(applied) == 1 or (applied and not is_guarded),
                    f"{told(unit)} applied {len(applied)} times (lines {applied})")
        found.excused["completed"] += len(applied) > 1 and not is_guarded
        found.check("completed", saga.id, not undone, f"{told(unit)} undone (lines {undone})")


def standing(lines, found):
    """The effects of one unit that were never taken back."""
    left = []
    for line in lines:
        if line.decision == "applied":
            left.append(line)
        if line.decision == "undone":
            left.clear()
    excused = [line for line in left if line.is_excused()]
    found.excused["undone"] += len(excused)
    return [line for line in left if line not in excused]


def judge_undone(saga, found):
    if saga.state not in UNDONE_ENDS:
        return
    named = saga.residue_in_history() | set(saga.residue) | saga.may_be_left()
    for unit, lines in saga.units().items():
        left = standing(lines, found)
        found.check("undone", saga.id, not left or unit[0] in named,
                    f"ended {saga.state}, but {told(unit)} stands (lines {[line.no for line in left]})")


def judge_once(saga, found):
    for unit, lines in saga.units().items():
        for decision in ("applied", "undone"):
            times = [line.no for line in lines if line.decision == decision and line.is_guarded]
            found.check("once", saga.id, len(times) <= 1, f"{told(unit)} {decision} {len(times)} times "
                                                          f"(lines {times})")


def judge_arrives(saga, found):
    for unit, lines in saga.units().items():
        undo = next((line for line in lines if line.decision in ("undone", "nothing")), None)
        if undo is None:
            continue
        after = [line for line in lines if line.no > undo.no and line.decision == "applied"]
        late = [line for line in after if line.is_excused()]
        found.excused["arrives"] += len(late)
        bad = [line.no for line in after if line not in late]
        found.check("arrives", saga.id, not bad, f"{told(unit)} applied (lines {bad}) after its undo "
                                                 f"(line {undo.no})")


def judge_named(saga, found):
    """`failed` names the undo that could not be done, by an event and by a dead letter; what is left
    otherwise stands in the residue, and nothing else does."""
    left, given_up = saga.residue_in_history(), set()
    for event in saga.events:
        if event["type"] == "compensation.failed" and not event["data"].get("residue"):
            given_up.add(event["step"])
        if event["type"] == "compensation.skipped" and event["data"].get("cause") == LEFT_UNSETTLED:
            given_up.add(event["step"])
    children = {name for name, step in saga.steps().items() if step["type"] == "saga"}
    if saga.state == "failed":
        found.check("named", saga.id, given_up or children, "failed, and names no step")
        if saga.is_whole and given_up:
            found.check("named", saga.id, given_up <= set(saga.letters),
                        f"given up {sorted(given_up)}, dead letters of {saga.letters}")
    elif saga.state in UNDONE_ENDS:
        found.check("named", saga.id, not given_up, f"{sorted(given_up)} given up, ended {saga.state}")
    if saga.is_whole and saga.state in UNDONE_ENDS:
        found.check("named", saga.id, set(saga.residue) == left - given_up,
                    f"residue {saga.residue}; the history says {sorted(left - given_up)}")


# ---- all of it -------------------------------------------------------------------------------------

OF_A_SAGA = [judge_history, judge_waits, judge_pivot, judge_order, judge_announced, judge_bytes,
             judge_claimed, judge_completed, judge_undone, judge_once, judge_arrives, judge_named]


def parent_of(saga):
    parent = saga.parent
    return parent.get("saga", parent.get("id")) if isinstance(parent, dict) else parent


def judge_children(sagas, found):
    for saga in sagas.values():
        parent = sagas.get(parent_of(saga))
        if parent is None or parent.state not in ENDS or parent.had("operator.force_complete"):
            continue
        if parent.state == "completed":
            step = next((e["step"] for e in parent.events if e["type"] == "step.completed"
                         and saga.id.startswith(f"{parent.id}.{e['step']}")), None)
            found.check("children", saga.id, step is None or saga.state == "completed",
                        f"ended {saga.state}, its parent {parent.id} completed")
        elif parent.state != "failed":
            found.check("children", saga.id, saga.state != "completed",
                        f"completed, its parent {parent.id} ended {parent.state}")


def last_state(saga):
    return next((STATE_EVENTS[event["type"]] for event in reversed(saga.events)
                 if event["type"] in STATE_EVENTS), None)


def judge(sagas, lines, started, is_active):
    """sagas: {id: Saga}; lines: of all books, each book in its order; started: what was
    acknowledged, an id or an id and the type of an event a line.
    is_active: heads, events and books were read one after the other while sagas went on; then only
    those are judged that had ended when the first was read and had not begun again by the last."""
    found = Found()
    found.sagas_count, found.lines_count = len(sagas), len(lines)
    for line in started:
        name, _, event = line.partition(" ")
        rule = "told" if event else "started"
        is_there = name in sagas and (not event or sagas[name].had(event))
        found.check(rule, name, is_there, f"{event or 'its start'} was acknowledged and is gone")
    for line in lines:
        found.check("known", line.saga, is_active or line.saga in sagas,
                    f"line {line.no}: {line.operation} of {line.step} for a saga that nobody knows")
        if line.saga in sagas:
            sagas[line.saga].lines.append(line)
    for saga in sagas.values():
        found.events.update(event["type"] for event in saga.events)
        is_over = saga.state in ENDS
        if is_active and not (is_over and last_state(saga) == saga.state):
            continue
        found.check("ended", saga.id, is_over, f"is {saga.state}")
        for rule in OF_A_SAGA:
            if is_over or rule not in (judge_completed, judge_undone, judge_named):
                rule(saga, found)
    judge_children(sagas, found)
    return found
