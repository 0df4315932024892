// Of docs/api.md: dithered jobs, and jobs on a faster clock.

export const mitigationReference = `### Dithered couplings

With \`mitigation.dither: K\` (2 to 64) a job does not run the nearest codes of the couplings, but K stochastic roundings, each with its share of the samples. Their
mean is what was asked for, so the error of rounding averages out ([physics.md](physics.md#dithering)):

<!-- example: post /v1/jobs -->
\`\`\`json
{"model": "sha256:...", "device": {"id": "chip-0"}, "relax": {"duration_s": 2.5e-6}, "samples": {"count": 160}, "mitigation": {"dither": 16}, "seed": 7}
\`\`\`

Covariance of linear units with exact inverses, median error over 20 random matrices (\`dither-accuracy.test.ts\`):

| units, bits | nearest codes | K = 4 | K = 16 | K = 64 |
|---|---|---|---|---|
| 8, 6 | 0.74 % | 0.36 % | 0.17 % | 0.08 % |
| 8, 8 | 0.17 % | 0.09 % | 0.04 % | 0.02 % |
| 32, 6 | 1.05 % | 0.51 % | 0.27 % | 0.13 % |

Every rounding is a program of its own that has to be sent, so it is worth its time where sending is short against sampling, and where rounding is what limits: with 12 bits
that is when a few large couplings set the scale of many small ones (\`rounding\` of the dry run says what the nearest codes cost, and its \`uploadReason\` what is sent). Biases, J2, J4 and kT keep the nearest codes. A coupling of zero stays none.

* \`result.dither.observables\`: potential energy over kT (\`energy_kT\`), mean of x over the units (\`mean_x\`) and x of the unit with the largest mean (\`unit_x\`), at the last read. \`value\` is over all samples,
  \`spread\` the standard deviation between the means of the roundings, \`stderr\` that over the root of K. It holds rounding and sampling together; the roundings of a pair err in opposite directions, so
  it is rather too large.
* \`result.provenance.roundings\`: of each its samples, both seeds, the program digest and the wire digest; the certificate signs them. Samples of the job come rounding by rounding. \`programDigest\` and
  \`samples.wireDigest\` are SHA-256 over the 32-byte digests of all, in order. The heat of a sample is that of its own rounding.
* **Seeds**: roundings 2p and 2p + 1 are a pair with one seed, the second one mirrored: the first eight bytes, big-endian, of the SHA-256 of the text \`SEED/dither/p\`, where SEED is that of the job, or one that
  the service draws. The noise of rounding k (twins) has the seed of [batch k](#until-enough-is-known). Codes are made of a seed as physics.md says, so the programs can be made again anywhere.
* Not together with \`samples.targetEss\`, because the samples are shared out before the first run (\`validation-failed\` at \`/mitigation/dither\`), and with at least K samples. \`samplesMax\` of the device holds for
  each rounding.

### On a faster clock

\`clock.scale\` raises all energies and kT together. That is the same program, so many times faster ([physics.md](physics.md#clock)); below 1 it is slower. **All times of the job are divided by it**:
\`duration_s\`, \`readAt_s\` and \`prepare_s\` mean what they mean for the model, the device runs the quotient, and the result has the times of the device:

<!-- example: post /v1/jobs -->
\`\`\`json
{"model": "sha256:...", "device": {"id": "chip-0"}, "relax": {"duration_s": 2.5e-6}, "samples": {"count": 100}, "clock": {"scale": 4}, "seed": 7}
\`\`\`

It keeps the codes of the program and raises their scales. Refused with \`validation-failed\` at \`/clock/scale\`, with \`allowed.min\` and \`allowed.max\`, where a full scale of the device (couplings, biases, J2, J4, kT) does not go
so far, or where its step, which the clock makes longer for the model, would be longer than the device is stable with (\`stepMax_s\`); at the time itself where the quotient is no whole number of steps.
\`step_s\` is that of the device. Provenance and certificate have \`clockScale\`; \`noiseTemperature_E0\` and the energies are the raised ones, heat in kT is the same, and \`fastMode\` goes by the step as the
model sees it. It goes together with \`mitigation.dither\`.
`;
