// Of docs/api.md: jobs that stop as soon as enough is known.

export const earlyStopReference = `### Until enough is known

With \`samples.targetEss\` a job ends as soon as its effective sample size is large enough; \`count\` is then the maximum:

<!-- example: post /v1/jobs -->
\`\`\`json
{"model": "sha256:...", "device": {"id": "chip-0"}, "relax": {"duration_s": 2.5e-6}, "samples": {"count": 5000, "targetEss": 300}, "seed": 7}
\`\`\`

The device runs batches. After each one the autocorrelation time over the restarts is measured of the potential energy, the mean of x over the
units, and x of the four slowest units, all at the last read ([physics.md](physics.md#statistics)). Effective samples are samples over that time,
at most the samples. Restarts are independent unless the chip remembers, so on an ideal chip expect 1.0 to 2.0, mostly 1.4 times the target (the scatter
of the slowest of six times, and an eighth for the last batch), and at least 115 samples, because less is not believed.

\`result.earlyStop\`: \`stoppedBy\` is \`target\` or \`count\`; \`observables\` has \`ess\`, \`essStderr\` and \`autocorrelationTime\` (in restarts) of each, with \`quality\`:
\`trusted\` is needed to stop, \`short\` means fewer than 50 autocorrelation times, and \`constant\` never moved and is not counted (if nothing moves, the job
goes on to \`count\`); \`batches\` has the samples, seed and wire digest of each run.

* **Seeds** (twins): batch 0 has the seed of the job; batch k the first eight bytes, big-endian, of the SHA-256 of the text \`SEED/k\`, both in decimal
  (\`7/1\`). The same seed gives the same batches and the same samples, and each batch can be made again alone, as a job with its seed and count.
* **Digests**: \`samples.wireDigest\` is that of the only batch, or the SHA-256 over the 32-byte digests of all in order. The certificate signs
  \`earlyStop\` too, so the digest over the batches can be recomputed from it; \`samples.digest\` is over all codes, as ever.
* **Progress** counts over all batches; \`total\` is how many samples the job is expected to take by what has been measured, and may change.
  \`job.samples\` streams say \`count\` in their shape, and number the samples through.
* An attempt is all batches: one that is lost between two of them, also by a reboot of the device, starts again at batch 0.
`;
