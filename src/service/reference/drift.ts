// The chapter of docs/api.md about drift.
export const DRIFT_CHAPTER = `## Drift

\`GET /v1/devices/{id}/drift?quantity=coupling&top=5\` says how far the chip has moved since its last calibration ([physics.md](physics.md#drift); how closely it is watched: [operating.md](operating.md#drift)).

| member | |
|---|---|
| \`now.quantities\` | of \`coupling\`, \`gain\`, \`offset\` and \`noiseTemperature\` the newest round: \`value_ratio\` with its error, the \`worst\` elements by name (\`3-7\`), \`largest_ratio\` beyond chance, and \`resolution_ratio\`, below which nothing of one element would be noticed. \`null\`: not measured since the last calibration |
| \`now.alarms\`, \`events\` | what has left its limits. An event is an interval: it happened between \`lastGood\` and \`alarm\`. \`ended\` by the \`calibration\` that takes it into account |
| \`points\` | rounds between \`from\` and \`to\` (the last hour unless told) |
| \`now.reason\` | why something is not watched |
| \`now.deviceTime\` | what the watch has cost |

The topic \`drift\` of [events](#events) tells of every round and of each event when it begins and when it ends.

**Jobs that have ended** are told as well: for each event \`GET /v1/jobs/{id}/certificate/addenda\` has a signed addendum, of the jobs of the day before it and of those that end while it stands. It says
of all samples whether they lie \`before\` the change (the job had ended before the last good probe), \`after\` it (it began after the alarm) or are \`uncertain\`; the owner hears of it as \`job.addendum\`. Certificates
themselves stay as they are.
`;
