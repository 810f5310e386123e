import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { contract } from '#api';
import { apiDocument } from './api-document.ts';

describe('docs/api.md', () => {
  it('is what the contract says', () => {
    const written = readFileSync(new URL('../docs/api.md', import.meta.url), 'utf8');
    expect(written === apiDocument(), 'run `npm run docs`').toBe(true);
  });

  it('names every route and explains every parameter', () => {
    const text = apiDocument();
    for (const { method, path, query } of Object.values(contract)) {
      expect(text).toContain(`### ${method} ${path}\n`);
      for (const [name, schema] of Object.entries(query.shape)) {
        expect((schema as { description?: string }).description, `${path} ${name}`).toBeTruthy();
      }
    }
  });
});
