// The poller repair: a new interest must not make the native poller forget who waits already.
import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { keepBothInterests } from './poller.ts';

/** Like the package's: `once` tells the interest first and listens then; the native side keeps only the last one. */
class FakePoller extends EventEmitter {
  native = 0;
  poll(events: number): void {
    this.native = events;
  }
  override once(event: 'readable' | 'writable', callback: () => void): this {
    this.poll(event === 'readable' ? 1 : 2);
    return super.once(event, callback);
  }
}

describe('the poller repair', () => {
  it('keeps a writer waiting when a reader comes, and a reader when a writer comes', () => {
    const poller = new FakePoller();
    keepBothInterests({ poller });
    poller.once('writable', () => undefined);
    expect(poller.native).toBe(2);
    poller.once('readable', () => undefined);
    expect(poller.native).toBe(3);
    poller.emit('writable');
    poller.once('writable', () => undefined);
    expect(poller.native).toBe(3);
  });

  it('asks for nothing that nobody waits for, and takes a binding without poller', () => {
    const poller = new FakePoller();
    keepBothInterests({ poller });
    poller.once('readable', () => undefined);
    poller.emit('readable');
    poller.once('readable', () => undefined);
    expect(poller.native).toBe(1);
    expect(() => keepBothInterests({})).not.toThrow();
  });
});
