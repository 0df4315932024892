// The part of docs/api.md about jobs that are there: editing them, and what is kept about how they went.

export const jobsReference = `* **Edit**: \`PATCH /v1/jobs/{id}\` with \`{"priority": "batch" | "normal" | "interactive", "labels": {"run": "A17"}}\` or one of them, until the job has ended
  (\`409 already-finished\`). Labels are replaced as a whole. \`If-Match\` with the ETag of the job refuses the edit when it has changed since. No priority
  above \`maxPriority\` of the key, here and at submission.
* **Timing**: \`GET /v1/jobs/{id}/timing\` says how long it waited and ran, for each attempt with its phases. Seconds of the service clock, except
  \`device\`, which is what the device measured.
* **Log**: \`GET /v1/jobs/{id}/log\` has the lines of each attempt that has ended.

\`\`\`sh
curl -H "Authorization: Bearer $KEY" "http://127.0.0.1:8080/v1/jobs/$JOB/timing"
curl -H "Authorization: Bearer $KEY" "http://127.0.0.1:8080/v1/jobs/$JOB/log"
\`\`\`

`;
