import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from './imports.ts';

/** What was wrong in the system before. A test whose title begins with the id shows that it is right here. */
const defects = {
  I1: 'new project directories are never watched',
  I2: 'what is removed leaves orphans in the index',
  I3: 'forked sessions steal messages of earlier ones',
  I4: 'a file is read anew for each change',
  I5: 'neither start nor health tell that the index does not work',
  I6: 'indexing again does nothing until a restart',
  I7: 'a busy file is put off for ever, and an end in the middle is a crash',
  I8: 'search knows neither phrases nor beginnings, and finds names of types',
  I9: 'a project is a way to every transcript on the disk',
  I10: 'secrets of settings and MCP servers are shown',
  I11: 'paths of projects are guessed from names of directories',
  I12: 'todo lists of agents are mixed, and plans change their ids',
  I13: 'statements are logged for every list',
  T1: 'days of UTC are called local, and the last second of a day is lost',
  T2: 'arrays are in no order',
  T3: 'averages take in what has no time, errors are not counted, totals differ in what they mean',
  T4: 'calls of tools are not counted, only their declarations',
  T5: 'what was sent elsewhere counts for the model that was asked for',
  T6: 'percentiles are biased',
  T7: 'statistics of providers are their configuration',
  S1: 'usage at the start of a stream is ignored',
  S2: 'streams have no stop reason',
  S3: 'an assembled answer has nothing but its text',
  S4: 'no request has a status',
  S5: 'provider, subagent and tools are missing in details',
  S6: 'times are local, in seconds, and compared as text',
  S7: 'two services that start at once break the schema',
  S8: 'a page of ten loads every body',
  S9: 'ids are looked up by a pattern that takes wildcards',
  S10: 'streams are stored twice and uncompressed',
  S11: 'cookies and unknown credentials are stored as they are',
  S12: 'lists filter models in different ways, and wildcards match',
  S13: 'an offset without a limit is an error',
  S14: 'requests without a model vanish from lists that count them',
  S15: 'an unknown id is an error of the server',
} as const;

describe('the defects of the system before', () => {
  it('have a test each that shows the opposite', () => {
    const proven = new Set(titles().flatMap(idsOf));
    expect(Object.keys(defects).filter((id) => !proven.has(id))).toEqual([]);
  });

  it('are found in titles that begin with their ids', () => {
    expect(idsOf('T2, T3: lays all days over each other')).toEqual(['T2', 'T3']);
    expect(idsOf('lays I1: over each other')).toEqual([]);
  });
});

function titles(): string[] {
  const paths = globSync(['src/**/*.{test,contract}.ts', 'test/**/*.test.ts'], { cwd: projectRoot });
  return paths.flatMap((path) => {
    const text = readFileSync(join(projectRoot, path), 'utf8');
    return [...text.matchAll(/\bit(?:\.each\([^)]*\))?\(\s*(['"`])(.*?)\1/g)].map(([, , title]) => title!);
  });
}

function idsOf(title: string): string[] {
  const [ids] = /^[A-Z]\d+(?:, [A-Z]\d+)*(?=: )/.exec(title) ?? [];
  return ids?.split(', ') ?? [];
}
