"""participant: what all engines call: nginx that answers at once."""
import collections
import os
import pathlib
import shutil

from peers import processes

CONF = """daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
worker_processes 1;
{user}
events {{ worker_connections 8192; }}
http {{
  log_format uri "$uri";
  access_log {log};
  default_type application/json;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /payment/refused {{ return 422 '{{"error":"declined"}}'; }}
    location / {{ return 200 '{{"ok":true}}'; }}
  }}
}}
"""


def find():
    """Servers are not on everybody's path."""
    return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def missing():
    return "" if find() else "nginx is not installed (Debian's package nginx-light)"


def calls(folder):
    """{path: how often it was called} of a participant that keeps a log."""
    return collections.Counter((pathlib.Path(folder) / "calls.log").read_text().split())


def start(folder, has_log=False):
    """(process, port)"""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    port, = processes.free_ports(1)
    user = "user root;" if os.getuid() == 0 else ""
    (folder / "nginx.conf").write_text(CONF.format(
        folder=folder, port=port, user=user, log=f"{folder}/calls.log uri" if has_log else "off"))
    process = processes.Process("nginx", [find(), "-p", folder, "-c", folder / "nginx.conf"], folder, counted=False)
    process.await_ready(lambda: processes.is_open(port))
    return process, port
