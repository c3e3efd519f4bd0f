#!/usr/bin/env python3
"""The console in a browser, against a real server with a participant: what operators do, as they do it."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]
import yaml  # noqa: E402
from browser import Browser  # noqa: E402
from skald_world import Participant, Server  # noqa: E402

HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>"\'&{{7*7}}${7*7}\u202e'

ORDER = """
saga:
  id: order
  name: {name}
  version: '1.0'
  description: An order that somebody approves
  input_schema:
    type: object
    required: [customer, amount]
    properties:
      customer: {{ type: string, title: Customer, description: Who orders }}
      amount: {{ type: integer, minimum: 1, title: Amount }}
      express: {{ type: boolean }}
steps:
  - id: reserve
    name: {name}
    type: http
    timeout: 5s
    retry_policy: {{ type: fixed_delay, max_attempts: 9, initial_delay: 1h }}
    action: {{ service: {{ name: stock, endpoint: {url}, path: /reserve, body: {{ who: "{{{{ .input.customer }}}}" }} }} }}
    compensation: {{ type: custom, action: {{ service: {{ name: stock, endpoint: {url}, path: /undo }} }} }}
  - {{ id: approve, name: Approval, type: wait, wait: {{ signal: approved, timeout: 1h }}, dependencies: [reserve] }}
  - id: pay
    name: Pay
    type: http
    dependencies: [approve]
    action: {{ service: {{ name: bank, endpoint: {url}, path: /pay }} }}
    compensation: {{ type: skip }}
"""

# Past its pivot a clear no waits for a person, who may edit what is sent.
FORWARD = """
saga: {{ id: forward, name: Forward, version: '1' }}
steps:
  - {{ id: charge, name: Charge, type: http, pivot: true, action: {{ service: {{ name: bank, endpoint: {url}, path: /charge }} }} }}
  - id: ship
    name: Ship
    type: http
    dependencies: [charge]
    action: {{ service: {{ name: post, endpoint: {url}, path: /ship, body: {{ to: "{{{{ .input.to }}}}" }} }} }}
"""

# Over 500 events.
MANY = """
saga: {{ id: many, name: Many, version: '1' }}
steps:
  - id: each
    name: Each
    type: http
    foreach: {{ items: "{{{{ .input.list }}}}", var: one, parallel: 20,
               action: {{ service: {{ name: stock, endpoint: {url}, path: /each }} }} }}
"""


class Console(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.participant = Participant()
        cls.server = Server(cls.folder.name, store="memory:")
        cls.order = ORDER.format(url=cls.participant.url, name=json.dumps(HOSTILE))
        for text in (cls.order, FORWARD.format(url=cls.participant.url), MANY.format(url=cls.participant.url)):
            reply = cls.server.define(text)
            assert reply.status == 201, reply.body
        cls.browser = Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.server.stop()
        cls.server.__exit__(None, None, None)
        cls.participant.close()
        cls.folder.cleanup()

    def setUp(self):
        self.expected = []  # what the browser may say about refusals that a test asks for
        self.name = self.id().split(".")[-1].replace("_", "-").removeprefix("test-")

    def tearDown(self):
        for message in self.browser.complaints():
            self.assertTrue(any(one in message for one in self.expected), message)
        for url in self.browser.requested():
            # data: is the browser's own picture in a field of time; it asks nobody.
            self.assertTrue(url.startswith((self.server.url + "/", "about:", "data:image/svg+xml;")), url)
        self.assertIsNone(self.browser.driver.execute_script("return window.hacked ?? null"))

    # ---- helpers -----------------------------------------------------------------------------

    def start(self, definition="order", suffix="", state="waiting", step="approve", **more):
        name = self.name + suffix
        body = {"definition": definition, "id": name, "input": {"customer": "Ada", "amount": 99}, **more}
        reply = self.server.start(**body)
        self.assertEqual(reply.status, 201, reply.body)
        self.server.when(name, lambda saga: any(one["id"] == step and one["state"] == state
                                                for one in saga["steps"]), f"{step} is {state}")
        return name

    def open(self, fragment):
        self.browser.open("about:blank")
        self.browser.open(f"{self.server.url}/#/{fragment}")

    def command(self, submit, sure=True, reason="the customer called"):
        """Through the dialog; what else it asks for is filled in before."""
        self.browser.type("dialog input[name=by]", "ada")
        self.browser.type("dialog input[name=reason]", reason)
        if sure:
            self.browser.click("dialog input[name=sure]")
        self.browser.click("dialog button[type=submit]", submit)
        self.browser.gone("dialog")

    # ---- lists -------------------------------------------------------------------------------

    def test_the_list_changes_by_itself(self):
        self.open("sagas?tag=live")
        self.browser.sees("No saga fits")
        self.browser.sees("live", ".live")
        name = self.start(tags=["live"], business_key="customer-7")
        row = self.browser.one("table.rows tr", name)
        self.assertIn("running", row.text)
        self.assertIn("customer-7", row.text)
        self.server.command(name, "cancel")
        self.browser.until(lambda: "cancelled" in self.browser.one("table.rows tr", name).text, "it is cancelled")

    def test_filters_and_pages(self):
        for i in range(51):
            reply = self.server.start(definition="order", id=f"{self.name}-{i}", tags=["paged"],
                                      input={"customer": "Ada", "amount": 1})
            self.assertEqual(reply.status, 201)
        self.open("sagas?tag=paged")
        self.browser.until(lambda: len(self.browser.all("table.rows tbody tr")) == 50, "a page")
        self.browser.click(".pager button", "Next")
        self.browser.until(lambda: len(self.browser.all("table.rows tbody tr")) == 1, "the second page")
        self.browser.click(".pager button", "Back")
        self.browser.until(lambda: len(self.browser.all("table.rows tbody tr")) == 50, "the first page")
        self.browser.click(".counts button", "completed")
        self.browser.until(lambda: "state=completed" in self.browser.driver.current_url, "the address says it")
        self.browser.sees("No saga fits")
        self.browser.click(".counts button", "completed")
        self.browser.choose("select[name=definition]", "forward")
        self.browser.until(lambda: "definition=forward" in self.browser.driver.current_url, "the address says it")
        self.browser.sees("No saga fits")
        self.browser.click("a", "Clear")
        self.browser.until(lambda: self.browser.driver.current_url.endswith("#/sagas"), "no filter is left")
        self.browser.one("table.rows")

    # ---- a saga ------------------------------------------------------------------------------

    def test_a_saga_is_followed_to_its_end(self):
        name = self.start()
        self.open(f"saga/{name}")
        self.browser.sees("waits for the signal approved", ".explain")
        self.assertEqual(len(self.browser.all(".graph .box")), 3)
        self.browser.one(".graph .box.state-completed", "reserve")
        self.browser.sees("step.completed", ".timeline")
        self.browser.click(".commands button", "Signal")
        self.browser.type("dialog input[name=name]", "approved")
        self.browser.type("dialog textarea[name=data]", '{"limit": 12345678901234567890}')
        self.browser.click("dialog button[type=submit]", "Send")
        self.browser.sees("completed", "header .state")
        self.browser.sees("saga.completed", ".timeline")
        self.browser.one(".graph .box.state-completed", "pay")
        events = self.server.get(f"/api/v1/sagas/{name}/events").body.decode()
        self.assertRegex(events, r'"limit": ?12345678901234567890')
        self.assertEqual([one.text for one in self.browser.all(".commands button")], ["Delete"])

    def test_cancel_tells_first_what_is_undone(self):
        name = self.start()
        self.open(f"saga/{name}")
        self.browser.click(".commands button", "Cancel")
        self.browser.sees("reserve is undone", "dialog .preview")
        self.browser.sees("cancelled", "dialog .preview")
        submit = self.browser.one("dialog button[type=submit]")
        self.assertFalse(submit.is_enabled(), "nobody has read it yet")
        self.command("Cancel the saga")
        self.browser.sees("cancelled", "header .state")
        self.browser.one(".graph .box.state-compensated", "reserve")
        self.browser.sees("ada: the customer called", ".timeline .operator")
        self.assertEqual(self.server.saga(name)["state"], "cancelled")

    def test_a_failed_undo_is_retried(self):
        self.participant.on("/undo", [(422, {"error": {"code": "gone", "message": HOSTILE}}), (200, {})])
        name = self.start()
        self.server.command(name, "cancel")
        self.open(f"saga/{name}")
        self.browser.sees("failed", "header .state")
        self.browser.click(".commands button", "Retry")
        self.command("Retry", sure=False)
        self.browser.sees("cancelled", "header .state")

    def test_dead_letters_are_retried_and_discarded(self):
        self.participant.on("/undo", [(422, {}), (422, {}), (200, {})])
        names = [self.start(suffix=f"-{i}") for i in range(2)]
        for name in names:
            self.server.command(name, "cancel")
            self.assertEqual(self.server.ended(name)["state"], "failed")
        self.open("dead-letters")
        for name, act in zip(names, ("Retry", "Discard")):
            row = self.browser.one("table.rows tr", name)
            self.browser.until(lambda: next((b for b in row.find_elements("css selector", "button")
                                             if b.text == act), None), act).click()
            self.command(act, sure=act == "Discard")
            self.browser.until(lambda: name not in self.browser.text("main"), "the letter is gone")
        self.assertEqual([self.server.ended(name)["state"] for name in names], ["cancelled", "failed"])

    def test_a_step_that_waits_for_a_person_is_sent_another_input(self):
        self.participant.on("/ship", [(422, {"error": {"code": "no_such_town"}}), (200, {"ok": True})])
        name = self.start("forward", input={"to": "Atlantis"}, step="ship")
        self.open(f"saga/{name}")
        self.browser.sees("ship", ".explain")
        self.assertFalse([one for one in self.browser.all(".commands button") if one.text == "Cancel"])
        self.browser.click(".commands button", "Retry")
        self.browser.choose("dialog select[name=step]", "ship")
        self.browser.click("dialog input[name=edit]")
        area = self.browser.one("dialog textarea[name=input]")
        self.assertEqual(json.loads(area.get_attribute("value")), {"to": "Atlantis"})
        self.browser.type("dialog textarea[name=input]", '{"to": "London"}')
        self.command("Retry", sure=False)
        self.browser.sees("completed", "header .state")
        self.assertEqual(self.participant.wait_for("/ship", 2)[-1].json, {"to": "London"})

    def test_suspend_and_resume_skip_and_force(self):
        name = self.start()
        self.open(f"saga/{name}")
        self.browser.click(".commands button", "Suspend")
        self.command("Suspend", sure=False)
        self.browser.sees("suspended", "header .state")
        self.browser.click(".commands button", "Resume")
        self.command("Resume", sure=False)
        self.browser.sees("running", "header .state")
        self.browser.click(".commands button", "Skip a step")
        self.browser.choose("dialog select[name=step]", "approve")
        self.command("Skip a step")
        self.browser.sees("completed", "header .state")
        self.browser.one(".graph .box.state-skipped", "approve")
        other = self.start(suffix="-2")
        self.open(f"saga/{other}")
        self.browser.click(".commands button", "Force complete")
        self.command("Force complete")
        self.browser.sees("Completed by force. Done: reserve")

    def test_a_pending_answer_is_completed(self):
        self.participant.on("/reserve", (202, {}, {"Skald-Pending": "true"}))
        try:
            name = self.start(step="reserve")
        finally:
            self.participant.on("/reserve", (200, {}))
        token = [request.headers["Skald-Token"] for request in self.participant.wait_for("/reserve")
                 if request.headers["Skald-Saga-Id"] == name][-1]
        self.open(f"saga/{name}")
        self.browser.click(".commands button", "Complete a step")
        self.browser.type("dialog input[name=token]", token)
        self.browser.type("dialog textarea[name=output]", '{"id": 7}')
        self.browser.click("dialog button[type=submit]", "Complete")
        self.browser.gone("dialog")
        self.browser.sees("waits for the signal approved", ".explain")

    def test_a_long_history_is_read_from_its_end(self):
        reply = self.server.start(definition="many", id=self.name, input={"list": list(range(270))})
        self.assertEqual(reply.status, 201)
        self.assertGreater(self.server.ended(self.name)["seq"], 520)
        self.open(f"saga/{self.name}?step=each")
        self.browser.sees("270/270 items")
        self.browser.sees("… 70 more", ".steps .steps")
        self.browser.sees("saga.completed", ".timeline")
        self.assertEqual(len(self.browser.all(".timeline > li")), 100)
        self.browser.click("button", "earlier")
        self.browser.until(lambda: len(self.browser.all(".timeline > li")) >= 500, "the last 500 events")
        self.assertNotIn("saga.accepted", self.browser.text(".timeline"))
        self.browser.click("button", "From the beginning")
        self.browser.sees("saga.accepted", ".timeline")

    def test_what_was_not_answered_is_sent_again_under_the_same_key(self):
        name = self.start()
        self.open(f"saga/{name}")
        self.browser.click(".commands button", "Signal")
        self.browser.type("dialog input[name=name]", "other")
        self.browser.driver.execute_script("""
            window.keys = [];
            const real = window.fetch;
            window.fetch = async (url, options) => {
              const key = options?.headers?.["Idempotency-Key"];
              if (!key) return real(url, options);
              window.keys.push(key);
              const reply = await real(url, options);
              if (window.keys.length === 1) throw new TypeError("the answer was lost");
              return reply;
            };""")
        self.browser.click("dialog button[type=submit]", "Send")
        self.browser.sees("does not answer", "dialog .problem")
        self.browser.click("dialog button[type=submit]", "Send")
        self.browser.gone("dialog")
        keys = self.browser.driver.execute_script("return window.keys")
        self.assertEqual((len(keys), len(set(keys))), (2, 1))
        self.assertEqual(self.server.events(name).count("signal.received"), 1)

    def test_delete_leads_back_to_the_list(self):
        name = self.start()
        self.server.command(name, "cancel")
        self.server.ended(name)
        self.open(f"saga/{name}")
        self.browser.click(".commands button", "Delete")
        self.browser.click("dialog input[name=sure]")
        self.browser.click("dialog button[type=submit]", "Delete")
        self.browser.until(lambda: self.browser.driver.current_url.endswith("#/sagas"), "the list")
        self.assertEqual(self.server.get(f"/api/v1/sagas/{name}").status, 404)

    # ---- definitions -------------------------------------------------------------------------

    def test_a_saga_is_started_by_a_form(self):
        self.open("definitions")
        self.browser.click("table.rows a", "order")
        self.browser.sees("An order that somebody approves")
        source = self.browser.one("pre.source").text
        shown = source.replace("$${", "${")  # what the server keeps of it is escaped once more
        self.assertEqual(yaml.safe_load(shown), yaml.safe_load(self.order))
        self.browser.click("button", "Start a saga")
        self.browser.type("dialog input[name='input.customer']", "Grace")
        self.browser.type("dialog input[name='input.amount']", "0")
        self.browser.click("dialog summary", "Id")
        self.browser.type("dialog input[name=id]", self.name)
        self.browser.type("dialog input[name=tags]", "web, by-form")
        self.expected = ["422"]
        self.browser.click("dialog button[type=submit]", "Start")
        self.browser.sees("/amount", "dialog .problem")
        self.browser.click("dialog .problem button", "What does this mean?")
        self.browser.one("dialog .problem dl")
        self.browser.type("dialog input[name='input.amount']", "42")
        self.browser.choose("dialog select[name='input.express']", "true")
        self.browser.click("dialog button[type=submit]", "Start")
        self.browser.sees(self.name, "h1")
        self.browser.sees("running", "header .state")
        saga = self.server.saga(self.name)
        self.assertEqual(saga["input"], {"customer": "Grace", "amount": 42, "express": True})
        self.assertEqual(saga["tags"], ["web", "by-form"])

    def test_a_definition_with_mistakes_is_told_all_of_them(self):
        self.expected = ["422"]
        self.open("definitions")
        self.browser.click("button", "Define")
        self.browser.type("dialog textarea[name=source]",
                          "saga: {id: pasted, name: Pasted}\nsteps: [{id: w, name: W, type: wait, wait: {for: soon}}]\n")
        self.browser.click("dialog button[type=submit]", "Define")
        self.browser.sees("line 2", "dialog .problem")
        self.browser.type("dialog textarea[name=source]",
                          "saga: {id: pasted, name: Pasted}\nsteps: [{id: w, name: W, type: wait, wait: {for: 1ms}}]\n")
        self.browser.click("dialog button[type=submit]", "Define")
        self.browser.sees("pasted", "h1")

    # ---- the rest ----------------------------------------------------------------------------

    def test_hostile_text_stays_text(self):
        name = self.start(input={"customer": HOSTILE, "amount": 1, HOSTILE: [HOSTILE]}, business_key="<b>bold</b>",
                          tags=["<i>tag</i>"], attributes={"<u>a</u>": "<script>window.hacked=1</script>"})
        self.server.command(name, "suspend", by="<b>eve</b>", reason=HOSTILE)
        for fragment, css in ((f"saga/{name}", "header .state"), (f"saga/{name}?step=reserve", ".steps .body"),
                              ("sagas", "table.rows"), ("definition/order", "pre.source"),
                              ("definitions", "table.rows")):
            self.open(fragment)
            self.browser.one(css)
            self.assertEqual(self.browser.all("main img, main script, main b > b, main i, main u"), [], fragment)
        self.open(f"saga/{name}")
        self.browser.sees('<img src=x onerror="window.hacked=1">', ".payload")
        self.browser.sees("<b>eve</b>", ".timeline .operator")
        self.open("sagas")
        self.browser.sees("<b>bold</b>", "table.rows")
        self.open("saga/" + "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E")
        self.expected = ["400"]
        self.browser.one(".problem")

    def test_every_page_opens(self):
        self.start()
        for page, text in (("sagas", "Sagas"), ("definitions", "order"), ("events", "Events"),
                           ("events?type=observations", "Events"), ("dead-letters", "Dead letters"),
                           ("schedules", "Nothing starts by the clock"), ("batches", "Batches"), ("locks", "No key is held"),
                           ("services", "stock"), ("server", "Recovery"), ("nowhere", "There is no such page")):
            self.open(page)
            self.browser.sees(text, "main")
            self.assertEqual(self.browser.all(".problem"), [], page)

    def test_events_come_as_they_happen(self):
        self.open("events?type=saga.*")
        self.browser.sees("live", ".live")
        name = self.start()
        self.browser.sees(name, ".timeline")
        self.browser.sees("saga.started", ".timeline")

    def test_schedules_are_paused_and_deleted(self):
        body = {"id": "nightly", "cron": "30 4 * * *", "definition": "order", "input": {"customer": "x", "amount": 1}}
        self.assertEqual(self.server.post("/api/v1/schedules", body).status, 201)
        self.open("schedules")
        self.browser.click("table.rows button", "Pause")
        self.browser.click("dialog button[type=submit]", "Pause")
        self.browser.gone("dialog")
        self.browser.sees("paused", "table.rows")
        self.browser.click("table.rows button", "Delete")
        self.browser.click("dialog input[name=sure]")
        self.browser.click("dialog button[type=submit]", "Delete")
        self.browser.sees("Nothing starts by the clock")

    def test_a_schedule_is_made_by_a_form(self):
        self.open("definition/order")
        self.browser.click("a", "Schedule it")
        self.browser.type("dialog input[name=cron]", "at noon")
        self.browser.type("dialog input[name='input.customer']", "{{ .timestamp }}")
        self.browser.type("dialog input[name='input.amount']", "12345678901234567")
        self.browser.click("dialog summary", "Id")
        self.browser.type("dialog input[name=id]", self.name)
        self.browser.type("dialog input[name=tags]", "nightly, report")
        self.browser.type("dialog input[name=catch_up]", "2h")
        self.browser.choose("dialog select[name=overlap]", "queue")
        self.browser.type("dialog input[name=by]", "ada")
        self.expected = ["400"]
        self.browser.click("dialog button[type=submit]", "Make it")
        self.browser.sees("is no minute", "dialog .problem")
        self.assertEqual(self.browser.one("dialog input[name='input.customer']").get_attribute("value"),
                         "{{ .timestamp }}", "nothing is lost")
        self.browser.type("dialog input[name=cron]", "30 4 * * *")
        self.browser.click("dialog button[type=submit]", "Make it")
        self.browser.sees(self.name, "h1")
        self.browser.until(lambda: self.browser.text("main ol").count("04:30 UTC") == 5, "the next five instants")
        made = self.server.get(f"/api/v1/schedules/{self.name}")
        self.assertRegex(made.body.decode(), r'"amount": ?12345678901234567\b')
        about = {name: made.json[name] for name in ("cron", "definition", "overlap", "tags", "by")}
        self.assertEqual(about, {"cron": "30 4 * * *", "definition": "order", "overlap": "queue",
                                 "tags": ["nightly", "report"], "by": "ada"})
        self.browser.click(".commands button", "Start now")
        self.browser.click("dialog button[type=submit]", "Start now")
        self.browser.gone("dialog")
        self.browser.until(lambda: self.server.get(f"/api/v1/schedules/{self.name}").json["runs"] == 1, "it was started")
        self.browser.click(".commands button", "Delete")
        self.browser.click("dialog input[name=sure]")
        self.browser.click("dialog button[type=submit]", "Delete")
        self.browser.until(lambda: self.browser.driver.current_url.endswith("#/schedules"), "the list")
        self.browser.sees("Nothing starts by the clock")

    def test_a_schedule_starts_once_at_an_instant_of_this_computer(self):
        self.open("schedules")
        self.browser.click("button", "New schedule")
        self.browser.choose("dialog select[name=definition]", "forward")
        self.browser.choose("dialog select[name=kind]", "at")
        self.browser.choose("dialog input[name=at]", "2030-01-02T03:04")
        self.browser.type("dialog textarea[name=input]", '{"to": "Rome"}')
        self.browser.type("dialog input[name=by]", "ada")
        self.browser.click("dialog button[type=submit]", "Make it")
        self.browser.sees("once, 2030-01-0", ".figures")
        made = self.server.get("/api/v1/schedules").json["items"][0]
        local = self.browser.driver.execute_script("return new Date('2030-01-02T03:04').toISOString()")
        self.assertEqual((made["at"], made["input"]), (local, {"to": "Rome"}))
        self.assertEqual(self.server.ask("DELETE", f"/api/v1/schedules/{made['id']}").status, 204)

    # ---- many at once ------------------------------------------------------------------------

    def test_many_are_started_from_lines(self):
        self.open("definition/order")
        self.browser.click("button", "Start many")
        lines = [json.dumps({"customer": f"c-{i}", "amount": i}) for i in range(40)]  # the server refuses the first
        wrong = [*lines, '{"customer": "Eve"}', '{"customer": "Eve", "amount": 1.5}', "Eve"]
        area = "dialog textarea[name=inputs]"
        self.browser.choose(area, "\n".join(wrong))
        self.browser.sees("line 41: amount is missing", "dialog .note")
        self.browser.sees("line 42: amount is no whole number", "dialog .note")
        self.browser.sees("line 43: is no JSON", "dialog .note")
        self.assertFalse(self.browser.one("dialog button[type=submit]").is_enabled())
        self.browser.choose(area, "\n".join(lines))
        self.browser.type("dialog input[name=tag]", self.name)
        self.expected = ["422"]
        self.browser.click("dialog button[type=submit]", "Start 40 sagas")
        self.browser.sees("39 of 40 sagas started, 1 refused", "dialog")
        self.browser.sees("/amount", "dialog .note")
        self.browser.click("dialog button", "Mend the refused")
        self.assertEqual(json.loads(self.browser.one(area).get_attribute("value")), {"customer": "c-0", "amount": 0})
        self.browser.choose(area, '{"customer": "c-0", "amount": 12345678901234567890}')
        self.browser.click("dialog button[type=submit]", "Start 1 saga")
        self.browser.sees("1 of 1 saga started", "dialog")
        self.browser.click("dialog a", "See them")
        self.browser.until(lambda: len(self.browser.all("table.rows tbody tr")) == 40, "all of them")
        found = self.server.get(f"/api/v1/sagas?tag={self.name}&limit=100").json["items"]
        amounts = [self.server.saga(one["id"])["input"]["amount"] for one in found]
        self.assertEqual(sorted(amounts), [*range(1, 40), 12345678901234567890])

    def test_many_that_were_not_answered_are_started_once(self):
        """From a file, with answers that are lost: each is asked for again under its key."""
        self.open("definition/order")
        self.browser.click("button", "Start many")
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump([{"customer": "c", "amount": i + 1} for i in range(12)], file)
            file.flush()
            self.browser.one("dialog input[type=file]").send_keys(file.name)
            self.browser.one("dialog button[type=submit]", "Start 12 sagas")
        self.browser.type("dialog input[name=tag]", self.name)
        self.browser.driver.execute_script("""
            window.lost = new Set();
            const real = window.fetch;
            window.fetch = async (url, options) => {
              const reply = await real(url, options);
              const key = options?.headers?.["Idempotency-Key"];
              if (!key || window.lost.has(key)) return reply;
              window.lost.add(key);
              throw new TypeError("the answer was lost");
            };""")
        self.browser.click("dialog button[type=submit]")
        self.browser.sees("12 of 12 sagas started", "dialog")
        self.assertEqual(self.browser.driver.execute_script("return window.lost.size"), 12)
        self.assertEqual(len(self.server.get(f"/api/v1/sagas?tag={self.name}").json["items"]), 12)

    def test_a_run_that_is_stopped_is_gone_on_with(self):
        """The server does not answer any more: Stop does not wait for it, and nothing is started twice."""
        self.open("definition/order")
        self.browser.click("button", "Start many")
        self.browser.choose("dialog textarea[name=inputs]", "\n".join('{"customer": "c", "amount": 1}' for _ in range(30)))
        self.browser.sees("29 inputs are the same", "dialog")
        self.browser.type("dialog input[name=tag]", self.name)
        self.browser.driver.execute_script("""
            const real = window.fetch;
            let sent = 0;
            window.isAway = true;
            window.fetch = async (url, options) => {
              const reply = await real(url, options);
              if (options?.method !== "POST" || ++sent <= 10 || !window.isAway) return reply;
              return new Promise(() => undefined);
            };""")
        self.browser.click("dialog button[type=submit]", "Start 30 sagas")
        self.browser.sees("10 of 30 sagas started, 20 to go", "dialog")
        self.browser.one("dialog button", "Stop").send_keys("\ue00c")  # Escape
        self.browser.sees("Stop it first", "dialog")
        self.browser.driver.execute_script("window.isAway = false")
        self.browser.click("dialog button", "Stop")
        self.browser.click("dialog button", "Go on")
        self.browser.sees("30 of 30 sagas started", "dialog")
        self.assertEqual(len(self.server.get(f"/api/v1/sagas?tag={self.name}&limit=100").json["items"]), 30)

    def test_one_command_for_all_of_a_list(self):
        names = [self.start(suffix=f"-{i}", business_key="recalled", tags=["x"]) for i in range(3)]
        other = self.start(suffix="-other", tags=["x"])
        self.open("sagas?tag=x")
        self.browser.one("button", "Command all of these")
        self.browser.type("input[name=business_key]", "recalled")
        self.browser.click(".filters button", "Filter")
        self.browser.until(lambda: len(self.browser.all("table.rows tbody tr")) == 3, "three of them")
        self.browser.click("button", "Command all of these")
        self.browser.choose("dialog select[name=command]", "cancel")
        self.browser.sees("Now 3 sagas", "dialog .preview")
        self.browser.sees(names[0], "dialog .preview")
        submit = self.browser.one("dialog button[type=submit]")
        self.assertFalse(submit.is_enabled(), "nobody has read it yet")
        self.command("Cancel them", reason="a recall")
        self.browser.sees("finished", "table.rows")
        self.browser.sees("3 of 3 done", "table.rows")
        self.browser.sees("ada: a recall", "table.rows")
        self.assertEqual([self.server.ended(name)["state"] for name in names], ["cancelled"] * 3)
        self.assertEqual(self.server.saga(other)["state"], "running")

    def test_a_slip_loses_nothing_that_was_typed(self):
        self.open("definitions")
        self.browser.click("button", "Define")
        self.browser.type("dialog textarea[name=source]", "saga:")
        active = self.browser.driver.switch_to.active_element
        active.send_keys("\ue00c")  # Escape
        self.browser.sees("Escape once more", "dialog")
        self.assertEqual(self.browser.one("dialog textarea[name=source]").get_attribute("value"), "saga:")
        active.send_keys("\ue00c")
        self.browser.gone("dialog")

    def test_a_form_becomes_json_and_a_form_again(self):
        self.open("definition/order?start=1")
        self.browser.type("dialog input[name='input.customer']", "Grace")
        self.browser.click("dialog button", "As JSON")
        area = "dialog textarea[name=input]"
        self.assertEqual(json.loads(self.browser.one(area).get_attribute("value")), {"customer": "Grace"})
        self.browser.type(area, '{"customer": "Ada", "amount": 7, "more": 1}')
        self.browser.click("dialog button", "As a form")
        self.browser.sees("no field for more", "dialog .note")
        self.browser.type(area, '{"customer": "Ada", "amount": 7}')
        self.browser.click("dialog button", "As a form")
        self.assertEqual(self.browser.one("dialog input[name='input.amount']").get_attribute("value"), "7")

    def test_the_keyboard_reaches_it(self):
        """From the top of the page by Tab alone into the dialog, and out of it by Escape to where one was."""
        name = self.start()
        self.open(f"saga/{name}")
        self.browser.one(".commands button", "Cancel")
        self.browser.driver.execute_script("document.activeElement.blur()")
        active = self.browser.driver.switch_to
        for _ in range(40):
            active.active_element.send_keys("\ue004")  # Tab
            if active.active_element.text == "Cancel":
                break
        self.assertEqual(active.active_element.text, "Cancel")
        active.active_element.send_keys("\ue007")  # Enter
        self.browser.one("dialog")
        self.assertTrue(self.browser.driver.execute_script(
            "return document.querySelector('dialog').contains(document.activeElement)"))
        active.active_element.send_keys("\ue00c")  # Escape
        self.browser.gone("dialog")
        self.assertEqual(active.active_element.text, "Cancel")

    def test_a_phone_needs_no_sideways_scrolling(self):
        name = self.start()
        self.browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True})
        try:
            for fragment, css in (("sagas", "table.rows"), (f"saga/{name}", ".graph"), ("definition/order", ".graph"),
                                  ("definition/order?start=1", "dialog"), ("schedules?new=order", "dialog fieldset"),
                                  ("services", "table.rows"), ("server", ".figures")):
                self.open(fragment)
                self.browser.one(css)
                wide = self.browser.driver.execute_script("return document.documentElement.scrollWidth")
                self.assertLessEqual(wide, 360, fragment)
        finally:
            self.browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    def test_a_program_that_embeds_the_engine_has_it_too(self):
        program = pathlib.Path(os.environ["SKALD_BIN_DIR"]).parent / "tests/console-embedded"
        with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            url = process.stdout.readline().strip()
            self.assertRegex(url, r"^http://127\.0\.0\.1:\d+$")
            self.browser.open(url)
            self.browser.click("table.rows a", "embedded-1")
            self.browser.sees("completed", "header .state")
            self.browser.open("about:blank")
            self.browser.until(lambda: not self.browser.all("main"), "the page is left")
            requested = self.browser.requested()
            self.assertTrue(all(one.startswith((url, "about:")) for one in requested), requested)
            process.stdin.close()
            self.assertEqual(process.wait(30), 0)

    def test_a_server_that_went_away_is_told_and_found_again(self):
        with tempfile.TemporaryDirectory() as folder:
            first = Server(folder)
            first.define(self.order)
            first.start(definition="order", id="kept", input={"customer": "x", "amount": 1})
            self.browser.open(f"{first.url}/#/sagas")
            self.browser.one("table.rows tr", "kept")
            port = first.port
            first.stop()
            first.__exit__(None, None, None)
            self.browser.sees("connecting", ".live")
            with Server(folder, "--listen", f"127.0.0.1:{port}") as second:
                self.browser.sees("live", ".live")
                second.command("kept", "cancel")
                self.browser.until(lambda: "cancelled" in self.browser.one("table.rows tr", "kept").text, "cancelled")
                self.browser.open("about:blank")
        self.browser.requested()  # they went to another server than the usual one
        self.expected = ["ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET",
                         "ERR_EMPTY_RESPONSE"]


if __name__ == "__main__":
    unittest.main()
