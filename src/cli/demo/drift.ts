// `thermoloop demo drift`: a coupling of a chip moves while jobs run; the service names it, calibrates, and goes on.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { ThermoloopClient } from '../../client/index.ts';
import { encodeModelNpz } from '../../physics/index.ts';
import { trainInWorker } from '../../training/index.ts';
import { TwinControl } from '../control/client.ts';
import { createProgress } from '../progress.ts';
import { startChild } from './children.ts';
import { driftStory, type DriftStory } from './drift-story.ts';

const UNITS = 64;
const DEVICE = 'chip-0';
const PAIR = [3, 7] as const;
/** Of the largest coupling that the program can hold. */
const MOVED_FULL_SCALE = 0.05;
/** What jobs require: less than the coupling moves. */
const MAX_DRIFT_RATIO = 0.04;
/** t_f in reduced time. */
const DURATION = 2.5;

interface Flags {
  share: number;
  seed: number;
  json?: boolean;
}

const share = (text: string): number => {
  const value = Number(text);
  if (value > 0 && value <= 0.5) return value;
  throw new InvalidArgumentError('must be a share above 0, 0.5 at most');
};

export function registerDriftDemo(demo: Command): void {
  demo
    .command('drift')
    .description(
      'Move one coupling of a simulated chip while jobs run, and see the service name it and go on.',
    )
    .option('--share <ratio>', "share of the device's time for probes", share, 0.25)
    .option('--json', 'print the summary as JSON and nothing else')
    .action((flags: Flags, command: Command) => run({ ...command.parent?.opts<Flags>(), ...flags }));
}

async function run({ share: sentinelShare, seed, json }: Flags): Promise<void> {
  const stop = new AbortController();
  const onSignal = (): void => stop.abort(new Error('interrupted'));
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  const progress = createProgress({ silent: json });
  const folder = mkdtempSync(join(tmpdir(), 'thermoloop-drift-'));
  const ends: (() => Promise<void> | void)[] = [];
  try {
    const words = [
      '--tcp',
      '127.0.0.1:0',
      '--control',
      '127.0.0.1:0',
      '--units',
      `${UNITS}`,
      '--seed',
      `${seed}`,
    ];
    const twin = await startChild('twin', ['twin', ...words], {});
    ends.unshift(twin.stop);
    const keyFile = join(folder, 'bootstrap-key');
    const service = await startChild(
      'service',
      [
        'serve',
        '--device',
        String(twin.ready['url']),
        '--device-id',
        DEVICE,
        '--port',
        '0',
        '--metrics-port',
        '0',
        '--data',
        join(folder, 'data'),
      ],
      {
        THERMOLOOP_BOOTSTRAP_KEY_FILE: keyFile,
        THERMOLOOP_EXPECT_BACKEND: 'twin',
        THERMOLOOP_SENTINEL_SHARE: `${sentinelShare}`,
        THERMOLOOP_SENTINEL_PERIOD: '1',
        THERMOLOOP_RECALIBRATE: 'on',
        THERMOLOOP_RATE_LIMIT: '100000',
      },
    );
    ends.unshift(service.stop);
    const url = String(service.ready['url']);
    progress.note(`twin and service are up: ${url}`);
    const client = await clientFor(url, keyFile, stop.signal);
    const { model } = await trainInWorker({ data: 'glyphs' }, () => undefined, stop.signal);
    const digest = await client.uploadModel(encodeModelNpz({ model, metadata: {} }));
    const { timeUnit_s } = await client.get('/v1/devices/{id}/capabilities', {
      params: { path: { id: DEVICE } },
    });
    const { control } = await TwinControl.connect(String(twin.ready['control']));
    ends.unshift(() => control.close());
    const story = await driftStory(
      client,
      {
        device: DEVICE,
        model: digest,
        duration_s: DURATION * timeUnit_s,
        element: PAIR.join('-'),
        maxCouplingDrift_ratio: MAX_DRIFT_RATIO,
        plant: async () => {
          await control.call('faults.inject', {
            component: 'coupling',
            type: 'wrong',
            target: { pair: [...PAIR] },
            magnitude: { value: MOVED_FULL_SCALE, unit: 'full_scale' },
          });
        },
        patience_s: 60 + 60 / sentinelShare,
        signal: stop.signal,
      },
      progress,
    );
    progress.close();
    process.stdout.write(json ? `${JSON.stringify(story)}\n` : `\n${table(story)}\n`);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.exitCode = 130;
  } finally {
    progress.close();
    for (const end of ends) await end();
    rmSync(folder, { recursive: true, force: true });
    process.removeListener('SIGINT', onSignal).removeListener('SIGTERM', onSignal);
  }
}

async function clientFor(url: string, keyFile: string, signal: AbortSignal): Promise<ThermoloopClient> {
  const admin = new ThermoloopClient({ baseUrl: url, key: readFileSync(keyFile, 'utf8').trim() });
  const { key } = await admin.createKey({ name: 'demo', role: 'operator' });
  return new ThermoloopClient({ baseUrl: url, key, signal });
}

function table(story: DriftStory): string {
  const percent = (ratio: number): string => `${(100 * ratio).toFixed(1)} %`;
  const { before, uncertain, after, none } = story.sides;
  return [
    `coupling ${story.element} moved by ${percent(MOVED_FULL_SCALE)} of full scale; measured ${percent(story.value_ratio)} +- ${percent(story.stderr_ratio)}, z = ${story.z.toFixed(1)}`,
    `named            ${story.named_within_s.toFixed(1)} s after it moved (probes took ${percent(story.sentinel_share)} of the device's time)`,
    `happened between ${story.lastGood} and ${story.alarm}`,
    `recalibrated     ${story.recalibrated_after_s.toFixed(1)} s after the alarm: ${story.calibration ?? ''}; ${story.held} jobs were held meanwhile`,
    `${story.jobs} jobs        ${before} before the change, ${uncertain} uncertain, ${after} after it, ${none} since the calibration`,
  ].join('\n');
}
