"""A client of thermoloop's REST API in one file, over the standard library and NumPy. Copy it where you need it.

    import thermoloop
    service = thermoloop.Service("http://127.0.0.1:8080", key)      # or Service(), from THERMOLOOP_URL and THERMOLOOP_KEY
    model = service.upload_model(J=[[0, 0.1], [0.1, 0]])
    job = service.run(model, device="chip-0", count=100, duration_s=2.5e-6, progress=print)
    x = service.samples(job["id"])                                   # [samples, reads, units], float32

Refusals are ServiceError with what to do about them; answers that may succeed later are asked for again, and a POST goes
under one Idempotency-Key, so that it has its effect once.
"""

import base64
import hashlib
import http.client
import io
import json
import os
import random
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

import numpy as np

ENDED = ("succeeded", "failed", "cancelled", "expired")
ATTEMPTS = 5
PAUSE_MAX_S = 60.0
TIMEOUT_S = 60.0
# The service says something every 15 s; a line that is silent for longer is dead.
EVENT_SILENCE_S = 45.0


class ServiceError(Exception):
    """The service refused, a job did not succeed, or nobody answered; `remedy` says what to do."""

    def __init__(self, code, message, remedy="", retryable=False, retry_after_s=0.0, status=None):
        super().__init__(f"{message} ({code}). {remedy}".rstrip())
        self.code, self.remedy, self.status = code, remedy, status
        self.retryable, self.retry_after_s = retryable, retry_after_s


class Service:
    """One service with one key."""

    def __init__(self, url=None, key=None):
        self.url = (url or os.environ.get("THERMOLOOP_URL", "http://127.0.0.1:8080")).rstrip("/")
        self.key = key or os.environ.get("THERMOLOOP_KEY")

    # Requests

    def json(self, method, path, body=None, headers=None, timeout_s=TIMEOUT_S):
        """The JSON answer of a route; None for 204."""
        data = None if body is None else json.dumps(body).encode()
        kind = {} if data is None else {"Content-Type": "application/json"}
        content = self.request(method, path, data, {**kind, **(headers or {})}, timeout_s)
        return json.loads(content) if content else None

    def request(self, method, path, data=None, headers=None, timeout_s=TIMEOUT_S):
        """The bytes of an answer, held to their digest. Raises ServiceError."""
        headers = dict(headers or {})
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        if method == "POST":
            headers.setdefault("Idempotency-Key", uuid.uuid4().hex)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._once(method, path, data, headers, timeout_s)
            except ServiceError as error:
                pause_s = max(error.retry_after_s, 0.25 * 2 ** (attempt - 1) * random.uniform(0.5, 1))
                if not error.retryable or attempt == ATTEMPTS or pause_s > PAUSE_MAX_S:
                    raise
                time.sleep(pause_s)

    def _once(self, method, path, data, headers, timeout_s):
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:
                content = answer.read()
                check_digest(content, answer.headers.get("Repr-Digest"))
                return content
        except urllib.error.HTTPError as error:
            raise problem(error) from None
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            reason = getattr(error, "reason", error)
            remedy = "Check that `thermoloop serve` runs there."
            raise ServiceError("unreachable", f"no answer from {self.url}: {reason}", remedy, True) from error

    def all(self, path, **query):
        """The items of all pages of a list."""
        while True:
            page = self.json("GET", f"{path}?{urllib.parse.urlencode(query)}")
            yield from page["items"]
            if page.get("nextCursor") is None:
                return
            query["cursor"] = page["nextCursor"]

    # Devices, models, calibrations

    def devices(self):
        return self.json("GET", "/v1/devices")["items"]

    def capabilities(self, device):
        return self.json("GET", f"/v1/devices/{quote(device)}/capabilities")

    def upload_model(self, J, b=None, j2=None, j4=None, kT=None, name=None):
        """Parameters of V = sum(j2 x^2 + j4 x^4) + b.x + sum_{i<j} J_ij x_i x_j, in E0; returns the digest."""
        arrays = {"J": J, "b": b, "j2": j2, "j4": j4, "kT": kT}
        return self._upload(arrays, "application/x-npz", {"name": name} if name else {})

    def upload_linear_system(self, A, b=None, kT=None):
        """A model whose states have the mean A^-1 b and the covariance kT A^-1; returns the digest."""
        return self._upload({"A": A, "b": b, "kT": kT}, "application/x-linear-system+npz", {})

    def _upload(self, arrays, content_type, metadata):
        members = {name: np.asarray(value, "<f8") for name, value in arrays.items() if value is not None}
        if metadata:
            members["metadata"] = np.frombuffer(json.dumps(metadata).encode(), np.uint8)
        file = io.BytesIO()
        np.savez(file, **members)
        headers = {"Content-Type": content_type}
        return json.loads(self.request("POST", "/v1/models", file.getvalue(), headers, 600))["digest"]

    def calibrate(self, device, kind="noise-temperature", progress=None, **options):
        """Starts a calibration and waits; returns it with `values` and `stderr`."""
        started = self.json("POST", "/v1/calibrations", {"device": device, "kind": kind, "options": options})
        return succeeded(self.wait(f"/v1/calibrations/{started['id']}", progress), "calibration")

    # Jobs

    def submit(self, model, device, count, duration_s, id=None, **more):
        """Submits and returns the job at once. `more` as in docs/api.md, such as seed=7 or record={"heat": True}.
        The same `id` and the same job give the same job again for 24 hours."""
        relax = {"duration_s": duration_s, **more.pop("relax", {})}
        body = {"model": model, "device": {"id": device}, "relax": relax, "samples": {"count": count}, **more}
        return self.json("POST", "/v1/jobs", body, {"Idempotency-Key": id} if id else {})

    def run(self, model, device, count, duration_s, progress=None, **more):
        """Submits, waits, and returns the job; raises ServiceError with its cause when it does not succeed."""
        job = self.submit(model, device, count, duration_s, **more)
        return succeeded(self.wait(f"/v1/jobs/{job['id']}", progress), "job")

    def wait(self, path, progress=None, timeout_s=None):
        """Long-polls a job or a calibration until it has ended. `progress` is called with
        {"phase", "done", "total", "unit", "rate_per_s", "eta_s"} about once a second."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        poll_s = 1 if progress else 30
        while True:
            state = self.json("GET", path, headers={"Prefer": f"wait={poll_s}"}, timeout_s=TIMEOUT_S + poll_s)
            if progress and state.get("progress"):
                progress(state["progress"])
            if state["state"] in ENDED:
                return state
            if until is not None and time.monotonic() > until:
                raise ServiceError("wait-timeout", f"{path} has not ended within {timeout_s} s", "Wait again.", True)

    def cancel(self, job):
        return self.json("POST", f"/v1/jobs/{quote(job)}/cancel")

    def samples(self, job):
        """The states: float32 of shape [samples, reads, units]; the last read is x[:, -1]."""
        return np.load(io.BytesIO(self._samples(job, "application/x-npy")))

    def sample_set(self, job):
        """The states `x` with `time_s` of the reads and, where it was recorded, `heat_kT`."""
        with np.load(io.BytesIO(self._samples(job, "application/x-npz"))) as members:
            return dict(members)

    def _samples(self, job, accept):
        return self.request("GET", f"/v1/jobs/{quote(job)}/samples", None, {"Accept": accept}, 600)

    def certificate(self, job):
        """The signed certificate as it was sent: write these bytes, `thermoloop certificate verify` takes no others."""
        return self.request("GET", f"/v1/jobs/{quote(job)}/certificate")


    # Events

    def events(self, **query):
        """Messages as they happen, for ever: `for message in service.events(topics="job.*"): ...`, each a dict with `type`
        ("hello", "snapshot", "event", ...). A broken line is opened again and goes on after the last message."""
        path = "/v1/events" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        last, failures = None, 0
        while True:
            headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {self.key}"}
            if last is not None:
                headers["Last-Event-ID"] = last
            request = urllib.request.Request(self.url + path, headers=headers)
            try:
                with urllib.request.urlopen(request, timeout=EVENT_SILENCE_S) as stream:
                    for id, data in blocks(stream):
                        failures = 0
                        if data:
                            yield json.loads(data)
                        last = id or last
            except urllib.error.HTTPError as error:
                refused = problem(error)
                if not refused.retryable:
                    raise refused from None
            except (OSError, http.client.HTTPException):
                pass  # the line is gone
            failures += 1
            time.sleep(min(10.0, 0.5 * 2 ** (failures - 1)))


def blocks(stream):
    """Id and data of every block of a text/event-stream that came whole."""
    id, data = None, []
    for line in stream:
        name, _, value = line.decode().rstrip("\r\n").partition(":")
        value = value.removeprefix(" ")
        if name == "" and value == "":
            yield id, "\n".join(data)
            id, data = None, []
        elif name == "id":
            id = value
        elif name == "data":
            data.append(value)


def quote(text):
    return urllib.parse.quote(text, safe="")


def problem(error):
    """The problem document of an answer (RFC 9457) as an error."""
    try:
        said = json.loads(error.read())
    except ValueError:
        said = {}
    places = "; ".join(f"{e.get('pointer') or e.get('parameter')} {e['detail']}" for e in said.get("errors", []))
    text = said.get("detail") or said.get("title") or f"HTTP {error.code}"
    return ServiceError(
        said.get("code", f"http-{error.code}"),
        f"{text} {places}".rstrip(),
        said.get("remedy", ""),
        said.get("retryable", error.code in (429, 502, 503, 504)),
        said.get("retryAfter_s", 0.0),
        error.code,
    )


def check_digest(content, header):
    """Raises ServiceError where the bytes are not those that the service announced (RFC 9530)."""
    if header is None or not header.startswith("sha-256=:"):
        return
    expected = header[len("sha-256=:") :].split(":")[0]
    if base64.b64encode(hashlib.sha256(content).digest()).decode() != expected:
        raise ServiceError("damaged-download", "the download is damaged", "Download it again.", True)


def succeeded(ended, what):
    if ended["state"] == "succeeded":
        return ended
    failure = ended.get("failure") or {}
    text = f"the {what} {ended['id']} ended as {ended['state']}: {failure.get('message', '')}"
    raise ServiceError(ended.get("cause") or ended["state"], text.rstrip(": "), failure.get("remedy") or "")
