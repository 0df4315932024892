// The part of docs/api.md about jobs that are there: editing them, and what is kept about how they went.

export const jobsReference = `<!-- example: post /v1/jobs/batch -->
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
* **Timing**: \`GET /v1/jobs/{id}/timing\` says how long it waited and ran, for each attempt with its phases. Seconds of the service clock, except
  \`device\`, which is what the device measured.
* **Log**: \`GET /v1/jobs/{id}/log\` has the lines of each attempt that has ended.

\`\`\`sh
curl -H "Authorization: Bearer $KEY" "http://127.0.0.1:8080/v1/jobs?state=succeeded&fields=id,finishedAt"
curl -H "Authorization: Bearer $KEY" "http://127.0.0.1:8080/v1/jobs/$JOB/timing"
curl -H "Authorization: Bearer $KEY" "http://127.0.0.1:8080/v1/jobs/$JOB/log"
\`\`\`

`;
