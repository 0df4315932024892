// What a fuzz run promises (docs/protocol.md, section CRC) and how its count is judged and shown.
import { FAMILIES } from './damage.ts';
import type { FuzzCase, FuzzCount, Undetected } from './frame-fuzz.ts';

/** Chance lets 2^-32 of the other damage pass at the most; this leaves room for its scatter. */
const OTHERS_PER_FRAME = 3e-9;
const GUARANTEED = new Set(FAMILIES.filter((family) => family.guaranteed).map(({ name }) => name));

export interface Verdict {
  frames: number;
  /** Undetected damage of the guaranteed families, of the others, and how much of the latter is allowed. */
  guaranteed: number;
  others: number;
  othersAllowed: number;
  wedged: number;
  holds: boolean;
}

export function judge(count: FuzzCount): Verdict {
  const frames = Object.values(count.frames).reduce((sum, n) => sum + n, 0);
  const guaranteed = count.undetected.filter(({ family }) => GUARANTEED.has(family)).length;
  const others = count.undetected.length - guaranteed;
  const othersAllowed = Math.ceil(frames * OTHERS_PER_FRAME);
  const wedged = count.wedged.length;
  const holds = guaranteed === 0 && wedged === 0 && others <= othersAllowed;
  return { frames, guaranteed, others, othersAllowed, wedged, holds };
}

/** One line per family, then the verdict, then every failing case with the command that plays it again. */
export function report(count: FuzzCount): string {
  const { frames, guaranteed, others, othersAllowed, wedged, holds } = judge(count);
  const passed = (name: string): number => count.undetected.filter(({ family }) => family === name).length;
  const rows = FAMILIES.map(({ name, guaranteed: isGuaranteed }) =>
    [
      name.padEnd(12),
      String(count.frames[name]).padStart(12),
      String(passed(name)).padStart(10),
      isGuaranteed ? '  none may pass' : '',
    ].join('  '),
  );
  return [
    `${'family'.padEnd(12)}  ${'frames'.padStart(12)}  ${'undetected'.padStart(10)}`,
    ...rows,
    `${frames} damaged frames: ${guaranteed} undetected where none may be, ${others} of chance (at most ${othersAllowed}), ` +
      `${wedged} without the intact frame behind them: ${holds ? 'holds' : 'FAILED'}`,
    ...count.undetected.map((at) => `undetected: ${again(at)}`),
    ...count.wedged.map((at) => `wedged: ${again(at)}`),
  ].join('\n');
}

const again = ({ seed, index, family }: Undetected): string =>
  `${family}, again: npm run fuzz -- link --only ${seed}/${index}`;

/** Everything about one case. */
export function describeCase(played: FuzzCase): string {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  const results = played.results.map((result) =>
    result.kind === 'frame'
      ? `frame of kind ${result.frame.kind}, ${result.frame.payload.length} bytes: ${hex(result.frame.payload)}`
      : `${result.kind}, ${result.reason}`,
  );
  return [
    `family     ${played.family.name}${played.family.guaranteed ? ' (guaranteed)' : ''}`,
    `intact     ${hex(played.intact)}`,
    `damaged    ${hex(played.damaged)}`,
    ...results.map((line, k) => `${k === 0 ? 'results' : '       '}    ${line}`),
    `verdict    ${played.isDetected ? 'nothing wrong was delivered' : 'UNDETECTED: something was delivered that nobody sent'}` +
      (played.recovers ? '' : '; WEDGED: the intact frame behind it is missing'),
  ].join('\n');
}
