import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { RuleProblem } from './config-problem.ts';
import type { ReadConfig } from './config-schema.ts';
import type { DataDirectoryPath } from './data-directory-path.ts';

export interface FileFindings {
  readonly databasePath: string;
  readonly certificates: ReadonlyMap<string, string>;
  readonly problems: readonly RuleProblem[];
}

interface FileSurroundings {
  readonly dataDir: DataDirectoryPath;
  /** Directory that relative paths of the file are relative to. */
  readonly baseDir: string;
}

/** Looks at what the configuration points to on disk. */
export async function checkFiles(config: ReadConfig, around: FileSurroundings): Promise<FileFindings> {
  const problems: RuleProblem[] = [];
  const databasePath = resolve(around.baseDir, config.storage.db_path);
  const directory = dirname(databasePath);
  const isDefaultPlace = around.dataDir.isDefault && directory === around.dataDir.path;
  if (!isDefaultPlace && !(await isDirectory(directory))) {
    const sentence = `Database path ${databasePath} does not exist. Create directory first.`;
    problems.push({
      code: 'E1008',
      path: ['storage', 'db_path'],
      sentence,
      fix: `mkdir -p ${JSON.stringify(directory)}`,
    });
  } else if (!around.dataDir.isDefault && !(await isDirectory(around.dataDir.path))) {
    const sentence = `The data directory ${around.dataDir.path} does not exist. Create directory first.`;
    problems.push({
      code: 'E1009',
      path: [],
      sentence,
      fix: `mkdir -m 700 -p ${JSON.stringify(around.dataDir.path)}`,
    });
  }
  const certificates = new Map<string, string>();
  for (const [name, { ca_file: caFile }] of Object.entries(config.providers)) {
    if (caFile === undefined) continue;
    const pem = await readFile(resolve(around.baseDir, caFile), 'utf8').catch(() => '');
    if (/-----BEGIN CERTIFICATE-----/.test(pem)) certificates.set(name, pem);
    else {
      const sentence = `ca_file ${resolve(around.baseDir, caFile)} cannot be read or has no PEM certificate`;
      problems.push({ code: 'E1003', path: ['providers', name, 'ca_file'], sentence });
    }
  }
  return { databasePath, certificates, problems };
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  );
}
