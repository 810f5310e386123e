import type { RouteBody } from '#api';
import { getJson } from './api-client.ts';
import { exitCodes } from './cli-error.ts';
import type { GlobalOptions } from './global-options.ts';
import { painted, print, printable, printJson } from './output.ts';
import { readConfig } from './read-config.ts';

type Join = RouteBody<'conversations.join'>;
type Tokens = Join['recorded_tokens'];

const rowsShown = 10;

/** Says how transcripts and what was recorded meet. Exit code 1 when their tokens differ. */
export async function compareTranscripts(options: GlobalOptions & { readonly json?: true }): Promise<void> {
  const { config } = await readConfig(options);
  const limit = options.json ? 1_000 : rowsShown;
  const join = await getJson<Join>(config, `/api/v2/transcripts/join?limit=${limit}`);
  if (options.json) printJson({ v: 1, ...join });
  else for (const line of joinLines(join)) print(line);
  if (join.mismatched > 0) process.exitCode = exitCodes.failed;
}

/** In the words of a terminal; every id in it came from elsewhere. */
export function joinLines(join: Join): string[] {
  return [...rateLines(join), ...tokenLines(join), ...neverPassedLines(join), ...absentLines(join)];
}

function rateLines({ answers, matched, recorded_sessions: recorded, matched_by: by }: Join): string[] {
  if (answers === 0) return ['No answers in transcripts.'];
  const ways = [
    `${count(by.request_id)} by request id`,
    `${count(by.message_id)} by message id`,
    `${count(by.digest)} by digest`,
    `${count(by.content)} by content`,
  ];
  return [
    `answers    ${rate(matched, answers)} in transcripts were recorded`,
    `           ${rate(recorded.matched, recorded.answers)} of sessions that were recorded`,
    `           ${ways.join(', ')}`,
  ];
}

function tokenLines({ matched, mismatched, mismatches, recorded_tokens, transcript_tokens }: Join): string[] {
  if (matched === 0) return [];
  if (mismatched === 0)
    return [`${painted('green', '✔')} tokens   the same on both sides: ${tokens(recorded_tokens)}`];
  return [
    `${painted('red', '✖')} tokens   differ in ${count(mismatched)} answers`,
    `           recorded     ${tokens(recorded_tokens)}`,
    `           transcripts  ${tokens(transcript_tokens)}`,
    ...mismatches
      .slice(0, rowsShown)
      .flatMap((one) => [
        `  ${printable(one.requestId)}  ${one.time}  ${printable(one.sessionId ?? '')}`,
        `           recorded     ${tokens(one.recorded)}`,
        `           transcript   ${tokens(one.transcript)}`,
      ]),
  ];
}

function neverPassedLines({ answers, matched, never_passed }: Join): string[] {
  if (answers === matched) return [];
  return [
    `never passed here: ${count(answers - matched)} answers in transcripts`,
    ...never_passed
      .slice(0, rowsShown)
      .map((one) =>
        printable(`  ${one.time ?? ''}  ${one.requestId ?? one.messageId ?? ''}  ${one.sessionId ?? ''}`),
      ),
  ];
}

function absentLines({ in_no_transcript_totals: totals }: Join): string[] {
  if (totals.length === 0) return [];
  return [
    'recorded requests of sessions that stand in no transcript:',
    ...totals.map((one) => {
      const cost = `$${one.cost_usd.toFixed(4)}${one.cost_unknown > 0 ? ` and ${count(one.cost_unknown)} of unknown price` : ''}`;
      return `  ${one.why.padEnd(8)} ${count(one.requests)} requests, ${count(one.outputTokens)} output tokens, ${cost}`;
    }),
  ];
}

function rate(part: number, whole: number): string {
  const share = whole === 0 ? '' : ` (${((100 * part) / whole).toFixed(1)} %)`;
  return `${count(part)} of ${count(whole)}${share}`;
}

function tokens(one: Tokens): string {
  const parts = [
    ['input', one.inputTokens],
    ['output', one.outputTokens],
    ['cache read', one.cacheReadTokens],
    ['cache write', one.cacheWriteTokens],
  ] as const;
  return parts.map(([name, value]) => `${name} ${value === null ? 'unknown' : count(value)}`).join(', ');
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
