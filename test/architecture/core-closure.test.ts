import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { closureOf } from './imports.ts';

const listPath = join(import.meta.dirname, 'core-closure.txt');

describe('proxy-core', () => {
  const { files, packages } = closureOf('src/core/main.ts');

  it('consists of exactly the listed files, so that its growth is a line in the diff', () => {
    const listed = readFileSync(listPath, 'utf8').trim().split('\n');
    expect(files, `to accept: node test/architecture/list-core-closure.ts > ${listPath}`).toEqual(listed);
  });

  it('needs no packages', () => {
    expect(packages.filter((name) => !isBuiltin(name))).toEqual([]);
  });

  it('has no code of the store, the recorder, proxy-data or the supervisor', () => {
    expect(
      files.filter((path) => /^src\/(?:store|recorder|data|derive|supervisor|config|cli)\//.test(path)),
    ).toEqual([]);
  });
});
