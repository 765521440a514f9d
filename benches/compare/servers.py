"""The servers that the benchmarks of this folder compare: where `./test` installs them, and how each is started."""

import json
import os
import pathlib
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request


def tool(name, version):
    """The program of a part that `./test` installs."""
    text = (pathlib.Path(__file__).parents[2] / "test-versions.env").read_text()
    number = re.search(rf"^{version}=(.*)$", text, re.M).group(1)
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return f"{cache}/picollect-test/{name}-{number}/bin/{name}"


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def http(url, body=None, headers=None):
    request = urllib.request.Request(url, data=body, headers=headers or {})
    with urllib.request.urlopen(request) as answer:
        return answer.read()


def wait_for(url):
    while True:
        try:
            return http(url)
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.02)


class Server:
    """One or more processes that answer at an address."""

    def __init__(self, url):
        self.url = url
        self.processes = []

    def start(self, command, ready, **more):
        self.processes.append(subprocess.Popen(command, **more))
        if ready:
            wait_for(ready)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()

    def cpu_s(self):
        """Seconds of CPU, user and system, that the processes have used."""
        ticks = os.sysconf("SC_CLK_TCK")
        stats = (pathlib.Path(f"/proc/{process.pid}/stat").read_text() for process in self.processes)
        return sum(sum(map(int, stat.rsplit(")", 1)[1].split()[11:13])) for stat in stats) / ticks

    def peak_mib(self):
        """The most memory that the processes have held, each at its own peak."""
        texts = (pathlib.Path(f"/proc/{process.pid}/status").read_text() for process in self.processes)
        return sum(int(re.search(r"VmHWM:\s+(\d+) kB", text).group(1)) for text in texts) / 1024

    def written_bytes(self):
        """What the processes have had written to a disk."""
        texts = (pathlib.Path(f"/proc/{process.pid}/io").read_text() for process in self.processes)
        return sum(int(re.search(r"^write_bytes: (\d+)", text, re.M).group(1)) for text in texts)


def serve(binary, data, *more, env=None):
    """`picollect serve` over a data directory."""
    server = Server(f"http://127.0.0.1:{free_port()}")
    command = [binary, "serve", "--listen", server.url.removeprefix("http://"), "--data", str(data), *more]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server.start(command, f"{server.url}/healthz", **quiet, env={**os.environ, **(env or {})})
    return server


def collector(binary, data, *more, env=None):
    """The same, and the headers of a client that may write and read."""
    server = serve(binary, data, *more, env=env)
    create = [binary, "token", "create", "--data", str(data), "--name", "bench", "--scope", "write,read"]
    token = subprocess.run(create, check=True, capture_output=True, text=True).stdout.strip()
    return server, {"Authorization": f"Bearer {token}"}


def victoria_metrics(data):
    server = Server(f"http://127.0.0.1:{free_port()}")
    serve = [tool("victoria-metrics", "VICTORIA_METRICS_VERSION")]
    serve += [f"-httpListenAddr={server.url.removeprefix('http://')}", f"-storageDataPath={data}"]
    serve += ["-loggerLevel=ERROR", "-retentionPeriod=100y", "-dedup.minScrapeInterval=1ms"]
    serve += ["-search.latencyOffset=0s"]
    server.start(serve, f"{server.url}/health")
    return server


def prometheus(data):
    """With a receiver for remote write that takes samples of the last day."""
    server = Server(f"http://127.0.0.1:{free_port()}")
    config = pathlib.Path(f"{data}.yml")
    config.write_text("storage: { tsdb: { out_of_order_time_window: 1d } }\n")
    serve = [tool("prometheus", "PROMETHEUS_VERSION"), f"--config.file={config}", f"--storage.tsdb.path={data}"]
    serve += [f"--web.listen-address={server.url.removeprefix('http://')}", "--log.level=error"]
    server.start([*serve, "--web.enable-remote-write-receiver"], f"{server.url}/-/ready")
    return server


def influxd(data):
    """Set up with organisation `o`, bucket `b` and the token `bench`."""
    server = Server(f"http://127.0.0.1:{free_port()}")
    serve = [tool("influxd", "INFLUXD_VERSION"), "--bolt-path", f"{data}/bolt", "--engine-path", f"{data}/engine"]
    serve += ["--sqlite-path", f"{data}/sqlite", "--http-bind-address", server.url.removeprefix("http://")]
    serve += ["--reporting-disabled", "--log-level=error"]
    server.start(serve, f"{server.url}/health")
    names = {"username": "bench", "password": "bench-bench", "org": "o", "bucket": "b", "token": "bench"}
    http(f"{server.url}/api/v2/setup", json.dumps(names).encode())
    return server


def thanos(data):
    """Three receivers that keep three copies, and the node that is asked; its addresses for writing are `writes`."""
    program = tool("thanos", "THANOS_VERSION")
    server = Server(f"http://127.0.0.1:{free_port()}")
    ports = [{name: free_port() for name in ("grpc", "http", "write", "capnproto")} for _ in range(3)]
    ring = [{"endpoints": [{"address": f"127.0.0.1:{port['grpc']}",
                            "capnproto_address": f"127.0.0.1:{port['capnproto']}"} for port in ports]}]
    pathlib.Path(f"{data}.json").write_text(json.dumps(ring))
    for number, port in enumerate(ports):
        receive = [program, "receive", f"--tsdb.path={data}/{number}", f"--receive.hashrings-file={data}.json"]
        receive += [f"--grpc-address=127.0.0.1:{port['grpc']}", f"--http-address=127.0.0.1:{port['http']}"]
        receive += [f"--remote-write.address=127.0.0.1:{port['write']}"]
        receive += [f"--receive.capnproto-address=127.0.0.1:{port['capnproto']}"]
        receive += [f"--receive.local-endpoint=127.0.0.1:{port['grpc']}", "--receive.replication-factor=3"]
        receive += [f'--label=receive_replica="{number}"', "--tsdb.out-of-order.time-window=1d", "--log.level=error"]
        server.start(receive, None)
    for port in ports:
        wait_for(f"http://127.0.0.1:{port['http']}/-/ready")
    query = [program, "query", f"--http-address={server.url.removeprefix('http://')}", "--log.level=error"]
    query += [f"--grpc-address=127.0.0.1:{free_port()}", "--query.replica-label=receive_replica"]
    query += [f"--endpoint=127.0.0.1:{port['grpc']}" for port in ports]
    server.start(query, f"{server.url}/-/ready")
    server.writes = [f"http://127.0.0.1:{port['write']}/api/v1/receive" for port in ports]
    return server
