#!/usr/bin/env python3
"""Completion: bash's function itself is asked; zsh's script is read by zsh."""
import json
import pathlib
import shlex
import subprocess
import tempfile
import unittest

from test_cli_offline import run


class Bash(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.script = run("completion", "bash").stdout

    def complete(self, *words, folder="."):
        """What bash offers at the end of this line; a word that holds = comes in three, as from readline."""
        split = []
        for word in words:
            name, equals, value = word.partition("=")
            split += [name, "=", value] if equals and name.startswith("--") else [word]
        lines = [self.script, f"COMP_WORDS=({' '.join(shlex.quote(word) for word in split)})",
                 f"COMP_CWORD={len(split) - 1}", "_skald", 'printf "%s\\n" "${COMPREPLY[@]}"']
        done = subprocess.run(["bash", "--norc", "-c", "\n".join(lines)], capture_output=True, text=True,
                              cwd=folder, check=False)
        self.assertEqual(done.stderr, "")
        return [line for line in done.stdout.splitlines() if line]

    def test_commands(self):
        self.assertEqual(self.complete("skald", "val"), ["validate"])
        everything = self.complete("skald", "")
        for name in ("serve", "config", "store", "completion", "help"):
            self.assertIn(name, everything)

    def test_options_of_the_command(self):
        self.assertEqual(self.complete("skald", "serve", "--log-f"), ["--log-format"])
        self.assertIn("--print-config", self.complete("skald", "serve", "-"))
        self.assertNotIn("--print-config", self.complete("skald", "validate", "-"))

    def test_words(self):
        self.assertEqual(self.complete("skald", "serve", "--log-level", ""),
                         ["debug", "info", "warn", "error"])
        self.assertEqual(self.complete("skald", "serve", "--log-level=w"), ["warn"])
        self.assertEqual(self.complete("skald", "serve", "--log-format=")[0], "auto")
        self.assertEqual(self.complete("skald", "store", "b"), ["backup"])
        self.assertEqual(self.complete("skald", "config", ""), ["check", "list"])

    def test_settings(self):
        self.assertEqual(self.complete("skald", "serve", "--set", "limits.sag"), ["limits.sagas_max="])

    def test_files(self):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "order.yaml").write_text("")
            for words in (("validate", "or"), ("serve", "--config", "or"), ("store", "backup", "or"),
                          ("serve", "-d", "or")):
                self.assertEqual(self.complete("skald", *words, folder=folder), ["order.yaml"], words)
            self.assertEqual(self.complete("skald", "serve", "--listen", "", folder=folder), [])

    def test_every_command_and_option_is_there(self):
        names = [line.split()[0] for line in run("--help").stdout.splitlines() if line.startswith("  ")]
        for name in names:
            offered = set(self.complete("skald", name, "-"))
            page = run(name, "--help").stdout
            said = {word.rstrip(",") for line in page.splitlines() if line.startswith("  ")
                    for word in line.split()[:2] if word.startswith("--")}
            self.assertTrue(said and said <= offered, (name, said - offered))
        flags = [row["flag"] for row in json.loads(run("config", "list", "--json").stdout)["settings"]
                 if row["flag"]]
        self.assertTrue({f"--{flag}" for flag in flags} <= set(self.complete("skald", "serve", "-")))


class Zsh(unittest.TestCase):
    def test_script(self):
        done = run("completion", "zsh")
        self.assertEqual(done.returncode, 0)
        self.assertTrue(done.stdout.startswith("#compdef skald\n"))
        self.assertIn("'*--log-level=[lines below it are left out]:LEVEL:(debug info warn error)'", done.stdout)
        self.assertIn("'1:what:(backup restore copy check dump schema)'", done.stdout)
        read = subprocess.run(["zsh", "-n", "/dev/stdin"], input=done.stdout, capture_output=True, text=True,
                              check=False)
        self.assertEqual((read.returncode, read.stderr), (0, ""))

    def test_wrong_use(self):
        for arguments in ((), ("fish",), ("bash", "zsh")):
            self.assertEqual(run("completion", *arguments).returncode, 2)


if __name__ == "__main__":
    unittest.main()
