// Writes the compressed forms of built texts beside them, for servers that send those.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { brotliCompressSync, gzipSync } from 'node:zlib';

const folder = new URL('../src/madang/web/static/dist/assets/', import.meta.url);
for (const name of readdirSync(folder).filter((each) => /\.(js|css|svg)$/.test(each))) {
  const text = readFileSync(new URL(name, folder));
  writeFileSync(new URL(`${name}.br`, folder), brotliCompressSync(text));
  writeFileSync(new URL(`${name}.gz`, folder), gzipSync(text, { level: 9 }));
}
