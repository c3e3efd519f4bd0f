#!/usr/bin/env python3
"""The library as somebody else's program meets it: installed under another prefix, found by pkg-config and by
find_package, shared and static, from C and from C++. And what it exports: names that begin with skald_, no
others."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(os.environ.get("SKALD_SOURCE_DIR") or pathlib.Path(__file__).resolve().parents[2])
BUILD = pathlib.Path(os.environ["SKALD"]).parent.parent
EXAMPLE = ROOT / "examples" / "embedding"

CPP = r"""
#include <skald/skald.h>
#include <cstdio>
#include <memory>

int main()
{
    skald_options options;
    skald_options_init(&options);
    options.store = "memory:";
    skald_engine *engine = nullptr;
    skald_error error;
    if (skald_open(&options, &engine, &error) != SKALD_OK) return 1;
    skald_reply *reply = nullptr;
    if (skald_stats(engine, &reply, &error) != SKALD_OK) return 1;
    std::printf("%zu %s\n", skald_reply_count(reply, "by_state"), skald_version());
    skald_reply_free(reply);
    return skald_close(engine) == SKALD_OK ? 0 : 1;
}
"""


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="skald-install-"))
        cls.prefix = cls.folder / "usr"
        run("cmake", "--install", BUILD, "--prefix", cls.prefix)
        cls.lib = next(cls.prefix.rglob("libskald.so")).parent
        cls.environment = os.environ | {"PKG_CONFIG_PATH": str(cls.lib / "pkgconfig"),
                                        "LD_LIBRARY_PATH": str(cls.lib)}

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def pkg_config(self, *arguments):
        return run("pkg-config", *arguments, "skald", env=self.environment).split()

    def check_program(self, program):
        done = run(program, "visa", env=self.environment)
        self.assertEqual(done, "reserve  lamp\ncharge   visa for r-17\norder    completed\n")
        done = run(program, "declined", f"sqlite:{program}.db", env=self.environment)
        self.assertIn("release  r-17\norder    compensated\n", done)
        again = run(program, "declined", f"sqlite:{program}.db", env=self.environment)
        self.assertEqual(again, "order    compensated\n")  # the same id: nothing is done twice

    def test_exports(self):
        names = [line.split()[-1].split("@")[0] for line in
                 run("nm", "-D", "--defined-only", self.lib / "libskald.so").splitlines()]
        self.assertGreater(len(names), 50)
        self.assertEqual([name for name in names if not name.startswith("skald_")], [])

    def test_every_declared_function_is_exported(self):
        exported = set(re.findall(r"\bskald_\w+$", run("nm", "-D", "--defined-only",
                                                       self.lib / "libskald.so"), re.M))
        declared = set()
        for header in (self.prefix / "include" / "skald").glob("*.h"):
            text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
            declared |= set(re.findall(r"SKALD_API\b[^;]*?\b(skald_\w+)\(", text))
        self.assertEqual(declared, exported)

    def test_soname(self):
        self.assertIn("[libskald.so.0]", run("readelf", "-d", self.lib / "libskald.so"))

    def test_pkg_config(self):
        program = self.folder / "shared"
        run("cc", "-std=c17", "-Wall", "-Wextra", "-Werror", EXAMPLE / "embedding.c",
            *self.pkg_config("--cflags", "--libs"), "-o", program)
        self.check_program(program)

    def test_pkg_config_static(self):
        program = self.folder / "static"
        flags = [flag if flag != "-lskald" else "-l:libskald.a"
                 for flag in self.pkg_config("--static", "--cflags", "--libs")]
        run("cc", "-std=c17", EXAMPLE / "embedding.c", *flags, "-o", program)
        self.assertNotIn("libskald", run("readelf", "-d", program))
        self.check_program(program)

    def test_find_package(self):
        for target in ("skald::skald", "skald::static"):
            source, build = self.folder / "source", self.folder / target.replace(":", "_")
            shutil.copytree(EXAMPLE, source, dirs_exist_ok=True)
            lists = source / "CMakeLists.txt"
            lists.write_text(lists.read_text().replace("PRIVATE skald::skald", f"PRIVATE {target}"))
            run("cmake", "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}",
                env=self.environment)
            run("cmake", "--build", build, env=self.environment)
            self.check_program(build / "embedding")

    def test_cpp(self):
        source, program = self.folder / "main.cc", self.folder / "cpp"
        source.write_text(CPP)
        run("c++", "-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", source,
            *self.pkg_config("--cflags", "--libs"), "-o", program)
        version = self.pkg_config("--modversion")[0]
        self.assertRegex(run(program, env=self.environment), rf"^\d+ {re.escape(version)}\n$")

    def test_moved(self):
        """Found by where it lies, not by where it was configured for."""
        moved = self.folder / "moved"
        shutil.copytree(self.prefix, moved, symlinks=True)
        pc = next(moved.rglob("skald.pc"))
        flags = run("pkg-config", "--cflags", "skald", env=os.environ | {"PKG_CONFIG_PATH": str(pc.parent)})
        self.assertEqual(pathlib.Path(flags.split()[0][2:]).resolve(), (moved / "include").resolve())


if __name__ == "__main__":
    if not list(BUILD.glob("lib/libskald.so")):
        print("an instrumented build holds no shared library, and is not installed: nothing to test")
        sys.exit(0)
    unittest.main()
