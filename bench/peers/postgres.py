"""postgres: a PostgreSQL of its own for an engine that needs one: durable (fsync, synchronous_commit and
full_page_writes on, which is how it comes), on a port and in a folder of its own, gone afterwards.

Two settings differ from how it comes, both in favour of who uses it: more shared buffers, and checkpoints by time
instead of by the little room of 1 GiB."""
import glob
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

from peers import processes

SETTINGS = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "shared_buffers": "512MB",
            "max_wal_size": "4GB", "max_connections": "200", "listen_addresses": "127.0.0.1",
            "logging_collector": "off", "log_checkpoints": "off"}


def programs():
    """The folder of initdb and postgres; None: not installed. Debian keeps them off the path."""
    folders = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda name: int(name.split("/")[4]))
    for folder in reversed(folders):
        if os.access(f"{folder}/initdb", os.X_OK) and os.access(f"{folder}/postgres", os.X_OK):
            return pathlib.Path(folder)
    found = shutil.which("initdb")
    return pathlib.Path(found).parent if found and shutil.which("postgres") else None


def account():
    """PostgreSQL refuses to run as root; then it runs as the account that its package made."""
    return "postgres" if os.getuid() == 0 else None


class Postgres:
    def __init__(self, folder, databases):
        self.folder, self.user = pathlib.Path(folder), account()
        self.folder.mkdir(parents=True)
        if self.user:
            os.chown(self.folder, pwd.getpwnam(self.user).pw_uid, pwd.getpwnam(self.user).pw_gid)
            self.let_through()
        self.data, self.port = self.folder / "data", processes.free_ports(1)[0]
        self.run("initdb", "-D", self.data, "-U", "bench", "--auth", "trust", "-E", "UTF8", "--locale", "C",
                 "--no-instructions")
        options = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        self.process = processes.Process("postgres", [programs() / "postgres", "-D", self.data, "-p", self.port,
                                                      "-k", self.folder, *options], self.folder, user=self.user)
        self.process.await_ready(lambda: self.ask("template1", "SELECT 1", check=False) == "1")
        for database in databases:
            self.ask("template1", f"CREATE DATABASE {database}")

    def let_through(self):
        """The folders of the bench above it are root's alone; another account must come through."""
        own = pathlib.Path(tempfile.gettempdir())
        for parent in self.folder.parents:
            if own in parent.parents:
                parent.chmod(parent.stat().st_mode | 0o011)

    def run(self, program, *words):
        subprocess.run([str(programs() / program), *[str(word) for word in words]], cwd=self.folder, check=True,
                       stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, user=self.user,
                       group=self.user and pwd.getpwnam(self.user).pw_gid, extra_groups=[] if self.user else None)

    def ask(self, database, statement, check=True):
        done = subprocess.run([str(programs() / "psql"), "-X", "-q", "-A", "-t", "-h", "127.0.0.1", "-U", "bench",
                               "-p", str(self.port), "-d", database, "-c", statement], capture_output=True, text=True,
                              check=check, cwd=self.folder)
        return done.stdout.strip()

    def stop(self):
        self.process.stop(signal.SIGINT)
