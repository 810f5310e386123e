import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from './imports.ts';

const paths = globSync(['*.md', 'docs/**/*.md', 'bench/**/*.md', 'examples/**/*.md'], {
  cwd: projectRoot,
}).sort();
const documents = paths.map((path) => ({ path, text: readFileSync(join(projectRoot, path), 'utf8') }));

describe('the documents', () => {
  it('link to files and headings that exist', () => {
    expect(paths).toContain('README.md');
    const broken = documents.flatMap(({ path, text }) =>
      links(withoutCode(text)).flatMap((link) => {
        const why = whatIsWrong(path, link);
        return why === undefined ? [] : [`${path}: ${link} ${why}`];
      }),
    );
    expect(broken).toEqual([]);
  });

  it('name no file of this project that is not there', () => {
    const missing = documents.flatMap(({ path, text }) =>
      codeSpans(text)
        .filter((code) => /^(?:src|docs|test|examples|scripts|bin|bench)\/[\w./*<>-]+$/.test(code))
        .filter((code) => globSync(code.replace(/<\w+>/g, '*'), { cwd: projectRoot }).length === 0)
        .map((code) => `${path}: ${code}`),
    );
    expect(missing).toEqual([]);
  });

  it('name no target of make and no script of npm that is not there', () => {
    const targets = new Set(read('Makefile').match(/^[a-z-]+(?=:)/gm));
    const scripts = Object.keys((JSON.parse(read('package.json')) as { scripts: object }).scripts);
    const unknown = documents.flatMap(({ path, text }) =>
      codeSpans(text)
        .flatMap((code) => code.split('\n'))
        .filter((line) => {
          const [, tool, name = ''] = /^(make|npm run) ([a-z-]+)/.exec(line.trim()) ?? [];
          return tool === 'make' ? !targets.has(name) : tool !== undefined && !scripts.includes(name);
        })
        .map((line) => `${path}: ${line}`),
    );
    expect(unknown).toEqual([]);
  });

  it('are checked with the headings that readers see', () => {
    const text = '# A `code` heading, with (signs)\n## Twice\n## Twice\n```\n# no heading\n```\n';
    expect([...anchors(text)]).toEqual(['a-code-heading-with-signs', 'twice', 'twice-1']);
    expect(links('[one](a.md#b) ![two](b.png) [three]: c.md\n')).toEqual(['a.md#b', 'b.png']);
  });
});

function read(path: string): string {
  return readFileSync(join(projectRoot, path), 'utf8');
}

/** Undefined when it leads somewhere. Addresses of other sites are not asked. */
function whatIsWrong(from: string, link: string): string | undefined {
  if (/^[a-z]+:/i.test(link)) return undefined;
  const [place = '', anchor] = link.split('#');
  const target = place === '' ? from : relative(projectRoot, join(projectRoot, dirname(from), place));
  if (!existsSync(join(projectRoot, target))) return 'leads nowhere';
  if (anchor === undefined) return undefined;
  return anchors(read(target)).has(anchor) ? undefined : 'names no heading';
}

function links(text: string): string[] {
  return [...text.matchAll(/\[[^\]]*\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
}

/** Names of headings as the usual renderers make them. */
function anchors(text: string): Set<string> {
  const names = new Set<string>();
  for (const [, heading = ''] of text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#{1,6} +(.+)$/gm)) {
    const name = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .trim()
      .replaceAll(' ', '-');
    let unique = name;
    for (let n = 1; names.has(unique); n += 1) unique = `${name}-${n}`;
    names.add(unique);
  }
  return names;
}

/** What stands in backticks, and whole blocks of code. */
function codeSpans(text: string): string[] {
  const blocks = [...text.matchAll(/^```\w*\n([\s\S]*?)^```/gm)].map(([, code = '']) => code);
  const rest = text.replace(/^```[\s\S]*?^```/gm, '');
  return [...blocks, ...[...rest.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)];
}

function withoutCode(text: string): string {
  return text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`]*`/g, '``');
}
