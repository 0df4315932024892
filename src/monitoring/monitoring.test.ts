import { describe, expect, it } from 'vitest';
import {
  createMonitoring,
  listenForScrapes,
  metricCatalogue,
  type DeviceReading,
  type MetricEntry,
} from './index.ts';

const reading: DeviceReading = {
  device: 'chip-0',
  backend: 'twin',
  expectedBackend: 'twin',
  state: 'ready',
  up: true,
  identity: { firmware: '0.1', chipId: 'cafe', schema: '1cc9d8e7' },
  link: {
    rxBytes: 10,
    txBytes: 20,
    rxFrames: 1,
    txFrames: 2,
    errors: {
      corrupt: 3,
      oversize: 0,
      rejected: 0,
      'stale-session': 0,
      'sequence-gap': 0,
      timeout: 0,
      digest: 0,
    },
    retransmits: 4,
    replayedBytes: 5,
    reconnects: 6,
    smoothedRoundTrip_s: 0.002,
  },
  latchedFaults: 0,
  telemetry: {
    at_s: 1_800_000_000,
    maxAge_s: 10,
    isFresh: true,
    limits: { derate_C: 80, trip_C: 95 },
    values: {
      dieTemperature_C: 61.5,
      boardTemperature_C: 52,
      ambientTemperature_C: 45,
      coreVoltage_V: 0.89,
      ioCurrent_A: 0.2,
      relaxEnergy_J: 1234.5,
      saturatedReadings: 7,
      thermalHold_s: 3,
    },
  },
  linkDetail: {
    damaged: { crc: 3 },
    rejected: { echo: 1 },
    losses: { 'link-lost': 2 },
    requests: 40,
    lateReplies: 1,
    stalls: { send: 4, credit: 5, silence: 6 },
    sampleGaps: 7,
    sampleRepairedBytes: 800,
    now: { roundTripVariation_s: 0.001, requestTimeout_s: 0.05, queuedBytes: 96 },
    device: {
      rxFrames: 9,
      txFrames: 10,
      errors: { corrupt: 11, oversize: 0, rejected: 0, 'stale-session': 0, 'sequence-gap': 0 },
      replayedBytes: 12,
    },
    uploads: { image: 1, patch: 13, none: 2 },
    uploadedBytes: 14_000,
    patchFallbacks: 1,
  },
};
const sensed = reading.telemetry as NonNullable<DeviceReading['telemetry']>;

function monitoring(devices: () => DeviceReading[] = () => [reading]) {
  return createMonitoring({
    version: '0.1.0',
    node: '24.0.0',
    devices,
    jobsByState: async () => ({ queued: 2, running: 1, succeeded: 0, failed: 0, cancelled: 0 }),
    wsClients: () => 3,
    staleWritesRefused: () => 4,
  });
}
/** Lines of a metric, without its comments. */
const linesOf = (text: string, name: string): string[] =>
  text.split('\n').filter((line) => line.startsWith(name) && /[ {]/.test(line[name.length]));

describe('the catalogue', () => {
  it.each(Object.entries(metricCatalogue) as [string, MetricEntry][])(
    '%s keeps the rules for names and labels',
    (name, { type, help, labels, values, buckets }) => {
      expect(name).toMatch(/^thermoloop_[a-z][a-z_]*$/);
      expect(help).toMatch(/^[A-Z].*\.$/);
      expect(name.endsWith('_total')).toBe(type === 'counter');
      if (name.endsWith('_info')) expect(type).toBe('gauge');
      for (const taken of ['job', 'instance', 'le', 'quantile']) expect(labels).not.toContain(taken);
      for (const label of Object.keys(values ?? {})) expect(labels).toContain(label);
      expect(buckets === undefined).toBe(type !== 'histogram');
    },
  );
});

describe('/metrics', () => {
  it('exports every name of the catalogue and no other name of ours', async () => {
    const metrics = monitoring();
    metrics.httpRequest('GET', '/v1/jobs/:id', 200, 0.01);
    const text = await metrics.render();
    const names = [...text.matchAll(/^# TYPE (thermoloop_\w+)/gm)].map((match) => match[1]);
    expect(names.sort()).toEqual(Object.keys(metricCatalogue).sort());
    expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds /m);
    expect(text).not.toMatch(/^nodejs_active_/m);
  });

  it('shows what devices and jobs counted', async () => {
    const text = await monitoring().render();
    const of = 'device="chip-0",backend="twin"';
    expect(text).toContain(`thermoloop_link_bytes_total{${of},direction="sent"} 20`);
    expect(text).toContain(`thermoloop_link_errors_total{${of},kind="corrupt"} 3`);
    expect(text).toContain(`thermoloop_device_state{${of},state="ready"} 1`);
    expect(text).toContain(`thermoloop_device_state{${of},state="offline"} 0`);
    expect(text).toContain('thermoloop_jobs{state="queued"} 2');
    expect(text).toContain('thermoloop_ws_clients 3');
    expect(text).toContain('thermoloop_expected_backend_info{device="chip-0",backend="twin"} 1');
  });

  it('tells a bad cable from bad code, from both ends of it', async () => {
    const text = await monitoring().render();
    const of = 'device="chip-0",backend="twin"';
    for (const line of [
      `thermoloop_link_unusable_frames_total{${of},class="damaged",reason="crc"} 3`,
      `thermoloop_link_unusable_frames_total{${of},class="rejected",reason="echo"} 1`,
      `thermoloop_link_losses_total{${of},reason="link-lost"} 2`,
      `thermoloop_link_stalls_total{${of},kind="credit"} 5`,
      `thermoloop_link_queued_bytes{${of}} 96`,
      `thermoloop_link_request_timeout_seconds{${of}} 0.05`,
      `thermoloop_link_device_errors_total{${of},kind="corrupt"} 11`,
      `thermoloop_link_device_frames_total{${of},direction="sent"} 10`,
      `thermoloop_uploads_total{${of},way="patch"} 13`,
      `thermoloop_patch_fallbacks_total{${of}} 1`,
    ]) {
      expect(text).toContain(line);
    }
  });

  it('counts nothing twice over several scrapes, and drops what is gone', async () => {
    const now: DeviceReading[] = [reading];
    const metrics = monitoring(() => now);
    await metrics.render();
    expect(await metrics.render()).toContain('direction="sent"} 20');
    now[0] = {
      ...reading,
      state: 'offline',
      up: false,
      link: null,
      identity: { firmware: '0.2', chipId: 'cafe', schema: '1' },
    };
    const text = await metrics.render();
    expect(linesOf(text, 'thermoloop_device_info')).toHaveLength(1);
    expect(text).toContain('thermoloop_link_up{device="chip-0",backend="twin"} 0');
    expect(linesOf(text, 'thermoloop_link_smoothed_round_trip_seconds')).toEqual([]);
    expect(linesOf(text, 'thermoloop_link_losses_total')).toHaveLength(1);
  });

  it('shows what the sensors said, by sensor, rail and phase', async () => {
    const text = await monitoring().render();
    const of = 'device="chip-0",backend="twin"';
    for (const line of [
      `thermoloop_die_temperature_celsius{${of},sensor="die"} 61.5`,
      `thermoloop_board_temperature_celsius{${of},sensor="board"} 52`,
      `thermoloop_board_temperature_celsius{${of},sensor="ambient"} 45`,
      `thermoloop_die_temperature_limit_celsius{${of},level="derate"} 80`,
      `thermoloop_die_temperature_limit_celsius{${of},level="stop"} 95`,
      `thermoloop_supply_volts{${of},rail="core"} 0.89`,
      `thermoloop_supply_amperes{${of},rail="io"} 0.2`,
      `thermoloop_energy_joules_total{${of},phase="relax"} 1234.5`,
      `thermoloop_saturated_readings_total{${of}} 7`,
      `thermoloop_thermal_hold_seconds_total{${of}} 3`,
      `thermoloop_telemetry_timestamp_seconds{${of}} 1800000000`,
      `thermoloop_telemetry_max_age_seconds{${of}} 10`,
      `thermoloop_device_latched_faults{${of}} 0`,
    ])
      expect(text).toContain(line);
  });

  it('removes old and missing values, and keeps the time of the last reading', async () => {
    const now: DeviceReading[] = [reading];
    const metrics = monitoring(() => now);
    await metrics.render();
    now[0] = { ...reading, telemetry: { ...sensed, values: { dieTemperature_C: null, coreVoltage_V: 0.9 } } };
    let text = await metrics.render();
    expect(linesOf(text, 'thermoloop_die_temperature_celsius')).toEqual([]);
    expect(linesOf(text, 'thermoloop_energy_joules_total')).toEqual([]);
    expect(linesOf(text, 'thermoloop_supply_volts')).toHaveLength(1);
    now[0] = { ...reading, up: false, telemetry: { ...sensed, isFresh: false } };
    text = await metrics.render();
    for (const name of ['die_temperature_celsius', 'supply_volts', 'energy_joules_total', 'readings_total'])
      expect(linesOf(text, `thermoloop_${name}`)).toEqual([]);
    expect(linesOf(text, 'thermoloop_telemetry_timestamp_seconds')).toHaveLength(1);
    now[0] = { ...reading, telemetry: null };
    text = await metrics.render();
    expect(linesOf(text, 'thermoloop_telemetry_timestamp_seconds')).toEqual([]);
    expect(linesOf(text, 'thermoloop_die_temperature_limit_celsius')).toEqual([]);
  });

  it('starts every closed set at 0, and counts jobs with their heat', async () => {
    const metrics = monitoring();
    expect(await metrics.render()).toContain('thermoloop_jobs_total{result="failed",cause="link-lost"} 0');
    const heat = { released_kT: 300, absorbed_kT: 12, mean_kT: 96 };
    const of = { device: 'chip-0', backend: 'twin', wait_s: 0.1, run_s: 2 };
    metrics.jobFinished({ ...of, result: 'succeeded', cause: null, samples: 3, effectiveSamples: 2.5, heat });
    const failed = { result: 'failed', cause: 'link-lost', samples: 0, effectiveSamples: null } as const;
    metrics.jobFinished({ ...of, ...failed, heat: null });
    metrics.calibrationFinished({
      kind: 'noise-temperature',
      result: 'succeeded',
      device: 'chip-0',
      backend: 'twin',
      at_s: 1_800_000_000,
      noiseTemperature_ratio: 1.02,
      noiseTemperature_stderr: 0.003,
    });
    const text = await metrics.render();
    const twin = '{device="chip-0",backend="twin"}';
    expect(text).toContain('thermoloop_jobs_total{result="succeeded",cause="none"} 1');
    expect(text).toContain('thermoloop_jobs_total{result="failed",cause="link-lost"} 1');
    expect(text).toContain(`thermoloop_heat_absorbed_kt_total${twin} 12`);
    expect(text).toContain(`thermoloop_effective_samples_total${twin} 2.5`);
    expect(text).toContain(`thermoloop_heat_per_sample_kt${twin} 96`);
    expect(text).toContain(`thermoloop_noise_temperature_ratio${twin} 1.02`);
    expect(text).toContain('thermoloop_job_run_seconds_count{device="chip-0",backend="twin"} 2');
    expect(text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length).toBeLessThan(1000);
  });
});

describe('the listener', () => {
  it('answers /metrics alone, and lets its port go', async () => {
    const listener = await listenForScrapes(monitoring(), { host: '127.0.0.1', port: 0 });
    const page = await fetch(listener.url);
    expect([page.status, page.headers.get('content-type')]).toEqual([
      200,
      expect.stringContaining('text/plain'),
    ]);
    expect(await page.text()).toContain('thermoloop_build_info');
    expect((await fetch(new URL('/', listener.url))).status).toBe(404);
    expect((await fetch(listener.url, { method: 'POST' })).status).toBe(405);
    await listener.close();
    await expect(fetch(listener.url)).rejects.toThrow();
  });

  it('asks its guard before every scrape, and says nothing when the guard fails', async () => {
    const asked: unknown[] = [];
    const listener = await listenForScrapes(monitoring(), {
      host: '127.0.0.1',
      port: 0,
      guard: async (authorization, address) => {
        asked.push([authorization, address]);
        if (authorization === 'broken') throw new Error('secret-detail');
        return authorization === 'good' ? null : 401;
      },
    });
    const scrape = async (authorization?: string): Promise<[number, string]> => {
      const page = await fetch(listener.url, {
        headers: authorization === undefined ? {} : { authorization },
      });
      return [page.status, await page.text()];
    };
    expect((await scrape('good'))[0]).toBe(200);
    const [status, text] = await scrape();
    expect([status, text]).toEqual([401, expect.not.stringContaining('thermoloop_')]);
    expect(await scrape('broken')).toEqual([500, expect.not.stringContaining('secret')]);
    expect(asked[0]).toEqual(['good', '127.0.0.1']);
    await listener.close();
  });
});
