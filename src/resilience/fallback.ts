/**
 * Which step of its chain each conversation is at. A chain is what a route leads to (step 0) and what takes over in its
 * place (step 1, 2 ...). Models cannot take over each other's half-done work: calls of tools, thinking and cached
 * prompts belong to the one that began. So a conversation moves only where a turn begins, and stays until it ends.
 */
export interface FallbackPlaces {
  /** Only conversations that have moved; the one that was looked at last stands last. */
  readonly places: ReadonlyMap<string, Place>;
}

interface Place {
  readonly step: number;
  readonly movedAtMs: number;
  readonly seenAtMs: number;
}

export const atTheBeginning: FallbackPlaces = { places: new Map() };

export interface FallbackOptions {
  /** How long a conversation stays beyond the end of its turn. */
  readonly stayMs: number;
  /** Steps of the chain that there are now; it may have been longer when the conversation moved. */
  readonly steps: number;
}

/** A turn that was silent for so long is over. */
const turnMsMax = 60 * 60_000;
/** Conversations that have moved and are remembered; of more, those that were silent longest are forgotten. */
const placesMax = 2_000;

/**
 * Where a request begins: at step 0, or at the step where its turn began.
 * @param isTurnStart asked only when it matters, because the answer stands deep in the body
 */
export function startingStep(
  state: FallbackPlaces,
  { conversation, isTurnStart }: { readonly conversation: string; isTurnStart(): boolean },
  nowMs: number,
  { stayMs, steps }: FallbackOptions,
): { readonly state: FallbackPlaces; readonly step: number } {
  const place = state.places.get(conversation);
  if (place === undefined) return { state, step: 0 };
  const isForgotten = place.step >= steps || nowMs >= place.seenAtMs + Math.max(turnMsMax, stayMs);
  if (isForgotten || (nowMs >= place.movedAtMs + stayMs && isTurnStart()))
    return { state: without(state, conversation), step: 0 };
  return { state: withPlace(state, conversation, { ...place, seenAtMs: nowMs }), step: place.step };
}

/** The conversation has an answer from this step, and stays there. */
export function moved(
  state: FallbackPlaces,
  { conversation, step }: { readonly conversation: string; readonly step: number },
  nowMs: number,
): FallbackPlaces {
  if (step === 0) return without(state, conversation);
  if (state.places.get(conversation)?.step === step) return state;
  return withPlace(state, conversation, { step, movedAtMs: nowMs, seenAtMs: nowMs });
}

function without(state: FallbackPlaces, conversation: string): FallbackPlaces {
  if (!state.places.has(conversation)) return state;
  const places = new Map(state.places);
  places.delete(conversation);
  return { places };
}

function withPlace(state: FallbackPlaces, conversation: string, place: Place): FallbackPlaces {
  const places = new Map(state.places);
  places.delete(conversation);
  places.set(conversation, place);
  for (const oldest of places.keys()) {
    if (places.size <= placesMax) break;
    places.delete(oldest);
  }
  return { places };
}
