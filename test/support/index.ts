/**
 * What tests share: a provider that can misbehave byte by byte, a client that hides nothing, generated agent
 * traffic, temporary homes, and the real services as child processes. Everything stays on loopback and in
 * temporary directories. Read `fake-provider.ts` first.
 */
export {
  type AgentRequest,
  type AgentTrafficOptions,
  agentRequestOf,
  agentTraffic,
} from './agent-traffic.ts';
export { type BadLink, createBadLink, type LinkQuality } from './bad-link.ts';
export { type BuiltPackage, buildPackage } from './built-package.ts';
export {
  endProcess,
  isRunning,
  type OwnProcess,
  projectDirectory,
  startNode,
  startProgram,
} from './child-process.ts';
export { type ClaudeCode, claudeCodeProgram, startClaudeCode } from './claude-code.ts';
export { type CoreAlone, type CoreAloneOptions, startCoreAlone } from './core-alone.ts';
export { type CutDisk, createCutDisk } from './cut-disk.ts';
export { type Both, both, endToEnd, type Pair, rawOutcome, startPair } from './direct-and-through.ts';
export { type EventListener, listenToEvents } from './event-listener.ts';
export { type FakeProvider, type FakeProviderOptions, startFakeProvider } from './fake-provider.ts';
export { type ForwardProxy, startForwardProxy } from './forward-proxy.ts';
export { type Front, type FrontKind, type FrontPorts, freePorts, startFront } from './front.ts';
export { headerValue, type RawHeaders } from './http-wire.ts';
export { killAndWatch } from './kill-and-watch.ts';
export { answerWithDigest, type LoadProvider, startLoadProvider } from './load-provider.ts';
export { type Accounts, type Kill, type LossReport, lossReport } from './loss-report.ts';
export { createMemoryCgroup, type MemoryCgroup } from './memory-cgroup.ts';
export { createMounts, type Mounts } from './mounts.ts';
export { type NameAnswer, type NameServer, startNameServer } from './name-server.ts';
export {
  createNetworkNamespace,
  type NetworkNamespace,
  startThroughlineInside,
} from './network-namespace.ts';
export { ownCli } from './own-cli.ts';
export {
  answerAsProvider,
  anthropicError,
  type FakeBlock,
  type FakeMessage,
  messageEvents,
  sseEvent,
} from './plausible-answers.ts';
export type { AnswerScript, ProviderConnection } from './provider-connection.ts';
export {
  askOnce,
  openRaw,
  type RawAnswer,
  RawConnection,
  type RawRequest,
  requestBytes,
} from './raw-client.ts';
export { listStored, type ReadRequest, readBack, readBody, storedPages } from './read-back.ts';
export { type JournaledExchange, readExchanges } from './read-exchanges.ts';
export type { ConnectionEnd, ReceivedRequest } from './received-request.ts';
export { type RecordState, recordSettled, recordState } from './record-settled.ts';
export { type RecordedExchange, type Recording, recordings } from './recorded-exchanges.ts';
export { answersIn, recordedSessions } from './recorded-sessions.ts';
export { type AnswerPiece, drip, type ScriptedAnswer, slices } from './scripted-answer.ts';
export { type SeededRandom, seededRandom } from './seeded-random.ts';
export { steadyAnswer, steadyRequest } from './steady-exchange.ts';
export { type SteadyExchange, SteadyLoad } from './steady-load.ts';
export { lossOf } from './steady-loss.ts';
export { type Arrival, type SteadyProvider, startSteadyProvider } from './steady-provider.ts';
export { makeTempDir, makeTempHome, type TempDir, type TempHome } from './temp-home.ts';
export {
  type ServiceName,
  startThroughline,
  type Throughline,
  type ThroughlineOptions,
} from './throughline.ts';
export { startTlsFront, type TlsFront, untrustedCertificate } from './tls-front.ts';
export { type WaitOptions, waitFor, within } from './wait-for.ts';
export {
  createWitness,
  medianMs,
  recordFaults,
  type Witness,
  type Witnessed,
  type WitnessOptions,
  witnessedAnswer,
} from './witness.ts';
