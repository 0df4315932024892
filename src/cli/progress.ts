// Progress of long work on standard error: bars on a terminal, one line per step elsewhere, nothing with --json.
import { MultiBar, Presets } from 'cli-progress';

export interface Step {
  /** @param note beside the bar, such as the rate */
  update(done: number, total: number, note?: string): void;
  /** Ends the step; `result` stays on the screen. */
  end(result: string): void;
}

export interface Progress {
  step(name: string): Step;
  note(line: string): void;
  /** Idempotent; whatever was shown stays. */
  close(): void;
}

const silent: Progress = {
  step: () => ({ update: () => undefined, end: () => undefined }),
  note: () => undefined,
  close: () => undefined,
};

function plain(stream: NodeJS.WriteStream): Progress {
  return {
    step: (name) => ({
      update: () => undefined,
      end: (result) => void stream.write(`${name.padEnd(12)} ${result}\n`),
    }),
    note: (line) => void stream.write(`${line}\n`),
    close: () => undefined,
  };
}

function bars(stream: NodeJS.WriteStream): Progress {
  const format = '{name} [{bar}] {percentage}% {duration_formatted} {result}';
  const multi = new MultiBar(
    { format, stream, hideCursor: true, clearOnComplete: false, barsize: 28, forceRedraw: true },
    Presets.rect,
  );
  let open = true;
  return {
    step(name) {
      const bar = multi.create(1, 0, { name: name.padEnd(12), result: '' });
      return {
        update(done, total, note = '') {
          bar.setTotal(Math.max(1, total));
          bar.update(done, { result: note });
        },
        end(result) {
          bar.update(bar.getTotal(), { result });
          bar.stop();
          multi.update();
        },
      };
    },
    note: (line) => multi.log(`${line}\n`),
    close: () => {
      if (open) multi.stop();
      open = false;
    },
  };
}

/** Chooses the form by where standard error goes. */
export function createProgress(options: { silent?: boolean; stream?: NodeJS.WriteStream } = {}): Progress {
  const stream = options.stream ?? process.stderr;
  if (options.silent) return silent;
  return stream.isTTY ? bars(stream) : plain(stream);
}
