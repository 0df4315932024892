// The chapter of docs/api.md about what jobs cost.
export const HEAT_CHAPTER = `## Energy and heat

Two quantities that never share a field: **electrical energy** at the rails, in joules, by what the chip did (\`idle\`, \`program\`, \`relax\`, \`read\`), and **stochastic heat** of
samples, in kT of the job. A result and its certificate have both: \`energy_J\` with \`total\` (null, with \`energyReason\`, where the device has no meters or did not tell them) and
\`heat\` with \`released_kT\` and \`absorbed_kT\` (single samples may take heat from the bath; the sum would hide it).

\`GET /v1/devices/{id}/heat?groupBy=job|key|hour&from=&to=\` sums the **heat ledger**: one entry for each attempt at a job, also one that failed, written in the commit that ends it. Energy is the
difference of the board's own meters, read before the program is sent and after the last sample. What lies between jobs (idling, calibrations) is \`deviceEnergy_J\` and belongs to no key; it is
entered with the next attempt. \`perSample_J\` counts failed attempts too and is null unless all were measured; \`perEffectiveSample_J\` is there for jobs with
\`samples.targetEss\`, which measure it. \`calibration\` is what the heat rests on. A key sees its own jobs and the device itself, all jobs with \`job:read:all\`. Entries outlive the
job and go by \`THERMOLOOP_RETENTION_AUDIT_DAYS\`.
`;
