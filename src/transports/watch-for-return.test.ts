// The watch for a line that comes back: real directories and links under a temporary folder, and a system that has no
// watches to give.
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { scratch, until } from '../../test/support/processes.ts';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { NOISE_MAX, POLL_MS, type PathWatchOptions, type WatchDirectory } from './serial/return-watch.ts';
import { watchForReturn } from './index.ts';

const closers: (() => void)[] = [];
let folder = '';
beforeEach(() => {
  const { path, close } = scratch();
  folder = path;
  closers.push(close);
  for (const line of ['tty0', 'tty1']) writeFileSync(join(path, line), '');
});
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

const byId = (): string => join(folder, 'serial', 'by-id');
const board = (): string => join(byId(), 'usb-board');
const makeById = (): void => void mkdirSync(byId(), { recursive: true });

/** A watch of `board()` with the number of its calls. */
function watching(options: PathWatchOptions = {}, url = `serial://${board()}?baud=9600`) {
  const seen = { returns: 0 };
  const watch = watchForReturn(url, () => (seen.returns += 1), options);
  closers.push(() => watch.close());
  return { seen, watch };
}
const returns = (seen: { returns: number }, count: number): Promise<number> =>
  until(() => seen.returns >= count, 10, `the path returned ${count} times`);

/** Directories watched without the system: events come from the test. */
class FakeWatches {
  readonly open = new Map<object, { directory: string; event(name: string | null): void; fail(): void }>();
  opened = 0;
  refuse = false;
  readonly watchDirectory: WatchDirectory = (directory, event, fail) => {
    if (this.refuse) throw Object.assign(new Error('no space left on device, watch'), { code: 'ENOSPC' });
    const handle = { close: () => void this.open.delete(handle) };
    this.opened += 1;
    this.open.set(handle, { directory, event, fail });
    return handle;
  };
  get directories(): string[] {
    return [...this.open.values()].map(({ directory }) => directory);
  }
  get first() {
    const [watch] = this.open.values();
    if (watch === undefined) throw new Error('nothing is watched');
    return watch;
  }
}

describe('a path in a real directory', () => {
  it('returns when its link appears, is made anew, and is turned to another line; not when it vanishes', async () => {
    makeById();
    const { seen } = watching();
    symlinkSync(join(folder, 'tty0'), board());
    await returns(seen, 1);
    rmSync(board());
    writeFileSync(join(byId(), 'usb-other'), ''); // of no interest
    symlinkSync(join(folder, 'tty0'), board());
    await returns(seen, 2);
    const turned = join(byId(), 'turned');
    symlinkSync(join(folder, 'tty1'), turned);
    renameSync(turned, board());
    await returns(seen, 3);
    expect(seen.returns).toBe(3);
  });

  it('returns in a directory that does not exist yet, and in one that went away meanwhile', async () => {
    const { seen } = watching();
    for (const count of [1, 2, 3]) {
      makeById();
      symlinkSync(join(folder, 'tty0'), board());
      await returns(seen, count);
      rmSync(join(folder, 'serial'), { recursive: true });
    }
    expect(seen.returns).toBe(3);
  });

  it('returns when a link that was there all the time leads somewhere again', async () => {
    makeById();
    symlinkSync('../../tty9', board());
    const { seen } = watching();
    writeFileSync(join(folder, 'tty9'), '');
    await returns(seen, 1);
  });

  it('keeps no process alive, whether it is watched or looked up', () => {
    const module = new URL('./index.ts', import.meta.url).href;
    const script = `
      import { watchForReturn } from ${JSON.stringify(module)};
      const refuse = () => { throw new Error('no watches'); };
      for (const options of [{}, { watchDirectory: refuse }])
        watchForReturn(${JSON.stringify(`serial://${board()}`)}, () => undefined, options);`;
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 });
    expect(run).toMatchObject({ status: 0, signal: null });
  }, 30_000);

  it('is found behind the wrappers of a line', async () => {
    makeById();
    const url = `record+chaos+serial://${board()}?faults=flip:1e-3&capture=${join(folder, 'x.mcap')}`;
    const { seen } = watching({}, url);
    symlinkSync(join(folder, 'tty0'), board());
    await returns(seen, 1);
  });
});

describe('what is watched', () => {
  it('is the nearest directory there is, of every link on the way, each once', () => {
    const fake = new FakeWatches();
    const { seen, watch } = watching(fake);
    expect(fake.directories).toEqual([folder]);
    makeById();
    fake.first.event('serial');
    expect(fake.directories).toEqual([byId()]);
    symlinkSync('../../tty0', board());
    fake.first.event('usb-board');
    expect(fake.directories).toEqual([byId(), folder]);
    expect(seen.returns).toBe(1);
    const { opened } = fake;
    fake.first.event('usb-board');
    fake.first.event(null);
    expect(fake.opened).toBe(opened);
    fake.first.event('by-id'); // ended, and there is another one already, perhaps with the same inode
    expect(fake.opened).toBe(opened + 2);
    expect(fake.directories).toEqual([byId(), folder]);
    expect(seen.returns).toBe(1);
    watch.close();
    watch.close();
    expect(fake.directories).toEqual([]);
  });

  it('survives links in a circle', () => {
    makeById();
    symlinkSync(board(), board());
    const fake = new FakeWatches();
    watching(fake);
    expect(fake.directories).toEqual([byId()]);
  });

  it.each([
    'tcp://127.0.0.1:1',
    'replay:/run.mcap',
    'memory://twin',
    'memory',
    '',
    'serial:///dev/x?bauds=1',
  ])('is nothing for %j', (url) => {
    const fake = new FakeWatches();
    watching(fake, url);
    expect(fake.opened).toBe(0);
  });

  it('ends with close(): nothing is told afterwards, nor looked up', async () => {
    const fake = new FakeWatches();
    const clock = new VirtualClock();
    const { seen, watch } = watching({ watchDirectory: fake.watchDirectory, clock });
    const late = fake.first;
    watch.close();
    makeById();
    symlinkSync(join(folder, 'tty0'), board());
    late.event('serial');
    late.fail();
    expect(clock.step()).toBe(false);
    expect(seen.returns).toBe(0);
    expect(fake.directories).toEqual([]);
  });

  it('may be closed by what it calls', () => {
    makeById();
    const fake = new FakeWatches();
    const watch = watchForReturn(`serial://${board()}`, () => watch.close(), fake);
    symlinkSync(join(folder, 'tty0'), board());
    fake.first.event('usb-board');
    expect(fake.directories).toEqual([]);
  });
});

describe('a system without watches', () => {
  it('has its path looked up instead, until there are watches again', async () => {
    makeById();
    const fake = new FakeWatches();
    fake.refuse = true;
    const clock = new VirtualClock();
    const { seen } = watching({ watchDirectory: fake.watchDirectory, clock });
    await clock.pass(3 * POLL_MS);
    expect(seen.returns).toBe(0);
    symlinkSync(join(folder, 'tty0'), board());
    await clock.pass(POLL_MS);
    expect(seen.returns).toBe(1);
    fake.refuse = false;
    await clock.pass(POLL_MS);
    expect(fake.directories).toEqual([byId(), folder]);
    expect(clock.step()).toBe(false);
  });

  it('is what one becomes whose watch fails later', async () => {
    const fake = new FakeWatches();
    const clock = new VirtualClock();
    const { seen } = watching({ watchDirectory: fake.watchDirectory, clock });
    fake.refuse = true;
    fake.first.fail();
    expect(fake.directories).toEqual([]);
    makeById();
    symlinkSync(join(folder, 'tty0'), board());
    await clock.pass(POLL_MS);
    expect(seen.returns).toBe(1);
  });

  it('is what a directory becomes that never rests', async () => {
    const fake = new FakeWatches();
    const clock = new VirtualClock();
    const { seen } = watching({ watchDirectory: fake.watchDirectory, clock });
    const busy = fake.first;
    for (let i = 0; i < NOISE_MAX; i++) busy.event('null');
    expect(fake.directories).toEqual([]);
    makeById();
    symlinkSync(join(folder, 'tty0'), board());
    await clock.pass(POLL_MS);
    expect(seen.returns).toBe(1);
    expect(fake.opened).toBe(1);
  });
});
