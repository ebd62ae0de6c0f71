"""The guestbook's front end: lists and accepts entries, and says which pod answered.

Nothing but Python's standard library: entries are kept in redis, spoken to in its own protocol
(RESP2). Settings come from a mounted file that is read at each request, so that a change of the
ConfigMap shows without a restart; the rest comes from the environment.
"""
import html
import json
import os
import signal
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

POD = os.environ.get("POD_NAME", socket.gethostname())
NODE = os.environ.get("NODE_NAME", "")
VERSION = os.environ.get("GUESTBOOK_VERSION", "")
GREETING = os.environ.get("GREETING", "Hello")
SETTINGS = os.environ.get("SETTINGS_FILE", "/etc/guestbook/settings.json")
REDIS = (os.environ.get("REDIS_HOST", "redis"), int(os.environ.get("REDIS_PORT_NUMBER", "6379")))
PASSWORD = os.environ.get("REDIS_PASSWORD", "")

ENTRY_MAX = 500
BODY_MAX = 16 * 1024
ENTRIES_SHOWN = 50
# Requests still come for a moment after the pod is told to end, until every node knows.
LINGER_SECONDS = 3
ending = threading.Event()


class RedisError(Exception):
    pass


# The address of a Service does not change while it lives: it is looked up once, and again only when
# nobody answers there, so that the page does not wait for DNS.
known_address = {}


def redis_address():
    if "redis" not in known_address:
        found = socket.getaddrinfo(*REDIS, socket.AF_INET, socket.SOCK_STREAM)
        known_address["redis"] = found[0][4]
    return known_address["redis"]


def redis_connection():
    try:
        return socket.create_connection(redis_address(), timeout=2)
    except OSError:
        known_address.pop("redis", None)
        raise


def redis(*commands):
    """Runs commands on one connection and gives their replies."""
    with redis_connection() as connection:
        reader = connection.makefile("rb")
        login = [("AUTH", PASSWORD)] if PASSWORD else []
        for command in [*login, *commands]:
            parts = [str(part).encode() for part in command]
            text = b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
            connection.sendall(b"*%d\r\n%s" % (len(parts), text))
        replies = [reply(reader) for _ in [*login, *commands]]
        return replies[len(login):]


def reply(reader):
    line = reader.readline()
    if not line.endswith(b"\r\n"):
        raise RedisError("connection closed")
    kind, rest = line[:1], line[1:-2]
    if kind == b"-":
        raise RedisError(rest.decode())
    if kind == b":":
        return int(rest)
    if kind == b"$":
        length = int(rest)
        return None if length < 0 else reader.read(length + 2)[:-2].decode("utf-8", "replace")
    if kind == b"*":
        return [reply(reader) for _ in range(int(rest))]
    return rest.decode()


def settings():
    try:
        with open(SETTINGS, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
  body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem; }}
  h1 {{ color: {color}; }}
  input {{ font: inherit; width: 70%; }} button {{ font: inherit; }}
  li {{ overflow-wrap: anywhere; }} footer {{ color: #666; margin-top: 2rem; font-size: .9rem; }}
</style>
<h1>{title}</h1>
<p>{greeting}</p>
<form method="post" action="/"><input name="entry" maxlength="500" required autofocus> <button>Sign</button></form>
<ol>
{entries}
</ol>
<footer>Answered by pod <b>{pod}</b> on node {node}{version}. {count} entries.</footer>
</html>
"""


def page():
    entries, count = redis(("LRANGE", "entries", 0, ENTRIES_SHOWN - 1), ("LLEN", "entries"))
    own = settings()
    return PAGE.format(
        title=html.escape(own.get("title", "Guestbook")),
        color=html.escape(own.get("color", "#326ce5")),
        greeting=html.escape(GREETING),
        entries="\n".join(f"<li>{html.escape(entry)}</li>" for entry in entries),
        pod=html.escape(POD),
        node=html.escape(NODE),
        version=html.escape(f", version {VERSION}" if VERSION else ""),
        count=count,
    )


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self):
        if self.path == "/healthz":
            self.answer(200, "text/plain", "ok\n")
        elif self.path == "/readyz":
            self.answer_or_fail("text/plain", lambda: "ok\n" if redis(("PING",)) else "")
        elif self.path == "/entries":
            self.answer_or_fail("application/json", lambda: json.dumps(
                {"pod": POD, "entries": redis(("LRANGE", "entries", 0, -1))[0]}) + "\n")
        elif self.path == "/":
            self.answer_or_fail("text/html; charset=utf-8", page)
        else:
            self.answer(404, "text/plain", "not found\n")

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > BODY_MAX:
            self.close_connection = True
            self.answer(413, "text/plain", "too long\n")
            return
        body = self.rfile.read(length).decode("utf-8", "replace")
        entry = parse_qs(body).get("entry", [""])[0].strip()[:ENTRY_MAX]
        if not entry:
            self.answer(400, "text/plain", "an entry is missing: send entry=...\n")
            return
        try:
            redis(("LPUSH", "entries", entry))
        except (OSError, RedisError) as error:
            self.answer(503, "text/plain", f"cannot reach redis: {error}\n")
            return
        self.send_response(303)
        self.send_header("Location", "/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def answer_or_fail(self, kind, body):
        try:
            self.answer(200, kind, body())
        except (OSError, RedisError) as error:
            self.answer(503, "text/plain", f"cannot reach redis: {error}\n")

    def answer(self, status, kind, text):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Pod", POD)
        if ending.is_set():
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format, *args):
        if self.path not in ("/healthz", "/readyz"):
            print(f"{self.client_address[0]} {format % args}", flush=True)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    # Connections that wait to be accepted: the default of 5 refuses some when many come at once.
    request_queue_size = 128


def main():
    server = Server(("", int(os.environ.get("PORT_NUMBER", "8080"))), Handler)

    def end(*_):
        if ending.is_set():
            return
        ending.set()
        print("told to end: serving a little longer", flush=True)
        threading.Thread(target=lambda: (time.sleep(LINGER_SECONDS), server.shutdown())).start()

    signal.signal(signal.SIGTERM, end)
    print(f"guestbook {VERSION} on {POD}", flush=True)
    server.serve_forever(poll_interval=0.1)


main()
