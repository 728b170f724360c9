"""Processes of the test: servers of Debian, receivers of our own, a demo's fleet."""

import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

from receivers import Receivers

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("WAVEGATE", os.path.join(ROOT, "target", "release", "wavegate"))
PROGRAMS = {"prometheus": "prometheus", "prometheus-alertmanager": "prometheus-alertmanager"}
# A busy machine is slow; what hangs is broken.
LIMIT = 120


def install():
    missing = [package for program, package in PROGRAMS.items() if not shutil.which(program)]
    if missing:
        apt = ["apt-get", "-y", "--no-install-recommends"]
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run([apt[0], "update"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([*apt, "install", *missing], check=True, env=env, stdout=subprocess.DEVNULL)
    if not os.path.exists(BINARY):
        sys.exit(f"alert-test: {BINARY} is missing; run `make build` first")


def expect(holds, what):
    if not holds:
        raise AssertionError(what)


def wait(what, probe, limit=LIMIT):
    """The first thing that is not nothing; what was looked at last is in the error."""
    end = time.monotonic() + limit
    seen = None
    while time.monotonic() < end:
        try:
            seen = probe()
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            seen = None
            last = error
        else:
            last = seen
        if seen:
            return seen
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen within {limit} s; last: {last!r}")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def get(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.loads(answer.read())


def is_ready(url):
    with urllib.request.urlopen(f"{url}/-/ready", timeout=5) as answer:
        return answer.status == 200


class Stage:
    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="alert-test.")
        self.processes = []
        self.receivers = Receivers(self.dir)
        self.alertmanager = self.start_alertmanager()
        self.prometheus_port = free_port()
        self.prometheus = None
        self.prometheus_url = f"http://127.0.0.1:{self.prometheus_port}"
        self.sources = ""
        return self

    def __exit__(self, failed, *_):
        if failed:
            for name in ("controller.log", "prometheus.log", "alertmanager.log"):
                self.show_end(name)
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
        self.receivers.close()
        if not failed:
            shutil.rmtree(self.dir)

    def show_end(self, name):
        for folder in (self.dir, os.path.join(self.dir, "demo")):
            path = os.path.join(folder, name)
            if os.path.exists(path):
                with open(path, errors="replace") as log:
                    lines = log.readlines()[-40:]
                print(f"==== the end of {path}", "".join(lines), sep="\n", file=sys.stderr)

    def start(self, args, log):
        out = open(os.path.join(self.dir, log), "ab")
        process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.processes.append(process)
        return process

    def start_alertmanager(self):
        config = os.path.join(self.dir, "alertmanager.yml")
        with open(config, "w") as file:
            file.write("route: {receiver: none}\nreceivers: [{name: none}]\n")
        url = f"http://127.0.0.1:{free_port()}"
        self.start(
            [
                "prometheus-alertmanager",
                f"--config.file={config}",
                f"--storage.path={self.dir}/alertmanager",
                f"--web.listen-address={url.removeprefix('http://')}",
                "--cluster.listen-address=",
            ],
            "alertmanager.log",
        )
        wait("Alertmanager is ready", lambda: is_ready(url))
        return url

    def start_prometheus(self, exporter):
        config = os.path.join(self.dir, "prometheus.yml")
        with open(config, "w") as file:
            file.write(
                "global: {scrape_interval: 1s}\n"
                "scrape_configs:\n"
                "- job_name: app\n"
                "  honor_labels: true\n"
                f"  static_configs: [{{targets: ['{exporter}']}}]\n"
            )
        self.prometheus = self.start(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={self.dir}/prometheus",
                f"--web.listen-address=127.0.0.1:{self.prometheus_port}",
            ],
            "prometheus.log",
        )
        wait("Prometheus is ready", lambda: is_ready(self.prometheus_url))

    def stop_prometheus(self):
        self.prometheus.terminate()
        self.prometheus.wait(30)

    def play(self, scenario, hosts):
        """A demo that stays when its rollout has come to a pause."""
        config = os.path.join(self.dir, "outside.yaml")
        with open(config, "w") as file:
            file.write(self.receivers.config(self.alertmanager) + self.sources)
        self.demo_dir = os.path.join(self.dir, "demo")
        primary, secondary = pty.openpty()
        args = ["demo", "--scenario", scenario, "--hosts", str(hosts), "--seed", "1"]
        self.demo = subprocess.Popen(
            [BINARY, *args, "--config", config, "--dir", self.demo_dir],
            stdin=subprocess.DEVNULL,
            stdout=secondary,
            stderr=secondary,
        )
        self.processes.append(self.demo)
        os.close(secondary)
        self.shown = b""
        threading.Thread(target=self.read, args=(primary,), daemon=True).start()

    def read(self, primary):
        while True:
            try:
                part = os.read(primary, 65536)
            except OSError:
                return
            if not part:
                return
            self.shown += part

    def demo_rests(self):
        expect(self.demo.poll() is None, f"the demo ended: {self.shown[-2000:]!r}")
        return b"go on running" in self.shown

    def controller_pid(self):
        pids = subprocess.run(
            ["pgrep", "-P", str(self.demo.pid)], stdout=subprocess.PIPE, text=True, check=True
        ).stdout.split()
        expect(len(pids) == 1, f"the demo has one controller, not {pids}")
        return int(pids[0])

    def kill_controller(self):
        os.kill(self.controller_pid(), signal.SIGKILL)

    def restart_controller(self, address):
        self.start(
            [
                *[BINARY, "controller", "run", "--config", f"{self.demo_dir}/controller.yaml"],
                *["--data-dir", f"{self.demo_dir}/data", "--listen", address],
            ],
            "controller.log",
        )

    def address(self):
        with open(os.path.join(self.demo_dir, "data", "controller.addr")) as file:
            return file.read().strip()

    def command(self, *words):
        """Exit status, and the data if there are any."""
        context = os.path.join(self.demo_dir, "data", "admin.yaml")
        run = subprocess.run(
            [BINARY, "--context", context, *words, "-o", "json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        data = json.loads(run.stdout) if run.stdout.strip() else None
        return run.returncode, data, run.stderr

    def asked(self, *words):
        code, data, said = self.command(*words)
        expect(code == 0, f"`wavegate {' '.join(words)}` ended with {code}: {said}")
        return data
