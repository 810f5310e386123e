import { accessSync, closeSync, constants, lstatSync, opendirSync, openSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { StoreConfig } from '#config';
import {
  assertTextSearch,
  besideStore,
  derivedFiles,
  openStore,
  openTranscripts,
  StoreError,
  type StoreErrorCode,
} from '#store';
import type { TranscriptRoot } from '#transcripts';

/**
 * Finds out, before anything is promised, whether the index can work at all. What passes by itself (a full disk, a lock,
 * a database that the recorder has still to make or to heal) is no reason to refuse, and neither is a directory of
 * transcripts that is not there yet.
 * @throws an error whose sentence names cause and cure
 */
export async function refuseHopeless(config: {
  readonly store: StoreConfig;
  readonly transcripts: { readonly roots: readonly TranscriptRoot[] };
}): Promise<void> {
  assertTextSearch();
  assertDerivedIsWritable(config.store);
  await assertOpens(() => openStore(config.store, { role: 'reader' }), ['unusable']);
  const archive = besideStore(config.store, 'transcripts');
  const aside = ` Or move ${archive} away: what the agent still has is read again.`;
  await assertOpens(() => openTranscripts(config.store), ['unusable', 'corrupt'], aside);
  for (const { directory } of config.transcripts.roots) assertReadable(directory);
}

async function assertOpens(
  open: () => Promise<{ close(): Promise<void> }>,
  hopeless: readonly StoreErrorCode[],
  furtherCure = '',
): Promise<void> {
  try {
    await (await open()).close();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    if (hopeless.includes(error.code)) throw new Error(`${error.message}${furtherCure}`, { cause: error });
  }
}

/** A file that cannot be used is deleted and made anew, so files must be possible there. */
function assertDerivedIsWritable(store: StoreConfig): void {
  const { path } = derivedFiles(store);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found !== undefined && !found.isFile())
    throw new Error(`${path} is no file, but statistics and search are kept there. Move it away.`);
  const directory = dirname(path);
  const probe = `${path}.probe-${process.pid}`;
  try {
    if (found !== undefined) accessSync(path, constants.R_OK | constants.W_OK);
    closeSync(openSync(probe, 'w', 0o600));
    rmSync(probe, { force: true });
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOSPC' || code === 'EDQUOT' || code === 'EMFILE') return;
    throw new Error(
      `${path} cannot be written (${code}), but statistics and search are kept there. Check owner and mode of the file and of ${directory}, and whether the file system is mounted read-only.`,
      { cause: error },
    );
  }
}

function assertReadable(directory: string): void {
  try {
    opendirSync(directory).closeSync();
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'EMFILE') return;
    const cause = code === 'ENOTDIR' ? 'is no directory' : `cannot be read (${code})`;
    throw new Error(
      `${directory} ${cause}, but transcripts are looked for there. Check its owner and mode, or leave it out: see transcripts.* in the configuration.`,
      { cause: error },
    );
  }
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code ?? error);
}
