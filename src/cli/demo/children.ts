// Starts the demo's twin and service as separate processes, waits for their ready lines and ends them again, whatever
// happens to the parent (`--exit-with-parent`).
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Child {
  name: string;
  pid: number;
  /** The JSON line that the program printed when it was ready. */
  ready: Record<string, unknown>;
  stop: () => Promise<void>;
}

const entry = fileURLToPath(
  new URL(
    import.meta.url.includes('/dist/') ? '../../../../bin/thermoloop.js' : '../../../bin/thermoloop.js',
    import.meta.url,
  ),
);

/** Runs `thermoloop <args> --json --exit-with-parent` until its ready line; rejects with what it said when it fails. */
export async function startChild(
  name: string,
  args: string[],
  env: Record<string, string>,
  timeout_ms = 20_000,
): Promise<Child> {
  const child = spawn(process.execPath, [entry, ...args, '--json', '--exit-with-parent'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    // A group of its own: Ctrl-C reaches the demo alone, which then ends its children in order.
    detached: true,
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4000)));
  const ready = await readyLine(child, timeout_ms).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw new Error(`the ${name} did not start: ${(error as Error).message}\n${said.trim()}`);
  });
  return { name, pid: child.pid ?? 0, ready, stop: () => stopChild(child) };
}

function readyLine(child: ChildProcess, timeout_ms: number): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(
      () => reject(new Error(`no ready line within ${timeout_ms / 1000} s`)),
      timeout_ms,
    );
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`it ended with ${signal ?? `exit code ${code}`}`)));
    child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const line = text.slice(0, end);
        text = text.slice(end + 1);
        if (!line.startsWith('{')) continue;
        const value = JSON.parse(line) as Record<string, unknown>;
        if (value['ready'] !== true) continue;
        clearTimeout(timer);
        resolve(value);
      }
    });
  });
}

/** Asks first, insists after 5 s. */
async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
  await ended;
  clearTimeout(timer);
}
