// `thermoloop serve`: the control service of one or more devices, until it is told to stop.
import closeWithGrace from 'close-with-grace';
import type { Command } from 'commander';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { whenParentGone } from './process-end.ts';
import { DEVICE_EXAMPLES, serveConfig, type ServeFlags } from './serve/config.ts';
import { startServer } from './serve/server.ts';

/** After the grace of running work: it is stopped on the chip and stored within this time. */
const SHUTDOWN_MS = 10_000;

type Flags = Omit<ServeFlags, 'device' | 'devices'> & {
  device?: string[];
  json?: boolean;
  exitWithParent?: boolean;
};

export function registerServe(program: Command): void {
  program
    .command('serve')
    .description('Serve devices over REST and WebSocket.')
    .option(
      '--device <[name=]url>',
      'a device: serial://..., tcp://... or replay:FILE; with a name, as often as there are devices',
      (word: string, before: string[] = []) => [...before, word],
    )
    .option(
      '--clock <host:port>',
      'keep the virtual time of the twin with this control channel (docs/operating.md)',
    )
    .option('--device-id <name>', 'the name of a device without one (chip-0)')
    .option('--host <address>', 'where to listen (127.0.0.1)')
    .option('--port <number>', 'for the API (8080), 0 takes a free one')
    .option('--metrics-port <number>', 'for /metrics (9464), 0 takes a free one')
    .option('--data <folder>', 'where models, jobs and samples are kept (.thermoloop)')
    .option('--capture-dir <folder>', 'keep the last minute of the line there whenever the link is lost')
    .option(
      '--twin-control <host:port>',
      'control channel of the twin, to know of faults planted in it; a chip is refused then',
    )
    .option('--json', 'print the ready line as JSON')
    .option('--exit-with-parent', 'end when the process that started this one ends')
    .addHelpText('after', `\n${DEVICE_EXAMPLES}\n`)
    .action(
      async (
        { json = false, exitWithParent = false, device: devices, ...flags }: Flags,
        command: Command,
      ) => {
        // Before anything that takes time: a parent that is gone by then must not be missed.
        const parentGone = exitWithParent ? whenParentGone() : null;
        const closing = await serve({ ...flags, devices }, json, command.parent?.version() ?? '');
        void parentGone?.then(() => closing.close());
      },
    );
}

async function serve(flags: ServeFlags, json: boolean, version: string): Promise<{ close: () => void }> {
  const config = serveConfig({
    flags,
    environment: process.env,
    readFile: (path) => readFileSync(path, 'utf8'),
  });
  const service = await startServer(config, { version });
  const closing = closeWithGrace(
    { delay: config.stopGrace_ms + SHUTDOWN_MS, logger: false },
    async ({ err, signal }) => {
      if (err) service.log.fatal({ err }, 'the service met an error it did not expect and stops');
      else service.log.info({ signal }, 'the service stops');
      await service.close();
    },
  );
  const { url, metricsUrl, bootstrapKey } = service;
  // Not through the log: a secret is shown once, to whoever sits at the terminal.
  if (bootstrapKey !== null)
    process.stderr.write(
      `\nFirst start: this key makes one key and is then spent (POST ${url}/v1/keys):\n\n  ${bootstrapKey}\n\n`,
    );
  const ready = { ready: true, url, metricsUrl, pid: process.pid, dataDir: resolve(config.dataDir) };
  process.stdout.write(
    json
      ? `${JSON.stringify(ready)}\n`
      : `thermoloop serves ${config.devices.map((d) => d.url).join(', ')} at ${url} (docs: ${url}/docs, metrics: ${metricsUrl})\n`,
  );
  return closing;
}
