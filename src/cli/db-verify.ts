import { exitCodes } from './cli-error.ts';
import type { GlobalOptions } from './global-options.ts';
import { withStore } from './open-store.ts';
import { print, printJson } from './output.ts';
import { readConfig } from './read-config.ts';

/** Computes every checksum again; prints damage as it is found and the totals. Exit code 1 on damage. */
export async function verifyDatabase(options: GlobalOptions & { readonly json?: true }): Promise<void> {
  const { config } = await readConfig(options);
  await withStore(config, async (store) => {
    for await (const progress of store.verify()) {
      if (options.json) printJson({ v: 1, ...progress });
      else if (progress.kind === 'damage') print(`✖ ${progress.sentence}`);
      else {
        const { exchanges, bodies, chunks, damaged } = progress;
        print(
          `${damaged === 0 ? '✔' : '✖'} ${exchanges} requests, ${bodies} bodies, ${chunks} chunks: ${damaged} damaged`,
        );
      }
      const isDamage = progress.kind === 'damage' || progress.damaged > 0;
      if (isDamage) process.exitCode = exitCodes.failed;
    }
  });
}
