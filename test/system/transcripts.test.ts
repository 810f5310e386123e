import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  answersIn,
  askOnce,
  makeTempHome,
  ownCli,
  readBack,
  recordedSessions,
  startFakeProvider,
  startNode,
  startThroughline,
  waitFor,
} from '#test-support';

interface Join {
  readonly answers: number;
  readonly matched: number;
  readonly match_rate: number | null;
  readonly mismatched: number;
  readonly never_passed: readonly unknown[];
}

describe('a session that was recorded on the wire and in transcripts', () => {
  it.each(recordedSessions().map((session) => [session.name, session] as const))(
    '%s: each answer of its transcripts is found on the wire, and only unfinished ones have other tokens',
    async (_name, { exchanges, writeTranscripts }) => {
      using home = makeTempHome('transcripts');
      const projects = join(home.homeDir, '.claude', 'projects');
      mkdirSync(projects, { recursive: true });
      await using provider = await startFakeProvider();
      await using throughline = await startThroughline({ providerOrigin: provider.origin, home });
      const answered = exchanges.filter(({ target }) => target.startsWith('/v1/messages'));
      for (const exchange of answered) {
        provider.respondOnceWith(exchange.answer);
        await askOnce(throughline.frontUrl, exchange);
      }
      await readBack(throughline, answered.length);
      writeTranscripts(projects);
      const ids = answersIn(projects);
      expect(ids.size).toBeGreaterThan(3);
      // Some clients write a line before its answer has ended, with tokens that are none yet.
      const unfinished = [...ids.values()].filter((isFinished) => !isFinished).length;

      const ask = async (path: string) => (await fetch(`${throughline.dataUrl}${path}`)).json();
      let found: Join | undefined;
      await waitFor(
        async () => {
          found = (await ask('/api/v2/transcripts/join')) as Join;
          return found.answers === ids.size && found.matched === ids.size;
        },
        { timeoutMs: 60_000, what: () => `${ids.size} answers to be matched, not ${JSON.stringify(found)}` },
      );
      expect(found).toMatchObject({ match_rate: 1, mismatched: unfinished, never_passed: [] });
      const health = await waitFor(
        async () => {
          const { join } = (await ask('/health')) as { join?: Join };
          return join?.matched === ids.size ? join : undefined;
        },
        { what: 'health to say it' },
      );
      expect(health.match_rate).toBe(1);

      const cli = startNode(ownCli, ['transcripts', '--config', home.configFile], {
        env: { ...home.env, DATA_DIR: home.dataDir },
        input: '',
      });
      expect(await cli.exited).toMatchObject({ code: unfinished === 0 ? 0 : 1 });
      expect(cli.stdout()).toContain(`${ids.size} of ${ids.size} (100.0 %) in transcripts were recorded`);
      expect(cli.stdout()).toContain(unfinished === 0 ? 'the same on both sides' : 'differ in 1 answers');
    },
    120_000,
  );
});
