import { describe, expect, it } from 'vitest';
import { ConfigError, serveConfig, type Sources } from './config.ts';

const DEVICE = 'tcp://127.0.0.1:7700';
function config(flags: Sources['flags'], environment: Sources['environment'] = {}, file = '{}') {
  return serveConfig({ flags, environment, readFile: () => file });
}
function refusal(...sources: Parameters<typeof config>): ConfigError {
  try {
    config(...sources);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('the configuration of serve', () => {
  it('reads how closely drift is watched, and refuses what is no share', () => {
    const sentinels = (environment: Record<string, string>) =>
      config({ device: DEVICE }, environment).sentinels;
    expect(sentinels({})).toEqual({
      share: 0.01,
      period_s: 60,
      recalibrate: false,
      recalibrationsPerDay: 48,
    });
    expect(
      sentinels({
        THERMOLOOP_SENTINEL_SHARE: '.25',
        THERMOLOOP_SENTINEL_PERIOD: '0.5',
        THERMOLOOP_RECALIBRATE: 'on',
        THERMOLOOP_RECALIBRATIONS_PER_DAY: '3',
      }),
    ).toEqual({ share: 0.25, period_s: 0.5, recalibrate: true, recalibrationsPerDay: 3 });
    expect(sentinels({ THERMOLOOP_SENTINEL_SHARE: '0' }).share).toBe(0);
    for (const share of ['0.51', '1', '-0.1', '1e-2', 'x'])
      expect(() => sentinels({ THERMOLOOP_SENTINEL_SHARE: share })).toThrow('sentinelShare');
    expect(() => sentinels({ THERMOLOOP_RECALIBRATE: 'yes' })).toThrow('recalibrate');
    expect(() => sentinels({ THERMOLOOP_RECALIBRATIONS_PER_DAY: '2.5' })).toThrow('recalibrationsPerDay');
    expect(() => sentinels({ THERMOLOOP_SENTINEL_PERIOD: '-1' })).toThrow('sentinelPeriod');
  });

  it('takes the flag before the variable before the file before the default', () => {
    const file = JSON.stringify({
      device: 'tcp://file:1',
      deviceId: 'from-file',
      host: '127.0.0.3',
      port: 81,
    });
    const environment = {
      THERMOLOOP_CONFIG: 'x.json',
      THERMOLOOP_DEVICE: 'tcp://variable:1',
      THERMOLOOP_DEVICE_ID: 'from-variable',
      THERMOLOOP_HOST: '',
    };
    expect(config({ device: DEVICE }, environment, file)).toMatchObject({
      devices: [{ id: 'from-variable', url: DEVICE }],
      host: '127.0.0.3',
      port: 81,
      metricsPort: 9464,
      metricsHost: '127.0.0.1',
      expectBackend: null,
    });
  });

  it('has no default device: an unset one is an error that shows how', () => {
    const { code, remedy, exitCode } = refusal({}, { THERMOLOOP_DEVICE: '' });
    expect([code, exitCode]).toEqual(['no-device', 2]);
    for (const example of ['serial:///dev/serial/by-id/', 'tcp://127.0.0.1:7700', 'THERMOLOOP_DEVICE'])
      expect(remedy).toContain(example);
  });

  it('takes a control channel of a twin, and then expects a twin', () => {
    const environment = { THERMOLOOP_TWIN_CONTROL: '127.0.0.1:7701' };
    expect(config({ device: DEVICE }, environment)).toMatchObject({
      devices: [{ twinControl: '127.0.0.1:7701', expectBackend: 'twin' }],
      expectBackend: 'twin',
    });
    const plain = config({ device: DEVICE });
    expect(plain.devices).toMatchObject([{ twinControl: null, expectBackend: null }]);
    expect(plain.expectBackend).toBeNull();
  });

  it.each([
    [{ THERMOLOOP_TWIN_CONTROL: '10.0.0.7:7701' }, '10.0.0.7 is not an address of this machine'],
    [{ THERMOLOOP_TWIN_CONTROL: 'tcp://127.0.0.1' }, 'is no address of a control channel'],
    [
      { THERMOLOOP_TWIN_CONTROL: '127.0.0.1:7701', THERMOLOOP_EXPECT_BACKEND: 'chip' },
      'twinControl is set, and expectBackend is "chip"',
    ],
  ])('refuses %o', (environment, message) => {
    const refused = refusal({ device: DEVICE }, environment);
    expect(refused.code).toBe('bad-setting');
    expect(refused.message).toContain(message);
    expect(refused.remedy).toContain('THERMOLOOP_TWIN_CONTROL');
  });

  it.each([
    'twin:?units=64',
    'replay:',
    'replay:./x.mcap?speed=slow',
    'chaos+tcp://127.0.0.1:1',
    'chaos+tcp://127.0.0.1:1?faults=flop:1',
    'http://x',
    '127.0.0.1:7700',
    'tcp://x',
  ])('refuses the device %s with examples', (device) => {
    const { code, remedy } = refusal({ device });
    expect(code).toBe('bad-device');
    expect(remedy).toContain('serial:///dev/');
  });

  it('asks for telemetry once a second, or as often as it is told, and not more than a device could', () => {
    const period_ms = (value?: string): number =>
      config({ device: DEVICE }, { THERMOLOOP_TELEMETRY_PERIOD: value }).devices[0].telemetryPeriod_ms;
    expect([period_ms(), period_ms('0.25'), period_ms('60')]).toEqual([1000, 250, 60_000]);
    for (const value of ['0', '0.001', '61', '-1', '1e3', 'often']) {
      const { code, remedy } = refusal({ device: DEVICE }, { THERMOLOOP_TELEMETRY_PERIOD: value });
      expect([code, remedy]).toEqual([
        'bad-setting',
        'Allowed: seconds from 0.01 to 60 (THERMOLOOP_TELEMETRY_PERIOD).',
      ]);
    }
  });

  it('takes a line with planted faults', () => {
    const device = 'chaos+tcp://127.0.0.1:1?faults=drop:1e-6';
    expect(config({ device }).devices[0].url).toBe(device);
  });

  it('says of addresses of later versions that they are not built yet', () => {
    expect(refusal({ device: 'twin:?units=64' }).message).toContain('do not work in this version');
  });

  it.each([
    [{ port: '70000' }, {}],
    [{ port: 'http' }, {}],
    [{ metricsPort: '-1' }, {}],
    [{ deviceId: 'chip 0' }, {}],
    [{ clock: '192.168.1.7:7701' }, {}],
    [{}, { THERMOLOOP_CLOCK: '7701x' }],
    [{}, { THERMOLOOP_EXPECT_BACKEND: 'simulation' }],
    [{}, { THERMOLOOP_RATE_LIMIT: '0' }],
    [{}, { THERMOLOOP_LOG_LEVEL: 'loud' }],
    [{}, { THERMOLOOP_PACING: 'maybe' }],
    [{}, { THERMOLOOP_TLS_CERT: 'cert.pem' }],
  ])('refuses %j %j with a remedy', (flags, environment) => {
    const { code, remedy } = refusal({ device: DEVICE, ...flags }, environment);
    expect(code).toBe('bad-setting');
    expect(remedy.length).toBeGreaterThan(10);
  });

  it("takes the clock of a twin's control channel", () => {
    expect(config({ device: DEVICE }).clock).toBeNull();
    expect(config({ device: DEVICE }, { THERMOLOOP_CLOCK: '127.0.0.1:7701' }).clock).toBe('127.0.0.1:7701');
  });

  it('does not speak plain text beyond loopback unless told', () => {
    for (const host of ['0.0.0.0', '::', '192.168.1.7', 'lab.example'])
      expect(refusal({ device: DEVICE, host }).code).toBe('plaintext-refused');
    const metrics = { THERMOLOOP_METRICS_HOST: '0.0.0.0' };
    expect(refusal({ device: DEVICE }, metrics).code).toBe('plaintext-refused');
    for (const host of ['localhost', '127.0.0.1', '127.8.8.8', '::1'])
      expect(config({ device: DEVICE, host }).host).toBe(host);
    const plain = { THERMOLOOP_ALLOW_PLAINTEXT: '1' };
    expect(config({ device: DEVICE, host: '0.0.0.0' }, plain).host).toBe('0.0.0.0');
    const tls = { THERMOLOOP_TLS_CERT: 'c', THERMOLOOP_TLS_KEY: 'k' };
    expect(config({ device: DEVICE, host: '0.0.0.0' }, tls)).toMatchObject({ tlsCert: 'c', tlsKey: 'k' });
  });

  it('takes hosts, addresses and networks that webhooks may reach', () => {
    const allow = (text: string) =>
      config({ device: DEVICE }, { THERMOLOOP_WEBHOOK_ALLOW: text }).webhookAllow;
    expect(allow('')).toEqual([]);
    const entries = [
      'hooks.lab.example',
      'localhost',
      '10.0.0.0/8',
      '192.168.1.7',
      '::1',
      'fd00::/8',
      '3d-lab.example',
    ];
    expect(allow(entries.join(', '))).toEqual(entries);
    expect(allow(` ${entries.join('\n')},`)).toEqual(entries);
  });

  it.each([
    'https://hooks.lab.example',
    'hooks.lab.example:8443',
    'hooks.lab.example/path',
    '*.lab.example',
    'lab..example',
    '-lab.example',
    '10.0.0.0/33',
    '10.0.0.300',
    '10.0.0',
    'fd00::/129',
    '[::1]',
    'a'.repeat(64),
  ])('refuses webhooks to %s, which would allow nothing', (entry) => {
    const environment = { THERMOLOOP_WEBHOOK_ALLOW: `localhost, ${entry}` };
    const { code, message, remedy } = refusal({ device: DEVICE }, environment);
    expect([code, remedy]).toEqual(['bad-setting', expect.stringContaining('THERMOLOOP_WEBHOOK_ALLOW')]);
    expect(message).toContain(`"${entry}"`);
  });

  it.each(['{', '[]', '{"devise": "x"}', '{"device": {}}'])('refuses the file %s', (file) => {
    expect(refusal({ device: DEVICE }, { THERMOLOOP_CONFIG: 'x.json' }, file).code).toBe('bad-config-file');
  });
});

describe('several devices', () => {
  const [A, B] = ['tcp://127.0.0.1:1', 'serial:///dev/ttyACM0?baud=1000000'];
  const listed = (...sources: Parameters<typeof config>) =>
    config(...sources).devices.map(({ id, url }) => `${id} ${url}`);
  const fileOf = (devices: object, more: object = {}) => JSON.stringify({ devices, ...more });
  const FILE = { THERMOLOOP_CONFIG: 'x.json' };

  it('are named by flags, by one variable, or by the file, the strongest of which counts alone', () => {
    const words = [`chip-0=${A}`, `chip-1=${B}`];
    const both = [`chip-0 ${A}`, `chip-1 ${B}`];
    expect(listed({ devices: words })).toEqual(both);
    expect(listed({}, { THERMOLOOP_DEVICE: ` ${words.join('\n')} ` })).toEqual(both);
    const file = fileOf({ 'chip-0': A, 'chip-1': { url: B } });
    expect(listed({}, FILE, file)).toEqual(both);
    expect(listed({ devices: [`x=${A}`] }, { ...FILE, THERMOLOOP_DEVICE: words[1] }, file)).toEqual([
      `x ${A}`,
    ]);
  });

  it('is also one without a name, which has the name of --device-id', () => {
    expect(listed({ devices: [A] })).toEqual([`chip-0 ${A}`]);
    expect(listed({ devices: [A], deviceId: 'lab.7' })).toEqual([`lab.7 ${A}`]);
    const query = 'chaos+tcp://127.0.0.1:1?faults=drop:1e-6';
    expect(listed({ devices: [query] })).toEqual([`chip-0 ${query}`]);
  });

  it('have settings of their own in the file, which count before those for all, wherever the device is named', () => {
    const own = { expectBackend: 'chip', captureDir: '/c', telemetryPeriod: 2 };
    const file = fileOf({ a: { url: A, twinControl: '127.0.0.1:7701' }, b: { url: B, ...own } });
    const { devices, expectBackend } = config({}, { ...FILE, THERMOLOOP_TELEMETRY_PERIOD: '5' }, file);
    expect(devices).toEqual([
      {
        id: 'a',
        url: A,
        expectBackend: 'twin',
        captureDir: null,
        twinControl: '127.0.0.1:7701',
        telemetryPeriod_ms: 5000,
      },
      {
        id: 'b',
        url: B,
        expectBackend: 'chip',
        captureDir: '/c',
        twinControl: null,
        telemetryPeriod_ms: 2000,
      },
    ]);
    expect(expectBackend).toBeNull();
    const elsewhere = config({ devices: ['b=tcp://127.0.0.1:9'] }, FILE, file);
    expect(elsewhere.devices).toMatchObject([{ url: 'tcp://127.0.0.1:9', captureDir: '/c' }]);
  });

  it.each([
    [{ devices: [A, B] }, {}, '{}', 'bad-device', 'has no name'],
    [{ devices: [`a=${A}`, `a=${B}`] }, {}, '{}', 'bad-device', 'two devices are called a'],
    [{ devices: [`a=${A}`, `b=${A}`] }, {}, '{}', 'bad-device', 'two devices are at'],
    [{ devices: [`=${A}`] }, {}, '{}', 'bad-setting', 'called ""'],
    [{ devices: [`\u{1f525}=${A}`] }, {}, '{}', 'bad-setting', 'called'],
    [{ devices: [`a=${A}`, 'b='] }, {}, '{}', 'bad-device', ''],
    [
      { devices: [`a=${A}`, `b=${B}`] },
      { THERMOLOOP_TWIN_CONTROL: '127.0.0.1:1' },
      '{}',
      'bad-setting',
      'several',
    ],
    [{}, FILE, fileOf({}), 'no-device', 'no device'],
    [{}, FILE, fileOf([A]), 'bad-config-file', '"devices" is not an object'],
    [{}, FILE, fileOf({ a: 7 }), 'bad-config-file', '"devices.a" is not an object'],
    [{}, FILE, fileOf({ a: {} }), 'bad-config-file', 'has no url'],
    [{}, FILE, fileOf({ a: { url: A, port: 1 } }), 'bad-config-file', 'has no setting "port"'],
    [{}, FILE, fileOf({ a: { url: [A] } }), 'bad-config-file', 'neither text nor a number'],
    [{}, FILE, fileOf({ a: A }, { device: B }), 'bad-config-file', 'there is "devices"'],
  ])('are refused as %j %j %s', (flags, environment, file, code, message) => {
    const refused = refusal(flags, environment, file);
    expect(refused.code).toBe(code);
    expect(refused.message).toContain(message);
  });
});
