#!/usr/bin/env python3
"""Hooks and notifications of the real server: HTTP requests and commands, retries, kill -9, figures."""
import json
import os
import stat
import threading
import unittest

from skald_world import GIVE_UP_S, OwnFolder, Server, until


def definition(url, hooks, step_hooks=""):
    return f"""
saga: {{ id: told, name: Told, version: "1", description: d, {hooks} }}
steps:
  - {{ id: pay, name: Pay, type: http, retry_policy: {{ type: no_retry }}, {step_hooks}
      action: {{ service: {{ name: books, endpoint: "{url}", path: /pay }} }}, compensation: {{ type: skip }} }}
"""


NOTIFY = "notifications: [ { type: %s, target: \"%s\", message: \"{{.saga_id}} \\\"says\\\" {{.error.code}}\", " \
    "metadata: { n: \"{{.input.n}}\" } } ]"


class Hooks(OwnFolder):
    def server(self, config=None, *options):
        if config is not None:
            (self.path / "skald.yaml").write_text(config)
            options = ("--config", str(self.path / "skald.yaml"), *options)
        return Server(self.path, *options)

    def script(self, text):
        path = self.path / "send.sh"
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def hooks_over(self, server, saga_id):
        """The saga's history, once all its hooks have ended."""
        saga = server.when(saga_id, lambda s: s.get("ended_at") and s["open"] == 0, "its hooks ended")
        items = server.get(f"/api/v1/sagas/{saga_id}/events?limit=1000").json["items"]
        return saga, [e for e in items if e["type"].startswith("hook.")]

    def test_webhook_without_configuration(self):
        hook = self.participant.url + "/hook"
        with self.server() as server:
            done = server.define(definition(self.participant.url, "on_success: { " + NOTIFY % ("webhook", hook)
                                            + ", actions: [ { service: { name: books, endpoint: \""
                                            + self.participant.url + "\", path: /told, body: { id: "
                                            "\"{{.output.pay.path}}\" } } } ] }"))
            self.assertEqual((done.status, done.json["warnings"]), (201, []), done.body)
            server.start(definition="told", id="h1", input={"n": 3})
            saga, events = self.hooks_over(server, "h1")
            self.assertEqual(saga["state"], "completed")
            sent = self.participant.wait_for("/hook")[0]
            self.assertEqual(sent.json["message"], 'h1 "says" ')
            self.assertEqual(sent.json["metadata"], {"n": 3})
            self.assertEqual((sent.json["on"], sent.json["state"]), ("on_success", "completed"))
            told = self.participant.wait_for("/told")[0]
            self.assertEqual(told.json, {"id": "/pay"})
            self.assertEqual(told.headers["Skald-Operation"], "hook")
            keys = {sent.headers["Idempotency-Key"], told.headers["Idempotency-Key"]}
            self.assertEqual(keys, {f"h1/hook/{e['data']['cause']}/{e['data'].get('hook', 0)}" for e in events})
            stats = server.get("/api/v1/stats").json
            self.assertEqual(stats["channels"]["webhook"]["sent"], 1)
            self.assertEqual((stats["engine"]["hooks_started"], stats["engine"]["hooks_completed"]), (2, 2))

    def test_configured_request(self):
        config = f"""
channels:
  slack:
    url: "{self.participant.url}/chat?to={{{{target}}}}"
    headers: {{ Authorization: "Bearer ${{secret:CHAT}}" }}
    body: '{{"text": "<{{{{message}}}}>", "n": "{{{{metadata.n}}}}", "key": "${{secret:CHAT}}", "err": "{{{{error}}}}"}}'
"""
        self.participant.on("/pay", (422, {"error": {"code": "no_funds"}}))
        self.participant.on("/chat?to=%23ops%20%26%20co", [(503, {}), (200, {})])
        os.environ["SKALD_SECRET_CHAT"] = 'pa"ss'
        self.addCleanup(os.environ.pop, "SKALD_SECRET_CHAT")
        with self.server(config, "--set", "hooks.initial_delay=10ms") as server:
            server.define(definition(self.participant.url, "tags: [t]",
                                     "on_failure: { " + NOTIFY % ("slack", "#ops & co") + " },"))
            server.start(definition="told", id="h2", input={"n": [1]})
            saga, events = self.hooks_over(server, "h2")
            self.assertEqual(saga["state"], "compensated")
            self.assertEqual([e["type"] for e in events],
                             ["hook.started", "hook.failed", "hook.started", "hook.completed"])
            first, second = self.participant.wait_for("/chat?to=%23ops%20%26%20co", 2)
            self.assertEqual(first.body, second.body)
            self.assertEqual(first.headers["Idempotency-Key"], second.headers["Idempotency-Key"])
            self.assertEqual(first.headers["Authorization"], 'Bearer pa"ss')
            self.assertEqual(first.json["text"], '<h2 "says" no_funds>')
            self.assertEqual((first.json["n"], first.json["key"]), ([1], 'pa"ss'))
            self.assertEqual(first.json["err"]["code"], "no_funds")
            self.assertNotIn('"ss', json.dumps(events).replace("\\", ""))

    def test_command(self):
        script = self.script(f"""
cat > "{self.path}/$1.json"
echo "$SKALD_IDEMPOTENCY_KEY|${{SKALD_SECRET_CHAT:-none}}" > "{self.path}/$1.env"
""")
        config = f'channels: {{ email: {{ command: ["{script}", "a b; exit 9"] }} }}'
        os.environ["SKALD_SECRET_CHAT"] = "hidden"
        self.addCleanup(os.environ.pop, "SKALD_SECRET_CHAT")
        with self.server(config) as server:
            server.define(definition(self.participant.url, "on_success: { " + NOTIFY % ("email", "ops@x") + " }"))
            server.start(definition="told", id="h3", input={"n": "x" * 300000})
            _, events = self.hooks_over(server, "h3")
            self.assertEqual(events[-1]["type"], "hook.completed")
            sent = json.loads((self.path / "a b; exit 9.json").read_text())
            self.assertEqual((sent["target"], len(sent["metadata"]["n"])), ("ops@x", 300000))
            key = f"h3/hook/{events[0]['data']['cause']}/0"
            self.assertEqual((self.path / "a b; exit 9.env").read_text(), f"{key}|none\n")

    def test_command_that_fails_and_hangs(self):
        script = self.script("""
if [ "$1" = fail ]; then echo "the gateway is down" >&2; exit 7; fi
sleep 1000 & wait
""")
        config = f"""
hooks: {{ max_attempts: 2, initial_delay: 10ms }}
channels:
  sms: {{ command: ["{script}", fail] }}
  pagerduty: {{ command: ["{script}", hang], timeout: 200ms }}
"""
        with self.server(config) as server:
            server.define(definition(self.participant.url, "on_success: { notifications: ["
                                     " { type: sms, target: a }, { type: pagerduty, target: b } ] }"))
            server.start(definition="told", id="h4", input={})
            saga, events = self.hooks_over(server, "h4")
            self.assertEqual(saga["state"], "completed")
            ends = {e["data"].get("hook", 0): e["data"] for e in events if e["type"] == "hook.failed"}
            self.assertEqual((ends[0]["code"], ends[0]["message"]), ("exit_7", "the gateway is down"))
            self.assertEqual(ends[1]["code"], "timeout")
            self.assertEqual(sum(e["type"] == "hook.started" for e in events), 4)
            figures = server.get("/api/v1/stats").json
            self.assertEqual(figures["channels"]["sms"]["failed"], 2)
            self.assertEqual(figures["engine"]["hooks_failed"], 2)

    def test_not_configured(self):
        with self.server() as server:
            server.define(definition(self.participant.url, "on_success: { " + NOTIFY % ("sms", "1") + " }"))
            for name in ("h5", "h6"):
                server.start(definition="told", id=name, input={})
                _, events = self.hooks_over(server, name)
                self.assertEqual([e["type"] for e in events], ["hook.started", "hook.failed"])
                self.assertEqual(events[1]["data"]["code"], "channel_not_configured")
            self.assertEqual(server.log_text().count('"channel.not_configured"'), 1)

    def test_bad_configuration(self):
        for config, word in (("channels: { pigeon: { url: http://x } }", "pigeon"),
                             ("channels: { sms: { timeout: 1s } }", "command"),
                             ("channels: { sms: { url: http://x, command: [a] } }", "keep one"),
                             ("channels: { sms: { urll: http://x } }", "url")):
            with self.assertRaises(AssertionError) as refused:
                self.server(config)
            self.assertIn(word, str(refused.exception), config)

    def test_killed_while_a_hook_is_on_the_wire(self):
        release = threading.Event()
        self.addCleanup(release.set)
        hook = self.participant.url + "/slow"
        self.participant.on("/slow", lambda request: (release.wait(GIVE_UP_S), (200, {}))[1])
        with self.server() as server:
            server.define(definition(self.participant.url, "on_success: { " + NOTIFY % ("webhook", hook) + " }"))
            server.start(definition="told", id="h7", input={})
            self.participant.wait_for("/slow")
            until(lambda: server.saga("h7")["state"] == "completed", "it has ended")
            self.assertEqual(server.saga("h7")["open"], 1)
            server.kill()
        release.set()
        with self.server() as server:
            _, events = self.hooks_over(server, "h7")
            self.assertEqual([e["type"] for e in events], ["hook.started", "hook.started", "hook.completed"])
            self.assertEqual([e["attempt"] for e in events], [1, 1, 1])
            sent = self.participant.wait_for("/slow", 2)
            self.assertEqual(sent[0].headers["Idempotency-Key"], sent[1].headers["Idempotency-Key"])
            self.assertEqual(sent[0].body, sent[1].body)


if __name__ == "__main__":
    unittest.main(verbosity=2)
