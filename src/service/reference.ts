// docs/api.md: the rules that hold for every route, written here, and the table of routes, made from the OpenAPI document.
import { CLIENTS_CHAPTER } from './reference/clients.ts';
import { DEVICES_CHAPTER } from './reference/devices.ts';
import { DRIFT_CHAPTER } from './reference/drift.ts';
import { HEAT_CHAPTER } from './reference/heat.ts';
import { earlyStopReference } from './reference/early-stop.ts';
import { jobsReference } from './reference/jobs.ts';
import { mitigationReference } from './reference/mitigation.ts';
import { KEYS_CHAPTER } from './reference/keys.ts';
import { WEBHOOKS_CHAPTER } from './reference/webhooks.ts';
import { roles, scopes, type Role } from './auth/matrix.ts';
import { samplesReference } from './results/reference.ts';

/** As much of an OpenAPI document as the page needs. */
export interface OpenApiDocument {
  paths: Record<
    string,
    Record<
      string,
      { summary?: string; description?: string; responses?: Record<string, unknown>; tags?: string[] }
    >
  >;
}

export function apiMarkdown(document: OpenApiDocument): string {
  const rows = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, { summary = '', description = '', responses = {} }]) => {
      const scope = /Scope: (.*)\.$/.exec(description)?.[1] ?? 'none needed';
      return `| ${method.toUpperCase()} | \`${path}\` | ${summary} | ${scope} | ${Object.keys(responses).join(' ')} |`;
    }),
  );
  const roleNames = Object.keys(roles) as Role[];
  const matrix = scopes.map((scope) => {
    const marks = roleNames.map((role) => (roles[role].includes(scope) ? 'x' : ' '));
    return `| \`${scope}\` | ${marks.join(' | ')} |`;
  });
  return [
    PREFACE,
    DEVICES_CHAPTER,
    DRIFT_CHAPTER,
    HEAT_CHAPTER,
    '## Routes',
    '',
    'Schemas are in [openapi.json](openapi.json), and readable at `/docs` of a running service.',
    '',
    '| Method | Path | Purpose | Scope | Answers |',
    '|---|---|---|---|---|',
    ...rows,
    '',
    CLIENTS_CHAPTER,
    KEYS_CHAPTER,
    WEBHOOKS_CHAPTER,
    '## Roles and scopes',
    '',
    `| Scope | ${roleNames.join(' | ')} |`,
    `|---|${roleNames.map(() => '---|').join('')}`,
    ...matrix,
    '',
    'A `ci` key may use twins, and a chip only where the key names it in `devices`. The `bootstrap` key makes one key and is',
    'then revoked; it appears at a start of the service at which no key can make keys.',
    '',
  ].join('\n');
}

const PREFACE = `# REST API

Generated from the routes of \`src/service\` (\`npm run generated\`).

## For every request

* **Key**: \`Authorization: Bearer tlk_<id>_<secret>\`. Only \`/healthz\`, \`/readyz\`, \`/openapi.json\`, \`/asyncapi.json\`, \`/docs\`, \`/problems\` and
  \`/v1/certificate-keys\` need none.
* **Which device answered**: \`Thermoloop-Device\` and \`Thermoloop-Backend\` (\`chip\`, \`twin\`; \`unknown\` before the first handshake) are on every
  answer that concerns a device. The device itself says which it is; the service never guesses and never falls back to a twin.
* **Errors** are problem documents, see [problems.md](problems.md).
* **\`X-Correlation-Id\`** is taken from the request or made, and stands in the answer, the log and the audit.
* **\`Idempotency-Key\`** on the POSTs that create (models, jobs, calibrations, keys): for 24 hours the same key and body get the same
  answer again with \`Idempotency-Replayed: true\`; another body is \`idempotency-mismatch\`. The secret of a key is not repeated.
* **\`Prefer: wait=N\`** (at most 60 s) on a job or a calibration answers at its next change. With \`If-None-Match\` nothing is missed in between.
* **Pages**: \`limit\` (50, at most 500) and \`cursor\`; \`{items, nextCursor}\` and \`Link: rel="next"\`.
* **Rate**: 600 requests a minute for each key (on each host) unless configured otherwise or set for the key; \`RateLimit-Limit\`, \`RateLimit-Remaining\`
  and \`RateLimit-Reset\` are on every answer, \`429\` carries \`Retry-After\`. An address that fails to show a valid key 120 times a minute gets 429 too.
* **JSON bodies** are UTF-8, at most 1 MB (models more) and 64 levels deep, without U+0000.

## Models

A model is named by the SHA-256 of its parameters; the same parameters give the same digest whatever file they came in. As JSON:

<!-- example: post /v1/models -->
\`\`\`json
{"couplings": [[0, 0.1], [0.1, 0]], "biases": [0, 0], "j2": 1, "j4": 1, "noiseTemperature_E0": 0.1, "name": "pair"}
\`\`\`

\`couplings\` may also list pairs, \`[{"i": 0, "j": 1, "value": 0.1}]\`, with \`units\`. As \`application/x-npz\`: members \`J\` (N x N) and
optionally \`b\`, \`j2\`, \`j4\` (N), \`kT\` (scalar), \`metadata\` (JSON text as uint8). Energies are in E0. Bodies may be 48 MB and 2,048 units.

The content type says what a body is; nothing is guessed from the bytes. Formats of neighbours:

* \`application/x-safetensors\`: tensors \`J\`, \`b\`, \`j2\`, \`j4\`, \`kT\` as in .npz, F32 or F64; \`__metadata__\` becomes the metadata, its
  \`name\` the name. Other tensors, other number types, holes, overlaps, repeated names, headers above 128 kB and NaN are refused.
* \`application/x-linear-system+npz\`: members \`A\` (N x N, symmetric, positive definite) and \`b\` (N; default 0), optionally \`kT\` (E0, default
  0.1) and \`metadata\`. In equilibrium the states have the mean A^-1 b and the covariance kT A^-1: J2 = A_ii/2, J_ij = A_ij, biases -b,
  J4 = 1e-9 E0 ([ADR 5](adr/0005-linear-limit-is-a-small-quartic-scale.md)). Nothing is scaled: entries of A and b must fit the ranges of the device
  (12.8 E0 of the twin), and the states its rails (|x| = 2 of the twin). \`metadata.linearSystem.meanMax_x\` is the largest |A^-1 b|; scale b where it
  comes near.
* \`application/x-bqm+json\`: a binary quadratic model, \`{"vartype": "SPIN", "linear": {"a": -1, "b": 0}, "quadratic": [["a", "b", 0.5]],
  "offset": 0}\` (\`quadratic\` also as \`{"a": {"b": 0.5}}\`), or what dimod's \`to_serializable()\` writes. Optional: \`beta\` (1), \`noiseTemperature_E0\`
  (0.1), \`barrier_E0\`, \`name\`, \`metadata\`.

A spin s becomes a unit with wells at x = -1 and 1, \`D (x^2 - 1)^2 - D\` (J2 = -2 D, J4 = D), and with c = beta kT the biases are c h_i and the couplings
c J_ij, signs as in the file: a positive J_ij favours opposite signs. D is \`barrier_E0\`, by default the larger of 4 kT and the strongest pull on one
unit, c (|h_i| + sum |J_ij|). BINARY is rewritten exactly with v = (1 + s)/2: read x > 0 as 1. **Kept**: the energy of every assignment at the corners,
E = (V + N D)/c + offset, so the order of the states, the ground states and the sign of every interaction. **Not kept**: the distribution of the signs
is exp(-beta E) only to first order in c h/D, as a pull f also moves the wells (f^2/(16 D)); a chip hops with a rate that falls with exp(-D/kT), so
that short runs depend on their start; the offset acts on nothing. \`metadata.bqm\` holds labels in the order of the units (whole numbers first, ascending,
for labels that are keys), the offset of the form in spins, c and D.

## Jobs

<!-- example: post /v1/jobs -->
\`\`\`json
{"model": "sha256:...", "device": {"id": "chip-0", "backend": "twin"}, "relax": {"duration_s": 2.5e-6}, "samples": {"count": 200}, "seed": 7}
\`\`\`

States: \`queued\`, \`running\` (with \`phase\` and \`progress\`), then \`succeeded\`, \`failed\` (with \`cause\` and \`failure\`) or \`cancelled\`.
\`result.heat\` is stochastic heat in kT; it is never mixed with electrical energy in joules.

${jobsReference}
${earlyStopReference}
${mitigationReference}
${samplesReference}
## Certificates

\`GET /v1/jobs/{id}/certificate\` of a job that succeeded: one JSON with what the service knows about the run (job and attempts, device, firmware,
schema hash, planted faults, model and program digests, seed, schedule, digests of samples and heat, calibration and its age at the start of the
job, whose clock). It is signed when it is first asked for and kept, so it stays the same bytes over restarts, upgrades and changes of key;
\`issued\` says when and by which version. A fact that was not recorded is \`null\`.

* **Canonical form**: RFC 8785. No white space, members sorted by the UTF-16 code units of their names, numbers and strings as ECMAScript's
  \`JSON.stringify\` writes them, UTF-8; then one line feed, which is not signed.
* **Signature**: Ed25519 (RFC 8032, no prehash) over the canonical form of the document without \`signature.value\`, so \`algorithm\` and \`key\` are
  signed too. \`value\` is base64url without padding.
* **Keys**: \`GET /v1/certificate-keys\`, public. An id is \`tck_\` and the first 32 hex digits of the SHA-256 of the key's SPKI in DER. The private
  key is \`certificate-key.pem\` in the data directory (mode 0600). To rotate, move it away and start again: a new key is made, old public keys
  stay published (\`certificate-keys.json\`).
* **Samples**: \`samples.digest\` is the SHA-256 of the readout codes (int16, little-endian, in the order of \`shape\`), and a code is
  x / \`stateScale\`; so JSON, .npy and .npz are held to the same digest. \`heat.digest\`: the heat of every sample, float64 little-endian.
* **Verify**, also without the service: \`thermoloop certificate verify certificate.json --public-key keys.json --samples samples.npz\` exits with 0
  (valid), 1 (not valid) or 2 (could not be checked). Only the file as it was sent is accepted; a reformatted one is not.

## Events

What happens to jobs, calibrations and devices is one stream of events with rising numbers (\`seq\`). \`GET /v1/ws\` gives it over a WebSocket,
\`GET /v1/events\` as server-sent events; every message of both is in [asyncapi.json](asyncapi.json) (\`GET /asyncapi.json\` of a running service).

| From | Message on the WebSocket |
|---|---|
| service | \`hello\`: \`epoch\` (of this run of the service), \`seq\`, \`resumeWindow_s\`, topics, devices |
| client | \`{"type": "subscribe", "topics": ["job.*", "device.state"], "device"?, "job"?, "minInterval_ms"?}\`, and \`unsubscribe\` |
| service | \`snapshot\` of each topic (of jobs and calibrations those that have not ended), then \`event\`s after its \`seq\`, in order, each once |
| client | \`{"type": "resume", "epoch", "seq", "subscriptions": [{"topics", ...}]}\` instead of subscribe, after a reconnect |
| service | \`resumed\`: \`continues\`, then the events since \`seq\` without gap or repetition; otherwise a \`reason\`, and snapshots |
| client | \`ping\`, answered by \`pong\` |
| service | \`lagged\`, \`error\` (as a problem), \`goodbye\` (the service stops; \`retryAfter_s\`) |

* **Topics**: \`job.*\` (\`job.state\`, \`job.progress\`, \`job.addendum\`; own jobs, all with \`job:read:all\`), \`calibration.*\`, \`drift\` (\`drift.round\`, \`drift.event\`),
  \`device.state\`, \`link.stats\` (once a second)
  and \`telemetry\` (at most ten times a second), the last two made only while somebody listens, and \`job.samples\`.
* **Resume**: \`seq\` is the greatest that was seen. Events are kept for \`resumeWindow_s\` (120 s), or less when they pass 16 MB. An event may tell what
  a snapshot already holds; then its \`revision\` is no greater. \`minInterval_ms\` holds back progress, telemetry, link.stats and sample frames,
  never states; a value that was held back has the number it was born with.
* **Slow readers**: a client that leaves more than 64 kB unread loses progress, telemetry and sample frames (\`lagged\` counts them); its events of
  state wait; after 5 s of that it is closed with 4008. Nobody else waits for it.
* **Close codes**: 1001 the service stops, 4000 no common protocol, 4001 the key was revoked or has expired, 4008 too slow, 4029 more than 100
  messages without waiting for an answer, 1009 a message above 64 kB.
* **Server-sent events**: \`?topics=job.*,device.state&device=&job=&minInterval_ms=\`; \`event\` is the topic, \`data\` the message, \`id\` is \`EPOCH:SEQ\`, and
  \`Last-Event-ID\` resumes. A comment every 15 s keeps proxies awake. No \`job.samples\`.

**Samples while they arrive** (\`job.samples\`): a \`stream\` message binds a number to job, attempt, device, backend, \`shape\` (samples, reads, units), dtype and
\`stateScale\`. Binary frames follow, little-endian:

| Bytes | Type | What |
|---|---|---|
| 0-1 | uint16 | the number of the \`stream\` |
| 2-3 | uint16 | 0 |
| 4-7 | uint32 | the number of the first sample of the frame, from 0 |
| 8- | int16 | readout codes, [samples][reads][units]; times \`stateScale\` they are x |

They are provisional: \`stream.end\` says \`verified\` when the digest of the run matched and the job has its samples (with the SHA-256 of all codes), or
\`withdrawn\` when the attempt ended otherwise. A slow client misses frames; \`GET /v1/jobs/{id}/samples\` has them all.
`;
