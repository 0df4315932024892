// The link on lines of known rate: host, limited line and device in three processes, the real link and the real firmware
// at the ends. Definitions: docs/benches.md.
import { worstCaseBytes } from '../../src/link/messages/bounds.ts';
import { MESSAGES } from '../../src/link/messages/generated/schema.ts';
import { MESSAGE_MAX_BYTES } from '../../src/link/messages/index.ts';
import { figure, median, standardErrorOf, type Figure } from '../figure.ts';
import { goodput, type Goodput } from '../link/goodput.ts';
import { LimitedLink } from '../link/limited-link.ts';
import { LINES, UNITS, type Line } from '../link/lines.ts';
import { patchTimes } from '../link/patch-time.ts';
import { hasSocat, ptyRates_Bps } from '../link/pty-speed.ts';
import { stopLatencies } from '../link/stop-latency.ts';
import { codecSpeed } from './codec.ts';

export const summary =
  'goodput, stop latency, load and patch times on limited lines (--quick; --nightly: 64 MB also at 115,200 baud)';

/** decisions.md 35. */
const TOTAL_BYTES = 64e6;
const STOPS = 200;
/** An image of 349 kB takes half a minute at 115,200 baud; 64 MB would take 97 minutes. */
const UART_UNITS = 680;
const UART_STOPS = 60;

interface Amounts {
  total_bytes: number;
  stops: number;
  uart: { units: number; total_bytes: number; stops: number; note?: string };
  patchRounds: number;
  ptyLoads: number;
  codecPasses: number;
  note?: string;
}

const UART_NOTE = 'one load of 349 kB, 31 s of line; 64 MB by --nightly';
const FULL: Amounts = {
  total_bytes: TOTAL_BYTES,
  stops: STOPS,
  uart: { units: UART_UNITS, total_bytes: 1, stops: UART_STOPS, note: UART_NOTE },
  patchRounds: 8,
  ptyLoads: 51,
  codecPasses: 100,
};
const NIGHTLY: Amounts = {
  ...FULL,
  uart: { units: UNITS, total_bytes: TOTAL_BYTES, stops: STOPS },
};
const QUICK_NOTE = '--quick: a small part of what the definition asks for';
const QUICK: Amounts = {
  total_bytes: 3e6,
  stops: 10,
  uart: { units: 120, total_bytes: 1, stops: 5, note: QUICK_NOTE },
  patchRounds: 2,
  ptyLoads: 4,
  codecPasses: 10,
  note: QUICK_NOTE,
};

type Say = (line: string) => void;

export async function run({ say, options }: { say: Say; options: string[] }): Promise<Figure[]> {
  const amounts = options.includes('--nightly') ? NIGHTLY : options.includes('--quick') ? QUICK : FULL;
  return [
    ...(await uartFigures(amounts, say)),
    ...(await fullSpeedFigures(amounts, say)),
    ...(await lossFigures(amounts, say)),
    ...(await highSpeedFigures(amounts, say)),
    ...codecFigures(amounts),
    ...(await ptyFigures(amounts, say)),
    figure('largest_message_bytes', largestMessageBytes(), 'B', { target: { max: MESSAGE_MAX_BYTES } }),
  ];
}

async function onLine<T>(line: Line, loss: number, work: (limited: LimitedLink) => Promise<T>): Promise<T> {
  const limited = await LimitedLink.start(line, { loss });
  try {
    return await work(limited);
  } finally {
    await limited.close();
  }
}

function goodputFigure(name: string, measured: Goodput, min: number, note?: string): Figure {
  const { ratio, spread, loads } = measured;
  return figure(name, ratio, 'of raw', { spread, n: loads, target: { min }, note });
}

async function stopFigures(
  limited: LimitedLink,
  options: { units: number; count: number; max_ms: number; note?: string },
): Promise<Figure[]> {
  const { units, count, max_ms, note } = options;
  const times = await stopLatencies(limited, { units, count, seed: 3 });
  const largest = (values: number[]): number => Math.max(...values);
  const left = times.map((time) => time.left_ms);
  const reply = times.map((time) => time.reply_ms);
  const { name } = limited.line;
  return [
    figure(`stop_ms.${name}`, largest(left), 'ms', { n: count, target: { max: max_ms }, note }),
    figure(`stop_reply_ms.${name}`, largest(reply), 'ms', { n: count }),
  ];
}

function uartFigures({ uart }: Amounts, say: Say): Promise<Figure[]> {
  const { units, total_bytes, stops, note } = uart;
  say('115,200 baud');
  return onLine(LINES.uart, 0, async (limited) => {
    const measured = await goodput(limited, { units, total_bytes, raw_s: 3, seed: 1 });
    return [
      goodputFigure('goodput.115200', measured, 0.95, note),
      ...(await stopFigures(limited, {
        units,
        count: stops,
        max_ms: 115,
        note: stops === STOPS ? undefined : `${stops} stops`,
      })),
    ];
  });
}

function fullSpeedFigures({ total_bytes, stops, patchRounds, note }: Amounts, say: Say): Promise<Figure[]> {
  say('0.9 MB/s');
  return onLine(LINES.fullSpeed, 0, async (limited) => {
    const measured = await goodput(limited, { units: UNITS, total_bytes, raw_s: 2, seed: 2 });
    const { load_s, loads } = measured;
    const patches = await patchTimes(limited, { units: UNITS, share: 0.01, rounds: patchRounds, seed: 4 });
    const ratios = patches.patch_s.map((time, k) => time / patches.full_s[k]);
    return [
      goodputFigure('goodput.0.9MBps', measured, 0.95, note),
      figure('load_s.n1296.0.9MBps', median(load_s), 's', { spread: standardErrorOf(load_s), n: loads }),
      figure('patch_ratio', median(ratios), '', {
        spread: standardErrorOf(ratios),
        n: patchRounds,
        target: { max: 0.04 },
        note: `${patches.patch_bytes} bytes sent`,
      }),
      ...(await stopFigures(limited, { units: UNITS, count: stops, max_ms: 80, note })),
    ];
  });
}

function lossFigures({ total_bytes, note }: Amounts, say: Say): Promise<Figure[]> {
  say('0.9 MB/s, 1e-5 of all bytes lost, both directions');
  return onLine(LINES.fullSpeed, 1e-5, async (limited) => {
    const measured = await goodput(limited, { units: UNITS, total_bytes, raw_s: 2, seed: 5 });
    return [goodputFigure('goodput.0.9MBps.loss1e-5', measured, 0.85, note)];
  });
}

function highSpeedFigures({ total_bytes, note }: Amounts, say: Say): Promise<Figure[]> {
  say('25 MB/s');
  return onLine(LINES.highSpeed, 0, async (limited) => {
    const measured = await goodput(limited, { units: UNITS, total_bytes, raw_s: 1, seed: 6 });
    return [goodputFigure('goodput.25MBps', measured, 0.95, note)];
  });
}

function codecFigures({ codecPasses }: Amounts): Figure[] {
  const { codec } = codecSpeed(codecPasses);
  const spread = standardErrorOf(codec);
  return [figure('codec_MBps', median(codec), 'MB/s', { spread, n: codec.length, target: { min: 150 } })];
}

async function ptyFigures({ ptyLoads }: Amounts, say: Say): Promise<Figure[]> {
  say('a pty through serialport');
  const target = { min: 10 };
  if (!hasSocat()) {
    const note = 'not measured: socat is not installed (apt-get install socat)';
    return [figure('pty_MBps', NaN, 'MB/s', { n: 0, target, note })];
  }
  const rates = (await ptyRates_Bps({ units: UNITS, loads: ptyLoads, seed: 7 })).map((rate) => rate / 1e6);
  return [figure('pty_MBps', median(rates), 'MB/s', { spread: standardErrorOf(rates), n: ptyLoads, target })];
}

function largestMessageBytes(): number {
  return Math.max(...Object.keys(MESSAGES).map((name) => worstCaseBytes(MESSAGES, name)));
}
