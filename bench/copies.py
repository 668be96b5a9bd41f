#!/usr/bin/env python3
"""Figures of docs/reliability.md, measured on playgrounds of its own.

usage: bench/copies.py put|kill|grow|list [--port N]     (make build first; nothing else should run)

  put   CPU of all server processes for a PUT with two copies, over that with one
  kill  how long names of a killed owner cannot be read, and written
  grow  latencies of clients before and while a bucket moves from 3 to 5 targets
  list  CPU of a page of 1,000 names at 12 targets, over that at one
"""
import argparse
import glob
import http.client
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Playground:
    """A cluster of its own below a temporary folder."""

    def __init__(self, port, targets):
        self.port, self.targets = port, targets
        self.dir = tempfile.mkdtemp(prefix="ais-copies-")

    def do(self, *args):
        subprocess.run([os.path.join(ROOT, "deploy/playground.sh"), *args, "--dir", self.dir], check=True, stdout=subprocess.DEVNULL)

    def up(self, targets=None):
        self.do("up", "--port", str(self.port), "--targets", str(targets or self.targets), "--mountpaths", "1")

    def __enter__(self):
        self.up()
        return self

    def __exit__(self, *_):
        self.do("down")
        shutil.rmtree(self.dir)

    def ais(self, *args):
        env = dict(os.environ, AIS_ENDPOINT=f"http://127.0.0.1:{self.port}")
        return subprocess.run([os.path.join(ROOT, "bin/ais"), *args], check=True, env=env, capture_output=True, text=True).stdout

    def cpu(self):
        """CPU seconds of all nodes so far."""
        ticks = 0
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                with open(path) as f:
                    words = f.read().split("\0")
                if os.path.basename(words[0]) not in ("aisnode", "aisproxy") or self.dir not in " ".join(words):
                    continue
                with open(path.replace("cmdline", "stat")) as f:
                    fields = f.read().rsplit(")", 1)[1].split()
                ticks += int(fields[11]) + int(fields[12])
            except OSError:
                continue
        return ticks / os.sysconf("SC_CLK_TCK")


class Client:
    """One connection, made anew after a failure."""

    def __init__(self, port, timeout=30):
        self.port, self.timeout, self.connection = port, timeout, None

    def ask(self, method, path, body=None):
        """Returns status and body; status 0 where there was no answer."""
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
            self.connection.request(method, path, body)
            answer = self.connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self.connection = None
            return 0, b""


def work(workers, count, do):
    """Calls do(client number, item) for every item below count."""
    items, lock = iter(range(count)), threading.Lock()

    def loop(number):
        while True:
            with lock:
                item = next(items, None)
            if item is None:
                return
            do(number, item)

    threads = [threading.Thread(target=loop, args=(i,)) for i in range(workers)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def need(status, what):
    if status not in (200, 204):
        sys.exit(f"{what}: status {status}")


def fill(play, bucket, count, size, workers=8):
    clients, body = [Client(play.port) for _ in range(workers)], os.urandom(size)
    work(workers, count, lambda w, i: need(clients[w].ask("PUT", f"/{bucket}/dir/{i:06}", body)[0], "PUT"))


def put(port):
    with Playground(port, 3) as play:
        for copies in (1, 2):
            play.ais("create", f"ais://copies{copies}", "--props", f"copies={copies}")
        for size, count in ((4 << 10, 4000), (128 << 10, 1500), (10 << 20, 48)):
            rounds = []
            for _ in range(5):
                cost = []
                for copies in (1, 2):
                    before = play.cpu()
                    fill(play, f"copies{copies}", count, size)
                    time.sleep(0.3)  # what follows the answers belongs to them
                    cost.append((play.cpu() - before) / count * 1000)
                rounds.append((cost[1] / cost[0], *cost))
            rounds.sort()
            ratio, one, two = rounds[len(rounds) // 2]
            print(f"PUT {size:>9} B: one copy {one:.3f} ms, two {two:.3f} ms, {ratio:.2f} x (of five: {rounds[0][0]:.2f} to {rounds[-1][0]:.2f})", flush=True)


def kill(port):
    with Playground(port, 3) as play:
        play.ais("create", "ais://copies2", "--props", "copies=2")
        names, worst = 60, {"GET": 0.0, "PUT": 0.0}
        fill(play, "copies2", names, 10_000)
        for victim in ("target1", "target2", "target3"):
            wait_in_sync(play)
            play.do("kill", victim)
            began, slowest = time.monotonic(), {}
            for method in ("GET", "PUT"):
                def until(_, i, method=method):
                    client = Client(port)
                    while True:
                        status, _ = client.ask(method, f"/copies2/dir/{i:06}", os.urandom(10_000) if method == "PUT" else None)
                        if status == 200:
                            break
                    slowest[method] = max(slowest.get(method, 0), time.monotonic() - began)
                threads = [threading.Thread(target=work, args=(1, 1, lambda w, _, i=i: until(w, i))) for i in range(names)]
                for t in threads:
                    t.start()
                for t in threads:
                    t.join()
            print(f"kill -9 {victim}: all {names} names read {slowest['GET']:.2f} s after it, written {slowest['PUT']:.2f} s after it", flush=True)
            for method in worst:
                worst[method] = max(worst[method], slowest[method])
            play.do("start", victim)
        print(f"slowest: read {worst['GET']:.2f} s, written {worst['PUT']:.2f} s")


def wait_in_sync(play):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        shown = play.ais("show", "cluster")
        if "behind" not in shown and "syncing" not in shown and "down" not in shown.lower():
            return
        time.sleep(0.2)
    sys.exit("the targets are not in sync after a minute")


def grow(port):
    with Playground(port, 3) as play:
        play.ais("create", "ais://grows")
        names = 6000
        fill(play, "grows", names, 64 << 10)
        stop, took, failed = threading.Event(), [], []

        def client(number):
            c, i = Client(port), number
            while not stop.is_set():
                i = (i * 7919 + 13) % names
                write = i % 4 == 0
                began = time.monotonic()
                status, _ = c.ask("PUT" if write else "GET", f"/grows/dir/{i:06}", b"x" * (64 << 10) if write else None)
                took.append((began, time.monotonic() - began, write))
                if status != 200:
                    failed.append(status)
                time.sleep(0.01)

        threads = [threading.Thread(target=client, args=(i,)) for i in range(8)]
        for t in threads:
            t.start()
        time.sleep(15)
        began = time.monotonic()
        play.up(5)
        joined = time.monotonic()
        play.ais("wait", "rebalance")
        ended = time.monotonic()
        stop.set()
        for t in threads:
            t.join()
        def p99(since, until, kinds=(True, False)):
            some = sorted(d for at, d, write in took if since <= at < until and write in kinds)
            return some[len(some) * 99 // 100] * 1000 if some else 0, len(some)
        for kinds, what in (((False,), "reads"), ((True,), "writes")):
            print(f"{what}: p99 before {p99(began - 14, began, kinds)[0]:.1f} ms, while moving {p99(joined, ended, kinds)[0]:.1f} ms")
        before, while_moving = p99(began - 14, began), p99(joined, ended)
        print(f"before: p99 {before[0]:.1f} ms of {before[1]} requests; while {names} names of 64 KiB move ({ended - joined:.1f} s): "
              f"p99 {while_moving[0]:.1f} ms of {while_moving[1]}, {while_moving[0] / max(before[0], 0.001):.2f} x; failed requests: {len(failed)}")


def pages(targets, port):
    with Playground(port, targets) as play:
        play.ais("create", "ais://pages")
        fill(play, "pages", 10_000, 100)
        client, rounds = Client(port), []
        for _ in range(5):
            before = play.cpu()
            for i in range(100):
                need(client.ask("GET", f"/pages?list-type=2&max-keys=1000&start-after=dir/{i % 9 * 1000:06}")[0], "LIST")
            rounds.append((play.cpu() - before) / 100 * 1000)
        return sorted(rounds)[2]


def lists(port):
    one, twelve = pages(1, port), pages(12, port)
    print(f"a page of 1,000 names: one target {one:.2f} ms, 12 targets {twelve:.2f} ms, {twelve / one:.2f} x")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("what", choices=["put", "kill", "grow", "list"])
    parser.add_argument("--port", type=int, default=25000)
    asked = parser.parse_args()
    {"put": put, "kill": kill, "grow": grow, "list": lists}[asked.what](asked.port)
