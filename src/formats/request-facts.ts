/** What a request says about itself, whatever its format. Absent = not said or not readable. */
export interface RequestFacts {
  readonly askedModel?: string;
  readonly isStreaming: boolean;
  /** Names of the tools the model may call, in order; see `boundedNames`. */
  readonly toolsDeclared: readonly string[];
  readonly messageCount: number;
  readonly systemCount: number;
  /** Session named in the body; headers know it better. */
  readonly sessionId?: string;
  readonly deviceId?: string;
  readonly accountId?: string;
  /** False when the body was not one JSON object. */
  readonly isReadable: boolean;
}

export const unreadableRequest: RequestFacts = Object.freeze({
  isStreaming: false,
  toolsDeclared: Object.freeze([]),
  messageCount: 0,
  systemCount: 0,
  isReadable: false,
});
