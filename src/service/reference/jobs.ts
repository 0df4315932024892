// The part of docs/api.md about jobs: trying one out, many at once, editing those that are there, and what is kept about how
// they went.

export const jobsReference = `### What would become of a job

\`POST /v1/jobs/validate\` takes the body of a submission and answers 200 with what would become of it. Nothing is queued and nothing is loaded.

<!-- example: post /v1/jobs/validate -->
\`\`\`json
{"model": "sha256:...", "device": {"id": "chip-0"}, "relax": {"duration_s": 2.5e-6}, "samples": {"count": 200}}
\`\`\`

* \`ok\`, and \`problems\`: all that speaks against it, also that it is no job at all, each with its place. A submission is answered with the first.
* \`rounding\`: block by block the error of the values in the device's codes, rms and largest, in E0 and as a share, with the pair where it is largest; how many
  become zero, and how many are beyond what the device offers. Nothing is ever clipped: a model with such a value is refused.
* \`schedule\`: device time and bytes of the samples. \`upload\`: what would be loaded if it ran next (nothing, a patch or the image), as the device says what it holds
  now. \`line\` has the seconds of both where the address tells the rate.
* \`queue\`: who is before it, and when its turn comes at the latest, by the jobs of late on the device; \`holds\`: what would keep it from that.
* \`energy\`: joules of the run at the power that the sensors measure now, when the device may be idle. What is not known is null, with a reason.

### Jobs in batches, and afterwards

<!-- example: post /v1/jobs/batch -->
\`\`\`json
{"jobs": [
  {"model": "sha256:...", "device": {"id": "chip-0"}, "relax": {"duration_s": 2.5e-6}, "samples": {"count": 50}, "seed": 1},
  {"model": "sha256:...", "device": {"id": "chip-0"}, "relax": {"duration_s": 2.5e-6}, "samples": {"count": 50}, "seed": 2}
]}
\`\`\`

* **Own ids**: \`"id"\` of a submission is the client's own id for the job, a ULID made within the last day. A second job with it is \`409 state-conflict\`.
* **Batch**: \`POST /v1/jobs/batch\` with \`{"jobs": [...]}\`, 100 at most. Those that pass are accepted in one commit, in order; \`items\` has for each its \`job\` or
  its \`problem\`. One \`Idempotency-Key\` stands for the whole, and so does
  \`429 queue-full\`.
* **Fewer members**: \`?fields=id,state,progress\` on the list and on one job.
* **Edit**: \`PATCH /v1/jobs/{id}\` with \`{"priority": "batch" | "normal" | "interactive", "deadline": "2030-01-01T12:00:00Z" | null, "labels": {"run": "A17"}}\`, or some of them, until the job has ended
  (\`409 already-finished\`). Labels are replaced as a whole. \`If-Match\` with the ETag of the job refuses the edit when it has changed since. No priority
  above \`maxPriority\` of the key, here and at submission.
* **Conditions**: \`require\` of a submission, what the device has to be like: \`noiseTemperature\` [lowest, highest] (kT over the nominal one, as the active
  \`noise-temperature\` calibration measured it), \`maxCalibrationAge_s\` of that calibration, \`maxDieTemperature_C\`, \`maxCouplingDrift_ratio\` (of one coupling, over full scale). Read at submission and again just before
  programming; what cannot be read is not met. \`"onUnmet": "reject"\` (default): \`412 requirement-unmet\` with every reading in \`measured\`, later \`failed\` with the
  cause \`requirement-unmet\`. \`"wait"\`: \`held\` (\`condition\`) until it is met. \`"recalibrate"\`: \`held\` (\`calibration\`) for one calibration, then as \`wait\`; needs
  \`calibration:run\`. \`result.provenance.requirements\` and the certificate have both readings. See [queue.md](queue.md).
* **Timing**: \`GET /v1/jobs/{id}/timing\` says how long it waited and ran, for each attempt with its phases. Seconds of the service clock, except
  \`device\`, which is what the device measured.
* **Log**: \`GET /v1/jobs/{id}/log\` has the lines of each attempt that has ended.

<!-- example: post /v1/jobs -->
\`\`\`json
{"model": "sha256:...", "device": {"id": "chip-0"}, "relax": {"duration_s": 2.5e-6}, "samples": {"count": 50},
 "require": {"noiseTemperature": [0.9, 1.1], "maxCalibrationAge_s": 7200}, "onUnmet": "recalibrate"}
\`\`\`

\`\`\`sh
curl -H "Authorization: Bearer $KEY" "http://127.0.0.1:8080/v1/jobs?state=succeeded&fields=id,finishedAt"
curl -H "Authorization: Bearer $KEY" "http://127.0.0.1:8080/v1/jobs/$JOB/timing"
curl -H "Authorization: Bearer $KEY" "http://127.0.0.1:8080/v1/jobs/$JOB/log"
\`\`\`

`;
