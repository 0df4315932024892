// The chapter of docs/api.md about webhooks.
export const WEBHOOKS_CHAPTER = `## Webhooks

\`POST /v1/webhooks\` with \`{"url", "topics"?}\` (scope \`webhook:manage\`) has the ends of jobs and calibrations sent to a URL by POST: topics
\`job.succeeded\`, \`job.failed\`, \`job.cancelled\`, \`job.expired\`, \`calibration.succeeded\`, \`calibration.failed\`. A hook is told what its key may see: its own jobs,
all with \`job:read:all\`. The body is \`{"id", "topic", "time", "data"}\`; what is in a job is for \`GET /v1/jobs/{id}\`.

* **Nothing is lost**: a delivery is written in the transaction of the ending. It comes **at least once**, not in order; \`id\` (also \`Thermoloop-Delivery\`) is the same at
  every attempt. Anything but 2xx within 10 s is tried again after 5 s, 10 s, 20 s and so on up to 6 h, for a day, then given up. A hook to which nothing has arrived for three
  days, or whose key was revoked or has expired, is disabled and says so; make a new one. \`GET /v1/webhooks/{id}/deliveries\` has state, attempts and the last error, for a week.
* **Where to**: https at public addresses. Loopback, private, link-local and otherwise special addresses, also of names that lead there, are refused unless the operator
  names host or network in \`THERMOLOOP_WEBHOOK_ALLOW\` (\`hooks.lab.example, 10.0.0.0/8\`; http is allowed there too). The address is checked at each delivery, and
  the connection goes to that very address. Redirects are not followed.
* **Signature**: \`Thermoloop-Signature: t=SECONDS,v1=HEX\`, HMAC-SHA256 over \`SECONDS.BODY\` with the secret. The secret is shown once; because it has to sign, the
  database keeps it as it is, and so does a backup.

\`\`\`python
import hashlib, hmac, time

def verified(secret, header, body, tolerance_s=300):
    parts = dict(part.split("=", 1) for part in header.split(","))
    expected = hmac.new(secret.encode(), parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, parts["v1"]) and abs(time.time() - int(parts["t"])) <= tolerance_s

now = str(int(time.time()))
mac = hmac.new(b"whsec_x", now.encode() + b".{}", hashlib.sha256).hexdigest()
assert verified("whsec_x", f"t={now},v1={mac}", b"{}") and not verified("whsec_y", f"t={now},v1={mac}", b"{}")
\`\`\`
`;
