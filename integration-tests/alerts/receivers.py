"""Receivers as real HTTP servers: what they got, and how they misbehave."""

import hashlib
import hmac
import json
import os
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = "a secret of the test"
ROUTING_KEY = "R0UT1NGK3Y"


class Server(ThreadingHTTPServer):
    daemon_threads = True


class Receivers:
    """`/ops` is well, `/flaky` refuses twice, `/hang` answers only when told to; `late` is not
    there before it is opened."""

    def __init__(self, folder):
        self.lock = threading.Lock()
        self.got = {name: [] for name in ("ops", "flaky", "hang", "late", "slack", "pager")}
        self.refused = 0
        self.in_flight = 0
        self.release = threading.Event()
        self.server = self.serve(0)
        self.port = self.server.server_address[1]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.late_port = probe.getsockname()[1]
        self.late = None
        self.files = {}
        for name, text in [
            ("secret", SECRET),
            ("routing_key", ROUTING_KEY),
            ("slack_url", f"http://127.0.0.1:{self.port}/slack"),
        ]:
            self.files[name] = os.path.join(folder, name)
            with open(self.files[name], "w") as file:
                file.write(text + "\n")

    def serve(self, port):
        receivers = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                name = self.path.split("/")[1]
                status = receivers.take(name if name != "v2" else "pager", self.headers, body)
                try:
                    self.send_response(status)
                    self.send_header("content-length", "0")
                    self.end_headers()
                except OSError:
                    pass  # The controller was killed meanwhile.

            def log_message(self, *_):
                pass

        server = Server(("127.0.0.1", port), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def take(self, name, headers, body):
        message = {
            "at": time.time(),
            "key": headers.get("idempotency-key"),
            "signature": headers.get("wavegate-signature"),
            "stamp": headers.get("wavegate-timestamp"),
            "raw": body,
            "body": json.loads(body),
        }
        with self.lock:
            self.got[name].append(message)
            if name == "flaky" and self.refused < 2:
                self.refused += 1
                return 500
        if name == "hang" and not self.release.is_set():
            with self.lock:
                self.in_flight += 1
            # Not longer than the sender waits.
            self.release.wait(50)
            with self.lock:
                self.in_flight -= 1
            # Whoever waited so long was not served.
            return 200 if self.release.is_set() else 503
        return 202 if name == "pager" else 200

    def open_late(self):
        self.late = self.serve(self.late_port)

    def all(self, name):
        with self.lock:
            return list(self.got[name])

    def events(self, name, kind=None):
        """Events with a signature that holds, in the order they came."""
        out = []
        for message in self.all(name):
            signed = message["stamp"].encode() + b"." + message["raw"]
            wanted = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
            assert message["signature"] == f"v1={wanted}", f"a bad signature at {name}"
            assert abs(time.time() - int(message["stamp"])) < 600, "a timestamp of another time"
            if kind in (None, message["body"]["incident"]["kind"]):
                out.append((message["body"]["event"], message["key"], message["body"]))
        return out

    def config(self, alertmanager):
        hook = "webhook: {{url: 'http://127.0.0.1:{}/{}', secret: {{file: {}}}, update_every: 1s}}"
        lines = ["alerts:", "  labels: {fleet: alert-test}", "  receivers:"]
        for name in ("ops", "flaky", "hang", "late"):
            port = self.late_port if name == "late" else self.port
            lines.append(f"    {name}:")
            line = hook.format(port, name, self.files["secret"])
            if name == "hang":
                line = line.removesuffix("}") + ", http: {timeout: 60s}}"
            lines.append("      " + line)
        lines += [
            "    chat:",
            f"      slack: {{url: {{file: {self.files['slack_url']}}}}}",
            "    pager:",
            "      pagerduty:",
            f"        url: http://127.0.0.1:{self.port}",
            f"        routing_key: {{file: {self.files['routing_key']}}}",
            "    am:",
            "      alertmanager:",
            f"        url: {alertmanager}",
            "        resend_every: 2s",
            "        silences: {lease: 20s}",
        ]
        return "\n".join(lines) + "\n"

    def close(self):
        self.release.set()
        for server in filter(None, (self.server, self.late)):
            server.shutdown()
