// Each request is executed at most once.
import { describe, expect, it } from 'vitest';
import { ReplyCache } from './reply-cache.ts';

const reply = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('ReplyCache', () => {
  it('executes once, is silent meanwhile, then repeats the reply', () => {
    const cache = new ReplyCache(8);
    expect(cache.judge(1).kind).toBe('execute');
    cache.begin(1);
    expect(cache.judge(1).kind).toBe('executing');
    cache.finish(1, reply('one'));
    expect(cache.judge(1)).toEqual({ kind: 'resend', reply: reply('one') });
  });

  it('remembers eight requests, and no longer knows the ninth before', () => {
    const cache = new ReplyCache(8);
    for (let id = 1; id <= 9; id++) {
      expect(cache.judge(id).kind).toBe('execute');
      cache.begin(id);
      cache.finish(id, reply(String(id)));
    }
    expect(cache.judge(1).kind).toBe('out-of-window');
    for (let id = 2; id <= 9; id++)
      expect(cache.judge(id)).toEqual({ kind: 'resend', reply: reply(String(id)) });
  });

  it('counts ids around the end of 32 bits', () => {
    const cache = new ReplyCache(8);
    cache.begin(0xffff_fff9);
    expect(cache.judge(1).kind).toBe('execute'); // the same slot, eight later
    cache.begin(1);
    expect(cache.judge(0xffff_fff9).kind).toBe('out-of-window');
  });

  it('drops a reply that comes after its slot was given away', () => {
    const cache = new ReplyCache(8);
    cache.begin(1);
    cache.begin(9);
    cache.finish(1, reply('late'));
    expect(cache.judge(9).kind).toBe('executing');
  });

  it('forgets everything for a new client', () => {
    const cache = new ReplyCache(8);
    cache.begin(5);
    cache.clear();
    expect(cache.judge(5).kind).toBe('execute');
  });
});
