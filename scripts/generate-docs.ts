import { readFileSync, writeFileSync } from 'node:fs';
import { apiDocument } from './api-document.ts';

// `npm run docs` writes docs/api.md from the contract; with --check it only says whether the file is current.
const file = new URL('../docs/api.md', import.meta.url);
const text = apiDocument();
if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== text) {
    console.error('docs/api.md is not what the contract says. Run: npm run docs');
    process.exitCode = 1;
  }
} else {
  writeFileSync(file, text);
}
