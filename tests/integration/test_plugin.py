#!/usr/bin/env python3
"""Functions from shared objects: a server runs a saga with a plugin's, undoes one, and says clearly what is
wrong with an object that is none."""
import os
import pathlib
import subprocess
import tempfile
import unittest

from skald_world import GIVE_UP_S, ROOT, SKALD, Server

PLUGIN = r"""
#include <skald/plugin.h>
#include <stdio.h>
#include <stdlib.h>

static int pieces = 3;

static void reserve(skald_call *call, void *user)
{
    int *left = user;
    int64_t wanted = 1;
    char output[64];
    (void)skald_input_integer(call, "pieces", &wanted);
    if (wanted > *left) { skald_fail(call, "sold_out", "none left"); return; }
    *left -= (int)wanted;
    snprintf(output, sizeof output, "{\"left\": %d}", *left);
    skald_succeed(call, output);
}

static void release(skald_call *call, void *user)
{
    int *left = user;
    *left += 1;
    (void)call;
    skald_succeed(call, skald_output_json(call, "reserve", ""));
}

static void refuse(skald_call *call, void *user) { (void)user; skald_fail(call, "no", "never"); }

static enum skald_status start(skald_plugin_host *host, void **context, skald_error *error)
{
    *context = &pieces;
    FAIL
    enum skald_status status = skald_plugin_register(host, "reserve",
        &SKALD_OPTIONS(skald_function_options, .action = reserve, .compensation = release,
                       .user = &pieces, .is_non_blocking = true), error);
    if (status != SKALD_OK) return status;
    return skald_plugin_register(host, "refuse",
        &SKALD_OPTIONS(skald_function_options, .action = refuse), error);
}

static void stop(void *context)
{
    FILE *file = fopen(getenv("PLUGIN_TRACE"), "a");
    if (file != NULL) { fprintf(file, "closed with %d left\n", *(int *)context); fclose(file); }
}

ENTRY
"""
ENTRY = 'SKALD_PLUGIN = { .abi = SKALD_PLUGIN_ABI, .name = "stock", .open = start, .close = stop };'

ORDER = """
saga: {id: order, name: Order, version: '1', order: sequential}
steps:
  - {id: reserve, name: Reserve, type: function, action: {function: {name: reserve}},
     compensation: {type: automatic}}
  - {id: pay, name: Pay, type: function, condition: {expression: $input.fails},
     action: {function: {name: refuse}}, compensation: {type: skip}}
"""


class Plugins(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="skald-plugin-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.trace = self.folder / "trace"
        os.environ["PLUGIN_TRACE"] = str(self.trace)

    def build(self, name, fail="", entry=ENTRY):
        source, made = self.folder / f"{name}.c", self.folder / f"{name}.so"
        source.write_text(PLUGIN.replace("FAIL", fail).replace("ENTRY", entry))
        subprocess.run(["cc", "-std=c17", "-fPIC", "-shared", "-I", ROOT / "include", source, "-o", made],
                       check=True)
        return made

    def refused(self, plugin):
        done = subprocess.run([SKALD, "serve", "--store", "memory:", "--listen", ":0", "--plugin", str(plugin)],
                              capture_output=True, text=True, timeout=GIVE_UP_S)
        self.assertNotEqual(done.returncode, 0)
        return done.stderr

    def test_a_saga_with_functions_of_a_plugin(self):
        with Server(self.folder, "--plugin", str(self.build("stock"))) as server:
            server.ask("POST", "/api/v1/definitions", ORDER.encode(), kind="application/yaml")
            for id_, body, state in (("o-1", {"pieces": 2}, "completed"),
                                     ("o-2", {"pieces": 1, "fails": True}, "compensated"),
                                     ("o-3", {"pieces": 9}, "compensated")):
                server.ask("POST", "/api/v1/sagas", {"definition": "order", "id": id_, "input": body})
                saga = server.ask("GET", f"/api/v1/sagas/{id_}?wait=30s").json
                self.assertEqual(saga["state"], state, saga)
            self.assertEqual(server.ask("GET", "/api/v1/sagas/o-1").json["steps"][0]["output"], {"left": 1})
            self.assertEqual(saga["error"]["code"], "sold_out")
        self.assertEqual(self.trace.read_text(), "closed with 1 left\n")

    def test_configuration(self):
        config = self.folder / "skald.yaml"
        config.write_text(f"plugins: [{self.build('stock')}]\n")
        with Server(self.folder, "--config", str(config)) as server:
            self.assertEqual(server.ask("GET", "/readyz").status, 200)
        self.assertTrue(self.trace.exists())

    def test_what_is_wrong_is_said(self):
        text = self.folder / "text.so"
        text.write_text("no object\n")
        cases = (
            (self.folder / "missing.so", "there is no such file"),
            (text, "it cannot be loaded"),
            (self.build("bare", entry="int nothing;"), "exports no skald_plugin_entry"),
            (self.build("old", entry=ENTRY.replace("SKALD_PLUGIN_ABI", "77")),
             "built for version 77 of the plugin interface"),
            (self.build("idle", entry='SKALD_PLUGIN = { .abi = SKALD_PLUGIN_ABI, .name = "i" };'), "no `open`"),
            (self.build("sick", fail='snprintf(error->message, sizeof error->message, "no stock file");'
                                     'return SKALD_E_IO;'), "plugin stock: no stock file"),
        )
        for plugin, message in cases:
            with self.subTest(plugin=plugin.name):
                self.assertIn(message, self.refused(plugin))
        self.assertFalse(self.trace.exists())  # nothing was opened, nothing is closed

    def test_a_name_twice(self):
        one, two = self.build("one"), self.build("two")
        done = subprocess.run([SKALD, "serve", "--store", "memory:", "--listen", ":0", "--plugin", str(one),
                               "--plugin", str(two)], capture_output=True, text=True, timeout=GIVE_UP_S)
        self.assertIn('"reserve" is registered already', done.stderr)
        self.assertEqual(self.trace.read_text(), "closed with 3 left\n")


if __name__ == "__main__":
    unittest.main()
