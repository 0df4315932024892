// npm run bench -- NAME [--json]: one bench, one table or one JSON document. Exits 0 when every target holds, 1 when one
// does not, 2 on wrong use.
import { readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import type { Bench } from './bench.ts';
import type { Band, Figure } from './figure.ts';
import { otherLoad } from './machine.ts';

const folder = new URL('./benches/', import.meta.url);
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  .map((file) => file.slice(0, -3));

async function usage(problem: string): Promise<never> {
  console.error(`${problem}\nusage: npm run bench -- NAME [--json]\n`);
  for (const name of names) {
    const bench = (await import(new URL(`${name}.ts`, folder).href)) as Bench;
    console.error(`  ${name.padEnd(14)}${bench.summary}`);
  }
  process.exit(2);
}

const digits = (x: number): string =>
  Math.abs(x) >= 1e6 || (x !== 0 && Math.abs(x) < 1e-3)
    ? x.toExponential(3)
    : Number(x.toPrecision(5)).toString();

const band = (target: Band | null): string => {
  if (target === null) return '';
  const { min, max } = target;
  if (min !== undefined && max !== undefined) return `${digits(min)} .. ${digits(max)}`;
  return min !== undefined ? `>= ${digits(min)}` : `<= ${digits(max ?? NaN)}`;
};

function table(figures: Figure[]): string {
  const head = ['figure', 'value', '+-', 'unit', 'n', 'target', 'reference', ''];
  const rows = figures.map((f) => [
    f.name,
    digits(f.value),
    f.spread === null ? '' : digits(f.spread),
    f.unit,
    String(f.n),
    band(f.target),
    f.reference === null ? '' : digits(f.reference),
    f.target === null ? '' : f.holds ? 'holds' : 'MISSED',
  ]);
  const width = head.map((h, i) => Math.max(h.length, ...rows.map((row) => row[i].length)));
  const lines = [head, ...rows].map((row) =>
    row
      .map((cell, i) => cell.padEnd(width[i]))
      .join('  ')
      .trimEnd(),
  );
  const notes = figures.flatMap((f) => (f.note === undefined ? [] : [`${f.name}: ${f.note}`]));
  return [...lines, ...notes].join('\n');
}

const words = process.argv.slice(2);
const json = words.includes('--json');
const [name, ...options] = words.filter((word) => word !== '--json');
if (name === undefined) await usage('Which bench?');
if (!names.includes(name)) await usage(`No bench is named ${name}.`);

const bench = (await import(new URL(`${name}.ts`, folder).href)) as Bench;
const busy = otherLoad();
// Neither the workers of a twin nor its link keep a process alive while a long run computes.
const alive = setInterval(() => undefined, 1000);
const figures = await bench.run({ say: (line) => process.stderr.write(`${line}\n`), options });
clearInterval(alive);
const report = {
  name,
  node: process.version,
  cpu: cpus()[0]?.model ?? 'unknown',
  busy: Number(busy().toFixed(3)),
  figures,
};
if (json) console.log(JSON.stringify(report));
else
  console.log(
    `${name} on ${report.cpu}, Node ${report.node}, ${(report.busy * 100).toFixed(0)} % of the machine used by others\n${table(figures)}`,
  );
process.exitCode = figures.every((f) => f.holds) ? 0 : 1;
