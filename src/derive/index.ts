/**
 * Facts to what is derived from them. Each step takes what is new since its position, a bounded piece at a time, and
 * writes rows and position together, so that it can be stopped and repeated at any point. Knows no threads: the index
 * thread of proxy-data turns the crank.
 */
export { type ArchiveProgress, archiveTranscripts } from './archive-transcripts.ts';
export { compareWireAnswers } from './compare-wire-answers.ts';
export { openDerivation } from './derivation.ts';
export { deriveConversations } from './derive-conversations.ts';
export { deriveDetails } from './derive-details.ts';
export { deriveRequests } from './derive-requests.ts';
export { deriveSessionTitles } from './derive-session-titles.ts';
export { deriveText } from './derive-text.ts';
export { deriveTranscriptText } from './derive-transcript-text.ts';
export { deriveWireAnswers } from './derive-wire-answers.ts';
export { forgetDeleted } from './forget-deleted.ts';
export { forgetTranscripts } from './forget-transcripts.ts';
export { type IndexerStatus, type IndexerStores, runIndexer } from './indexer.ts';
export { KnownMessages } from './said-in-exchange.ts';
export type { Step, StepResult } from './step.ts';
