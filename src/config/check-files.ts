import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { RuleProblem } from './config-problem.ts';
import type { ReadConfig } from './config-schema.ts';
import type { DataDirectoryPath } from './data-directory-path.ts';
import { type ProviderFiles, readProviderFiles } from './provider-files.ts';
import { type FileSystemReaders, remoteFileSystem } from './remote-file-system.ts';

export interface FileFindings extends ProviderFiles {
  readonly databasePath: string;
}

interface FileSurroundings {
  readonly dataDir: DataDirectoryPath;
  /** Directory that relative paths of the file are relative to. */
  readonly baseDir: string;
  /** Instead of the system's own, for tests. */
  readonly fileSystems?: FileSystemReaders | undefined;
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
  problems.push(...(await checkFileSystems(directory, around)));
  const files = await readProviderFiles(config.providers, around.baseDir);
  return { ...files, databasePath, problems: [...problems, ...files.problems] };
}

/**
 * The services share the database, its locks and the journal on one machine: a file system that another machine or a
 * host serves gives neither shared memory nor locks nor syncs that can be relied on.
 */
async function checkFileSystems(
  databaseDirectory: string,
  { dataDir, fileSystems }: FileSurroundings,
): Promise<RuleProblem[]> {
  const ofData = await remoteFileSystem(dataDir.path, fileSystems);
  if (ofData !== undefined) {
    const sentence = `The data directory ${dataDir.path} lies on a network or shared file system (${ofData}), where journal and database are not safe`;
    const fix = 'Set DATA_DIR to a directory on a local disk of this machine.';
    return [{ code: 'E1012', path: [], sentence, fix }];
  }
  const ofDatabase = await remoteFileSystem(databaseDirectory, fileSystems);
  if (ofDatabase === undefined) return [];
  const sentence = `The database would lie on a network or shared file system (${ofDatabase}), where its write-ahead log is not safe`;
  const fix =
    'Name a file on a local disk of this machine; "throughline db backup FILE" makes copies anywhere.';
  return [{ code: 'E1012', path: ['storage', 'db_path'], sentence, fix }];
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  );
}
