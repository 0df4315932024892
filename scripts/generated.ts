// Generated files are committed; this program writes them anew (--write) or regenerates and compares (--check).
// Each generator is a file in scripts/generators that exports `outputs()`.
import { readFile, readdir, writeFile, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

/** What a generator module exports: repository-relative path -> bytes, a pure function of committed sources. */
export interface Generator {
  outputs(): Promise<Map<string, Uint8Array | string>>;
}

const mode = process.argv[2];
const only = process.argv[3];
if (mode !== '--write' && mode !== '--check') {
  console.error(
    'usage: npm run generated -- [NAME]   writes;   npm run generated:check -- [NAME]   compares',
  );
  process.exit(2);
}
const folder = new URL('./generators/', import.meta.url);
const names = (await readdir(folder)).filter((f) => f.endsWith('.ts')).sort();
const stale: string[] = [];
let files = 0;
for (const name of names) {
  if (only !== undefined && name !== `${only}.ts`) continue;
  const generator = (await import(new URL(name, folder).href)) as Generator;
  for (const [path, content] of await generator.outputs()) {
    files += 1;
    const fresh = Buffer.from(content);
    const committed = await readFile(path).catch(() => null);
    if (committed?.equals(fresh)) continue;
    if (mode === '--check') stale.push(`${path} (scripts/generators/${name})`);
    else {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, fresh);
      console.log(`wrote ${path}`);
    }
  }
}
if (stale.length > 0) {
  console.error(
    `generated files differ from their sources:\n  ${stale.join('\n  ')}\nrun: npm run generated`,
  );
  process.exit(1);
}
console.log(`generated files: ${files} ${mode === '--check' ? 'agree with their sources' : 'up to date'}`);
