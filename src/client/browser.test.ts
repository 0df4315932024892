// Pages use the same client: bundled for a browser it names nothing of Node, and works where Node's globals are missing.
import { runInNewContext } from 'node:vm';
import { build, type Rolldown } from 'vite';
import { describe, expect, it } from 'vitest';

async function bundle(): Promise<string> {
  const result = (await build({
    configFile: false,
    logLevel: 'silent',
    build: {
      write: false,
      minify: false,
      lib: { entry: 'src/client/index.ts', formats: ['iife'], name: 'client' },
    },
  })) as Rolldown.RolldownOutput[];
  return result[0].output[0].code;
}

describe('the client in a browser', () => {
  it('needs nothing of Node', async () => {
    const code = await bundle();
    expect(code).not.toMatch(/vite-browser-external|node:|\brequire\(/);
    const asked: string[] = [];
    const platform = {
      ...{
        AbortController,
        AbortSignal,
        Headers,
        Request,
        Response,
        URL,
        URLSearchParams,
        TextEncoder,
        TextDecoder,
      },
      ...{ setTimeout, clearTimeout, performance, crypto, btoa, Uint8Array, console },
      fetch: async (url: string) => {
        asked.push(url);
        return Response.json({ version: '1', items: [] });
      },
    };
    const script = `${code}; new client.ThermoloopClient({ baseUrl: 'http://service.test' }).get('/v1/about')`;
    const about: unknown = await runInNewContext(script, platform);
    expect(about).toMatchObject({ version: '1' });
    expect(asked).toEqual(['http://service.test/v1/about']);
  });
});
