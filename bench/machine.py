"""machine: on what was measured: processor, kernel, compiler, libraries, commit, and how busy others were."""
import os
import pathlib
import platform
import re
import resource
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIBRARIES = ("libevent", "libcurl", "sqlite3", "jansson", "yaml-0.1", "libsodium", "libxxhash")
BUSY_SHARE = 0.05  # of the processors, used by others: more than this and the figures are marked


def said(*command):
    """The first line that a program prints; empty: it is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    except OSError:
        return ""
    return done.stdout.splitlines()[0].strip() if done.returncode == 0 and done.stdout.strip() else ""


def field(path, name):
    try:
        found = re.search(rf"^{name}\s*[:=]\s*\"?(.*?)\"?$", pathlib.Path(path).read_text(errors="replace"), re.M)
    except OSError:
        return ""
    return found[1] if found else ""


def commit():
    git = ("git", "-c", "safe.directory=*")
    name = said(*git, "rev-parse", "--short=12", "HEAD")
    if not name:
        return "unknown"
    changed = said(*git, "status", "--porcelain", "--untracked-files=no", "--", "src", "include", "bench", "cmake")
    return name + (" and changes" if changed else "")


def built(build):
    """How the programs under test were built."""
    cache = pathlib.Path(build) / "CMakeCache.txt"
    compiler = field(cache, "CMAKE_C_COMPILER:[A-Z]+")
    version = said(compiler, "--version") if compiler else ""
    return f"{version or 'unknown'}, {field(cache, 'CMAKE_BUILD_TYPE:[A-Z]+') or 'no build type'}"


def describe(build, work):
    """Everything as {name: text}, in the order in which it is shown."""
    disk = said("df", "--output=fstype,source", str(work)) and subprocess.run(
        ["df", "--output=fstype,source", str(work)], capture_output=True, text=True,
        check=False).stdout.splitlines()[-1].split()
    memory = field("/proc/meminfo", "MemTotal")
    facts = {
        "commit": commit(),
        "processor": field("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": f"{int(memory.split()[0]) / 2 ** 20:.0f} GiB" if memory else "unknown",
        "kernel": f"{platform.system()} {platform.release()}",
        "system": field("/etc/os-release", "PRETTY_NAME"),
        "C library": " ".join(platform.libc_ver()),
        "disk": f"{disk[0]} on {disk[1].removeprefix('/dev/')}" if disk else "unknown",
        "compiler": built(build),
    }
    if shutil.which("pkg-config"):
        versions = {name: said("pkg-config", "--modversion", name) for name in LIBRARIES}
        facts["libraries"] = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    return facts


class Others:
    """How much of the processors was used by processes that are not ours, from here on."""

    def __init__(self):
        self.before = self.read()

    @staticmethod
    def read():
        ticks = [int(number) for number in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        busy = (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
        own = sum(use.ru_utime + use.ru_stime for use in
                  (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)))
        return sum(ticks) / os.sysconf("SC_CLK_TCK"), busy - own

    def share(self):
        """0 … 1. Our own processes must have been waited for."""
        (whole, others), (whole0, others0) = self.read(), self.before
        return max(0.0, (others - others0) / max(whole - whole0, 0.01))
