// Samples as text: the JSON document, and CSV with one line for every read of every sample.
import { asciiJson } from './provenance.ts';
import { float64, int16 } from './segments.ts';
import type { SampleSource } from './source.ts';

/** The document of schemas/jobs.ts (Samples). */
export function asJson({ provenance, codes, heat }: SampleSource): string {
  const [samples, , units] = provenance.shape;
  const { reads, stateScale, job, device, backend, model } = provenance;
  const all = int16(codes);
  const x = Array.from({ length: samples }, (_s, s) =>
    reads.map((_r, r) => {
      const from = (s * reads.length + r) * units;
      return Array.from(all.subarray(from, from + units), (code) => code * stateScale);
    }),
  );
  return JSON.stringify({
    job,
    device,
    backend,
    model,
    shape: provenance.shape,
    time_s: reads.map((read) => read.time_s),
    labels: reads.map((read) => read.label),
    x,
    heat_kT: heat === null ? null : [...float64(heat)],
    provenance,
  });
}

/**
 * The first line is a comment, `# ` and the provenance as JSON; then the names of the columns (RFC 4180): sample, read,
 * time_s, label, heat_kT (of the sample; empty when none was recorded), x0, x1, ...
 */
export function asCsv({ provenance, codes, heat }: SampleSource): string {
  const [samples, , units] = provenance.shape;
  const { reads, stateScale } = provenance;
  const all = int16(codes);
  const heat_kT = heat === null ? null : float64(heat);
  const names = Array.from({ length: units }, (_, i) => `x${i}`);
  const lines = [
    `# ${asciiJson(provenance)}`,
    ['sample', 'read', 'time_s', 'label', 'heat_kT', ...names].join(','),
  ];
  for (let s = 0; s < samples; s++)
    reads.forEach(({ time_s, label }, r) => {
      const from = (s * reads.length + r) * units;
      const x = Array.from(all.subarray(from, from + units), (code) => code * stateScale).join(',');
      lines.push(`${s},${r},${time_s},${label},${heat_kT?.[s] ?? ''},${x}`);
    });
  return `${lines.join('\r\n')}\r\n`;
}
