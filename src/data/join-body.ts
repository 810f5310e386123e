import type { RouteBody } from '#api';
import type { JoinRate, JoinReport } from '#store';
import { instantText } from './request-summary.ts';

type JoinBody = RouteBody<'conversations.join'>;

const nanosPerDollar = 1e9;

/** How transcripts and the wire meet, as routes say it. */
export function joinBody(report: JoinReport): JoinBody {
  const { matchedBy } = report;
  return {
    ...rateBody(report),
    matched_by: {
      request_id: matchedBy['request-id'],
      message_id: matchedBy['message-id'],
      digest: matchedBy.digest,
      content: matchedBy.content,
    },
    recorded_tokens: report.wire,
    transcript_tokens: report.transcripts,
    mismatches: report.mismatches.map(({ id, session, requestId, messageId, atMs, wire, transcript }) => ({
      ...known<Omit<JoinBody['mismatches'][number], 'recorded' | 'transcript'>>({
        requestId: id,
        requestIdHeader: requestId,
        messageId,
        sessionId: session,
        time: instantText(atMs),
      }),
      recorded: wire,
      transcript,
    })),
    never_passed: report.neverPassed.map(({ requestId, messageId, session, agent, atMs }) =>
      known<JoinBody['never_passed'][number]>({
        requestId,
        messageId,
        sessionId: session,
        agentId: agent,
        time: atMs === null ? null : instantText(atMs),
      }),
    ),
    in_no_transcript: report.inNoTranscript.map((row) =>
      known<JoinBody['in_no_transcript'][number]>({
        requestId: row.id,
        sessionId: row.session,
        requestClass: row.requestClass,
        time: instantText(row.atMs),
        why: row.why,
        outputTokens: row.outputTokens,
        cost_usd: row.costNanos === null ? null : row.costNanos / nanosPerDollar,
      }),
    ),
    in_no_transcript_totals: report.absent.map(({ costNanos, costUnknown, ...sums }) => ({
      ...sums,
      cost_usd: costNanos / nanosPerDollar,
      cost_unknown: costUnknown,
    })),
  };
}

export function rateBody(
  rate: JoinRate,
): Pick<JoinBody, 'answers' | 'matched' | 'match_rate' | 'recorded_sessions' | 'mismatched'> {
  const { answers, matched, recordedAnswers, recordedMatched, mismatched } = rate;
  return {
    answers,
    matched,
    match_rate: share(matched, answers),
    recorded_sessions: {
      answers: recordedAnswers,
      matched: recordedMatched,
      match_rate: share(recordedMatched, recordedAnswers),
    },
    mismatched,
  };
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

/** Leaves out what is null. */
function known<T extends object>(source: { readonly [K in keyof T]: T[K] | null }): T {
  const entries = Object.entries(source).filter(([, value]) => value !== null);
  return Object.fromEntries(entries) as T; // Only null values were left out, and T declares those as optional.
}
