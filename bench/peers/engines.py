"""engines: each engine of bench-peers as an object: what it needs, how it is installed, started and asked.

    engine = Restate(partitions=2)
    engine.missing()          # why it cannot be here; empty: it can
    engine.install()          # once; into build/bench/peers/installed
    engine.start(folder, participant)   # the participant's URL
    engine.saga("complete")   # what the driver, bench/load.c, must send: port, path, body, expect, holds
    engine.processes, engine.data       # what is counted, what is kept
    engine.stop()

An answer comes when the saga has ended. Nothing here is tuned but what the class says; README.md holds the reasons."""
import json
import pathlib
import urllib.error
import urllib.request

from peers import install, postgres, processes

HERE = pathlib.Path(__file__).resolve().parent
PORT_MAX = 32000  # Temporal keeps its ports in 16 bits with a sign
ORDER = '{"order":"o-#","amount":4200}'


def is_answered(method, url, body=None, kind="application/json"):
    """True when the answer is 2xx."""
    try:
        request = urllib.request.Request(url, body and body.encode(), {"Content-Type": kind}, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return 200 <= answer.status < 300
    except (urllib.error.URLError, OSError):
        return False


class Engine:
    """What is the same for all; `name` is how it stands in the results."""

    name, needs_node, counted_words = "", True, ""
    in_flight_max, warm_times = 1000, 1

    def __init__(self):
        self.processes, self.data, self.folder, self.port = [], [], None, 0

    def missing(self):
        return install.missing_node() if self.needs_node else ""

    def install(self):
        pass

    def run(self, name, command, env=None, counted=True):
        # What an engine puts aside (Restate: a folder a partition) goes with the rest of its run.
        process = processes.Process(name, command, self.folder, dict(env or {}, TMPDIR=str(self.folder)), counted)
        self.processes.append(process)
        return process

    def node(self, name, package, script, env, counted=True, words=()):
        """A program of ours in JavaScript, beside the packages it uses."""
        return self.run(name, [install.node(), install.folder(package) / script, *words],
                        dict(env, NODE_ENV="production"), counted)

    def start(self, folder, participant):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.processes, self.data = [], []
        self.begin(participant)

    def begin(self, participant):
        raise NotImplementedError

    def saga(self, path):
        return {"port": self.port, "path": f"/{path}", "body": ORDER, "expect": 200 if path == "complete" else 422,
                "holds": '"ok":true' if path == "complete" else "/payment/refused"}

    def nothing(self):
        """The same for a request that starts no saga, where the driver's door stands in a counted process."""
        return None

    def stop(self):
        for process in reversed(self.processes):
            process.stop()


class Skald(Engine):
    needs_node = False
    counted_words = "skald serve"

    def __init__(self, store, program):
        super().__init__()
        self.store, self.program = store, program
        self.name = f"Skald, {store}"

    def begin(self, participant):
        self.port, = processes.free_ports(1)
        place = self.folder / "store"
        place.mkdir()
        url = f"journal:{place}/journal" if self.store == "journal" else f"sqlite:{place}/skald.db"
        definitions = [word for path in ("complete", "compensate")
                       for word in ("--define", HERE / "skald" / f"{path}.saga.yaml")]
        ready = self.folder / "ready"
        self.run("skald", [self.program, "serve", "--store", url, "--listen", f"127.0.0.1:{self.port}",
                           "--log-level", "error", "--ready-file", ready, *definitions],
                 {"PARTICIPANT": participant}).await_ready(ready.exists)
        self.data = [place]

    def saga(self, path):
        state = {"complete": "completed", "compensate": "compensated"}[path]
        return {"port": self.port, "path": "/api/v1/sagas?wait=60s", "expect": 201, "holds": f'"state":"{state}"',
                "body": f'{{"definition":"{path}","input":{ORDER}}}'}


class Restate(Engine):
    counted_words = "restate-server, its SDK's process (Node)"

    def __init__(self, partitions=None):
        super().__init__()
        self.partitions = partitions
        self.name = f"Restate, {partitions} partitions" if partitions else "Restate"

    def install(self):
        install.packages("restate")

    def begin(self, participant):
        node, self.port, admin, worker = processes.free_ports(4)
        config = self.folder / "restate.toml"
        config.write_text(
            'log-filter = "error"\ndisable-telemetry = true\nlisten-mode = "tcp"\n'
            f'bind-address = "127.0.0.1:{node}"\nadvertised-address = "http://127.0.0.1:{node}/"\n'
            + (f"default-num-partitions = {self.partitions}\n" if self.partitions else "")
            + f'[ingress]\nbind-address = "127.0.0.1:{self.port}"\n[admin]\nbind-address = "127.0.0.1:{admin}"\n')
        server = install.folder("restate") / "node_modules/@restatedev/restate-server-linux-x64/bin/restate-server"
        self.data = [self.folder / "data"]
        restate = self.run("restate-server", [server, "-c", config, "--base-dir", self.data[0]])
        sdk = self.node("restate-worker", "restate", "worker.mjs",
                        {"PARTICIPANT": participant, "PORT": str(worker), "RESTATE_LOGGING": "ERROR"})
        sdk.await_ready(lambda: processes.is_open(worker))
        restate.await_ready(lambda: is_answered("POST", f"http://127.0.0.1:{admin}/deployments",
                                                json.dumps({"uri": f"http://127.0.0.1:{worker}"})))
        restate.await_ready(lambda: is_answered("POST", f"http://127.0.0.1:{self.port}/sagas/complete", "{}"))

    def saga(self, path):
        return dict(super().saga(path), path=f"/sagas/{path}")


class WithPostgres(Engine):
    postgres = None

    def missing(self):
        if postgres.programs() is None:
            return "PostgreSQL is not installed (Debian's package postgresql)"
        return super().missing()

    def start_postgres(self, *databases):
        self.postgres = postgres.Postgres(self.folder / "postgres", databases)
        self.processes.append(self.postgres.process)
        self.data = [self.postgres.data]
        return self.postgres.port

    def stop(self):
        for process in reversed(self.processes[1:]):
            process.stop()
        if self.postgres is not None:
            self.postgres.stop()


class Dbos(WithPostgres):
    name = "DBOS"
    counted_words = "the process of application and SDK (Node), PostgreSQL"

    def install(self):
        install.packages("dbos")

    def begin(self, participant):
        database = self.start_postgres("sagas")
        self.port, = processes.free_ports(1)
        app = self.node("dbos-app", "dbos", "worker.mjs",
                        {"PARTICIPANT": participant, "PORT": str(self.port),
                         "DATABASE": f"postgresql://bench@127.0.0.1:{database}/sagas"})
        app.await_ready(lambda: is_answered("POST", f"http://127.0.0.1:{self.port}/complete", "{}"))

    def nothing(self):
        return dict(self.saga("complete"), path="/nothing")


class Temporal(WithPostgres):
    name = "Temporal"
    counted_words = "temporal server, its SDK's process (Node), PostgreSQL"
    services = ("frontend", "matching", "history", "worker")
    # It ends some tens of sagas a second here: 512 at once would only wait, until their time-outs; and what compiles
    # its hot paths while it runs has seen few of them after ten seconds.
    in_flight_max, warm_times = 64, 3

    def missing(self):
        return super().missing() or install.missing_go()

    def install(self):
        install.packages("temporal")
        install.temporal_server()

    def prepare_schema(self, database):
        tool = [install.folder("temporal") / "bin/sql", "--plugin", "postgres12", "--ep", "127.0.0.1", "-p", database,
                "-u", "bench", "--db"]
        for name, schema in (("temporal", "temporal"), ("visibility", "visibility")):
            install.must_run([*tool, name, "setup-schema", "-v", "0.0"])
            install.must_run([*tool, name, "update-schema", "-s", f"postgresql/v12/{schema}"])

    def write_config(self, database):
        ports = processes.free_ports(2 * len(self.services), PORT_MAX)
        text = (HERE / "temporal/server.yaml").read_text()
        for at, name in enumerate(self.services):
            text = text.replace(f"@{name}@", str(ports[2 * at])).replace(f"@{name}-gossip@", str(ports[2 * at + 1]))
        text = text.replace("@database@", str(database)).replace("@limits@", str(HERE / "temporal/limits.yaml"))
        (self.folder / "server.yaml").write_text(text)
        return ports[0]

    def begin(self, participant):
        database = self.start_postgres("temporal", "visibility")
        self.prepare_schema(database)
        frontend = self.write_config(database)
        server = self.run("temporal-server", [install.folder("temporal") / "bin/server", "--config-file",
                                              self.folder / "server.yaml", "start"])
        server.await_ready(lambda: processes.is_open(frontend))
        env = {"TEMPORAL": f"127.0.0.1:{frontend}", "PARTICIPANT": participant}
        place = install.folder("temporal")
        server.await_ready(lambda: install.is_ran([install.node(), place / "gateway.mjs", "namespace"], env))
        worker = self.node("temporal-worker", "temporal", "worker.mjs", env)
        worker.await_ready(lambda: "ready" in worker.log_path.read_text())
        self.port, = processes.free_ports(1)
        gateway = self.node("temporal-client", "temporal", "gateway.mjs", dict(env, PORT=str(self.port)), counted=False)
        gateway.await_ready(lambda: is_answered("POST", f"http://127.0.0.1:{self.port}/complete", "{}"))


def all_of(program):
    """{word of --engines: engine}"""
    return {"journal": Skald("journal", program), "sqlite": Skald("sqlite", program), "restate": Restate(),
            "restate2": Restate(2), "dbos": Dbos(), "temporal": Temporal()}
